/**
 * Passes over ONNX graphs that only go forward: what an export or an evaluation gains from knowing that nothing flows back.
 */

export { withAttentionFound, withFusedAttention, withPlainAttention } from "./attention.js";
export { withFirstTokenOnly } from "./first-token.js";
export { withFusedGelu } from "./fused-gelu.js";
export { withPointwiseConvolutions, withScaledChannels } from "./images.js";
export { bytesOf, numberAttribute, onnxNode, producersOf, Rewriter, readersOf, withoutUnread } from "./rewriter.js";
export { withoutTransposePairs } from "./transpose-pairs.js";
export { onWholeTokens } from "./whole-tokens.js";
