/** Reads, decodes and caches examples up to their first random op. */

import {
  type AnyImage,
  applyPreprocessing,
  type DataRecord,
  ExampleError,
  type PixelImage,
  type Preprocessing,
} from "../../images/index.js";
import { createRandom } from "../../random/keyed.js";
import type { Example, ImageSource } from "../source/types.js";
import type { BadExample } from "./batch.js";

/** An example after its fixed ops, and its label. */
export interface Prepared {
  readonly label: number;
  readonly record: DataRecord;
}

/** Random generator for ops that draw nothing. */
export const still = createRandom("no random op draws from this");

/** The examples of a source, prepared by the fixed ops of their pipelines. */
export class PreparedExamples {
  private readonly cache = new Map<number, Prepared>();
  private cachedBytes = 0;
  private readonly bad = new Map<number, BadExample>();
  /** Examples read ahead while earlier ones are decoded, so that decoding does not wait for files. */
  private readonly reads = new Map<number, Promise<Example>>();

  /**
   * @param fixedOps the ops of an example before its first random one
   * @param cacheBytes memory for the pixels of prepared examples
   */
  constructor(
    private readonly source: ImageSource,
    private readonly fixedOps: (index: number) => Preprocessing,
    private readonly cacheBytes: number,
  ) {}

  /** Starts reading an example that is needed soon. */
  readAhead(index: number): void {
    if (this.cache.has(index) || this.bad.has(index) || this.reads.has(index)) return;
    this.reads.set(index, handledLater(this.source.get(index)));
  }

  /** Reads an example and applies its fixed ops, such as decoding. Rejects with ExampleError. */
  async get(index: number): Promise<Prepared> {
    const cached = this.cache.get(index);
    if (cached) return cached;
    const known = this.bad.get(index);
    if (known) throw new ExampleError(known.id, known.reason);
    const { id, label, targets, image } = await (this.reads.get(index) ?? this.source.get(index));
    this.reads.delete(index);
    const read = { id, label, image, labels: targets };
    const prepared = { label, record: await applyPreprocessing(this.fixedOps(index), read, still) };
    const bytes = sizeOf(prepared.record.image);
    if (this.cachedBytes + bytes <= this.cacheBytes && !this.cache.has(index)) {
      this.cachedBytes += bytes;
      this.cache.set(index, { label, record: detach(prepared.record) });
    }
    return prepared;
  }

  /** Marks an example as unusable, so that it is not read again. */
  markBad(example: BadExample): void {
    this.bad.set(example.index, example);
  }

  /** Discards reads without a consumer. */
  forgetReads(): void {
    this.reads.clear();
  }
}

/** Avoids an unhandled rejection of a promise that is awaited later. */
export function handledLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

function sizeOf(image: AnyImage): number {
  return image.kind === "encoded" ? image.bytes.byteLength : image.data.byteLength;
}

/** Copies the pixels, because a cached view would keep a whole file's buffer alive. */
function detach(record: DataRecord): DataRecord {
  const { image } = record;
  if (image.kind === "encoded") return { ...record, image: { ...image, bytes: image.bytes.slice() } };
  if (image.data.byteLength === image.data.buffer.byteLength) return record;
  return { ...record, image: { ...image, data: image.data.slice() } as PixelImage };
}
