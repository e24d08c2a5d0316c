/**
 * Aligns two thumbnails to decide whether they show the same image. One is scaled, shifted and stretched onto the other, and both are
 * compared independently of brightness and contrast.
 *
 * A coarse search on 16 x 16 pixels tries five scales and all shifts of up to three pixels. From the best of these, Gauss-Newton steps on
 * 32 x 32 pixels fit scale and shift along both axes together with the gain and offset of the luminance. The result is two correlations
 * over the region that both show: of the luminance, and of its detail (the luminance minus its local mean). Images whose composition is
 * merely similar correlate in luminance but not in detail.
 */
import { thumbnailSide } from "../describe/hash.js";
import type { Thumbnail } from "./thumbnail.js";

const side = thumbnailSide;
const half = side / 2;
const middle = (side - 1) / 2;

/** Transform between two images: pixel (x, y) of the second shows x' = (x - 15.5) * scaleX + 15.5 + shiftX of the first; y likewise. */
export interface Placement {
  readonly scaleX: number;
  readonly scaleY: number;
  readonly shiftX: number;
  readonly shiftY: number;
}

export interface Alignment extends Placement {
  /** Correlation of the luminance over the region that both show, -1 to 1. */
  readonly luminance: number;
  /** Correlation of the detail over the same region. */
  readonly detail: number;
  /** Fraction of the second image's content that the first shows. */
  readonly overlap: number;
}

/** Scales of the coarse search, a fourth root of 2 apart. */
const sizes = [2 ** -0.5, 2 ** -0.25, 1, 2 ** 0.25, 2 ** 0.5];
/** Largest shift of the coarse search, in pixels of 16 x 16 in either direction. */
const reach = 3;
/** Smallest fraction of the second image that must be compared. */
const leastOverlap = 0.45;

interface Start extends Placement {
  readonly correlation: number;
}

/** The best scale and shift of the coarse search on 16 x 16 pixels. */
export function coarseAlignment(a: Thumbnail, b: Thumbnail): Start {
  let best: Start = { scaleX: 1, scaleY: 1, shiftX: 0, shiftY: 0, correlation: -1 };
  for (const size of sizes) {
    const { pixels, first, last } = size === 1 ? { pixels: a.half, first: 0, last: half - 1 } : resized(a.half, size);
    for (let dy = -reach; dy <= reach; dy++) {
      const top = Math.max(0, first + dy);
      const bottom = Math.min(half - 1, last + dy);
      for (let dx = -reach; dx <= reach; dx++) {
        const left = Math.max(0, first + dx);
        const right = Math.min(half - 1, last + dx);
        const count = (bottom - top + 1) * (right - left + 1);
        if (count < leastOverlap * half * half) continue;
        const correlation = shiftedCorrelation(pixels, b.half, dy, dx, top, bottom, left, right);
        if (correlation > best.correlation) {
          // Pixel centres of 16 x 16 are two pixels of 32 x 32 apart; both grids have the same centre.
          const shift = (d: number) => (-2 * d) / size;
          best = { scaleX: 1 / size, scaleY: 1 / size, shiftX: shift(dx), shiftY: shift(dy), correlation };
        }
      }
    }
  }
  return best;
}

/** Scales a 16 x 16 image by `size` about its centre; also returns the first and last row (and column) that it covers. */
function resized(pixels: Float32Array, size: number): { pixels: Float32Array; first: number; last: number } {
  const center = (half - 1) / 2;
  const out = new Float32Array(half * half);
  const place = (at: number) => (at - center) / size + center;
  let first = 0;
  while (place(first) < -0.5) first++;
  const last = half - 1 - first;
  for (let y = first; y <= last; y++) {
    const fromY = Math.min(Math.max(place(y), 0), half - 1);
    const y0 = Math.min(Math.floor(fromY), half - 2);
    const fy = fromY - y0;
    for (let x = first; x <= last; x++) {
      const fromX = Math.min(Math.max(place(x), 0), half - 1);
      const x0 = Math.min(Math.floor(fromX), half - 2);
      const fx = fromX - x0;
      const at = y0 * half + x0;
      const upper = pixels[at]! + (pixels[at + 1]! - pixels[at]!) * fx;
      const lower = pixels[at + half]! + (pixels[at + half + 1]! - pixels[at + half]!) * fx;
      out[y * half + x] = upper + (lower - upper) * fy;
    }
  }
  return { pixels: out, first, last };
}

function shiftedCorrelation(
  a: Float32Array,
  b: Float32Array,
  dy: number,
  dx: number,
  top: number,
  bottom: number,
  left: number,
  right: number,
): number {
  let sumA = 0;
  let sumB = 0;
  let squaresA = 0;
  let squaresB = 0;
  let products = 0;
  for (let y = top; y <= bottom; y++) {
    const rowA = (y - dy) * half - dx;
    const rowB = y * half;
    for (let x = left; x <= right; x++) {
      const va = a[rowA + x]!;
      const vb = b[rowB + x]!;
      sumA += va;
      sumB += vb;
      squaresA += va * va;
      squaresB += vb * vb;
      products += va * vb;
    }
  }
  return correlationOf((bottom - top + 1) * (right - left + 1), sumA, sumB, squaresA, squaresB, products);
}

