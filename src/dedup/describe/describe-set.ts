/** Computes the descriptor of every image of a dataset and stores it in a file, so that an interrupted run can be resumed. */
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

/** Version of the stored descriptors; increment it when their content or computation changes. */
const recordVersion = 1;
/** Number of images read and decoded concurrently. */
const together = 8;

export interface BrokenImage {
  readonly index: number;
  readonly id: string;
  readonly reason: string;
}

/** Descriptors of a dataset's images: small fields are in memory, thumbnails in a file. */
export interface DescribedSet extends Closable {
  readonly source: ImageSource;
  readonly ids: readonly string[];
  /** Two 32-bit words for each image; zeros if it is unreadable. */
  readonly hashes: Hashes;
  /** 16 bytes for each image. */
  readonly digests: Uint8Array;
  /** Height and width of each image in pixels. */
  readonly sizes: Uint32Array;
  /** Standard deviation of the luminance of each, in levels of 0 to 255. */
  readonly contrast: Float32Array;
  readonly broken: readonly BrokenImage[];
  /** 0 for images that could not be read. */
  readonly readable: Uint8Array;
  /** Number of images whose descriptor an earlier run stored. */
  readonly remembered: number;
  /** Reads the descriptor of a readable image. */
  descriptor(index: number): Promise<Descriptor>;
}

export interface DescribeSetOptions {
  /** Stores the descriptors in the user's cache folder for later runs. Default: true. */
  readonly remember?: boolean;
  /** Called with the number of images done. */
  readonly onProgress?: (images: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Describes the images of a dataset. Images that cannot be read are listed in `broken` and excluded from the search.
 * @throws the signal's reason once it is aborted; descriptors computed before are stored for the next run.
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
    // All workers stop before the file is closed, also if one of them fails.
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
        if (!descriptor)
          throw new Error(`the stored descriptor of ${ids[index]} was damaged while it was in use; run again`);
        return descriptor;
      },
      close,
    });
  });
}

/** Opens the file of descriptors. If the cache folder is not writable, a temporary file is used and earlier runs are not reused. */
async function openRecords(
  source: ImageSource,
  remember: boolean,
): Promise<{ file: FileHandle; remove: () => Promise<void> }> {
  if (remember) {
    try {
      const folder = join(cacheFolder(), "near-duplicates");
      // A path in a recipe is relative to the working directory.
      const key = JSON.stringify([recordVersion, process.cwd(), source.recipe ?? [source.name, source.split]]);
      const path = join(folder, `${createHash("sha256").update(key).digest("hex").slice(0, 32)}.records`);
      makeFolder(folder);
      // Creates the file if it is missing, without truncating it.
      await (await open(path, "a")).close();
      return { file: await open(path, "r+"), remove: async () => {} };
    } catch {
      // Fall back to a temporary file for this run only.
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

/** Population standard deviation. */
function deviation(values: Uint8Array): number {
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  return Math.sqrt(Math.max(0, squares / values.length - (sum / values.length) ** 2));
}
