/** Opens a source over shards with an index each: WebDataset and TFRecord. */
import { open } from "node:fs/promises";
import { closable } from "../../files/closable.js";
import { ExampleError } from "../../images/index.js";
import { startsOf } from "../source/class-labels.js";
import { checkIndex, type ImageSource, type ShardOrder } from "../source/types.js";
import type { ShardIndex } from "./shard-index.js";

/** A file of examples with random access. */
export interface ShardFile {
  /** Prefix of its examples' ids. */
  readonly name: string;
  /** Reads `size` bytes at `offset`. Throws if it cannot, or if the file is shorter than before. */
  read(offset: number, size: number): Promise<Uint8Array>;
}

export interface ShardedOptions {
  readonly name: string;
  readonly spec: string;
  readonly split: string;
  readonly shards: readonly { readonly file: ShardFile; readonly index: ShardIndex }[];
  readonly labels: Int32Array;
  readonly classNames: readonly string[];
  readonly notes: readonly string[];
  /** Number of shards shuffled together; 0 shuffles all of them. */
  readonly shuffleShards: number;
  /** Extracts the image file from an example's bytes. Throws for a damaged example. */
  readonly imageOf: (bytes: Uint8Array) => Uint8Array;
}

/** Number of consecutive failing examples after which the shard is considered lost and no more are tried. */
const lostAfter = 3;

/** Opens the source. Examples are in the order of the shards and of their indexes. */
export function openSharded(options: ShardedOptions): ImageSource {
  const { name, spec, split, shards, labels, classNames, notes, shuffleShards, imageOf } = options;
  const lengths = shards.map(({ index }) => index.offsets.length);
  const starts = startsOf(lengths);
  const source = { name, length: labels.length };
  const failures = new Int32Array(shards.length);
  let closed = false;
  const find = (index: number): readonly [shard: number, row: number] => {
    const s = shardOf(starts, index);
    return [s, index - starts[s]!];
  };
  const idOf = (index: number): string => {
    const [s, row] = find(index);
    const { file, index: own } = shards[s]!;
    return own.keys ? `${file.name}:${own.keys[row]}` : `${file.name}#${row}`;
  };
  const order: ShardOrder = { lengths, together: shuffleShards };
  return closable<ImageSource>({
    ...source,
    split,
    labels,
    classNames,
    recipe: { kind: "open", spec, split },
    notes: notes.length > 0 ? notes : undefined,
    shards: shuffleShards > 0 ? order : undefined,
    idOf,
    get: async (index) => {
      checkIndex(source, index);
      if (closed) throw new Error(`${name} is closed and cannot be read any more`);
      const [s, row] = find(index);
      const { file, index: own } = shards[s]!;
      const id = idOf(index);
      let bytes: Uint8Array;
      try {
        bytes = await file.read(own.offsets[row]!, own.sizes[row]!);
        failures[s] = 0;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (++failures[s]! >= lostAfter) {
          throw new Error(
            `the shard ${file.name} can no longer be read: ${reason}; restore it and resume with --resume, or remove it from the list and start a new run`,
            { cause: error },
          );
        }
        throw new ExampleError(id, reason, error);
      }
      try {
        return { id, label: labels[index]!, image: { kind: "encoded", bytes: imageOf(bytes) } };
      } catch (error) {
        throw new ExampleError(id, error instanceof Error ? error.message : String(error), error);
      }
    },
    close: async () => {
      closed = true;
    },
  });
}

/** The last shard that starts at or before an index and is not empty. */
function shardOf(starts: readonly number[], index: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle]! <= index) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Transient errors of network file systems and busy machines. */
const passing = ["EIO", "ESTALE", "EBUSY", "EMFILE", "ENFILE", "ETIMEDOUT", "EAGAIN"];

/** A shard on disk. It is opened for every read, because thousands of shards must not use thousands of file descriptors. */
export function localShard(path: string): ShardFile {
  const readOnce = async (offset: number, size: number): Promise<Uint8Array> => {
    await using handle = await open(path, "r");
    const bytes = new Uint8Array(size);
    const { bytesRead } = await handle.read(bytes, 0, size, offset);
    if (bytesRead < size)
      throw new Error(`the file is shorter than it was: it ends at byte ${offset + bytesRead} of ${offset + size}`);
    return bytes;
  };
  return {
    name: path,
    read: async (offset, size) => {
      for (let attempt = 0; ; attempt++) {
        try {
          return await readOnce(offset, size);
        } catch (error) {
          if (attempt >= 2 || !passing.includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
          await new Promise((resolve) => setTimeout(resolve, 100 * 4 ** attempt));
        }
      }
    },
  };
}
