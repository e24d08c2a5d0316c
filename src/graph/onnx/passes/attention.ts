/** Finds attention in a graph, and writes it as the runtime's fused operator or as separate operators. */
import type { OnnxGraph, OnnxNode } from "../graph.js";
import { numberAttribute, onnxNode, producersOf, Rewriter, readersOf } from "./rewriter.js";

/** Placeholder node for attention between passes, with inputs query, key and value [N, tokens, width]. */
const attentionType = "fovea.Attention";

export const isAttention = (node: OnnxNode): boolean => node.type === attentionType;

/** Matches the split into heads: Reshape to [N, tokens, heads, side], then Transpose 0, 2, 1, 3. Returns the input of the split. */
function splitIntoHeads(name: string, producers: ReadonlyMap<string, OnnxNode>, rewriter: Rewriter) {
  const transposed = producers.get(name);
  const permutation = transposed?.type === "Transpose" ? transposed.attributes["perm"] : undefined;
  if (!transposed || !permutation || !("ints" in permutation)) return undefined;
  const split = producers.get(transposed.inputs[0]!);
  const shape = split?.type === "Reshape" ? rewriter.shape(split.outputs[0]!) : undefined;
  const from = split && rewriter.shape(split.inputs[0]!);
  if (!split || shape?.length !== 4 || from?.length !== 3) return undefined;
  if (from[0] !== shape[0] || from[1] !== shape[1]) return undefined;
  return {
    tokens: split.inputs[0]!,
    heads: shape[2]!,
    side: shape[3]!,
    permutation: permutation.ints.join(),
  };
}

/**
 * Replaces each softmax(q k^T factor) v over heads by one node, if its weights are not used elsewhere. Other patterns stay unchanged. Run
 * `onWholeTokens` before this pass, and one of the two passes below after it.
 */
export function withAttentionFound(graph: OnnxGraph): OnnxGraph {
  const rewriter = new Rewriter(graph);
  const producers = producersOf(graph.nodes);
  const readers = readersOf(graph);
  const onlyReader = (name: string): OnnxNode | undefined => {
    const found = readers.get(name);
    return found?.length === 1 && found[0] !== "output" ? found[0] : undefined;
  };
  const found = new Map<OnnxNode, OnnxNode>();
  for (const softmax of graph.nodes) {
    if (softmax.type !== "Softmax" || numberAttribute(softmax, "axis") !== -1) continue;
    const scores = scoresOf(producers.get(softmax.inputs[0]!), producers, rewriter);
    const product = onlyReader(softmax.outputs[0]!);
    if (!scores || product?.type !== "MatMul" || product.inputs[0] !== softmax.outputs[0]) continue;
    const transposed = onlyReader(product.outputs[0]!);
    const permutation = transposed?.attributes["perm"];
    const merged = transposed && onlyReader(transposed.outputs[0]!);
    if (transposed?.type !== "Transpose" || merged?.type !== "Reshape" || !permutation || !("ints" in permutation))
      continue;
    const query = splitIntoHeads(scores.query, producers, rewriter);
    const key = splitIntoHeads(scores.key, producers, rewriter);
    const value = splitIntoHeads(product.inputs[1]!, producers, rewriter);
    if (!query || !key || !value || permutation.ints.join() !== "0,2,1,3") continue;
    if (query.permutation !== "0,2,1,3" || value.permutation !== "0,2,1,3") continue;
    if (key.permutation !== (scores.keyTransposed ? "0,2,3,1" : "0,2,1,3")) continue;
    if (![key, value].every(({ heads, side }) => heads === query.heads && side === query.side)) continue;
    // The result has shape [N, tokens, width]; a merge into rows is added as a Reshape after it.
    const type = { dtype: "float32", shape: [...rewriter.shape(query.tokens)!] } as const;
    if (rewriter.types.get(query.tokens)?.dtype !== "float32") continue;
    const whole = rewriter.fresh(`${merged.outputs[0]}:attended`, type);
    found.set(
      merged,
      onnxNode(attentionType, [query.tokens, key.tokens, value.tokens], [whole], {
        heads: { int: query.heads },
        scale: { float: scores.factor },
      }),
    );
  }
  const nodes = graph.nodes.flatMap((node) => {
    const attention = found.get(node);
    if (!attention) return [node];
    const [whole] = attention.outputs as [string];
    return [attention, { ...node, inputs: [whole, node.inputs[1]!] }];
  });
  return rewriter.finish(nodes);
}

