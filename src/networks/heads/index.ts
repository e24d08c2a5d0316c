/** Heads of fitted classifiers: running, saving and exporting them. */
export { loadHead, saveHead } from "./files.js";
export type { Head, LinearHead, NeighbourHead, Setting } from "./head.js";
export { classifierOnnx, classifierPorts } from "./onnx.js";
export { headScores, normalised } from "./scores.js";
