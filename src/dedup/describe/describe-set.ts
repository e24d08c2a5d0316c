/** Describes every image of a source into a file of records: what is described already is read back, so that an interrupted run goes on. */
import { createHash } from "node:crypto";
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Example, ImageSource } from "../../data/index.js";
import { cacheFolder } from "../../files/cache.js";
import { type Closable, closable, closeOnError } from "../../files/closable.js";
import { makeFolder } from "../../files/folder.js";
import { ExampleError } from "../../images/index.js";
import {
  type Descriptor,
  decodeDescriptor,
  describeImage,
  digestOf,
  encodeDescriptor,
  recordBytes,
} from "./descriptor.js";
import type { Hashes } from "./hash.js";

/** Grows with any change of what a record holds or how it is made. */
const recordVersion = 1;
/** Images that are read and decoded at once. */
const together = 8;

export interface BrokenImage {
  readonly index: number;
  readonly id: string;
  readonly reason: string;
}

/** The images of a source as the search needs them; small things in memory, thumbnails in a file. */
export interface DescribedSet extends Closable {
  readonly source: ImageSource;
  readonly ids: readonly string[];
  /** Two words an image; zeros where it is broken. */
  readonly hashes: Hashes;
  /** 16 bytes an image. */
  readonly digests: Uint8Array;
  /** Height and width of each. */
  readonly sizes: Uint32Array;
  /** Standard deviation of the luminance of each, in levels of 0 to 255. */
  readonly contrast: Float32Array;
  readonly broken: readonly BrokenImage[];
  /** 0 for the images that could not be read. */
  readonly readable: Uint8Array;
  /** How many were found described by an earlier run. */
  readonly remembered: number;
  /** The record of one readable image. */
  descriptor(index: number): Promise<Descriptor>;
}

export interface DescribeSetOptions {
  /** Keeps the records in the user's cache folder, so that another run goes on from them. Default true. */
  readonly remember?: boolean;
  /** Hears of the images that are done. */
  readonly onProgress?: (images: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Describes the images of a source. Images that cannot be read are listed, and left out of every search.
 * @throws the signal's reason once it is aborted; what is described until then is kept for the next run.
 */
export async function describeSet(source: ImageSource, options: DescribeSetOptions = {}): Promise<DescribedSet> {
  const { remember = true, onProgress = () => {}, signal } = options;
  const { file, remove } = await openRecords(source, remember);
  const close = async (): Promise<void> => {
    await file.close();
    await remove();
  };
  return await closeOnError({ close }, async () => {
    const { length } = source;
    const ids = new Array<string>(length);
    const hashes = new Uint32Array(2 * length);
    const digests = new Uint8Array(16 * length);
    const sizes = new Uint32Array(2 * length);
    const contrast = new Float32Array(length);
    const readable = new Uint8Array(length);
    const broken: BrokenImage[] = [];
    let remembered = 0;
    let done = 0;
    const one = async (index: number): Promise<void> => {
      let example: Example;
      let descriptor: Descriptor;
      try {
        example = await source.get(index);
        ids[index] = example.id;
        const known = decodeDescriptor(await readRecord(file, index));
        if (known && sameBytes(known.digest, digestOf(example.image))) {
          descriptor = known;
          remembered++;
        } else {
          descriptor = await describeImage(example.image, example.id);
          await file.write(encodeDescriptor(descriptor), 0, recordBytes, index * recordBytes);
        }
      } catch (error) {
        if (!(error instanceof ExampleError)) throw error;
        ids[index] = source.idOf?.(index) ?? error.id;
        broken.push({ index, id: ids[index], reason: error.reason });
        return;
      }
      hashes.set(descriptor.hash, 2 * index);
      digests.set(descriptor.digest, 16 * index);
      sizes.set([descriptor.height, descriptor.width], 2 * index);
      contrast[index] = deviation(descriptor.luminance);
      readable[index] = 1;
    };
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < length) {
        signal?.throwIfAborted();
        await one(next++);
        onProgress(++done);
      }
    };
    // All stop before the file is closed, also where one of them fails.
    const ended = await Promise.allSettled(Array.from({ length: together }, worker));
    for (const result of ended) if (result.status === "rejected") throw result.reason;
    broken.sort((a, b) => a.index - b.index);
    return closable<DescribedSet>({
      source,
      ids,
      hashes,
      digests,
      sizes,
      contrast,
      broken,
      readable,
      remembered,
      descriptor: async (index) => {
        const descriptor = decodeDescriptor(await readRecord(file, index));
        if (!descriptor) throw new Error(`the record of ${ids[index]} was damaged while it was in use; run again`);
        return descriptor;
      },
      close,
    });
  });
}

/** Where the records of a source are kept; a folder that cannot be written costs only the memory of earlier runs. */
async function openRecords(
  source: ImageSource,
  remember: boolean,
): Promise<{ file: FileHandle; remove: () => Promise<void> }> {
  if (remember) {
    try {
      const folder = join(cacheFolder(), "near-duplicates");
      // A path in a recipe is relative to the folder it was written in.
      const key = JSON.stringify([recordVersion, process.cwd(), source.recipe ?? [source.name, source.split]]);
      const path = join(folder, `${createHash("sha256").update(key).digest("hex").slice(0, 32)}.records`);
      makeFolder(folder);
      // Not truncated, and made where it is missing.
      await (await open(path, "a")).close();
      return { file: await open(path, "r+"), remove: async () => {} };
    } catch {
      // Below: a file of this run alone.
    }
  }
  const folder = await mkdtemp(join(tmpdir(), "fovea-dedup-"));
  const file = await open(join(folder, "records"), "w+");
  return { file, remove: () => rm(folder, { recursive: true, force: true }) };
}

async function readRecord(file: FileHandle, index: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(recordBytes);
  const { bytesRead } = await file.read(bytes, 0, recordBytes, index * recordBytes);
  return bytes.subarray(0, bytesRead);
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

/** The population standard deviation of some numbers. */
function deviation(values: Uint8Array): number {
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  return Math.sqrt(Math.max(0, squares / values.length - (sum / values.length) ** 2));
}
