/** Labels from the text around images. */
export {
  type LabelNoise,
  noiseKinds,
  noisyLabels,
  type WeakLabels,
  weakLabelLines,
  weakLabels,
} from "./labels.js";
export { type ImageText, readTexts } from "./texts.js";
export { matchClasses, parseVocabulary, type Vocabulary } from "./vocabulary.js";
export { type WrittenWeakLabels, writeWeakLabels } from "./write.js";