/** Least variance, in squared levels of 0 to 255; regions below it are treated as uniform. */
const leastVariance = 1;

function correlationOf(
  count: number,
  sumA: number,
  sumB: number,
  squaresA: number,
  squaresB: number,
  products: number,
): number {
  const varianceA = squaresA / count - (sumA / count) ** 2;
  const varianceB = squaresB / count - (sumB / count) ** 2;
  if (varianceA < leastVariance || varianceB < leastVariance) return 0;
  return (products / count - (sumA / count) * (sumB / count)) / Math.sqrt(varianceA * varianceB);
}

/** Correlation of two 16 x 16 images without alignment. */
export function correlation(a: Float32Array, b: Float32Array): number {
  return shiftedCorrelation(a, b, 0, 0, 0, half - 1, 0, half - 1);
}

/** Maximum number of Gauss-Newton steps; a start within one pixel converges in three or four. */
const mostSteps = 8;
/** Converged when nothing moves by more than this many pixels at the border. */
const settled = 0.02;
/** Maximum movement of the border in one step, in pixels. */
const longest = 2;
/** Range of the scales: slightly wider than that of the coarse search. */
const [smallest, largest] = [0.6, 1.7];

/** Aligns the first image to the second, starting from the result of the coarse search. */
export function align(a: Thumbnail, b: Thumbnail, start: Placement = coarseAlignment(a, b)): Alignment {
  let current: Placement = start;
  let best: { placement: Placement; correlation: number; overlap: number } | undefined;
  for (let step = 0; step <= mostSteps; step++) {
    const found = normalEquations(a, b, current);
    if (found.overlap < leastOverlap) break;
    if (best && found.correlation <= best.correlation - 1e-4) break;
    if (!best || found.correlation > best.correlation)
      best = { placement: current, correlation: found.correlation, overlap: found.overlap };
    const solution = solveSix(found.matrix);
    const gain = solution?.[4] ?? 0;
    if (!solution || gain < 0.05) break;
    const [sx, sy, tx, ty] = [solution[0]! / gain, solution[1]! / gain, solution[2]! / gain, solution[3]! / gain];
    const moved = Math.max(Math.abs(sx) * middle + Math.abs(tx), Math.abs(sy) * middle + Math.abs(ty));
    if (!Number.isFinite(moved) || moved < settled) break;
    const factor = Math.min(1, longest / moved);
    const clamp = (scale: number) => Math.min(Math.max(scale, smallest), largest);
    current = {
      scaleX: clamp(current.scaleX + factor * sx),
      scaleY: clamp(current.scaleY + factor * sy),
      shiftX: current.shiftX + factor * tx,
      shiftY: current.shiftY + factor * ty,
    };
  }
  const { placement, correlation, overlap } = best ?? { placement: start, correlation: -1, overlap: 0 };
  return { ...placement, luminance: correlation, overlap, detail: overlap > 0 ? detailAt(a, b, placement) : 0 };
}

/** Positions of the second image's columns (or rows) in the first: the pixel before, the fraction towards the next, and the valid range. */
interface Axis {
  readonly before: Int32Array;
  readonly fraction: Float64Array;
  readonly first: number;
  readonly last: number;
}

function axisOf(scale: number, shift: number, [from, to]: Range, [first0, last0]: Range): Axis {
  const before = new Int32Array(side);
  const fraction = new Float64Array(side);
  let first = side;
  let last = -1;
  for (let i = first0; i <= last0; i++) {
    const place = (i - middle) * scale + middle + shift;
    // Positions up to half a pixel beyond the outer centres still belong to the image.
    if (place < from - 0.5 || place > to + 0.5) continue;
    const inside = Math.min(Math.max(place, from), to);
    before[i] = Math.min(Math.floor(inside), side - 2);
    fraction[i] = inside - before[i]!;
    first = Math.min(first, i);
    last = i;
  }
  return { before, fraction, first, last };
}

/** First and last row or column. */
type Range = readonly [number, number];

/** Overlap of the contents of both images along both axes. */
function axesOf(
  a: Thumbnail,
  b: Thumbnail,
  { scaleX, scaleY, shiftX, shiftY }: Placement,
): { rows: Axis; columns: Axis } {
  return {
    rows: axisOf(scaleY, shiftY, [a.content.top, a.content.bottom], [b.content.top, b.content.bottom]),
    columns: axisOf(scaleX, shiftX, [a.content.left, a.content.right], [b.content.left, b.content.right]),
  };
}

/** Fraction of the second image's content that is compared. */
function overlapOf(rows: Axis, columns: Axis, { content }: Thumbnail): number {
  const count = (axis: Axis) => Math.max(0, axis.last - axis.first + 1);
  const all = (content.bottom - content.top + 1) * (content.right - content.left + 1);
  return (count(rows) * count(columns)) / all;
}

