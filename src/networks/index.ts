/** Networks: read from where they are stored, opened for use, and run over images. */
export { type Representation, representation } from "./forward/forward.js";
export { compileInference } from "./forward/inference-program.js";
export {
  type ComputeOptions,
  defaultBatchSize,
  describeNetwork,
  type Network,
  type NetworkDescription,
  type NetworkOnnx,
  type NetworkOutput,
  type OpenOptions,
} from "./forward/network.js";
export { rowOfImage } from "./forward/one-image.js";
export {
  imageLogits,
  imageRows,
  noneReadable,
  type PassOptions,
  pixelRows,
  type Representations,
  type RepresentOptions,
  type RowsOfImages,
  requireFiniteRows,
} from "./forward/rows.js";
export type { TestViews } from "./forward/test-views.js";
export { type Guess, topClasses } from "./forward/top-classes.js";
export {
  type ClassifierDescription,
  classifierFile,
  headFile,
  isClassifierFolder,
  modelFile,
  readClassifier,
} from "./heads/classifier-folder.js";
export {
  classifierOnnx,
  classifierPorts,
  type Head,
  headScores,
  type LinearHead,
  loadHead,
  type NeighbourHead,
  normalised,
  type Setting,
  saveHead,
} from "./heads/index.js";
export { type ImageFeatures, type ImageFeaturesOptions, imageFeatures } from "./kinds/features.js";
export { type NetworkKind, networkKind, networkKinds, open } from "./kinds/open.js";
export {
  bestCheckpoint,
  type Checkpoint,
  CheckpointError,
  type CheckpointInfo,
  isCheckpointName,
  isObjectiveParameter,
  type Json,
  type LoadedCheckpoint,
  latestCheckpoint,
  listCheckpoints,
  loadCheckpoint,
  type SaveOptions,
  type Score,
  saveCheckpoint,
  type Warn,
} from "./stored/checkpoint.js";
export { descriptionKey, type StoredDescription, storedDescription } from "./stored/description.js";
export { fileDigest } from "./stored/digest.js";
export { resolvedRecipeFile } from "./stored/legacy.js";
export { evaluationPreprocessing, fittedPreprocessing } from "./stored/preprocessing.js";
export { asWeights, isRunPath, type ReadNetworkOptions, readNetwork, type TrainedNetwork } from "./stored/read.js";
export { restoredState, type WantedTensor } from "./stored/restore.js";
export { type ConvertedNetwork, type ConvertOptions, convert, type NetworkChanges } from "./write/convert.js";
export { type ExportedNetwork, type ExportNetworkOptions, exportNetwork } from "./write/export.js";
export { type InspectedNetwork, inspect } from "./write/inspect.js";
