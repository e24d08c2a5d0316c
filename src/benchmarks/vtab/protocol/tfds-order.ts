/**
 * Derives the order of examples in TensorFlow Datasets from the examples' keys. Since the split interface of 2020
 * (versions 2 and 3 of the benchmark's datasets), every split is stored sorted by the MD5 of its name followed by the
 * key (tensorflow_datasets/core/hashing.py, split_builder.py). The first 800 examples of a split can therefore be found
 * in the publisher's files. This was checked against printed examples: the first ids of CIFAR-10's training split
 * (16399, 1680, 47917, ...), and with the published setid.mat the first labels of Flowers102 (72, 84, 70).
 */
import { createHash } from "node:crypto";

/**
 * The indices of a split's examples in TFDS's order: element i is the index of the example at position i. Valid for a
 * split that is read file after file.
 *
 * @param split the name of the split in TFDS
 * @param keyOf the key of each example: a file name or a number, depending on the dataset
 * @throws when two examples have the same key.
 */
export function tfdsOrder(split: string, length: number, keyOf: (index: number) => string | number): Int32Array {
  const salted = createHash("md5").update(split);
  const digest = (index: number): Buffer =>
    salted
      .copy()
      .update(String(keyOf(index)))
      .digest();
  // The first 48 bits are exact as a number. Sorting plain numbers and looking up their indices is much faster than
  // sorting indices.
  const sums = Float64Array.from({ length }, (_, index) => digest(index).readUIntBE(0, 6));
  const indexOf = new Map<number, number>();
  for (const [index, sum] of sums.entries()) indexOf.set(sum, index);
  if (indexOf.size === length) return Int32Array.from(sums.sort(), (sum) => indexOf.get(sum)!);
  // Equal prefixes, about one pair in millions of examples, are ordered by the whole MD5 sums.
  return Int32Array.from({ length }, (_, index) => index).sort((a, b) => {
    const difference = sums[a]! - sums[b]!;
    if (difference !== 0 || a === b) return difference;
    const whole = Buffer.compare(digest(a), digest(b));
    if (whole === 0)
      throw new Error(`two examples of the split "${split}" have the key ${keyOf(a)}; expected unique keys`);
    return whole;
  });
}
