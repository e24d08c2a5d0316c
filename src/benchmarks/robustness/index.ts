/**
 * Robustness benchmarks: common corruptions, objects on patch borders, and further test sets for the classes of
 * ImageNet.
 */
export {
  type CorruptedShare,
  type CorruptionOptions,
  type CorruptionReport,
  measureCorruptions,
  type Share,
  shareOf,
  withOp,
} from "./corruptions.js";
export { answers, type ClassifyOptions, fitImageClassifier, type ImageClassifier } from "./image-classifier.js";
export {
  type ImagenetSet,
  type ImagenetSetName,
  type ImagenetSetReport,
  imagenetClasses,
  measureImagenetSet,
  missingSet,
  objectNetPreprocessing,
  openImagenetSet,
  openImagenetV2,
  openObjectNet,
  openReal,
  type PublishedAccuracy,
  publishedAccuracies,
  type SetOrigin,
  setOrigins,
  withoutBorder,
} from "./imagenet/index.js";
export {
  type DistanceResult,
  measurePatchGrid,
  type ObjectMean,
  objectMean,
  type PatchGridOptions,
  type PatchGridReport,
} from "./patch-grid.js";
export { patchGridChart } from "./patch-grid-chart.js";
export { borderDistance, patchGridImages } from "./patch-grid-images.js";
