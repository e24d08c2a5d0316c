/** Reads one TFRecord file: finds and checks its records and reads their labels. */
import { closeSync, openSync, readSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { gunzipped } from "../../files/unpack.js";
import { maskedCrc32c } from "../../formats/crc32c.js";
import { type Feature, parseExample } from "../../formats/tf-example.js";
import { indexOf, type ShardIndex } from "./shard-index.js";
import { localShard, type ShardFile } from "./sharded.js";

/** Common names of the two features: those of the ImageNet scripts, then those of TFDS. */
export const imageFeatures: readonly string[] = ["image/encoded", "image"];
export const labelFeatures: readonly string[] = ["image/class/label", "label"];

export interface FeatureChoice {
  readonly image: readonly string[];
  readonly label: readonly string[];
}

/** Defines the index entry of each record. */
export interface RecordReader {
  /** Identifies `entryOf` in stored indexes: another function must have another name. */
  readonly name: string;
  /** The only features that are parsed. */
  readonly features: readonly string[];
  /** Returns the label of a record, and its name if it has one. Throws with the missing feature. */
  entryOf(
    features: ReadonlyMap<string, Feature>,
    record: Uint8Array,
  ): { readonly label: number | string; readonly key?: string };
}

/** Maximum size of a record in bytes; a larger length means that the file is damaged. */
const maxRecord = 2 ** 30;

/** The first bytes feature under one of the names. */
export function firstBytes(features: ReadonlyMap<string, Feature>, names: readonly string[]): Uint8Array | undefined {
  for (const name of names) {
    const value = features.get(name)?.[0];
    if (value instanceof Uint8Array) return value;
  }
  return undefined;
}

/**
 * Opens a file and finds its records.
 * @throws for a damaged file (with the byte position) and for records without image or label (with their features).
 */
export async function openRecordFile(
  path: string,
  choice: FeatureChoice,
): Promise<{ file: ShardFile; index: ShardIndex }> {
  return openRecords(path, {
    name: `tfrecord ${JSON.stringify([choice.image, choice.label])}`,
    features: [...choice.image, ...choice.label],
    entryOf: (features, record) => ({ label: labelOf(features, record, choice) }),
  });
}

/** Maximum size of a decompressed gzip file; no shard is larger. */
const maxUnpacked = 2 ** 36;

/** Returns the file itself, or the contents of a gzip file (TensorFlow's compression "GZIP"), decompressed into the cache. */
async function plainRecords(path: string): Promise<string> {
  const start = Buffer.alloc(2);
  const file = openSync(path, "r");
  try {
    readSync(file, start, 0, 2, 0);
  } finally {
    closeSync(file);
  }
  return start[0] === 0x1f && start[1] === 0x8b ? await gunzipped(path, maxUnpacked) : path;
}

/** Like {@link openRecordFile}, with a custom reader. Files compressed with gzip are first decompressed into the cache. */
export async function openRecords(
  given: string,
  reader: RecordReader,
): Promise<{ file: ShardFile; index: ShardIndex }> {
  const path = await plainRecords(given);
  const { size, mtimeMs } = await stat(path);
  const index = await indexOf(
    { place: resolve(path), bytes: size, tag: String(mtimeMs), reader: reader.name },
    () => readFile(`${given}.index.json`, "utf8").catch(() => undefined),
    async () => indexRecords(path, given, size, reader),
  );
  const stored = localShard(path);
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    // The record is followed by a checksum of four bytes.
    const bytes = await stored.read(offset, length + 4);
    const record = bytes.subarray(0, length);
    checkSum(record, bytes, length, "the record does not match its checksum");
    return record;
  };
  return { file: { name: given, read }, index };
}

function checkSum(data: Uint8Array, holder: Uint8Array, at: number, message: string): void {
  const view = new DataView(holder.buffer, holder.byteOffset, holder.byteLength);
  if (view.getUint32(at, true) !== maskedCrc32c(data)) throw new Error(message);
}

function indexRecords(path: string, name: string, total: number, reader: RecordReader): ShardIndex {
  const index = { offsets: [] as number[], sizes: [] as number[], labels: [] as (number | string)[], notes: [] };
  const keys: string[] = [];
  const file = openSync(path, "r");
  try {
    const header = new Uint8Array(12);
    let buffer = new Uint8Array(2 ** 16);
    let at = 0;
    while (at < total) {
      const where = `"${name}", record ${index.offsets.length} at byte ${at}`;
      const cutOff = (): Error =>
        new Error(`${where}: the file is truncated (it has ${total} bytes); fetch it again or remove it from the list`);
      if (at + 16 > total || readSync(file, header, 0, 12, at) < 12) throw cutOff();
      checkSum(
        header.subarray(0, 8),
        header,
        8,
        `${where} is damaged, or the file is not a TFRecord file (uncompressed and GZIP are supported, ZLIB is not)`,
      );
      const size = Number(new DataView(header.buffer).getBigUint64(0, true));
      if (size > maxRecord) throw new Error(`${where} has ${size} bytes; expected at most ${maxRecord} for an image`);
      if (at + 16 + size > total) throw cutOff();
      if (buffer.length < size + 4) buffer = new Uint8Array(Math.max(size + 4, 2 * buffer.length));
      if (readSync(file, buffer, 0, size + 4, at + 12) < size + 4) throw cutOff();
      const record = buffer.subarray(0, size);
      checkSum(
        record,
        buffer,
        size,
        `${where} does not match its checksum; fetch the file again or remove it from the list`,
      );
      const { label, key } = entryIn(record, reader, where);
      index.labels.push(label);
      if (key !== undefined) keys.push(key);
      index.offsets.push(at + 12);
      index.sizes.push(size);
      at += 16 + size;
    }
    return keys.length === 0 ? index : { ...index, keys };
  } finally {
    closeSync(file);
  }
}

function entryIn(record: Uint8Array, reader: RecordReader, where: string): ReturnType<RecordReader["entryOf"]> {
  let features: Map<string, Feature>;
  try {
    features = parseExample(record, reader.features);
  } catch (error) {
    throw new Error(`${where} is not a tf.train.Example: ${(error as Error).message}`, { cause: error });
  }
  try {
    return reader.entryOf(features, record);
  } catch (error) {
    throw new Error(`${where} ${(error as Error).message}`, { cause: error });
  }
}

/** Names of a record's features, for messages. */
export function featureNames(record: Uint8Array): string {
  const names = [...parseExample(record).keys()];
  return names.length === 0 ? "none" : names.slice(0, 20).join(", ");
}

function labelOf(features: ReadonlyMap<string, Feature>, record: Uint8Array, choice: FeatureChoice): number | string {
  const value = choice.label.map((name) => features.get(name)?.[0]).find((found) => found !== undefined);
  if (firstBytes(features, choice.image) === undefined || value === undefined) {
    const what = value === undefined ? "label" : "image";
    throw new Error(
      `has no feature ${choice[what].join(" or ")}; it has ${featureNames(record)}; choose one in the spec: tfrecord:PATH?${what}=FEATURE`,
    );
  }
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : value;
}
