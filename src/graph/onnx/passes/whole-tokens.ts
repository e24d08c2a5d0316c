/**
 * Runs operations on the last axis directly on [N, tokens, width].
 *
 * A traced layer flattens tokens into rows, [N tokens, width], multiplies, and reshapes back. The pairs of Reshape nodes between layers hide
 * patterns from later passes and from the runtime's own fusions. This pass moves a Reshape to rows down past such nodes until it meets the
 * Reshape back, and both cancel.
 */
import type { TensorType } from "../../tensor.js";
import type { OnnxGraph, OnnxNode } from "../graph.js";
import { numberAttribute, onnxNode, Rewriter } from "./rewriter.js";

/** Unary elementwise operators. */
const elementwise = new Set(["Gelu", "Tanh", "Relu", "Sigmoid", "Erf", "Identity"]);

/** Applies matrix products and the operations after them to whole sequences of tokens. */
export function onWholeTokens(graph: OnnxGraph): OnnxGraph {
  const rewriter = new Rewriter(graph);
  const aliases = new Map<string, string>();
  // Maps rows [N tokens, width] to the corresponding [N, tokens, width].
  const wholes = new Map<string, string>();
  const nodes: OnnxNode[] = [];
  const returned = new Set(graph.outputs.map(({ name }) => name));
  const real = (name: string): string => aliases.get(name) ?? name;

  for (const traced of graph.nodes) {
    const node = { ...traced, inputs: traced.inputs.map(real) };
    const [output] = node.outputs as [string];
    if (node.type === "Reshape" && numberAttribute(node, "allowzero") !== 1) {
      const from = wholes.get(node.inputs[0]!) ?? node.inputs[0]!;
      nodes.push({ ...node, inputs: [from, node.inputs[1]!] });
      const [given, wanted] = [rewriter.shape(from), rewriter.shape(output)];
      if (given && wanted && given.join() === wanted.join() && !returned.has(output)) aliases.set(output, from);
      else if (given && wanted?.length === 2 && given.length > 2 && given.at(-1) === wanted[1])
        wholes.set(output, from);
      continue;
    }
    const moved = returned.has(output) ? undefined : onWholes(node, wholes, rewriter);
    if (!moved) {
      nodes.push(node);
      continue;
    }
    const width = rewriter.shape(output)!.at(-1)!;
    nodes.push(moved, onnxNode("Reshape", [moved.outputs[0]!, rewriter.int64([-1, width])], [output]));
    wholes.set(output, moved.outputs[0]!);
  }
  return rewriter.finish(nodes);
}

/** Returns the node on whole sequences instead of rows, or undefined if it cannot be converted. */
function onWholes(node: OnnxNode, wholes: ReadonlyMap<string, string>, rewriter: Rewriter): OnnxNode | undefined {
  const [first, second] = node.inputs as [string, string | undefined];
  const [output] = node.outputs as [string];
  const type = rewriter.types.get(output);
  const whole = wholes.get(first) ?? (second === undefined ? undefined : wholes.get(second));
  if (!type || whole === undefined || node.outputs.length > 1) return undefined;
  const result = (): string => {
    const shape = [...rewriter.shape(whole)!.slice(0, -1), type.shape.at(-1)!];
    return rewriter.fresh(`${output}:tokens`, { dtype: type.dtype, shape } satisfies TensorType);
  };
  if (elementwise.has(node.type)) return { ...node, inputs: [whole], outputs: [result()] };
  if (node.type === "LayerNormalization" && wholes.has(first)) {
    return { ...node, inputs: [whole, ...node.inputs.slice(1)], outputs: [result()] };
  }
  if (isPlainProduct(node) && wholes.has(first) && rewriter.shape(second!)?.length === 2 && !wholes.has(second!)) {
    return onnxNode("MatMul", [whole, second!], [result()]);
  }
  if (node.type === "Add" || node.type === "Mul" || node.type === "Sub") {
    const shape = rewriter.shape(whole)!.join();
    const inputs = [first, second!].map((name) => {
      const found = wholes.get(name);
      return found !== undefined && rewriter.shape(found)!.join() === shape
        ? found
        : rewriter.isVector(name)
          ? name
          : undefined;
    });
    if (inputs.every((name) => name !== undefined)) return { ...node, inputs, outputs: [result()] };
  }
  return undefined;
}

/** Whether a node is a plain matrix product without transposes, scale or addend. */
export function isPlainProduct(node: OnnxNode): boolean {
  const set = (name: string, standard: number) => (numberAttribute(node, name) ?? standard) !== standard;
  if (node.type === "MatMul") return true;
  return node.type === "Gemm" && node.inputs.length === 2 && !set("transA", 0) && !set("transB", 0) && !set("alpha", 1);
}
