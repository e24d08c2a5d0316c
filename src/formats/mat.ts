/**
 * Reads MATLAB files of version 5 ("MAT-File Format", MathWorks): numeric matrices, plain or compressed by zlib. Sizes in a file are checked
 * against the available bytes before they are used.
 */
import { readFile, stat } from "node:fs/promises";
import { constants, inflateSync } from "node:zlib";

export type MatData =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/** A numeric matrix. */
export interface MatMatrix {
  readonly dimensions: readonly number[];
  /** Column-major: the first index varies fastest. The type is the storage type, which may be smaller than the matrix class. */
  readonly data: MatData;
}

/** Limits: the largest published file of a supported dataset (SVHN's training digits) has 182 MB, its matrix 225 MB. */
const maxFile = 2 ** 31;
const maxMatrix = 2 ** 30;
const headerBytes = 128;
const maxDimensions = 32;
const maxName = 1024;
/** Maximum size of the tag, flags, dimensions and name of a matrix. */
const prefixBytes = 8 + 16 + 8 + 4 * maxDimensions + 8 + maxName + 16;

const types = { matrix: 14, compressed: 15, int8: 1, uint8: 2, int32: 5, uint32: 6 } as const;

interface NumberType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): MatData;
}

/** Storage types of numbers. */
const numbers: Readonly<Record<number, NumberType>> = {
  1: Int8Array,
  2: Uint8Array,
  3: Int16Array,
  4: Uint16Array,
  5: Int32Array,
  6: Uint32Array,
  7: Float32Array,
  9: Float64Array,
};

/** Matrix classes with numeric elements: double, single, and integers of 8 to 32 bits. */
const firstNumericClass = 6;
const lastNumericClass = 13;

interface Element {
  readonly type: number;
  /** Offset and size of its content in bytes. */
  readonly start: number;
  readonly bytes: number;
  /** Offset of the next element. */
  readonly next: number;
}

/** Bytes and their byte order. */
interface Part {
  readonly view: DataView;
  readonly little: boolean;
}

/**
 * Reads the named matrices of a file; others are skipped.
 *
 * @throws for a file that is not MAT version 5, is truncated or damaged, lacks a matrix (with the available names), or has one that is not
 *   real and numeric.
 */
export async function readMat(path: string, names: readonly string[]): Promise<Map<string, MatMatrix>> {
  const { size } = await stat(path);
  if (size > maxFile) throw new Error(`"${path}" has ${size} bytes, more than any MAT file read here (${maxFile})`);
  return parseMat(await readFile(path), path, names);
}

