/** Fitted classifiers as numbers: run, saved, exported. */
export { loadHead, saveHead } from "./files.js";
export type { Head, LinearHead, NeighbourHead, Setting } from "./head.js";
export { classifierOnnx, classifierPorts } from "./onnx.js";
export { headScores, normalised } from "./scores.js";
