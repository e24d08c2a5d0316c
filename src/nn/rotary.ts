/** Rotary position embeddings of a grid of patches, in both published kinds: DINOv3, and EVA-02 with PE. */
import { add, concat, constant, multiply, negate, reshape, sliceAxis, type Tensor } from "../graph/index.js";

/**
 * Queries and keys are rotated in pairs of channels by angles that grow with the row and the column of their patch, so that their products depend
 * on differences of positions (Su et al., 2021, arXiv:2104.09864).
 *
 * - `centred` (DINOv3, arXiv:2508.10104): the centres of the patches in [-1, 1] along both sides, times 2 pi base^(-4k / side); the pairs are channel c and
 *   c + side / 2.
 * - `cells` (EVA-02, arXiv:2303.11331; PE, arXiv:2504.13181): the number of the row and the column plus `offset`, scaled from the grid to the `reference`
 *   grid of pre-training, times base^(-4k / side); the pairs are neighbouring channels. With `order` "xy" the columns come first.
 *
 * k counts from 0 to side / 4 - 1, and side is the number of channels of a head.
 */
export type RotaryEmbedding =
  | { readonly kind: "centred"; readonly base: number }
  | {
      readonly kind: "cells";
      readonly base: number;
      readonly reference?: readonly [rows: number, columns: number];
      readonly offset?: number;
      readonly order?: "yx" | "xy";
    };

/** Position of cell `i` of `count`, by which angles grow. */
function positionOf(embedding: RotaryEmbedding, i: number, count: number, axis: 0 | 1): number {
  if (embedding.kind === "centred") return 2 * Math.PI * ((2 * (i + 0.5)) / count - 1);
  const { reference, offset = 0 } = embedding;
  return ((i + offset) / count) * (reference?.[axis] ?? count);
}

/**
 * Cosines and sines of the angles, each [rows * columns, side], row-major, computed in float64 and rounded. Throws RangeError unless 4 divides the
 * number of channels of a head.
 */
export function rotaryTables(
  embedding: RotaryEmbedding,
  rows: number,
  columns: number,
  side: number,
): { readonly cos: Float32Array; readonly sin: Float32Array } {
  if (side % 4 !== 0)
    throw new RangeError(`rotary embeddings need heads of a number of channels that 4 divides; got ${side}`);
  const quarter = side / 4;
  const columnsFirst = embedding.kind === "cells" && embedding.order === "xy";
  const cos = new Float32Array(rows * columns * side);
  const sin = new Float32Array(rows * columns * side);
  for (let cell = 0; cell < rows * columns; cell++) {
    const y = positionOf(embedding, Math.floor(cell / columns), rows, 0);
    const x = positionOf(embedding, cell % columns, columns, 1);
    const [first, second] = columnsFirst ? [x, y] : [y, x];
    for (let pair = 0; pair < side / 2; pair++) {
      const angle = (pair < quarter ? first : second) * embedding.base ** (-(pair % quarter) / quarter);
      const channels = embedding.kind === "centred" ? [pair, pair + side / 2] : [2 * pair, 2 * pair + 1];
      for (const channel of channels) {
        cos[cell * side + channel] = Math.cos(angle);
        sin[cell * side + channel] = Math.sin(angle);
      }
    }
  }
  return { cos, sin };
}

/** [-b, a] of every pair (a, b) of channels of x [N, h, t, side]. */
function perpendicular(x: Tensor, kind: RotaryEmbedding["kind"]): Tensor {
  const [n, heads, t, side] = x.shape as [number, number, number, number];
  const half = side / 2;
  if (kind === "centred") return concat([negate(sliceAxis(x, 3, half, side)), sliceAxis(x, 3, 0, half)], 3);
  const pairs = reshape(x, [n * heads, t, half, 2]);
  return reshape(concat([negate(sliceAxis(pairs, 3, 1, 2)), sliceAxis(pairs, 3, 0, 1)], 3), x.shape);
}

/**
 * Rotates queries or keys x [N, h, t, side] of the patches of a grid. `prefix` tokens before the patches have no position and are unchanged.
 *
 *     multiHeadAttention(scope, x, { heads, rotate: (y) => rotate(y, { kind: "centred", base: 100 }, 14, 14, 5) });
 */
export function rotate(x: Tensor, embedding: RotaryEmbedding, rows: number, columns: number, prefix = 0): Tensor {
  const [, , t, side] = x.shape as [number, number, number, number];
  const tables = rotaryTables(embedding, rows, columns, side);
  const table = (values: Float32Array, unchanged: number) => {
    const whole = new Float32Array(t * side).fill(unchanged);
    whole.set(values, prefix * side);
    return constant(whole, [1, 1, t, side], x.dtype);
  };
  return add(multiply(x, table(tables.cos, 1)), multiply(perpendicular(x, embedding.kind), table(tables.sin, 0)));
}
