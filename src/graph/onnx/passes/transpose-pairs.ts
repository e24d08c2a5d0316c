/** Merges consecutive Transpose nodes, and removes those that cancel. */
import type { OnnxGraph, OnnxNode } from "../graph.js";
import { onnxNode, Rewriter } from "./rewriter.js";

/** Merges every Transpose of a Transpose. */
export function withoutTransposePairs(graph: OnnxGraph): OnnxGraph {
  const rewriter = new Rewriter(graph);
  const returned = new Set(graph.outputs.map(({ name }) => name));
  const transposes = new Map<string, { from: string; permutation: readonly number[] }>();
  const aliases = new Map<string, string>();
  const nodes: OnnxNode[] = [];
  for (const node of graph.nodes) {
    const given = node.type === "Transpose" ? node.attributes["perm"] : undefined;
    if (!given || !("ints" in given)) {
      nodes.push(node);
      continue;
    }
    const input = aliases.get(node.inputs[0]!) ?? node.inputs[0]!;
    const before = transposes.get(input);
    const permutation = before ? given.ints.map((axis) => before.permutation[axis]!) : given.ints;
    const from = before?.from ?? input;
    const [output] = node.outputs as [string];
    if (permutation.every((axis, i) => axis === i) && !returned.has(output)) {
      aliases.set(output, from);
      continue;
    }
    transposes.set(output, { from, permutation });
    nodes.push(onnxNode("Transpose", [from], node.outputs, { perm: { ints: permutation } }));
  }
  return rewriter.finish(nodes, aliases);
}
