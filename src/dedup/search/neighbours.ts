/**
 * Finds all pairs of feature rows whose cosine reaches a threshold, and the nearest rows of each row, exactly and in bounded memory.
 *
 * The engine multiplies blocks of rows; in a self-join, only the blocks above the diagonal. It returns the largest product of every 32 pairs
 * by row and by column, or an upper bound of it from fewer numbers (bounds.ts). The pairs that may reach the threshold are multiplied out
 * in float64 (pair-blocks.ts). A margin covers rounding in the engine, so that the result equals that of a plain float64 loop over the same
 * float32 rows.
 */
import { type BoundPlan, planBound, rowsToPlanBy } from "./bounds.js";
import type { FeatureRows } from "./feature-rows.js";
import { type Block, dot, lookAtPairs, margin, type Search } from "./pair-blocks.js";
import { groupSize, openSimilarityEngine, type SimilarityEngine } from "./similarity-engine.js";

export interface NeighbourOptions {
  /** Bytes of rows in memory at a time; a dataset that needs more is read several times. Default: 512 MB. */
  readonly memory?: number;
  readonly threads?: number;
  /** Rows of a block, a multiple of 32. Default: 2,048; if it is set, small datasets use the engine too. */
  readonly block?: number;
  /** Called with the completed fraction, 0 to 1. */
  readonly onProgress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

/** Number of multiplications below which starting the engine takes longer than computing them in JavaScript. */
const smallWork = 1e8;

function checkFeatures(left: FeatureRows, right: FeatureRows | undefined): void {
  if (right && right.columns !== left.columns)
    throw new Error(
      `cannot compare features of ${left.columns} and of ${right.columns} columns; expected the same number`,
    );
}

function checkThreshold(threshold: number, what: string): void {
  if (!(threshold > margin && threshold <= 1))
    throw new Error(`invalid ${what} ${threshold}; expected a cosine above ${margin} and at most 1`);
}

/**
 * Calls `onPair` once for every two rows of `left` (i < j), or for every row of `left` and row of `right`, whose cosine is at least
 * `threshold` (above 0). Rows of zeros match nothing.
 * @throws for rows that are not finite, for different numbers of columns, and the signal's reason once it is aborted.
 */
export async function nearPairs(
  left: FeatureRows,
  right: FeatureRows | undefined,
  threshold: number,
  options: NeighbourOptions,
  onPair: (left: number, right: number, cosine: number) => void,
): Promise<void> {
  checkThreshold(threshold, "the threshold");
  await scan(left, right, threshold, options, {
    leftFloor: () => threshold,
    pair: (i, j, cosine) => {
      if (cosine >= threshold) onPair(i, j, cosine);
    },
  });
}

/** The nearest rows of every row of `left`, nearest first; -1 if there are fewer than k. */
export interface Nearest {
  /** [rows, k] */
  readonly indices: Int32Array;
  /** [rows, k] */
  readonly cosines: Float32Array;
}

/**
 * Finds the `k` rows of `right` with the largest cosine to each row of `left`, among those that reach `floor` (above 0). If `right` is
 * undefined, `left` is searched without the row. Of rows with equal cosines, the first are returned.
 * @throws the same errors as {@link nearPairs}.
 */
export async function nearestRows(
  left: FeatureRows,
  right: FeatureRows | undefined,
  k: number,
  floor: number,
  options: NeighbourOptions = {},
): Promise<Nearest> {
  if (!Number.isInteger(k) || k < 1) throw new Error(`invalid k ${k}; expected an integer of at least 1`);
  checkThreshold(floor, "the floor");
  const indices = new Int32Array(left.rows * k).fill(-1);
  const cosines = new Float64Array(left.rows * k).fill(Number.NEGATIVE_INFINITY);
  const insert = (row: number, other: number, cosine: number): void => {
    if (cosine < floor) return;
    const first = row * k;
    let at = first + k;
    // Insert later rows after earlier ones of equal cosine.
    while (at > first && before(cosine, other, cosines[at - 1]!, indices[at - 1]!)) at--;
    // A pair may be visited twice, by its row and by its column; its cosine is the same both times.
    if (at === first + k || (at > first && indices[at - 1] === other)) return;
    cosines.copyWithin(at + 1, at, first + k - 1);
    indices.copyWithin(at + 1, at, first + k - 1);
    cosines[at] = cosine;
    indices[at] = other;
  };
  const worst = (row: number): number => Math.max(floor, cosines[row * k + k - 1]!);
  await scan(left, right, floor, options, {
    leftFloor: worst,
    rightFloor: right === undefined ? worst : undefined,
    pair: (i, j, cosine) => {
      insert(i, j, cosine);
      if (right === undefined) insert(j, i, cosine);
    },
  });
  return { indices, cosines: Float32Array.from(cosines, (cosine) => (Number.isFinite(cosine) ? cosine : 0)) };
}

const before = (cosine: number, index: number, other: number, otherIndex: number): boolean =>
  cosine > other || (cosine === other && index < otherIndex);

async function scan(
  left: FeatureRows,
  right: FeatureRows | undefined,
  threshold: number,
  options: NeighbourOptions,
  search: Search,
): Promise<void> {
  checkFeatures(left, right);
  const { signal, onProgress = () => {} } = options;
  const other = right ?? left;
  if (left.rows === 0 || other.rows === 0) return;
  if (options.block === undefined && left.rows * other.rows * left.columns <= smallWork) {
    signal?.throwIfAborted();
    await scanAll(left, right, search);
    return onProgress(1);
  }
  const size = blockSize(options.block ?? 2048, Math.max(left.rows, other.rows));
  const plan = await planFor(left, right, threshold);
  await using engine = await openSimilarityEngine(size, left.columns, plan, options.threads);
  const blockBytes = 4 * size * (left.columns + engine.width);
  const panelBlocks = Math.max(1, Math.floor((options.memory ?? 512e6) / blockBytes) - 2);
  const leftBlocks = Math.ceil(left.rows / size);
  const otherBlocks = Math.ceil(other.rows / size);
  const total = right ? leftBlocks * otherBlocks : (leftBlocks * (leftBlocks + 1)) / 2;
  let done = 0;
  for (let first = 0; first < leftBlocks; first += panelBlocks) {
    const last = Math.min(first + panelBlocks, leftBlocks);
    const panel: Block[] = [];
    for (let b = first; b < last; b++) panel.push(await readBlock(left, b * size, size, engine));
    // The engine computes one product while the pairs of the previous one are scanned.
    let waiting: (() => Promise<void>) | undefined;
    for (let b = right ? 0 : first; b < otherBlocks; b++) {
      const streamed = right || b >= last ? await readBlock(other, b * size, size, engine) : panel[b - first]!;
      for (const block of panel) {
        if (!right && block.start > streamed.start) break;
        signal?.throwIfAborted();
        const running = engine.largest(block.ready, streamed.ready);
        // The next await reports a failure; this handler avoids an unhandled rejection until then.
        running.catch(() => {});
        await waiting?.();
        waiting = async () => {
          lookAtPairs(block, streamed, await running, right === undefined, search);
          onProgress(++done / total);
        };
      }
    }
    await waiting?.();
  }
}

/** Multiplies out every pair. */
async function scanAll(left: FeatureRows, right: FeatureRows | undefined, search: Search): Promise<void> {
  const { columns } = left;
  const a = await left.read(0, left.rows);
  const b = right ? await right.read(0, right.rows) : a;
  const lengths = inverseLengths(a, columns, 0);
  const otherLengths = right ? inverseLengths(b, columns, 0) : lengths;
  for (let i = 0; i < lengths.length; i++) {
    for (let j = right ? 0 : i + 1; j < otherLengths.length; j++)
      search.pair(i, j, dot(a, i * columns, b, j * columns, columns) * lengths[i]! * otherLengths[j]!);
  }
}

/** Limits the block size to the number of rows, so that small datasets compile and run small programs. */
function blockSize(wanted: number, rows: number): number {
  if (!Number.isInteger(wanted) || wanted < groupSize || wanted % groupSize !== 0)
    throw new Error(`invalid block size ${wanted}; expected a multiple of ${groupSize} rows`);
  return Math.min(wanted, Math.ceil(rows / groupSize) * groupSize);
}

async function planFor(
  left: FeatureRows,
  right: FeatureRows | undefined,
  threshold: number,
): Promise<BoundPlan | undefined> {
  const sample = async (rows: FeatureRows, numbers: readonly number[]): Promise<Float32Array> => {
    const out = new Float32Array(numbers.length * rows.columns);
    for (const [i, row] of numbers.entries()) {
      const values = await rows.read(row, 1);
      const inverse = inverseLengths(values, rows.columns, row)[0]!;
      for (let c = 0; c < rows.columns; c++) out[i * rows.columns + c] = values[c]! * inverse;
    }
    return out;
  };
  const other = right ?? left;
  const { directions, left: lefts } = rowsToPlanBy(left.rows);
  return planBound(
    await sample(left, directions),
    await sample(left, lefts),
    await sample(other, rowsToPlanBy(other.rows).right),
    left.columns,
    threshold,
    groupSize,
  );
}

function inverseLengths(rows: Float32Array, columns: number, start: number): Float64Array {
  const inverse = new Float64Array(rows.length / columns);
  for (let row = 0; row < inverse.length; row++) {
    let squares = 0;
    for (let c = row * columns; c < (row + 1) * columns; c++) squares += rows[c]! * rows[c]!;
    if (!Number.isFinite(squares)) throw new Error(`row ${start + row} of the features has a value that is not finite`);
    inverse[row] = squares === 0 ? 0 : 1 / Math.sqrt(squares);
  }
  return inverse;
}

async function readBlock(source: FeatureRows, start: number, size: number, engine: SimilarityEngine): Promise<Block> {
  const { columns } = source;
  const count = Math.min(size, source.rows - start);
  const rows = await source.read(start, count);
  const inverse = inverseLengths(rows, columns, start);
  const unit = new Float32Array(size * columns);
  for (let row = 0; row < count; row++) {
    for (let c = row * columns; c < (row + 1) * columns; c++) unit[c] = rows[c]! * inverse[row]!;
  }
  return { start, count, rows, inverse, ready: await engine.ready(unit) };
}
