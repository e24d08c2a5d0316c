/**
 * Computes upper bounds of cosines from a few numbers for each row, which rule out most pairs without their full product.
 *
 * Let Q have orthonormal directions, and let x and y be unit vectors whose components outside the span of Q have the lengths r and s. Then
 * the cosine is at most (Q'x)·(Q'y) + r s (Cauchy-Schwarz), the product of two vectors with one more element than Q has directions. The
 * bound holds for any Q; the principal directions of a sample make it tight. The number of directions is chosen by measuring its cost on
 * pairs of the sample.
 */
import { createRandom } from "../../random/keyed.js";

/** Orthonormal directions, one in each row: [count, columns]. */
export interface Directions {
  readonly count: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/** Iterations of the power method: the bound holds after any number, and does not get tighter after these. */
const rounds = 6;

/**
 * Principal directions of unit rows [rows, columns] by orthogonal iteration on their second moments (Golub and Van Loan, Matrix
 * Computations, 8.2.4). Returns fewer than `count` if the rows span fewer.
 */
export function principalDirections(sample: Float32Array, columns: number, count: number): Directions {
  const moments = secondMoments(sample, columns);
  const random = createRandom("dedup directions", columns);
  let basis = Float64Array.from({ length: count * columns }, () => random.range(-1, 1));
  let kept = orthonormalise(basis, columns);
  for (let round = 0; round < rounds; round++) {
    const next = new Float64Array(kept * columns);
    for (let k = 0; k < kept; k++) {
      for (let i = 0; i < columns; i++) {
        const weight = basis[k * columns + i]!;
        if (weight === 0) continue;
        for (let j = 0; j < columns; j++) next[k * columns + j]! += weight * moments[i * columns + j]!;
      }
    }
    basis = next;
    kept = orthonormalise(basis, columns);
  }
  return { count: kept, columns, data: basis.slice(0, kept * columns) };
}

function secondMoments(sample: Float32Array, columns: number): Float64Array {
  const moments = new Float64Array(columns * columns);
  for (let row = 0; row < sample.length; row += columns) {
    for (let i = 0; i < columns; i++) {
      const value = sample[row + i]!;
      if (value === 0) continue;
      for (let j = i; j < columns; j++) moments[i * columns + j]! += value * sample[row + j]!;
    }
  }
  for (let i = 0; i < columns; i++) for (let j = 0; j < i; j++) moments[i * columns + j] = moments[j * columns + i]!;
  return moments;
}

/** Relative length below which a direction, after subtracting its projections on earlier ones, is rounding error. */
const vanished = 1e-9;

function lengthOf(row: Float64Array): number {
  let squares = 0;
  for (const value of row) squares += value * value;
  return Math.sqrt(squares);
}

/** Orthonormalises rows in place by Gram-Schmidt with two passes; drops linearly dependent rows. Returns the number of rows left. */
function orthonormalise(basis: Float64Array, columns: number): number {
  let kept = 0;
  for (let from = 0; from < basis.length; from += columns) {
    const row = basis.subarray(from, from + columns);
    const before = lengthOf(row);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < kept; k++) {
        const other = basis.subarray(k * columns, (k + 1) * columns);
        let dot = 0;
        for (let i = 0; i < columns; i++) dot += row[i]! * other[i]!;
        for (let i = 0; i < columns; i++) row[i]! -= dot * other[i]!;
      }
    }
    const length = lengthOf(row);
    if (!(length > vanished * before) || length === 0) continue;
    const target = basis.subarray(kept * columns, (kept + 1) * columns);
    for (let i = 0; i < columns; i++) target[i] = row[i]! / length;
    kept++;
  }
  return kept;
}

/** Rows [rows, count + 1] whose products bound the cosines of unit rows: coordinates along the directions, then the length of the rest. */
export function boundingRows(unit: Float32Array, directions: Directions, count: number): Float32Array {
  const { columns, data } = directions;
  const rows = unit.length / columns;
  const out = new Float32Array(rows * (count + 1));
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    let within = 0;
    for (let i = 0; i < columns; i++) squares += unit[row * columns + i]! ** 2;
    for (let k = 0; k < count; k++) {
      let dot = 0;
      for (let i = 0; i < columns; i++) dot += unit[row * columns + i]! * data[k * columns + i]!;
      out[row * (count + 1) + k] = dot;
      within += dot * dot;
    }
    out[row * (count + 1) + count] = Math.sqrt(Math.max(0, squares - within));
  }
  return out;
}

