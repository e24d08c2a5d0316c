/** Weights: file formats, published layouts, the hub, and `loadWeights` and `saveWeights` over all of them. */
export * from "./atomic.js";
export { WeightsError } from "./error.js";
export * from "./npz.js";
export * from "./safetensors.js";
export type { StoredDType, StoredTensor, TensorEntry, TensorFile, TypedArray } from "./stored.js";
export { tensorBytes } from "./stored.js";
