/** Data: sources of labelled images, decoding, preprocessing, generated scenes, and the prefetching loader. */

export { decodeImage, decodeResize, type Fit, imageHeader } from "./decode.js";
export { beta, logGamma } from "./distributions.js";
export { encodeJpeg } from "./encode.js";
export * from "./fractal/index.js";
export * from "./image.js";
export type { BadExample, BatchArrays } from "./loader/batch.js";
export {
  type Batch,
  createLoader,
  type Loader,
  type LoaderInfo,
  type LoaderOptions,
  type LoaderPart,
  type LoaderStats,
} from "./loader/loader.js";
export type { LoaderPosition } from "./loader/plan.js";
export * from "./preprocessing/index.js";
export { createRandom, hash32, permutation, type Random, type RandomKey } from "./random.js";
export { type ResampleKernel, resample } from "./resample.js";
export { crop, flipLeftRight, type Rectangle, resizeArea, resizeBilinear } from "./resize.js";
export * from "./scene/index.js";
export { concat, holdOut, select, stratifiedSample, subsetOfClasses, take } from "./sources/combine.js";
export {
  type DescribeOptions,
  describeSource,
  labelProblems,
  type ReadSpec,
  readSpec,
  type SourceDescription,
  type SourceProblem,
  type SplitDescription,
} from "./sources/describe.js";
export { embeddedSets } from "./sources/embedded.js";
export { imageFiles, type NamedImage } from "./sources/files.js";
export { noisyLabel, withLabelNoise } from "./sources/label-noise.js";
export { classesLine, csvLabelLine, type LabelValue, labelLine } from "./sources/labels-file.js";
export { chooseSplit, openRecipe, openSource, parseSpec, sourceKinds } from "./sources/open.js";
export { idsOf, readIds, relabel, selectByList, takeBalanced } from "./sources/relabel.js";
export type { Example, ImageSet, ImageSource, MergeClasses, SourceKind, SourceRecipe } from "./sources/types.js";
export * from "./weak-labels/index.js";
