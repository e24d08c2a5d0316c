/** Features that are read by blocks of rows: from memory, or from a file that does not fit into it. */
import { type FileHandle, open } from "node:fs/promises";
import { type Closable, closable } from "../../files/closable.js";

/** A matrix of float32 numbers, one row an image. */
export interface FeatureRows extends Closable {
  readonly rows: number;
  readonly columns: number;
  /** Rows `start` to `start + count`, row by row; must not be changed. */
  read(start: number, count: number): Promise<Float32Array>;
}

/** Features in memory. Throws when the array does not have rows * columns numbers. */
export function rowsInMemory(data: Float32Array, rows: number, columns: number): FeatureRows {
  if (data.length !== rows * columns || columns < 1)
    throw new Error(`features of ${rows} rows of ${columns} are ${rows * columns} numbers; got ${data.length}`);
  return closable<FeatureRows>({
    rows,
    columns,
    read: async (start, count) => data.subarray(start * columns, (start + count) * columns),
    close: async () => {},
  });
}

/**
 * Features in a file: little-endian float32, row by row from `offset` bytes on.
 * @throws when the file is too short for that.
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

/** Fills `bytes` from a place in a file. Throws when the file ends before. */
export async function readWhole(file: FileHandle, path: string, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, Math.min(bytes.length - done, 1 << 28), position + done);
    if (bytesRead === 0)
      throw new Error(`"${path}" ended at byte ${position + done}; it was cut short while it was read`);
    done += bytesRead;
  }
}