/** Candidate numbers of directions; beyond half of the columns, the full product costs little more. */
const prefixes = [16, 32, 48, 64, 96, 128, 192, 256];
/** Cost of a multiplication in JavaScript relative to the engine (on two cores of an AMD EPYC 7001: 1 against 35 GMAC/s). */
const scriptCost = 35;

/** Directions used by the bound; undefined instead of a plan means that the full product is as cheap. */
export interface BoundPlan {
  readonly directions: Directions;
  readonly count: number;
}

/** Number of rows on each side used for planning; twice as many determine the directions. */
const plannedBy = 512;

/**
 * Chooses the rows used for planning, spread evenly over `rows` rows. No row is in two lists: directions fit the rows they were computed
 * from better than other rows, and the cosine of a row with itself is always 1.
 */
export function rowsToPlanBy(rows: number): {
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly directions: readonly number[];
} {
  const quarter = Math.min(plannedBy, Math.floor(rows / 4));
  // Steps are at least one row long, so that all rows are distinct.
  const every = (part: number): number[] =>
    Array.from({ length: quarter }, (_, i) => Math.floor(((4 * i + part) * rows) / (4 * quarter)));
  return { left: every(0), right: every(1), directions: [...every(2), ...every(3)] };
}

/**
 * Plans the bound for a threshold from unit rows. `sample` determines the directions. Their number follows from the fraction of pairs of
 * `left` and `right` that pass the bound with each candidate number. These must be rows outside the sample, because directions fit the rows
 * they were computed from better than other rows.
 * The engine returns the largest bound of `group` pairs by row and by column; a pair is multiplied out if both reach the threshold.
 */
export function planBound(
  sample: Float32Array,
  left: Float32Array,
  right: Float32Array,
  columns: number,
  threshold: number,
  group: number,
): BoundPlan | undefined {
  const usable = prefixes.filter((count) => 2 * count <= columns);
  if (usable.length === 0 || [sample, left, right].some((rows) => rows.length === 0)) return undefined;
  const directions = principalDirections(sample, columns, usable.at(-1)!);
  const width = directions.count + 1;
  const a = boundingRows(left, directions, directions.count);
  const b = boundingRows(right, directions, directions.count);
  const tried = usable.filter((count) => count <= directions.count);
  const passing = new Array<number>(tried.length).fill(0);
  const restsOf = (rows: Float32Array): Float64Array => rests(rows, width, tried);
  const aRests = restsOf(a);
  const bRests = restsOf(b);
  let pairs = 0;
  for (let i = 0; i < a.length / width; i++) {
    for (let j = 0; j < b.length / width; j++) {
      pairs++;
      let dot = 0;
      let k = 0;
      for (const [t, count] of tried.entries()) {
        for (; k < count; k++) dot += a[i * width + k]! * b[j * width + k]!;
        if (dot + aRests[i * tried.length + t]! * bRests[j * tried.length + t]! >= threshold) passing[t]!++;
      }
    }
  }
  let best: { cost: number; count: number | undefined } = { cost: columns, count: undefined };
  for (const [t, count] of tried.entries()) {
    const share = passing[t]! / pairs;
    const again = Math.min(1, share + (group * share) ** 2);
    const cost = count + 1 + scriptCost * again * columns;
    if (cost < best.cost) best = { cost, count };
  }
  return best.count === undefined ? undefined : { directions, count: best.count };
}

/** For each row and candidate number of directions, the length of the component outside those directions. */
function rests(rows: Float32Array, width: number, tried: readonly number[]): Float64Array {
  const count = rows.length / width;
  const out = new Float64Array(count * tried.length);
  for (let row = 0; row < count; row++) {
    let squares = rows[row * width + width - 1]! ** 2;
    let k = width - 1;
    for (let t = tried.length - 1; t >= 0; t--) {
      while (k > tried[t]!) squares += rows[row * width + --k]! ** 2;
      out[row * tried.length + t] = Math.sqrt(squares);
    }
  }
  return out;
}
