/**
 * The order of examples in TensorFlow Datasets, worked out from the examples' keys: since the split interface of 2020 (versions 2
 * and 3 of the benchmark's sets) every split is stored sorted by the MD5 of its name followed by the key
 * (tensorflow_datasets/core/hashing.py, split_builder.py), so that the first 800 of a split can be determined from the files of a set's
 * publisher. Checked where examples are printed: the first ids of CIFAR-10's training split (16399, 1680, 47917, ...), and with
 * the published setid.mat the first labels of Flowers102's (72, 84, 70).
 */
import { createHash } from "node:crypto";

/**
 * The indices of a split's examples in TFDS's order: position i says which example stands there. Holds for a split that is read
 * file after file.
 *
 * @param split the name the split has in TFDS
 * @param keyOf the key of each example: a file's name or a number, different for every set
 * @throws for two examples with one key.
 */
export function tfdsOrder(split: string, length: number, keyOf: (index: number) => string | number): Int32Array {
  const salted = createHash("md5").update(split);
  const digest = (index: number): Buffer =>
    salted
      .copy()
      .update(String(keyOf(index)))
      .digest();
  // The first 48 bits are exact as a number. Sorting plain numbers and finding them again is much faster than sorting indices.
  const sums = Float64Array.from({ length }, (_, index) => digest(index).readUIntBE(0, 6));
  const indexOf = new Map<number, number>();
  for (const [index, sum] of sums.entries()) indexOf.set(sum, index);
  if (indexOf.size === length) return Int32Array.from(sums.sort(), (sum) => indexOf.get(sum)!);
  // Equal beginnings, of one pair in millions, are ordered by the whole sums.
  return Int32Array.from({ length }, (_, index) => index).sort((a, b) => {
    const difference = sums[a]! - sums[b]!;
    if (difference !== 0 || a === b) return difference;
    const whole = Buffer.compare(digest(a), digest(b));
    if (whole === 0) throw new Error(`two examples of the split "${split}" have the key ${keyOf(a)}`);
    return whole;
  });
}