/**
 * Builds the normal equations of b ≈ gain · a(placement) + offset, linearised in small changes of the placement. Returns a 6 x 7 matrix
 * whose unknowns are gain times the changes of scaleX, scaleY, shiftX and shiftY, then gain and offset.
 */
function normalEquations(first: Thumbnail, second: Thumbnail, placement: Placement) {
  const { rows, columns } = axesOf(first, second, placement);
  const overlap = overlapOf(rows, columns, second);
  const [a, b] = [first.full, second.full];
  const matrix = new Float64Array(6 * 7);
  const row = new Float64Array(7);
  let count = 0;
  let squaresB = 0;
  for (let y = rows.first; y <= rows.last; y++) {
    const top = rows.before[y]! * side;
    const fy = rows.fraction[y]!;
    for (let x = columns.first; x <= columns.last; x++) {
      const at = top + columns.before[x]!;
      const fx = columns.fraction[x]!;
      const [p, q, r, s] = [a[at]!, a[at + 1]!, a[at + side]!, a[at + side + 1]!];
      // The bilinear surface and its gradient.
      const slopeX = (q - p) * (1 - fy) + (s - r) * fy;
      const slopeY = (r - p) * (1 - fx) + (s - q) * fx;
      const value = p + (q - p) * fx + (r - p) * fy + (p - q - r + s) * fx * fy;
      row[0] = slopeX * (x - middle);
      row[1] = slopeY * (y - middle);
      row[2] = slopeX;
      row[3] = slopeY;
      row[4] = value;
      row[5] = 1;
      const target = b[y * side + x]!;
      row[6] = target;
      for (let i = 0; i < 6; i++) {
        const factor = row[i]!;
        for (let j = i; j < 7; j++) matrix[i * 7 + j]! += factor * row[j]!;
      }
      squaresB += target * target;
      count++;
    }
  }
  for (let i = 1; i < 6; i++) for (let j = 0; j < i; j++) matrix[i * 7 + j] = matrix[j * 7 + i]!;
  const correlation =
    count === 0
      ? -1
      : correlationOf(count, matrix[4 * 7 + 5]!, matrix[5 * 7 + 6]!, matrix[4 * 7 + 4]!, squaresB, matrix[4 * 7 + 6]!);
  return { matrix, correlation, overlap };
}

/** Solves six equations [6, 7] by Gaussian elimination with pivoting; returns undefined if the matrix is singular. */
function solveSix(matrix: Float64Array): Float64Array | undefined {
  const m = matrix.slice();
  for (let k = 0; k < 6; k++) {
    let pivot = k;
    for (let i = k + 1; i < 6; i++) if (Math.abs(m[i * 7 + k]!) > Math.abs(m[pivot * 7 + k]!)) pivot = i;
    if (Math.abs(m[pivot * 7 + k]!) < 1e-9) return undefined;
    if (pivot !== k) {
      for (let j = k; j < 7; j++) [m[k * 7 + j], m[pivot * 7 + j]] = [m[pivot * 7 + j]!, m[k * 7 + j]!];
    }
    for (let i = k + 1; i < 6; i++) {
      const factor = m[i * 7 + k]! / m[k * 7 + k]!;
      for (let j = k; j < 7; j++) m[i * 7 + j]! -= factor * m[k * 7 + j]!;
    }
  }
  const solution = new Float64Array(6);
  for (let k = 5; k >= 0; k--) {
    let sum = m[k * 7 + 6]!;
    for (let j = k + 1; j < 6; j++) sum -= m[k * 7 + j]! * solution[j]!;
    solution[k] = sum / m[k * 7 + k]!;
  }
  return solution;
}

/** Correlation of the detail of both images, with the first aligned to the second. */
function detailAt(a: Thumbnail, b: Thumbnail, placement: Placement): number {
  const { rows, columns } = axesOf(a, b, placement);
  let [count, sumA, sumB, squaresA, squaresB, products] = [0, 0, 0, 0, 0, 0];
  for (let y = rows.first; y <= rows.last; y++) {
    const top = rows.before[y]! * side;
    const fy = rows.fraction[y]!;
    for (let x = columns.first; x <= columns.last; x++) {
      const at = top + columns.before[x]!;
      const fx = columns.fraction[x]!;
      const upper = a.detail[at]! + (a.detail[at + 1]! - a.detail[at]!) * fx;
      const lower = a.detail[at + side]! + (a.detail[at + side + 1]! - a.detail[at + side]!) * fx;
      const va = upper + (lower - upper) * fy;
      const vb = b.detail[y * side + x]!;
      count++;
      sumA += va;
      sumB += vb;
      squaresA += va * va;
      squaresB += vb * vb;
      products += va * vb;
    }
  }
  return count === 0 ? 0 : correlationOf(count, sumA, sumB, squaresA, squaresB, products);
}
