/** The graph of a network that is only evaluated: the same in an exported file and in a program of an opened network. */
import {
  type OnnxGraph,
  onWholeTokens,
  withAttentionFound,
  withFirstTokenOnly,
  withFusedAttention,
  withFusedGelu,
  withInterleavedConvolutions,
  withoutTransposePairs,
  withPlainAttention,
  withPointwiseConvolutions,
} from "../graph/index.js";
import { withConstantsFolded } from "./fold.js";

/**
 * Folds what depends on weights alone, and rewrites the rest for inference. `fused` uses ONNX Runtime's own operators where they were measured to be
 * faster (attention, GELU with its bias) and reads interleaved images, `plain` only standard ones.
 */
export async function inferenceGraph(graph: OnnxGraph, operators: "fused" | "plain"): Promise<OnnxGraph> {
  const folded = onWholeTokens(withPointwiseConvolutions(withoutTransposePairs(await withConstantsFolded(graph))));
  const attention = withFirstTokenOnly(onWholeTokens(withAttentionFound(folded)));
  return operators === "plain"
    ? withPlainAttention(attention)
    : withInterleavedConvolutions(withFusedGelu(withFusedAttention(attention)));
}
