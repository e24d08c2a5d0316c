/** Defines sources of images and the helpers for kinds of storage: classes, labels and splits from paths, and options of a spec. */
export { mergeLabels } from "./class-labels.js";
export { imageName } from "./layout.js";
export { checkIndex } from "./types.js";
