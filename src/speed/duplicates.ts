/** Measures the two all-pairs searches on random data with known pairs. */

import { hammingSelfJoin, nearestRows, nearPairs, rowsInMemory } from "../dedup/index.js";
import { createRandom, type Random } from "../random/keyed.js";

export interface HammingSpeed {
  readonly hashes: number;
  readonly distance: number;
  readonly seconds: number;
  /** CPU seconds of all threads together; two idle cores take half as long. */
  readonly processorSeconds: number;
  readonly pairs: number;
  /** Number of planted pairs, and how many of them were found. */
  readonly planted: { readonly found: number; readonly all: number };
  /** Peak resident memory of the process so far, in bytes. */
  readonly peakMemory: number;
}

/** CPU seconds of the threads of this process. */
function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

const peakMemory = (): number => process.resourceUsage().maxRSS * 1024;

/** One in this many hashes is a near copy of another. */
const plantedEvery = 100;

/**
 * Joins uniformly random 64-bit hashes with themselves; one in a hundred is a copy of another with up to `distance`
 * bits changed.
 */
export async function benchHamming(count: number, distance: number, seed: number): Promise<HammingSpeed> {
  const random = createRandom("bench hashes", seed);
  const hashes = Uint32Array.from({ length: 2 * count }, () => random.next());
  const planted = new Set<number>();
  for (let i = plantedEvery; i < count; i += plantedEvery) {
    hashes.set(hashes.subarray(2 * (i - 1), 2 * i), 2 * i);
    for (let k = random.integer(distance + 1); k > 0; k--)
      hashes[2 * i + random.integer(2)]! ^= 1 << random.integer(32);
    planted.add(i);
  }
  const started = performance.now();
  const worked = processorSeconds();
  let pairs = 0;
  let found = 0;
  await hammingSelfJoin(hashes, { distance }, (i, j) => {
    pairs++;
    if (j === i + 1 && planted.has(j)) found++;
  });
  const seconds = (performance.now() - started) / 1000;
  const processor = processorSeconds() - worked;
  return {
    hashes: count,
    distance,
    seconds,
    processorSeconds: processor,
    pairs,
    planted: { found, all: planted.size },
    peakMemory: peakMemory(),
  };
}

export interface EmbeddingSpeed {
  readonly rows: number;
  readonly columns: number;
  /**
   * `spread`: unrelated rows, for which only the threshold's bound helps; `clustered`: 1,000 classes, as in a network's
   * features.
   */
  readonly kind: "spread" | "clustered";
  readonly search: string;
  readonly seconds: number;
  /** CPU seconds of all threads together; two idle cores take half as long. */
  readonly processorSeconds: number;
  readonly pairs: number;
  readonly planted: { readonly found: number; readonly all: number };
  readonly peakMemory: number;
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
}

/** Random rows of one kind. One in a hundred is a near copy (cosine about 0.97) of the previous row. */
function drawRows(rows: number, columns: number, kind: EmbeddingSpeed["kind"], seed: number): Float32Array {
  const random = createRandom("bench features", kind, seed);
  const data = new Float32Array(rows * columns);
  // The classes lie in a space of fewer dimensions than there are classes, and examples vary most along a few
  // directions.
  const classes = kind === "spread" ? 0 : 1000;
  const centres = Float32Array.from(
    { length: classes * columns },
    (_, at) => normal(random) / Math.sqrt(1 + (at % columns) / 16),
  );
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    if (row % plantedEvery === 0 && row > 0) {
      for (let c = 0; c < columns; c++)
        data[from + c] = data[from - columns + c]! + 0.25 * normal(random) * scaleAt(c, classes);
      continue;
    }
    const centre = classes === 0 ? 0 : random.integer(classes) * columns;
    for (let c = 0; c < columns; c++) {
      const own = normal(random) * scaleAt(c, classes);
      data[from + c] = classes === 0 ? own : centres[centre + c]! + 0.8 * own;
    }
  }
  return data;
}

const scaleAt = (column: number, classes: number): number => (classes === 0 ? 1 : 1 / Math.sqrt(1 + column / 16));

/**
 * Measures the search for pairs with a cosine of at least 0.9, and the search for the nearest row of each (with a
 * cosine of at least `floor`).
 */
export async function benchEmbeddings(
  rows: number,
  columns: number,
  { floor, seed, threads }: { readonly floor: number; readonly seed: number; readonly threads?: number },
  onProgress: (what: string) => void,
): Promise<EmbeddingSpeed[]> {
  const results: EmbeddingSpeed[] = [];
  const options = { threads };
  for (const kind of ["spread", "clustered"] as const) {
    const data = rowsInMemory(drawRows(rows, columns, kind, seed), rows, columns);
    const all = Math.floor((rows - 1) / plantedEvery);
    const measure = async (search: string, run: () => Promise<{ pairs: number; found: number }>): Promise<void> => {
      onProgress(`${rows} x ${columns}, ${kind}: ${search}`);
      const started = performance.now();
      const worked = processorSeconds();
      const { pairs, found } = await run();
      const seconds = (performance.now() - started) / 1000;
      const processor = processorSeconds() - worked;
      results.push({
        rows,
        columns,
        kind,
        search,
        seconds,
        processorSeconds: processor,
        pairs,
        planted: { found, all },
        peakMemory: peakMemory(),
      });
    };
    const isPlanted = (i: number, j: number) => j === i + 1 && j % plantedEvery === 0;
    await measure("all pairs from a cosine of 0.9 on", async () => {
      let [pairs, found] = [0, 0];
      await nearPairs(data, undefined, 0.9, options, (i, j) => {
        pairs++;
        if (isPlanted(i, j)) found++;
      });
      return { pairs, found };
    });
    for (const least of new Set([0.5, floor])) {
      await measure(`the nearest row of each, from a cosine of ${least} on`, async () => {
        const { indices } = await nearestRows(data, undefined, 1, least, options);
        let [pairs, found] = [0, 0];
        for (let i = 0; i < rows; i++) {
          if (indices[i]! >= 0) pairs++;
          if (isPlanted(indices[i]!, i)) found++;
        }
        return { pairs, found };
      });
    }
  }
  return results;
}

/** Options of `speedDedup`. */
export interface SpeedDedupOptions {
  /** Number of 64-bit hashes that are joined with themselves, and the Hamming distance of the join in bits. */
  readonly hashes: number;
  readonly distance: number;
  /** Rows and columns of the features whose pairs are searched. */
  readonly embeddings: readonly [rows: number, columns: number];
  /** Minimum cosine similarity of the nearest rows. */
  readonly floor: number;
  readonly seed: number;
  readonly threads?: number | undefined;
  readonly onProgress?: (what: string) => void;
}

/** Measures both all-pairs searches: of hashes and of features. */
export async function speedDedup(options: SpeedDedupOptions): Promise<{
  readonly hamming: HammingSpeed;
  readonly embeddings: readonly EmbeddingSpeed[];
}> {
  const { hashes, distance, embeddings, seed, onProgress = () => {} } = options;
  onProgress(`${hashes} hashes`);
  const hamming = await benchHamming(hashes, distance, seed);
  return { hamming, embeddings: await benchEmbeddings(...embeddings, options, onProgress) };
}
