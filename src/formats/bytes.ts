/** Random access to bytes of an open file or in memory, with checked bounds. */
import { type FileHandle, open } from "node:fs/promises";
import { type Closable, closable, closeOnError } from "../files/closable.js";
import { WeightsError } from "./error.js";

/** Bytes with random access. */
export interface ByteSource extends Closable {
  readonly size: number;
  /** Reads exactly `length` bytes from `position` into a new buffer. Throws WeightsError if there are fewer. */
  read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Maximum size of one read call in bytes; the operating system's limit is 2 GiB. */
const maxRead = 1 << 28;

function requireInside(position: number, length: number, size: number): void {
  if (position < 0 || length < 0 || position + length > size) {
    throw new WeightsError(
      `bytes ${position} to ${position + length} do not lie in its ${size} bytes; the file may be cut short`,
    );
  }
}

async function readFully(handle: FileHandle, into: Uint8Array, position: number): Promise<void> {
  let offset = 0;
  while (offset < into.byteLength) {
    const length = Math.min(maxRead, into.byteLength - offset);
    const { bytesRead } = await handle.read(into, offset, length, position + offset);
    if (bytesRead === 0) throw new WeightsError("the file became shorter while it was read");
    offset += bytesRead;
  }
}

/** Opens a file, which the caller must close. Throws the system's error. */
export async function openBytes(path: string): Promise<ByteSource> {
  const handle = await open(path, "r");
  return await closeOnError(handle, async () => {
    const { size } = await handle.stat();
    return closable<ByteSource>({
      size,
      async read(position, length) {
        requireInside(position, length, size);
        const bytes = new Uint8Array(length);
        await readFully(handle, bytes, position);
        return bytes;
      },
      close: () => handle.close(),
    });
  });
}

/** Wraps bytes in memory. */
export function bytesInMemory(bytes: Uint8Array): ByteSource {
  return closable<ByteSource>({
    size: bytes.byteLength,
    read: async (position, length) => {
      requireInside(position, length, bytes.byteLength);
      return new Uint8Array(bytes.subarray(position, position + length));
    },
    close: async () => {},
  });
}
