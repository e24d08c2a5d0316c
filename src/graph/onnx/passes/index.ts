/**
 * Passes over ONNX graphs for inference, which exports and evaluation use: they rely on the absence of a backward pass.
 */

export { withAttentionFound, withFusedAttention, withPlainAttention } from "./attention.js";
export { withFirstTokenOnly } from "./first-token.js";
export { withFusedGelu } from "./fused-gelu.js";
export { withPointwiseConvolutions, withScaledChannels } from "./images.js";
export { withInterleavedConvolutions } from "./interleaved.js";
export { bytesOf, numberAttribute, onnxNode, producersOf, Rewriter, readersOf, withoutUnread } from "./rewriter.js";
export { withoutTransposePairs } from "./transpose-pairs.js";
export { onWholeTokens } from "./whole-tokens.js";