/** Matches the computation of the scores: q k^T times a factor, as FusedMatMul or, for targets without it, as separate nodes. */
function scoresOf(node: OnnxNode | undefined, producers: ReadonlyMap<string, OnnxNode>, rewriter: Rewriter) {
  if (node?.type === "FusedMatMul") {
    const [query, key] = node.inputs as [string, string];
    if (numberAttribute(node, "transA") === 1 || numberAttribute(node, "transB") !== 1) return undefined;
    return { query, key, factor: numberAttribute(node, "alpha") ?? 1, keyTransposed: false };
  }
  if (node?.type !== "Mul") return undefined;
  const product = producers.get(node.inputs[0]!);
  const factor = rewriter.floatValues(node.inputs[1]!);
  const transposed = product?.type === "MatMul" ? producers.get(product.inputs[1]!) : undefined;
  if (!product || factor?.length !== 1 || transposed?.type !== "Transpose") return undefined;
  const permutation = transposed.attributes["perm"];
  if (!permutation || !("ints" in permutation) || permutation.ints.join() !== "0,1,3,2") return undefined;
  return { query: product.inputs[0]!, key: transposed.inputs[0]!, factor: factor[0]!, keyTransposed: false };
}

/** Writes attention as the runtime's `MultiHeadAttention`, which splits and merges heads internally. */
export function withFusedAttention(graph: OnnxGraph): OnnxGraph {
  const nodes = graph.nodes.map((node) =>
    isAttention(node)
      ? onnxNode(
          "MultiHeadAttention",
          node.inputs,
          node.outputs,
          { num_heads: node.attributes["heads"]!, scale: node.attributes["scale"]! },
          "com.microsoft",
        )
      : node,
  );
  return { ...graph, nodes };
}

/** Writes attention in standard ONNX operators; the queries are scaled because they are smaller than the scores. */
export function withPlainAttention(graph: OnnxGraph): OnnxGraph {
  const rewriter = new Rewriter(graph);
  const nodes = graph.nodes.flatMap((node) => {
    if (!isAttention(node)) return [node];
    const [query, key, value] = node.inputs as [string, string, string];
    const [output] = node.outputs as [string];
    const made: OnnxNode[] = [];
    const step = (type: string, inputs: readonly string[], attributes: OnnxNode["attributes"] = {}): string => {
      const name = rewriter.fresh(`${output}:${type}`);
      made.push(onnxNode(type, inputs, [name], attributes));
      return name;
    };
    const heads = numberAttribute(node, "heads")!;
    const width = rewriter.shape(value)!.at(-1)!;
    const split = (x: string, ...permutation: number[]): string =>
      step("Transpose", [step("Reshape", [x, rewriter.int64([0, 0, heads, width / heads])])], {
        perm: { ints: permutation },
      });
    const factor = rewriter.constant(
      "_scale",
      { dtype: "float32", shape: [] },
      new Uint8Array(Float32Array.of(numberAttribute(node, "scale")!).buffer),
    );
    const scaled = step("Mul", [split(query, 0, 2, 1, 3), factor]);
    const weights = step("Softmax", [step("MatMul", [scaled, split(key, 0, 2, 3, 1)])], { axis: { int: -1 } });
    const attended = step("MatMul", [weights, split(value, 0, 2, 1, 3)]);
    const merged = step("Transpose", [attended], { perm: { ints: [0, 2, 1, 3] } });
    made.push(onnxNode("Reshape", [merged, rewriter.int64([0, 0, width])], [output]));
    return made;
  });
  return rewriter.finish(nodes);
}
