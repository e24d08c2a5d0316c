/** Position embeddings of a grid of patches: fixed, learned for each axis, and relative. */
import {
  cast,
  concat,
  constant,
  type DType,
  describe,
  expand,
  matmul,
  reshape,
  ShapeError,
  sliceAxis,
  type Tensor,
} from "../graph/index.js";
import { normal } from "./initializers.js";
import type { Scope } from "./scope.js";

/**
 * Fixed 2-D sine/cosine embedding [1, height * width, d], row-major: [sin(x w), cos(x w), sin(y w), cos(y w)] with
 * w_k = 10000^(-k / (d/4 - 1)) (papers.md 1.7). Throws RangeError unless d is a multiple of 4 and at least 8.
 */
export function sincos2d(height: number, width: number, d: number): Float32Array {
  if (d % 4 !== 0 || d < 8)
    throw new RangeError(`sincos2d position embedding needs a width that 4 divides, at least 8; got ${d}`);
  const quarter = d / 4;
  const table = new Float32Array(height * width * d);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const offset = (y * width + x) * d;
      for (let k = 0; k < quarter; k++) {
        const omega = 10000 ** (-k / (quarter - 1));
        table[offset + k] = Math.sin(x * omega);
        table[offset + quarter + k] = Math.cos(x * omega);
        table[offset + 2 * quarter + k] = Math.sin(y * omega);
        table[offset + 3 * quarter + k] = Math.cos(y * omega);
      }
    }
  }
  return table;
}

/** `sincos2d` as a constant of the graph. */
export const sincos2dTensor = <D extends DType>(height: number, width: number, d: number, dtype: D): Tensor<D> =>
  constant(sincos2d(height, width, d), [1, height * width, d], dtype);

/**
 * Learned embeddings of columns and rows, each of half the width, concatenated for every cell: [1, rows * columns, d], row-major (ViT paper,
 * appendix D.4; papers.md 9.5). Parameters: `pos_embedding_x` [1, columns, d/2] and `pos_embedding_y` [1, rows, d/2], normal with deviation
 * 1 / sqrt(d) like the 1-D table. Throws RangeError if d is odd.
 */
export function learned2d(scope: Scope, rows: number, columns: number, d: number): Tensor<"float32"> {
  if (d % 2 !== 0) throw new RangeError(`a position embedding by axis needs an even width, got ${d}`);
  const half = d / 2;
  const initializer = normal(1 / Math.sqrt(d));
  const x = scope.parameter("pos_embedding_x", [1, columns, half], initializer);
  const y = scope.parameter("pos_embedding_y", [1, rows, half], initializer);
  const spread = [
    expand(reshape(x, [1, 1, columns, half]), [1, rows, columns, half]),
    expand(reshape(y, [1, rows, 1, half]), [1, rows, columns, half]),
  ];
  return reshape(concat(spread, 3), [1, rows * columns, d]);
}

/**
 * Term of relative positions in the attention scores: besides the keys, every query attends to an embedding of its offset from each patch in
 * the 1-D order of the patches (ViT paper, appendix D.4; papers.md 9.5). For queries [N, h, t, side] it returns
 * q_i . r(i - j) / sqrt(side), [N, h, t, t].
 *
 * The paper does not specify the scale, the width and the class token. Here the scale is that of the keys (Shaw et al., 2018,
 * arXiv:1803.02155), and the width is that of a key, `side` for each head. The class token has no position among the patches, so with
 * `classToken` the first token's row and column are zero.
 *
 * Parameter: `relative_embedding` [h, 2n - 1, side] for n patches; row k is for the offset i - j = n - 1 - k.
 */
export function relativeScores(scope: Scope, query: Tensor, { classToken }: { readonly classToken: boolean }): Tensor {
  if (query.shape.length !== 4) throw new ShapeError(`relativeScores: ${describe(query)} must be [N, h, t, side]`);
  const [batch, heads, t, side] = query.shape as [number, number, number, number];
  const n = classToken ? t - 1 : t;
  const patches = classToken ? sliceAxis(query, 2, 1, t) : query;
  const table = scope.parameter("relative_embedding", [heads, 2 * n - 1, side], normal(1 / Math.sqrt(heads * side)));
  const byOffset = matmul(patches, cast(table, query.dtype), { transposeB: true, alpha: 1 / Math.sqrt(side) });
  const scores = aligned(byOffset, n);
  if (!classToken) return scores;
  const row = constant([0], [1, 1, 1, 1], query.dtype);
  const below = concat([expand(row, [batch, heads, n, 1]), scores], 3);
  return concat([expand(row, [batch, heads, 1, t]), below], 2);
}

/**
 * [.., i, j] = x[.., i, j - i + n - 1] of x [.., n, 2n - 1]. In row-major order this entry is at i (2n - 2) + j + n - 1: without its first
 * n - 1 numbers, x consists of rows of 2n - 2, each of which begins with the n needed entries.
 */
function aligned(x: Tensor, n: number): Tensor {
  if (n === 1) return x;
  const leading = x.shape.slice(0, -2);
  const flat = reshape(x, [...leading, n * (2 * n - 1)]);
  const body = sliceAxis(flat, leading.length, n - 1, n - 1 + n * (2 * n - 2));
  return sliceAxis(reshape(body, [...leading, n, 2 * n - 2]), leading.length + 1, 0, n);
}
