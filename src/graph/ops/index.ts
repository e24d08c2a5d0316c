// Every operation a model may use.
export * from "./activation.js";
export * from "./attention.js";
export * from "./control.js";
export * from "./convolution.js";
export * from "./elementwise.js";
export * from "./leaf.js";
export * from "./matmul.js";
export * from "./normalisation.js";
export * from "./pooling.js";
export * from "./random.js";
export * from "./reduce.js";
export * from "./resize.js";
export * from "./scale.js";
export * from "./select.js";
export * from "./shape.js";
