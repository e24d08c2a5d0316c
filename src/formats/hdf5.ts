/** Reads HDF5 files in slices with the HDF5 library as WebAssembly (h5wasm), also files larger than memory. */
import { open, stat } from "node:fs/promises";
import { importOptional } from "../files/optional.js";

export type Hdf5Numbers =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** A numeric array in a file. */
export interface Hdf5Array {
  readonly shape: readonly number[];
  /** Reads rows `from` to `to` (exclusive) of the first axis, row-major. */
  read(from: number, to: number): Hdf5Numbers;
}

/** An open file. Reads block the thread. */
export interface Hdf5File extends Disposable {
  /** Opens an array. Throws if there is none of this name (with the available names) or if it is not numeric. */
  array(name: string): Hdf5Array;
  close(): void;
}

/** Maximum bytes of one read: the data passes through the library's 32-bit memory. */
const maxRead = 2 ** 28;

/** The first bytes of every HDF5 file ("HDF5 File Format Specification", level 0). */
const magic = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * Opens a file.
 *
 * @throws for a file that is gzip-compressed (with the command to unpack it), is not HDF5, or is truncated.
 */
export async function openHdf5(path: string): Promise<Hdf5File> {
  await checkMagic(path);
  // The library is four megabytes of WebAssembly, so it is loaded only when the first file is opened.
  const { default: library } = await importOptional("h5wasm", "reading HDF5 files", () => import("h5wasm/node"));
  const module = await library.ready;
  // Without this, errors are printed to the terminal and an invalid value is returned.
  module.activate_throwing_error_handler();
  const damaged = (what: string, error: unknown): Error => {
    const reasons = [...String((error as Error)?.message ?? error).matchAll(/^\s*#\d+: .*?: (.*)$/gm)];
    const reason = reasons.at(-1)?.[1] ?? String(error);
    return new Error(
      `"${path}" ${what} (${reason.replace(/\s*name = .*$/, "")}); it is damaged or truncated, fetch it again`,
      { cause: error },
    );
  };
  const attempt = <T>(what: string, action: () => T): T => {
    try {
      return action();
    } catch (error) {
      throw damaged(what, error);
    }
  };
  const file = attempt("cannot be opened", () => new library.File(path, "r"));
  let closed = false;
  const close = () => {
    if (!closed) file.close();
    closed = true;
  };
  return {
    array: (name) => {
      const found = attempt(`has no readable "${name}"`, () => file.get(name));
      if (!(found instanceof library.Dataset)) {
        const names = [...file.paths()].map((one) => one.replace(/^\//, ""));
        throw new Error(`"${path}" has no array "${name}"; it has ${names.slice(0, 20).join(", ") || "nothing"}`);
      }
      const { shape, size, type } = found.metadata;
      // Types 0 and 1 are integers and floating point (H5T_class_t).
      if (!shape || shape.length === 0 || (type !== 0 && type !== 1))
        throw new Error(`"${path}" holds "${name}", but not as an array of numbers`);
      const rows = shape[0]!;
      const rowNumbers = shape.slice(1).reduce((product, side) => product * side, 1);
      return {
        shape,
        read: (from, to) => {
          if (closed) throw new Error(`"${path}" is closed and cannot be read any more`);
          if (!(from >= 0 && from <= to && to <= rows))
            throw new RangeError(`"${name}" has the rows 0 to ${rows}; requested were ${from} to ${to}`);
          if ((to - from) * rowNumbers * size > maxRead)
            throw new RangeError(`rows ${from} to ${to} of "${name}" have more than ${maxRead} bytes`);
          const slices = shape.map((_, axis) => (axis === 0 ? ([from, to] as [number, number]) : ([] as [])));
          const values = attempt(`cannot be read at row ${from} of "${name}"`, () => found.slice(slices));
          if (!ArrayBuffer.isView(values) || (values as Hdf5Numbers).length !== (to - from) * rowNumbers)
            throw damaged(`cannot be read at row ${from} of "${name}"`, "too few numbers came");
          return values as Hdf5Numbers;
        },
      };
    },
    close,
    [Symbol.dispose]: close,
  };
}

async function checkMagic(path: string): Promise<void> {
  const { size } = await stat(path);
  const start = new Uint8Array(8);
  const handle = await open(path, "r");
  try {
    await handle.read(start, 0, 8, 0);
  } finally {
    await handle.close();
  }
  if (start[0] === 0x1f && start[1] === 0x8b)
    throw new Error(`"${path}" is compressed; unpack it first: gunzip -k "${path}"`);
  if (!magic.every((byte, i) => start[i] === byte))
    throw new Error(`"${path}" (${size} bytes) is not an HDF5 file; fetch it again`);
}
