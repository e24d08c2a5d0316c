/** Robustness: common corruptions, objects on the borders of patches, other test sets of ImageNet's classes, other backgrounds. */
export * from "./corruptions.js";
export * from "./imagenet/index.js";
export * from "./judge.js";
export * from "./patch-grid.js";
export { patchGridChart } from "./patch-grid-chart.js";
