/** Reads features in blocks of rows, from memory or from a file that does not fit into memory. */
import { type FileHandle, open } from "node:fs/promises";
import { type Closable, closable } from "../../files/closable.js";

/** A float32 matrix with one row for each image. */
export interface FeatureRows extends Closable {
  readonly rows: number;
  readonly columns: number;
  /** Reads rows `start` to `start + count` in row-major order; the result must not be modified. */
  read(start: number, count: number): Promise<Float32Array>;
}

/** Features in memory. Throws if the array does not have rows * columns elements. */
export function rowsInMemory(data: Float32Array, rows: number, columns: number): FeatureRows {
  if (data.length !== rows * columns || columns < 1)
    throw new Error(`features of shape [${rows}, ${columns}] need ${rows * columns} numbers; got ${data.length}`);
  return closable<FeatureRows>({
    rows,
    columns,
    read: async (start, count) => data.subarray(start * columns, (start + count) * columns),
    close: async () => {},
  });
}

/**
 * Features in a file: little-endian float32 in row-major order, starting at byte `offset`.
 * @throws if the file is too short.
 */
export async function rowsInFile(path: string, rows: number, columns: number, offset = 0): Promise<FeatureRows> {
  const file = await open(path, "r");
  const needed = offset + rows * columns * 4;
  const { size } = await file.stat();
  if (size < needed) {
    await file.close();
    throw new Error(
      `"${path}" has ${size} bytes; ${rows} rows of ${columns} numbers from byte ${offset} on need ${needed}`,
    );
  }
  return closable<FeatureRows>({
    rows,
    columns,
    read: async (start, count) => {
      const bytes = new Uint8Array(count * columns * 4);
      await readWhole(file, path, bytes, offset + start * columns * 4);
      return new Float32Array(bytes.buffer);
    },
    close: () => file.close(),
  });
}

/** Fills `bytes` from a position in a file. Throws if the file ends before. */
export async function readWhole(file: FileHandle, path: string, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, Math.min(bytes.length - done, 1 << 28), position + done);
    if (bytesRead === 0)
      throw new Error(`"${path}" ended at byte ${position + done}; it was cut short while it was read`);
    done += bytesRead;
  }
}
