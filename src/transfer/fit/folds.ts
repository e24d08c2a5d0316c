/** Divides a labelled dataset into stratified folds; duplicates of an image stay in the same fold. */
import { createHash } from "node:crypto";
import type { Features, LabelledFeatures } from "../../algebra/features.js";
import { numpyGenerator } from "../../random/numpy-generator.js";
import { selectRows } from "../fewshot/evaluate.js";

/** The test rows of a fold, and its training rows. */
export interface Fold {
  readonly train: readonly number[];
  readonly test: readonly number[];
}

/** For each row, the first row with identical features, as duplicates of an image have. */
export function copiesOf({ data, rows, columns }: Features): Int32Array {
  const first = new Map<string, number>();
  return Int32Array.from({ length: rows }, (_, row) => {
    const values = data.subarray(row * columns, (row + 1) * columns);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const key = createHash("sha256").update(bytes).digest("base64");
    const known = first.get(key);
    if (known === undefined) first.set(key, row);
    return known ?? row;
  });
}

/**
 * `count` stratified folds of the given rows. Images of a class are distributed in an order drawn by `seed`. Duplicates
 * (rows with equal `group`) are distributed together, so that none is in both the training and the test rows of a fold.
 * The only image of a class is always a training row. Folds without test rows are omitted.
 */
export function foldsOf(
  labels: ArrayLike<number>,
  groups: ArrayLike<number>,
  rows: readonly number[],
  count: number,
  seed: number,
): Fold[] {
  const random = numpyGenerator(seed);
  const members = new Map<number, number[]>();
  for (const row of rows) {
    const list = members.get(groups[row]!);
    if (list) list.push(row);
    else members.set(groups[row]!, [row]);
  }
  // A group counts as the class of its first row; duplicates with different labels are rare, and an error of the
  // dataset.
  const byClass = new Map<number, number[]>();
  for (const [group, list] of members) {
    const label = labels[list[0]!]!;
    const known = byClass.get(label);
    if (known) known.push(group);
    else byClass.set(label, [group]);
  }
  const foldOf = new Map<number, number>();
  let next = 0;
  for (const label of [...byClass.keys()].sort((a, b) => a - b)) {
    const list = byClass.get(label)!;
    if (list.length < 2) continue;
    // each class continues where the previous one ended, so that folds have equal sizes even if classes are small
    for (const group of random.permutation(list)) foldOf.set(group, next++ % count);
  }
  return Array.from({ length: count }, (_, fold) => {
    const test = rows.filter((row) => foldOf.get(groups[row]!) === fold);
    const held = new Set(test);
    return { test, train: rows.filter((row) => !held.has(row)) };
  }).filter(({ test }) => test.length > 0);
}

/** The given rows of labelled features. */
export const selected = ({ features, labels }: LabelledFeatures, rows: readonly number[]): LabelledFeatures => ({
  features: selectRows(features, rows),
  labels: Int32Array.from(rows, (row) => labels[row]!),
});