/** Like {@link readMat} for bytes in memory; `where` is the name of the file in messages. */
export function parseMat(bytes: Uint8Array, where: string, names: readonly string[]): Map<string, MatMatrix> {
  const fail = (problem: string): Error => new Error(`"${where}" ${problem}`);
  const little = checkHeader(bytes, fail);
  const file: Part = { view: viewOf(bytes), little };
  const found = new Map<string, MatMatrix>();
  const seen: string[] = [];
  for (let at = headerBytes; at < bytes.length; ) {
    const element = elementAt(file, at, fail);
    at = element.next;
    const content = bytes.subarray(element.start, element.start + element.bytes);
    const matrix = element.type === types.compressed ? inflatedMatrix(content, little, fail) : { content, element };
    if (matrix.element.type !== types.matrix) continue;
    const header = matrixHeader({ view: viewOf(matrix.content), little }, fail);
    if (header === undefined) continue;
    seen.push(header.name);
    if (names.includes(header.name)) {
      const whole = "whole" in matrix ? matrix.whole() : matrix.content;
      found.set(header.name, matrixData({ view: viewOf(whole), little }, header, fail));
    }
  }
  const missing = names.filter((name) => !found.has(name));
  if (missing.length > 0) {
    throw fail(
      `has no matrix ${missing.join(", ")}; it has ${seen.length === 0 ? "none" : seen.slice(0, 20).join(", ")}; fetch the file again`,
    );
  }
  return found;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

type Fail = (problem: string) => Error;

/** Whether numbers are little-endian. */
function checkHeader(bytes: Uint8Array, fail: Fail): boolean {
  const text = Buffer.from(bytes.subarray(0, 116)).toString("latin1");
  if (/^MATLAB 7\.3/.test(text)) throw fail("is a MATLAB file of version 7.3, which is HDF5; version 5 is read here");
  const mark = String.fromCharCode(bytes[126] ?? 0, bytes[127] ?? 0);
  if (bytes.length < headerBytes || (mark !== "IM" && mark !== "MI"))
    throw fail("is not a MATLAB file of version 5, or is cut off; fetch it again");
  const little = mark === "IM";
  const version = viewOf(bytes).getUint16(124, little);
  if (version !== 0x0100) throw fail(`is a MATLAB file of version 0x${version.toString(16)}; 0x100 was expected`);
  return little;
}

/** The element at an offset; its content is checked to be within the bytes. */
function elementAt({ view, little }: Part, at: number, fail: Fail): Element {
  const left = view.byteLength - at;
  const cutOff = (needed: number): Error =>
    fail(`is cut off or damaged: an element at byte ${at} needs ${needed} bytes, ${left} are left; fetch it again`);
  if (left < 8) throw cutOff(8);
  const first = view.getUint32(at, little);
  const small = first >>> 16;
  if (small > 0) {
    // The short form: type and length in two bytes each, at most four bytes of content.
    if (small > 4) throw fail(`is damaged at byte ${at}: a short element has ${small} bytes instead of at most 4`);
    return { type: first & 0xffff, start: at + 4, bytes: small, next: at + 8 };
  }
  const bytes = view.getUint32(at + 4, little);
  if (8 + bytes > left) throw cutOff(8 + bytes);
  const padded = first === types.compressed ? bytes : Math.ceil(bytes / 8) * 8;
  return { type: first, start: at + 8, bytes, next: Math.min(at + 8 + padded, view.byteLength) };
}

/** A compressed element: its beginning is inflated, and the rest on request. */
function inflatedMatrix(
  compressed: Uint8Array,
  little: boolean,
  fail: Fail,
): { element: { type: number }; content: Uint8Array; whole: () => Uint8Array } {
  const inflate = (input: Uint8Array, most: number, partial: boolean): Uint8Array => {
    try {
      return inflateSync(input, {
        maxOutputLength: most,
        finishFlush: partial ? constants.Z_SYNC_FLUSH : constants.Z_FINISH,
      });
    } catch (error) {
      throw fail(`holds a compressed matrix that does not inflate (${(error as Error).message}); fetch it again`);
    }
  };
  // Deflate expands a byte to at most 1032 (zlib, "Maximum Compression Factor").
  const taken = Math.min(compressed.length, prefixBytes + 64);
  const start = inflate(compressed.subarray(0, taken), taken * 1032 + 1024, true);
  if (start.length < 8) throw fail("holds a compressed element of fewer than 8 bytes; fetch it again");
  const view = viewOf(start);
  const type = view.getUint32(0, little);
  const bytes = view.getUint32(4, little);
  const whole = (): Uint8Array => {
    if (bytes > maxMatrix) throw fail(`claims a matrix of ${bytes} bytes, more than any read here (${maxMatrix})`);
    const all = inflate(compressed, 8 + bytes, false);
    if (all.length !== 8 + bytes)
      throw fail(`holds a matrix of ${all.length - 8} bytes where it claims ${bytes}; fetch it again`);
    return all.subarray(8);
  };
  return { element: { type }, content: start.subarray(8, 8 + Math.min(bytes, start.length - 8)), whole };
}

interface MatrixHeader {
  readonly name: string;
  readonly numeric: boolean;
  readonly complex: boolean;
  readonly dimensions: readonly number[];
  /** Offset of the elements. */
  readonly dataAt: number;
}

/** Parses the header of a matrix; undefined for one without a name or content (a subsystem's). */
function matrixHeader(part: Part, fail: Fail): MatrixHeader | undefined {
  const { view, little } = part;
  if (view.byteLength === 0) return undefined;
  const flags = elementAt(part, 0, fail);
  if (flags.type !== types.uint32 || flags.bytes < 8) throw fail("is damaged: a matrix has no flags; fetch it again");
  const kind = view.getUint32(flags.start, little);
  const sizes = elementAt(part, flags.next, fail);
  const count = sizes.bytes / 4;
  if (sizes.type !== types.int32 || !Number.isInteger(count) || count < 2 || count > maxDimensions)
    throw fail("is damaged: a matrix has no dimensions; fetch it again");
  const dimensions = Array.from({ length: count }, (_, i) => view.getInt32(sizes.start + 4 * i, little));
  const name = elementAt(part, sizes.next, fail);
  if ((name.type !== types.int8 && name.type !== types.uint8) || name.bytes > maxName)
    throw fail("is damaged: a matrix has no name; fetch it again");
  const own = new Uint8Array(view.buffer, view.byteOffset + name.start, name.bytes);
  const classNumber = kind & 0xff;
  return {
    name: Buffer.from(own).toString("latin1"),
    numeric: classNumber >= firstNumericClass && classNumber <= lastNumericClass,
    complex: (kind & 0x800) !== 0,
    dimensions,
    dataAt: name.next,
  };
}

function matrixData(part: Part, header: MatrixHeader, fail: Fail): MatMatrix {
  const { name, numeric, complex, dimensions, dataAt } = header;
  if (!numeric || complex) throw fail(`holds "${name}", but not as a matrix of real numbers; fetch the file again`);
  const { view, little } = part;
  const { type, start, bytes } = elementAt(part, dataAt, fail);
  const Kind = numbers[type];
  if (!Kind) throw fail(`holds "${name}" in numbers of the type ${type}, which is not known here`);
  const count = dimensions.reduce((product, side) => product * side, 1);
  if (dimensions.some((side) => side < 0) || count * Kind.BYTES_PER_ELEMENT !== bytes) {
    throw fail(
      `is damaged: "${name}" of ${dimensions.join(" x ")} numbers has ${bytes} bytes instead of ${count * Kind.BYTES_PER_ELEMENT}; fetch it again`,
    );
  }
  const own = new Uint8Array(bytes);
  own.set(new Uint8Array(view.buffer, view.byteOffset + start, bytes));
  if (little !== hostIsLittle) swapBytes(own, Kind.BYTES_PER_ELEMENT);
  return { dimensions, data: new Kind(own.buffer) };
}

const hostIsLittle = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; width > 1 && at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}
