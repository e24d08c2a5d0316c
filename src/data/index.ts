/** Datasets of labelled images, decoding, preprocessing, generated scenes, and the prefetching loader. */

export { type CustomImages, defineSource, type SourceDefinition, whileDefining } from "./custom.js";
export {
  type DescribeOptions,
  describeSource,
  labelProblems,
  type ReadSpec,
  readSpec,
  type SourceDescription,
  type SourceProblem,
  type SplitDescription,
} from "./describe.js";
export { imageFiles, type NamedImage } from "./image-files.js";
export { type ImageInput, type ImagePixels, type ReadImage, readImage } from "./image-input.js";
export { embeddedSets } from "./kinds/embedded.js";
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
export { chooseSplit, openRecipe, openSource, parseSpec, readSet, sourceKinds } from "./open.js";
export type { Example, ImageSet, ImageSource, MergeClasses, SourceKind, SourceRecipe } from "./source/types.js";
export { openTestImages, openTrainAndTest, type TrainAndTest } from "./splits.js";
export { noteUnreadable, rememberIds } from "./unreadable.js";
export { concat, holdOut, select, stratifiedSample, subsetOfClasses, take } from "./views/combine.js";
export { noisyLabel, withLabelNoise } from "./views/label-noise.js";
export { classesLine, csvLabelLine, type LabelValue, labelLine } from "./views/labels-file.js";
export { idsOf, readIds, relabel, selectByList, takeBalanced } from "./views/relabel.js";
export { splitSpecs } from "./views/selection.js";
export {
  type ImageText,
  type LabelNoise,
  matchClasses,
  noiseKinds,
  noisyLabels,
  parseVocabulary,
  readTexts,
  type Vocabulary,
  type WeakLabels,
  type WrittenWeakLabels,
  weakLabelLines,
  weakLabels,
  writeWeakLabels,
} from "./weak-labels/index.js";
