/** Multi-head attention. */
import {
  add,
  cast,
  type DType,
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

export type AttentionProjection = "query" | "key" | "value" | "out";

export interface AttentionOptions {
  readonly heads: number;
  /** Tokens [N, s, d] that keys and values are computed from. Default: the queries' own. */
  readonly memory?: Tensor;
  /**
   * Computes from the queries [N, h, t, d/h] a term that is added to the scaled scores [N, h, t, s] before the softmax (see
   * `relativeScores`).
   */
  readonly bias?: (query: Tensor) => Tensor;
  /** Changes queries and keys [N, h, t, d/h] by their positions (see `rotate`). */
  readonly rotate?: (x: Tensor) => Tensor;
  /** Projections that have no bias. */
  readonly withoutBias?: readonly AttentionProjection[];
  /** Norm of the attended values [N * t, d] before the output projection; none by default. */
  readonly norm?: (attended: Tensor) => Tensor;
}

/**
 * Queries [N, t, d] attend to keys and values with heads of d / heads channels; returns [N, t, d]. Parameters: `query`, `key`, `value` (kernel
 * [d, h, d/h], bias [h, d/h]) and `out` (kernel [h, d/h, d]), with Xavier uniform kernels over d by d (papers.md 1.1, 1.3). Records the
 * attention weights [N, h, t, s] as `attentionWeights`. Throws ShapeError if the width is not divisible by the number of heads.
 */
export function multiHeadAttention<D extends DType>(scope: Scope, x: Tensor<D>, options: AttentionOptions): Tensor<D> {
  const { heads, memory = x, bias, rotate = (y: Tensor) => y, withoutBias = [], norm = (y: Tensor) => y } = options;
  const width = x.shape.at(-1)!;
  if (x.shape.length !== 3 || width % heads !== 0) {
    throw new ShapeError(`attention: ${describe(x)} does not divide into ${heads} heads`);
  }
  const side = width / heads;
  const initializer = xavierUniform(width, width);
  const product = (name: AttentionProjection, rows: Tensor, kernel: readonly number[], bias: readonly number[]) => {
    const inner = scope.at(name);
    const matrix = cast(reshape(inner.parameter("kernel", kernel, initializer), [width, width]), x.dtype);
    if (withoutBias.includes(name)) return matmul(rows, matrix);
    return linear(rows, matrix, cast(reshape(inner.parameter("bias", bias, zeros), [width]), x.dtype));
  };
  const project = (name: AttentionProjection, tokens: Tensor): Tensor => {
    const [n, t] = tokens.shape as [number, number];
    const rows = product(name, reshape(tokens, [n * t, width]), [width, heads, side], [heads, side]);
    return transpose(reshape(rows, [n, t, heads, side]), [0, 2, 1, 3]);
  };
  const query = rotate(project("query", x));
  const key = rotate(project("key", memory));
  const value = project("value", memory);
  const { output, weights } = bias
    ? biasedAttention(query, key, value, bias(query))
    : scaledDotProductAttention(query, key, value);
  scope.name("attentionWeights", weights);
  const merged = reshape(transpose(output, [0, 2, 1, 3]), [elementCount(x.shape) / width, width]);
  return cast(reshape(product("out", norm(merged), [heads, side, width], [width]), x.shape), x.dtype);
}

function biasedAttention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) {
  const scores = matmul(query, key, { transposeB: true, alpha: 1 / Math.sqrt(query.shape.at(-1)!) });
  const weights = softmax(add(scores, bias));
  return { output: matmul(weights, value), weights };
}
