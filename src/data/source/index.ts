/** What a source of images is, and what every kind of storage needs to become one: classes, labels and splits from paths, options of a spec. */
export { mergeLabels } from "./class-labels.js";
export { imageName } from "./layout.js";
export { checkIndex } from "./types.js";
