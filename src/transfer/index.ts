/** Transfer of frozen features to new tasks: classifiers, few-shot evaluation, predictions. */

export {
  type Features,
  type ImageBatch,
  joinFeatures,
  type LabelledFeatures,
  rawPixelFeatures,
} from "../algebra/features.js";
export type { AccuracySummary, Summary } from "../algebra/statistics.js";
export {
  type ClassifierContents,
  classifierReport,
  howMeasured,
  type ReportContents,
  requireClassifierFolder,
  writeClassifier,
} from "./classifier/index.js";
export { type Embeddings, type EmbedImagesOptions, embed } from "./embed.js";
export { type EvaluateOptions, evaluate, type ImageEvaluation } from "./evaluate.js";
export {
  type Accuracy,
  type ClassAccuracy,
  type ClassMatch,
  type EvaluationReport,
  evaluationReport,
  imagesOfClasses,
  type MatchBy,
  type MeasureInput,
  matchClasses,
  measureAccuracy,
  type Share,
} from "./evaluation/index.js";
export {
  biasConstant,
  defaultL2,
  fitRidges,
  type RidgeClassifier,
  type RidgeForm,
  type RidgeOptions,
  ridgeClassifier,
  ridgeClassifiers,
} from "./evaluators/closed-form-ridge.js";
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
  leaveOneOutRidge,
  linearProbe,
  logistic,
  nearestNeighbours,
  parseSetting,
  prototypes,
  ridge,
} from "./evaluators/index.js";
export {
  drawnExamples,
  type EmbeddedImages,
  type EmbeddedSource,
  type EmbedOptions,
  type Episode,
  type EpisodeOptions,
  type EpisodeQuery,
  type EpisodesResult,
  embedDrawn,
  embedSource,
  type FewShotOptions,
  type FewShotReport,
  type FewShotResult,
  type FewShotSummary,
  fewShotOnFeatures,
  fewShotPreprocessing,
  runEpisodes,
  selectRows,
  supportOrder,
} from "./fewshot/index.js";
export { type FewShotImagesOptions, type FewShotMeasurement, fewshot } from "./fewshot.js";
export {
  type Candidate,
  type Expectation,
  type FitOptions,
  type FittedClassifier,
  fitClassifier,
  type Named,
} from "./fit/index.js";
export { type Classifier, classifierFolder, type FitImagesOptions, type FittedCandidate, fit } from "./fit.js";
export { adviceOf, type ComparedBackbone, fitBackbones, splitBackbones } from "./fit-backbones.js";
export { type ConfusedPair, type ConfusionEntry, confusedPairs, confusionEntries } from "./mistakes/confusion.js";
export { isDataset, type Prediction, type Predictions, type PredictOptions, predict } from "./predict.js";
export { type PseudoLabelOptions, type PseudoLabels, pseudoLabel } from "./pseudo-label.js";
