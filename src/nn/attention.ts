/** Multi-head attention. */
import {
  add,
  cast,
  describe,
  elementCount,
  linear,
  matmul,
  reshape,
  ShapeError,
  scaledDotProductAttention,
  softmax,
  type Tensor,
  transpose,
} from "../graph/index.js";
import { xavierUniform, zeros } from "./initializers.js";
import type { Scope } from "./scope.js";

/**
 * Queries [N, t, d] attend to keys and values computed from `memory` [N, s, d] (default: the queries' own tokens) with `heads` heads of
 * d / heads channels; returns [N, t, d]. Parameters: `query`, `key`, `value` (kernel [d, h, d/h], bias [h, d/h]) and `out` (kernel
 * [h, d/h, d]), with Xavier uniform kernels over d by d (papers.md 1.1, 1.3). Records the attention weights [N, h, t, s] as
 * `attentionWeights`.
 *
 * `bias` computes from the queries [N, h, t, d/h] a term that is added to the scaled scores [N, h, t, s] before the softmax (see
 * `relativeScores`). Throws ShapeError if the width is not divisible by the number of heads.
 */
export function multiHeadAttention(
  scope: Scope,
  x: Tensor,
  heads: number,
  memory: Tensor = x,
  bias?: (query: Tensor) => Tensor,
): Tensor {
  const width = x.shape.at(-1)!;
  if (x.shape.length !== 3 || width % heads !== 0) {
    throw new ShapeError(`attention: ${describe(x)} does not divide into ${heads} heads`);
  }
  const side = width / heads;
  const initializer = xavierUniform(width, width);
  const project = (name: string, tokens: Tensor): Tensor => {
    const inner = scope.at(name);
    const kernel = reshape(inner.parameter("kernel", [width, heads, side], initializer), [width, width]);
    const bias = reshape(inner.parameter("bias", [heads, side], zeros), [width]);
    const [n, t] = tokens.shape as [number, number];
    const rows = linear(reshape(tokens, [n * t, width]), cast(kernel, x.dtype), cast(bias, x.dtype));
    return transpose(reshape(rows, [n, t, heads, side]), [0, 2, 1, 3]);
  };
  const query = project("query", x);
  const key = project("key", memory);
  const value = project("value", memory);
  const { output, weights } = bias
    ? biasedAttention(query, key, value, bias(query))
    : scaledDotProductAttention(query, key, value);
  scope.name("attentionWeights", weights);
  const merged = reshape(transpose(output, [0, 2, 1, 3]), [elementCount(x.shape) / width, width]);
  const inner = scope.at("out");
  const kernel = reshape(inner.parameter("kernel", [heads, side, width], initializer), [width, width]);
  const outBias = inner.parameter("bias", [width], zeros);
  return reshape(linear(merged, cast(kernel, x.dtype), cast(outBias, x.dtype)), x.shape);
}

function biasedAttention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) {
  const scores = matmul(query, key, { transposeB: true, alpha: 1 / Math.sqrt(query.shape.at(-1)!) });
  const weights = softmax(add(scores, bias));
  return { output: matmul(weights, value), weights };
}
