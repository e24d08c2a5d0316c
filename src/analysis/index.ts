/** Looks into networks and data: each analysis computes arrays and draws them. */
export { augmentationSheet, writeAugmentations } from "./augmentations.js";
