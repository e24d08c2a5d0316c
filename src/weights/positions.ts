/** Resizes learned position embeddings to another grid, by each of the conventions in use (papers.md 1.8). */
import { WeightsError } from "../formats/error.js";

/** A grid of patches. */
export interface PatchGrid {
  readonly rows: number;
  readonly columns: number;
}

/**
 * How a position embedding is resized, by the code base that does so (papers.md 1.8):
 * - `original`: bilinear, aligned corners; vision_transformer and big_vision (scipy's zoom of order 1);
 * - `timm-npz`: bilinear, half-pixel centres; timm when it reads .npz files;
 * - `timm`: bicubic (a = -0.5), half-pixel centres, antialiased; timm for its own weights;
 * - `huggingface`: bicubic (a = -0.75), half-pixel centres; transformers with interpolate_pos_encoding.
 */
export type PositionResize = "original" | "timm-npz" | "timm" | "huggingface";

/** A description of each convention, for messages. */
export const positionResizes: Readonly<Record<PositionResize, string>> = {
  original: "bilinear, corners aligned",
  "timm-npz": "bilinear, half-pixel centres",
  timm: "bicubic with antialiasing, half-pixel centres",
  huggingface: "bicubic, half-pixel centres",
};

/** The input indices and weights of one output number. */
interface Taps {
  readonly from: readonly number[];
  readonly weights: readonly number[];
}

/** Keys's cubic kernel (1981). PyTorch has a = -0.75, and -0.5 with antialiasing. */
function cubic(x: number, a: number): number {
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

const clamped = (index: number, size: number) => Math.min(Math.max(index, 0), size - 1);

function linearTaps(at: number, size: number): Taps {
  const low = Math.min(Math.floor(at), size - 1);
  const part = at - low;
  return { from: [low, clamped(low + 1, size)], weights: [1 - part, part] };
}

function tapsOf(method: PositionResize, from: number, to: number): Taps[] {
  const scale = from / to;
  return Array.from({ length: to }, (_, i): Taps => {
    if (method === "original") return linearTaps(to === 1 ? 0 : (i * (from - 1)) / (to - 1), from);
    const centre = (i + 0.5) * scale;
    if (method === "timm-npz") return linearTaps(Math.max(centre - 0.5, 0), from);
    if (method === "huggingface") {
      const at = centre - 0.5;
      const low = Math.floor(at);
      const around = [low - 1, low, low + 1, low + 2];
      return { from: around.map((k) => clamped(k, from)), weights: around.map((k) => cubic(at - k, -0.75)) };
    }
    // shrinking widens the kernel to the averaged range; indices outside the grid are dropped and the weights
    // renormalised
    const widening = Math.max(scale, 1);
    const first = Math.max(Math.trunc(centre - 2 * widening + 0.5), 0);
    const last = Math.min(Math.trunc(centre + 2 * widening + 0.5), from);
    const around = Array.from({ length: last - first }, (_, k) => first + k);
    const raw = around.map((k) => cubic((k - centre + 0.5) / widening, -0.5));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return { from: around, weights: raw.map((weight) => weight / total) };
  });
}

/** Resizes one axis of numbers with the layout [outer, size, inner]. */
function resizedAxis(
  data: Float64Array,
  outer: number,
  inner: number,
  from: number,
  taps: readonly Taps[],
): Float64Array {
  const out = new Float64Array(outer * taps.length * inner);
  for (let o = 0; o < outer; o++) {
    taps.forEach((tap, i) => {
      const to = (o * taps.length + i) * inner;
      tap.from.forEach((k, t) => {
        const weight = tap.weights[t]!;
        const start = (o * from + k) * inner;
        for (let c = 0; c < inner; c++) out[to + c]! += weight * data[start + c]!;
      });
    });
  }
  return out;
}

/** Resizes an embedding along one axis, [from, width], to `to` positions. */
export function resizeLine(line: Float32Array, from: number, to: number, method: PositionResize): Float32Array {
  const width = line.length / from;
  return Float32Array.from(resizedAxis(Float64Array.from(line), 1, width, from, tapsOf(method, from, to)));
}

/**
 * Resizes a table [1, tokens, width] of one grid to another grid, row by row. An additional first row is the class
 * token's and is unchanged. Grids need not be square. Throws WeightsError when the table belongs to another grid.
 */
export function resizePositions(
  table: Float32Array,
  tokens: number,
  from: PatchGrid,
  to: PatchGrid,
  method: PositionResize,
): Float32Array {
  const patches = from.rows * from.columns;
  if (tokens !== patches && tokens !== patches + 1) {
    throw new WeightsError(
      `the position embedding has ${tokens} rows; expected ${patches} for a grid of ${from.rows} x ${from.columns}, or one more for a class token`,
    );
  }
  const width = table.length / tokens;
  const kept = table.subarray(0, (tokens - patches) * width);
  const grid = Float64Array.from(table.subarray(kept.length));
  const columns = resizedAxis(grid, from.rows, width, from.columns, tapsOf(method, from.columns, to.columns));
  const both = resizedAxis(columns, 1, to.columns * width, from.rows, tapsOf(method, from.rows, to.rows));
  const result = new Float32Array(kept.length + both.length);
  result.set(kept);
  result.set(both, kept.length);
  return result;
}
