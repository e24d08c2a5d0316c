/** The package as a library: one function for each of the commands that a program needs, and the networks they work with. */
export { type AnalyseOptions, analyse, type NetworkAnalysis } from "../analysis/index.js";
export { type Comparison, compare, networkCorruptions as corruptions } from "../benchmarks/index.js";
export { type VtabReport, vtab } from "../benchmarks/vtab/index.js";
export {
  describeSource as describe,
  type ImageInput,
  type ImagePixels,
  type ImageSource,
  openSource as images,
} from "../data/index.js";
export { dedup } from "../dedup/index.js";
export { convert, exportNetwork, type Guess, inspect } from "../networks/index.js";
export { type StudyReport, study } from "../studies/index.js";
export { defineRecipe, finetune, type Recipe, type RecipeInput, type TrainResult, train } from "../train/index.js";
export {
  type Classifier,
  type Embeddings,
  embed,
  evaluate,
  type FewShotMeasurement,
  fewshot,
  fit,
  type ImageEvaluation,
  type Predictions,
  predict,
  pseudoLabel,
} from "../transfer/index.js";
export { loadWeights, saveWeights } from "../weights/index.js";
export { type OpenNetwork, type OpenOptions, open } from "./network.js";
