/** Small sets in the layouts that publishers use, and what the tests expect of them, written without the readers' help. */
import { createHash } from "node:crypto";
import { afterAll, expect } from "vitest";
import type { TaskSplits } from "../../../src/benchmarks/vtab/protocol/task.js";
import { openVtab, type VtabDefinition } from "../../../src/benchmarks/vtab/sets/set.js";
import type { ImageSource } from "../../../src/data/index.js";
import type { RawImage } from "../../../src/images/index.js";
import { write } from "../../support/pictures.js";
import { example, type FeatureValue, records } from "../../support/records.js";

/** Opens a set of any size; it is closed after the tests of the file. */
export async function open(
  definition: VtabDefinition,
  folder: string,
  classes: VtabDefinition["classNames"] = definition.classNames,
): Promise<TaskSplits> {
  const splits = await openVtab({ ...definition, classNames: classes }, folder, null);
  opened.push(...(Object.values(splits) as ImageSource[]));
  return splits;
}

const opened: ImageSource[] = [];
afterAll(async () => {
  for (const source of opened.splice(0)) await source.close();
});

/** Keys as TFDS orders them: by MD5 of the split's name and the key, as hexadecimal text. */
export function ordered<T extends string | number>(split: string, keys: readonly T[]): T[] {
  const sum = (key: T): string => createHash("md5").update(`${split}${key}`).digest("hex");
  return [...keys].sort((a, b) => (sum(a) < sum(b) ? -1 : 1));
}

/** The ends of the ids of a source, in its order, and the labels. */
export function entries(source: ImageSource, end: RegExp): [key: string, label: number][] {
  return Array.from(source.labels, (label, i) => [end.exec(source.idOf!(i))?.[1] ?? source.idOf!(i), label]);
}

/** Every split of a task against keys in order, each with its label. */
export function expectSplits(
  splits: TaskSplits,
  end: RegExp,
  keys: Readonly<Record<keyof TaskSplits, readonly (string | number)[]>>,
  labelOf: (key: string) => number,
): void {
  for (const name of ["train", "validation", "test"] as const) {
    const expected = keys[name].map((key) => [String(key), labelOf(String(key))]);
    expect(entries(splits[name], end), name).toEqual(expected);
    expect(splits[name].split).toBe(name);
  }
}

/** The raw image at a place of a source. */
export async function rawAt(source: ImageSource, index: number): Promise<RawImage> {
  const { image } = await source.get(index);
  if (image.kind !== "raw") throw new Error("it is not raw");
  return image;
}

/** The bytes of the encoded image at a place of a source, as text. */
export async function textAt(source: ImageSource, index: number): Promise<string> {
  const { image } = await source.get(index);
  if (image.kind !== "encoded") throw new Error("it is not encoded");
  return Buffer.from(image.bytes).toString("utf8");
}

/** Records of a split as TFDS prepares them, in two files, in `folder/name/version`. */
export function writeTfds(
  folder: string,
  [name, ...inside]: readonly string[],
  split: string,
  rows: readonly Readonly<Record<string, FeatureValue>>[],
): void {
  const half = Math.ceil(rows.length / 2);
  for (const [i, part] of [rows.slice(0, half), rows.slice(half)].entries()) {
    const file = [name, ...inside, `${name}-${split}.tfrecord-0000${i}-of-00002`].join("/");
    write(folder, { [file]: records(part.map((row) => example(row))) });
  }
}

/** A matrix of small NORB's: magic number, dimensions (at least three), numbers, all little-endian. */
export function norb(dimensions: readonly number[], data: Uint8Array | Int32Array): Buffer {
  const sizes = [...dimensions, 1, 1, 1].slice(0, Math.max(3, dimensions.length));
  const header = Buffer.alloc(8 + 4 * sizes.length);
  header.writeUInt32LE(data instanceof Int32Array ? 0x1e3d4c54 : 0x1e3d4c55, 0);
  header.writeUInt32LE(dimensions.length, 4);
  for (const [i, size] of sizes.entries()) header.writeUInt32LE(size, 8 + 4 * i);
  return Buffer.concat([header, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}
