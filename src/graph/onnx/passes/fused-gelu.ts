/**
 * Fuses GELU and the bias before it into the runtime's operator.
 *
 * `SkipLayerNormalization`, which fuses a bias, a residual branch and the normalisation, is not used: in the runtime's CPU implementation it
 * made ViT-S/16 four to ten per cent slower than the three separate nodes.
 */
import type { OnnxGraph, OnnxNode } from "../graph.js";
import { onnxNode, producersOf, Rewriter, readersOf } from "./rewriter.js";

/** Matches the addition of a bias [width]; returns the other operand and the bias, or undefined for other nodes. */
function addedBias(node: OnnxNode | undefined, rewriter: Rewriter): { x: string; bias: string } | undefined {
  if (node?.type !== "Add") return undefined;
  const width = rewriter.shape(node.outputs[0]!)?.at(-1);
  for (const [x, bias] of [node.inputs, [...node.inputs].reverse()] as [string, string][]) {
    if (rewriter.shape(bias)?.join() === `${width}` && rewriter.shape(x)?.length !== 1) return { x, bias };
  }
  return undefined;
}

/** Fuses the tanh form of GELU and a bias into `FastGelu`; the runtime fuses the erf form into `BiasGelu` itself. */
export function withFusedGelu(graph: OnnxGraph): OnnxGraph {
  const rewriter = new Rewriter(graph);
  const producers = producersOf(graph.nodes);
  const readers = readersOf(graph);
  const nodes = graph.nodes.map((node): OnnxNode => {
    const form = node.type === "Gelu" ? node.attributes["approximate"] : undefined;
    if (!form || !("string" in form) || form.string !== "tanh") return node;
    const sum = producers.get(node.inputs[0]!);
    const biased = readers.get(node.inputs[0]!)?.length === 1 ? addedBias(sum, rewriter) : undefined;
    const inputs = biased ? [biased.x, biased.bias] : node.inputs;
    return onnxNode("FastGelu", inputs, node.outputs, {}, "com.microsoft");
  });
  return rewriter.finish(nodes);
}
