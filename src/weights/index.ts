/** File formats of weights. */
export * from "./atomic.js";
export * from "./safetensors.js";
