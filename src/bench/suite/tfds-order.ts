/** The order in which TensorFlow Datasets stores the examples of a split, from their keys alone. */
import { createHash } from "node:crypto";

/**
 * The order of the examples 0 .. count-1 whose keys are these numbers: ascending MD5 sums of the split's name and the key
 * (tensorflow_datasets/core/hashing.py and shuffle.py since the split interface of 2020: versions 2 and 3 of the benchmark's
 * sets). Holds for a split that is read from one shard, or file after file.
 *
 * Position i of the result says which example stands there.
 */
export function tfdsOrder(count: number, split: string): Int32Array {
  const digest = (key: number): Buffer => createHash("md5").update(`${split}${key}`).digest();
  // The first 48 bits are exact as a number. Sorting plain numbers and finding them again is much faster than sorting indices.
  const sums = Float64Array.from({ length: count }, (_, i) => digest(i).readUIntBE(0, 6));
  const exampleOf = new Map<number, number>();
  for (const [example, sum] of sums.entries()) exampleOf.set(sum, example);
  if (exampleOf.size === count) return Int32Array.from(sums.sort(), (sum) => exampleOf.get(sum)!);
  // Equal beginnings are told apart by the whole sums.
  return Int32Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => sums[a]! - sums[b]! || Buffer.compare(digest(a), digest(b)),
  );
}
