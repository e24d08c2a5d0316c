/** Reads and writes the .npy format of NumPy (NEP 1): a header with dtype, order and shape, then the numbers. */
import { WeightsError } from "./error.js";
import type { StoredDType, TypedArray } from "./stored.js";

/** The header of a .npy file. */
export interface NpyHeader {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Column-major order: the first index varies fastest. */
  readonly fortranOrder: boolean;
  /** Big-endian numbers: the most significant byte comes first. */
  readonly bigEndian: boolean;
  /** Size of the header in bytes. */
  readonly headerBytes: number;
}

/** Sufficient for any shape; NumPy itself rejects more than 10,000. */
export const maxNpyHeaderBytes = 1 << 16;
/** Magic string, version and length of the longest form. */
export const npyPrefixBytes = 12;
/** NumPy's own limit on axes. */
const maxAxes = 64;

interface Kind {
  readonly dtype: StoredDType;
  readonly bytes: number;
}
// NumPy has no code for bfloat16: JAX writes it as two bytes of void (papers.md 1.9).
const kinds: Readonly<Record<string, Kind>> = {
  f8: { dtype: "float64", bytes: 8 },
  f4: { dtype: "float32", bytes: 4 },
  f2: { dtype: "float16", bytes: 2 },
  V2: { dtype: "bfloat16", bytes: 2 },
  i8: { dtype: "int64", bytes: 8 },
  i4: { dtype: "int32", bytes: 4 },
  i2: { dtype: "int16", bytes: 2 },
  i1: { dtype: "int8", bytes: 1 },
  u8: { dtype: "uint64", bytes: 8 },
  u4: { dtype: "uint32", bytes: 4 },
  u2: { dtype: "uint16", bytes: 2 },
  u1: { dtype: "uint8", bytes: 1 },
  b1: { dtype: "bool", bytes: 1 },
};

/** Length of the whole header, from a file's first bytes (`npyPrefixBytes` of them). Throws WeightsError. */
export function npyHeaderLength(start: Uint8Array): number {
  const magic =
    start.byteLength >= 10 && start[0] === 0x93 && [..."NUMPY"].every((one, i) => one.charCodeAt(0) === start[i + 1]);
  if (!magic) throw new WeightsError("it does not begin as a NumPy array does (\\x93NUMPY)");
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const major = start[6]!;
  if (major < 1 || major > 3) throw new WeightsError(`version ${major}.${start[7]} of the NumPy format is not known`);
  if (major > 1 && start.byteLength < npyPrefixBytes) throw new WeightsError("its header is cut short");
  const length = major === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
  if (length > maxNpyHeaderBytes)
    throw new WeightsError(`a header of ${length} bytes is over the limit of ${maxNpyHeaderBytes}`);
  return length;
}

/** Parses the header in a file's first bytes; `totalBytes` is the size of the file. Throws WeightsError. */
export function parseNpyHeader(start: Uint8Array, totalBytes: number): NpyHeader {
  const headerBytes = npyHeaderLength(start);
  if (headerBytes > start.byteLength) throw new WeightsError("its header is cut short");
  const text = Buffer.from(
    start.buffer,
    start.byteOffset + (start[6] === 1 ? 10 : 12),
    headerBytes - (start[6] === 1 ? 10 : 12),
  )
    .toString("latin1")
    .trim();
  const refuse = (problem: string): never => {
    throw new WeightsError(`its header ${JSON.stringify(text.slice(0, 200))} ${problem}`);
  };
  // A Python literal with exactly these three keys; NumPy writes them in this order, other writers may not.
  const fields = new Map<string, string>();
  const field = /\s*'(descr|fortran_order|shape)'\s*:\s*('[^']*'|True|False|\([\dL,\s]*\))\s*(,|$)/y;
  const body = /^\{(.*)\}$/s.exec(text)?.[1] ?? refuse("is not a dictionary of descr, fortran_order and shape");
  while (field.lastIndex < body.trimEnd().length) {
    const match = field.exec(body) ?? refuse("is not understood (structured arrays and objects are not read)");
    if (fields.has(match[1]!)) refuse(`names ${match[1]} twice`);
    fields.set(match[1]!, match[2]!);
  }
  const order = fields.get("fortran_order");
  if (order !== "True" && order !== "False") return refuse("does not say fortran_order");
  const code = /^'([<|=>])?([A-Za-z]\d+)'$/.exec(fields.get("descr") ?? "");
  const kind = code && Object.hasOwn(kinds, code[2]!) ? kinds[code[2]!]! : undefined;
  if (!code || !kind) return refuse(`has a dtype that is not read; known are ${Object.keys(kinds).join(", ")}`);
  const tuple = /^\(((?:\s*\d+L?\s*,)*\s*(?:\d+L?)?\s*)\)$/.exec(fields.get("shape") ?? "");
  if (!tuple) return refuse("has no shape");
  const shape = tuple[1]!
    .split(",")
    .map((side) => side.trim())
    .filter((side) => side !== "")
    .map((side) => Number(side.replace("L", "")));
  const count = shape.reduce((product, side) => product * side, 1);
  if (shape.length > maxAxes || !shape.every(Number.isSafeInteger) || !Number.isSafeInteger(count * kind.bytes)) {
    return refuse("has a shape larger than any file");
  }
  if (headerBytes + count * kind.bytes !== totalBytes) {
    return refuse(`takes ${headerBytes + count * kind.bytes} bytes; there are ${totalBytes}`);
  }
  const bigEndian = code[1] === ">" && kind.bytes > 1;
  return { dtype: kind.dtype, shape, fortranOrder: order === "True", bigEndian, headerBytes };
}

/** Converts big-endian numbers of `size` bytes to little-endian, in place. */
export function swapBytes(bytes: Uint8Array, size: number): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 2) view.swap16();
  else if (size === 4) view.swap32();
  else if (size === 8) view.swap64();
}

/** Converts numbers from column-major to row-major order. */
export function fromFortranOrder<T extends TypedArray>(data: T, shape: readonly number[]): T {
  const rank = shape.length;
  if (rank < 2) return data;
  const out = data.slice() as T;
  const strides: number[] = [];
  for (let axis = 0, stride = 1; axis < rank; axis++) {
    strides.push(stride);
    stride *= shape[axis]!;
  }
  const index = new Array<number>(rank).fill(0);
  for (let to = 0, from = 0; to < data.length; to++) {
    out[to] = data[from]!;
    for (let axis = rank - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** Encodes the header of a row-major array: version 1.0, padded so that the numbers begin at a multiple of 64 bytes. */
export function encodeNpyHeader(dtype: StoredDType, shape: readonly number[]): Uint8Array {
  const code = Object.keys(kinds).find((key) => kinds[key]!.dtype === dtype)!;
  const order = kinds[code]!.bytes === 1 || code === "V2" ? "|" : "<";
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = new Uint8Array(length).fill(0x20);
  header.set([0x93, ...Buffer.from("NUMPY"), 1, 0, (length - 10) & 0xff, (length - 10) >> 8]);
  header.set(Buffer.from(text), 10);
  header[length - 1] = 0x0a;
  return header;
}
