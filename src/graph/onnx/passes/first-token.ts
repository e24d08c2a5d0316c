/**
 * Restricts the last layers to the values that the outputs depend on.
 *
 * With a class token, the head depends only on token 0. Then the last block needs only the query, the MLP and the projections of that
 * token (but keys and values of all tokens), so the slice that selects the token is moved before them.
 */
import type { OnnxGraph, OnnxNode } from "../graph.js";
import { isAttention } from "./attention.js";
import { numberAttribute, onnxNode, Rewriter, readersOf } from "./rewriter.js";
import { isPlainProduct } from "./whole-tokens.js";

/** Positions of the inputs that a node processes independently for each token; undefined for other nodes. */
function tokenInputs(node: OnnxNode, rewriter: Rewriter): number[] | undefined {
  const shape = rewriter.shape(node.outputs[0]!);
  if (shape?.length !== 3 || node.outputs.length > 1) return undefined;
  const whole = (name: string) => rewriter.shape(name)?.join() === shape.join();
  switch (node.type) {
    case "Add":
    case "Mul":
    case "Sub": {
      const positions = [0, 1].filter((i) => whole(node.inputs[i]!));
      const others = [0, 1].filter((i) => !positions.includes(i));
      return others.every((i) => rewriter.isVector(node.inputs[i]!)) ? positions : undefined;
    }
    case "Gelu":
    case "Tanh":
    case "Relu":
      return [0];
    case "LayerNormalization":
      return numberAttribute(node, "axis") === -1 ? [0] : undefined;
    case "MatMul":
      return isPlainProduct(node) && rewriter.shape(node.inputs[1]!)?.length === 2 ? [0] : undefined;
    default:
      return isAttention(node) ? [0] : undefined;
  }
}

/** Whether a node slices token 0 out of [N, tokens, width]. */
function picksFirstToken(node: OnnxNode, rewriter: Rewriter): boolean {
  if (node.type !== "Slice" || rewriter.shape(node.inputs[0]!)?.length !== 3) return false;
  const [starts, ends, axes, steps] = node.inputs.slice(1).map((name) => rewriter.int64Values(name)?.join());
  return starts === "0" && ends === "1" && axes === "1" && steps === "1";
}

/** Computes values of which only token 0 is used for token 0 alone. */
export function withFirstTokenOnly(graph: OnnxGraph): OnnxGraph {
  const rewriter = new Rewriter(graph);
  const readers = readersOf(graph);
  // Nodes whose result is used only at token 0, with the inputs that can be restricted likewise.
  const narrowed = new Map<OnnxNode, readonly number[]>();
  const slices = new Set<OnnxNode>();
  const readNarrowly = (name: string): boolean =>
    (readers.get(name) ?? []).every((reader) => {
      if (reader === "output") return false;
      if (slices.has(reader)) return reader.inputs[0] === name;
      const positions = narrowed.get(reader);
      return positions !== undefined && reader.inputs.every((input, i) => input !== name || positions.includes(i));
    });
  for (const node of [...graph.nodes].reverse()) {
    if (picksFirstToken(node, rewriter)) slices.add(node);
    else if (readNarrowly(node.outputs[0]!)) {
      const positions = tokenInputs(node, rewriter);
      if (positions) narrowed.set(node, positions);
    }
  }
  if (narrowed.size === 0) return graph;

  const first = new Map<string, string>();
  const nodes: OnnxNode[] = [];
  const narrow = (name: string): string => {
    let found = first.get(name);
    if (found === undefined) {
      const type = rewriter.types.get(name)!;
      found = rewriter.fresh(`${name}:first`, { dtype: type.dtype, shape: [type.shape[0]!, 1, type.shape[2]!] });
      first.set(name, found);
      const positions = [[0], [1], [1], [1]].map((values) => rewriter.int64(values));
      nodes.push(onnxNode("Slice", [name, ...positions], [found]));
    }
    return found;
  };
  const aliases = new Map<string, string>();
  for (const node of graph.nodes) {
    const positions = narrowed.get(node);
    if (slices.has(node)) {
      const found = first.get(node.inputs[0]!);
      if (found === undefined) nodes.push(node);
      else aliases.set(node.outputs[0]!, found);
    } else if (positions === undefined) nodes.push(node);
    else {
      const [output] = node.outputs as [string];
      const inputs = node.inputs.map((name, i) => (positions.includes(i) ? narrow(name) : name));
      const { dtype, shape } = rewriter.types.get(output)!;
      const name = rewriter.fresh(`${output}:first`, { dtype, shape: [shape[0]!, 1, shape[2]!] });
      first.set(output, name);
      nodes.push({ ...node, inputs, outputs: [name] });
    }
  }
  return rewriter.finish(nodes, aliases);
}
