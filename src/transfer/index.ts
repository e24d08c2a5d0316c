/** Transfer of a learned representation to new tasks. */

export { type Features, type ImageBatch, joinFeatures, rawPixelFeatures } from "../algebra/features.js";
export type { AccuracySummary, Summary } from "../algebra/statistics.js";
export { type Backbone, type BackboneOnnx, type BackboneOptions, openBackbone } from "./backbone.js";
export { type BackboneFeatures, type BackboneFeaturesOptions, backboneFeatures } from "./backbone-features.js";
export {
  type Classifier,
  type ClassifierContents,
  type ClassifierDescription,
  type ClassifierOptions,
  classifierReport,
  howMeasured,
  isClassifierFolder,
  isClassifierPath,
  openClassifier,
  type ReportContents,
  readClassifier,
  requireClassifierFolder,
  writeClassifier,
} from "./classifier/index.js";
export { type ConfusedPair, type ConfusionEntry, confusedPairs, confusionEntries } from "./confusion.js";
export { describeBackbone, type Embeddings, type EmbedImagesOptions, embed } from "./embed.js";
export {
  type Accuracy,
  type ClassAccuracy,
  type ClassMatch,
  type EvaluateOptions,
  type EvaluationReport,
  evaluate,
  evaluationReport,
  type ImageEvaluation,
  imagesOfClasses,
  type MatchBy,
  type MeasureInput,
  matchClasses,
  measureAccuracy,
  type Share,
} from "./evaluation/index.js";
export {
  accuracyOf,
  closedFormEvaluators,
  type Evaluator,
  evaluatorNamed,
  evaluators,
  type FitContext,
  type FittedHead,
  formatSetting,
  highestScores,
  type LabelledFeatures,
  leaveOneOutRidge,
  linearProbe,
  logistic,
  nearestNeighbours,
  parseSetting,
  prototypes,
  ridge,
  type Setting,
} from "./evaluators/index.js";
export {
  biasConstant,
  defaultL2,
  drawnExamples,
  type EmbeddedImages,
  type EmbeddedSource,
  type EmbedOptions,
  embedDrawn,
  embedSource,
  type FewShotImagesOptions,
  type FewShotMeasurement,
  type FewShotOptions,
  type FewShotReport,
  type FewShotResult,
  type FewShotSummary,
  fewShotOnFeatures,
  fewShotPreprocessing,
  fewshot,
  fitRidges,
  type GameOptions,
  type GameQuery,
  type GameResult,
  type GameRound,
  playGame,
  type RidgeClassifier,
  type RidgeForm,
  type RidgeOptions,
  ridgeClassifier,
  ridgeClassifiers,
  selectRows,
  supportOrder,
} from "./fewshot/index.js";
export {
  type Candidate,
  type Expectation,
  type FitImagesOptions,
  type FitOptions,
  type Fitted,
  type FittedCandidate,
  type FittedClassifier,
  fit,
  fitClassifier,
  type Named,
} from "./fit/index.js";
export {
  classifierOnnx,
  classifierPorts,
  type Head,
  headScores,
  type LinearHead,
  loadHead,
  type NeighbourHead,
  saveHead,
} from "./heads/index.js";
export {
  type ComputeOptions,
  describeNetwork,
  type ImageClassifier,
  type NetworkDescription,
  openImageClassifier,
} from "./open-classifier.js";
export { isDataset, type Prediction, type Predictions, type PredictOptions, predict } from "./predict.js";
export { type PseudoLabelOptions, type PseudoLabels, pseudoLabel } from "./pseudo-label.js";
