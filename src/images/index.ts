/** Decoding, encoding, resizing, preprocessing, augmentation, corruption and generation of images. */
export type { Arguments, Literal } from "./augment/arguments.js";
export { type AugregName, type AugregSetting, augregSettings } from "./augment/augreg.js";
export type { DataRecord, Transform } from "./augment/op.js";
export { type RandaugOp, randaug, randaugOps } from "./augment/randaug.js";
export { type CorruptionName, corruption, corruptionNames, type Severity, severities } from "./corruptions/index.js";
export { type SeverityTable, severityTableFor, severityTables } from "./corruptions/severities.js";
export { decodeImage, decodeResize, decodeWithAlpha, type Fit, imageHeader } from "./decode.js";
export { encodeFastPng, encodeJpeg, svgToPng } from "./encode.js";
export {
  areaProbabilities,
  type CategorySearch,
  categoryName,
  chaosGame,
  createOrbit,
  defaultFillRate,
  defaultWeightStep,
  drawSystem,
  type Flip,
  type FoundCategory,
  type FractalInstance,
  type FractalRandoms,
  type FractalStyle,
  type FractalSystem,
  fillRate,
  findCategory,
  flips,
  fractalInstance,
  instanceRandoms,
  mostFillRate,
  type NamedSystem,
  readCategories,
  renderFractal,
  searchCategories,
  weighted,
  weightings,
  writeCategories,
} from "./generated/fractal/index.js";
export {
  type Colour,
  colours,
  generateScene,
  layOutScene,
  renderScene,
  type Scene,
  type SceneLayout,
  type SceneObject,
  type SceneOptions,
  type Shape,
  shapes,
} from "./generated/scene/index.js";
export {
  type AnyImage,
  blankLike,
  type EncodedImage,
  ExampleError,
  type FloatImage,
  type PixelImage,
  type RawImage,
  rawImage,
  toGrey,
  toRgb,
} from "./image.js";
export { definePreprocessing, type PreprocessingDefinition } from "./preprocessing/custom.js";
export { scalesProblem, valueScales } from "./preprocessing/ops.js";
export {
  applyPreprocessing,
  augreg,
  centralCrop,
  corrupt,
  customOp,
  decode,
  decodeAndResize,
  describePreprocessing,
  exampleRandom,
  flipLr,
  greyOp,
  greyRandom,
  hsvnoise,
  inceptionCrop,
  keep,
  listOps,
  onehot,
  type Preprocessing,
  type PreprocessingOp,
  patchGridOp,
  permutePatchesOp,
  preprocessImage,
  preprocessing,
  quarterTurns,
  type ResizeMethod,
  randaugOp,
  randomCrop,
  resize,
  resizeSmall,
  type SplitPreprocessing,
  shufflePatches,
  splitPreprocessing,
  standardiseOp,
  toRgbOp,
  valueRange,
  views,
} from "./preprocessing/pipeline.js";
export { type ValueRange, valueRangeOf } from "./preprocessing/value-range.js";
export { type ResampleKernel, resample } from "./resample.js";
export { crop, flipLeftRight, type Rectangle, resizeArea, resizeBilinear } from "./resize.js";
