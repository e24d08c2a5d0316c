/** Reads and writes safetensors files: a JSON header with the name, dtype, shape and byte range of every tensor, then the bytes. */
import { type FileHandle, open } from "node:fs/promises";
import { writeFileAtomically } from "../files/atomic.js";
import { WeightsError } from "./error.js";
import { dtypes, type StoredDType, type StoredTensor, type TensorFile, tensorBytes } from "./stored.js";

const byCode = new Map<string, StoredDType>(
  (Object.keys(dtypes) as StoredDType[]).map((dtype) => [dtypes[dtype].code, dtype]),
);

/** The format's own limit on the header (safetensors `MAX_HEADER_SIZE`); a larger header means a damaged or malicious file. */
const maxHeaderBytes = 100_000_000;
/** Size of the little-endian header length at the start of a file. */
const prefixBytes = 8;
/** Maximum size of one read call in bytes; the operating system's limit is 2 GiB. */
const maxRead = 1 << 28;

/** A file is not valid safetensors; the message has the problem. */
export class SafetensorsError extends WeightsError {
  override name = "SafetensorsError";
}

/** Position of a tensor: its byte range from the end of the header. */
export interface SafetensorsEntry {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** The parsed header of a file. */
export interface SafetensorsHeader {
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

function elementCount(shape: readonly unknown[], name: string): number {
  let count = 1;
  for (const side of shape) {
    if (typeof side !== "number" || !Number.isSafeInteger(side) || side < 0) {
      throw new SafetensorsError(`tensor "${name}": shape ${JSON.stringify(shape)} is not made of whole numbers`);
    }
    count *= side;
  }
  // If one side is zero the tensor is empty whatever the others are; otherwise every product up to here was exact.
  if (!Number.isSafeInteger(count)) {
    throw new SafetensorsError(`tensor "${name}": shape ${JSON.stringify(shape)} is larger than any file`);
  }
  return count;
}

/**
 * Finds a key that occurs twice in one object of a JSON text. JSON.parse would silently keep the last one.
 * The text must be valid JSON.
 */
function duplicateKey(json: string): string | undefined {
  const objects: (Set<string> | undefined)[] = [];
  let lastString: string | undefined;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') {
      const start = i++;
      while (json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
      lastString = json.slice(start, i + 1);
    } else if (character === "{") {
      objects.push(new Set());
    } else if (character === "[") {
      objects.push(undefined);
    } else if (character === "}" || character === "]") {
      objects.pop();
    } else if (character === ":") {
      const key = JSON.parse(lastString!) as string;
      const keys = objects.at(-1)!;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseEntry(name: string, value: unknown, dataBytes: number): SafetensorsEntry {
  const refuse = (problem: string): never => {
    throw new SafetensorsError(`tensor "${name}": ${problem}`);
  };
  if (!isObject(value)) return refuse("its entry is not an object");
  const { dtype: code, shape, data_offsets: offsets } = value;
  const dtype = typeof code === "string" ? byCode.get(code) : undefined;
  if (dtype === undefined) {
    return refuse(`dtype ${JSON.stringify(code)} is not supported; known are ${[...byCode.keys()].join(", ")}`);
  }
  if (!Array.isArray(shape)) return refuse("its shape is not a list");
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every((at) => Number.isSafeInteger(at) && at >= 0)) {
    return refuse(`data_offsets ${JSON.stringify(offsets)} are not two byte positions`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) {
    return refuse(`bytes ${begin} to ${end} do not lie in the ${dataBytes} bytes of data; the file may be cut short`);
  }
  const expected = elementCount(shape, name) * dtypes[dtype].array.BYTES_PER_ELEMENT;
  if (expected !== end - begin) {
    return refuse(`${dtype} of shape [${shape.join(", ")}] takes ${expected} bytes, its range has ${end - begin}`);
  }
  return { dtype, shape: shape as number[], begin, end };
}

function parseHeader(bytes: Uint8Array, dataBytes: number): SafetensorsHeader {
  let json: unknown;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch (error) {
    throw new SafetensorsError(`the header is not JSON: ${(error as Error).message}`, { cause: error });
  }
  if (!isObject(json)) throw new SafetensorsError("the header is not a JSON object");
  const twice = duplicateKey(text);
  if (twice !== undefined) throw new SafetensorsError(`the header names "${twice}" twice`);

  const entries = new Map<string, SafetensorsEntry>();
  const metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(json)) {
    if (name !== "__metadata__") {
      entries.set(name, parseEntry(name, value, dataBytes));
    } else if (isObject(value) && Object.values(value).every((entry) => typeof entry === "string")) {
      for (const [key, entry] of Object.entries(value)) metadata.set(key, entry as string);
    } else {
      throw new SafetensorsError("__metadata__ is not a map of strings to strings");
    }
  }

  // The format allows neither overlaps nor holes: the sorted ranges must be contiguous and cover the data.
  let position = 0;
  for (const [name, { begin, end }] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== position) {
      const how = begin < position ? "overlaps the tensor before it" : "leaves a hole before it";
      throw new SafetensorsError(`tensor "${name}": ${how} (starts at byte ${begin}, expected ${position})`);
    }
    position = end;
  }
  if (position !== dataBytes) {
    throw new SafetensorsError(`${dataBytes - position} bytes after the last tensor belong to nothing`);
  }
  return { entries, metadata };
}

/** Reads the length of the header from a file's first eight bytes and checks it against the size of the file. */
function headerLength(prefix: Uint8Array, fileBytes: number): number {
  if (fileBytes < prefixBytes) {
    throw new SafetensorsError(`${fileBytes} bytes are too few; the file is empty or cut short`);
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, prefixBytes).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw new SafetensorsError(
      `a header of ${length} bytes is over the limit of ${maxHeaderBytes}; this is not a safetensors file`,
    );
  }
  if (Number(length) > fileBytes - prefixBytes) {
    throw new SafetensorsError(`a header of ${length} bytes does not fit in ${fileBytes} bytes; the file is cut short`);
  }
  return Number(length);
}

/** An open file whose header is checked and whose tensors are read one by one. The caller must close it. */
export class SafetensorsFile implements SafetensorsHeader, TensorFile {
  readonly format = "safetensors";
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<string, string>;

  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    header: SafetensorsHeader,
    private readonly dataStart: number,
  ) {
    this.entries = header.entries;
    this.metadata = header.metadata;
  }

  /** Opens a file and checks its header. Throws SafetensorsError with the file and the problem, or the system's error. */
  static async open(path: string): Promise<SafetensorsFile> {
    const handle = await open(path, "r");
    try {
      const { size } = await handle.stat();
      const prefix = new Uint8Array(prefixBytes);
      if (size >= prefixBytes) await readFully(handle, prefix, 0);
      const header = new Uint8Array(headerLength(prefix, size));
      await readFully(handle, header, prefixBytes);
      const dataStart = prefixBytes + header.byteLength;
      return new SafetensorsFile(path, handle, parseHeader(header, size - dataStart), dataStart);
    } catch (error) {
      await handle.close();
      throw named(path, error);
    }
  }

  /** Reads one tensor. Throws if the file has none of this name. */
  async read(name: string): Promise<StoredTensor> {
    const entry = this.entries.get(name);
    if (!entry) throw new SafetensorsError(`${this.path}: no tensor "${name}"`);
    const bytes = new Uint8Array(entry.end - entry.begin);
    try {
      await readFully(this.handle, bytes, this.dataStart + entry.begin);
    } catch (error) {
      throw named(this.path, error);
    }
    return { dtype: entry.dtype, shape: entry.shape, data: new dtypes[entry.dtype].array(bytes.buffer) };
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function named(path: string, error: unknown): unknown {
  return error instanceof SafetensorsError
    ? new SafetensorsError(`${path}: ${error.message}`, { cause: error.cause })
    : error;
}

async function readFully(handle: FileHandle, into: Uint8Array, position: number): Promise<void> {
  let offset = 0;
  while (offset < into.byteLength) {
    const length = Math.min(maxRead, into.byteLength - offset);
    const { bytesRead } = await handle.read(into, offset, length, position + offset);
    if (bytesRead === 0) throw new SafetensorsError("the file became shorter while it was read");
    offset += bytesRead;
  }
}

/** The contents of a file in memory. */
export interface Safetensors {
  tensors: Map<string, StoredTensor>;
  metadata: Map<string, string>;
}

/** Reads all tensors of a file, in the order of its header. Throws the same errors as `SafetensorsFile.open`. */
export async function readSafetensors(path: string): Promise<Safetensors> {
  await using file = await SafetensorsFile.open(path);
  const tensors = new Map<string, StoredTensor>();
  for (const name of file.entries.keys()) tensors.set(name, await file.read(name));
  return { tensors, metadata: new Map(file.metadata) };
}

/** Decodes a file in memory. The tensors are copies, because ranges in a file need not be aligned. Throws SafetensorsError. */
export function decodeSafetensors(bytes: Uint8Array): Safetensors {
  const dataStart = prefixBytes + headerLength(bytes, bytes.byteLength);
  const header = parseHeader(bytes.subarray(prefixBytes, dataStart), bytes.byteLength - dataStart);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { dtype, shape, begin, end }] of header.entries) {
    const copy = bytes.slice(dataStart + begin, dataStart + end);
    tensors.set(name, { dtype, shape, data: new dtypes[dtype].array(copy.buffer) });
  }
  return { tensors, metadata: new Map(header.metadata) };
}

/**
 * Encodes a file as consecutive parts: the header, then the bytes of each tensor (views, not copies).
 *
 * Wider dtypes come first, so that every range is aligned to its dtype; then tensors are sorted by name, so that equal tensors give equal files.
 * Throws SafetensorsError if a tensor's data does not match its dtype and shape.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array[] {
  const width = ({ dtype }: StoredTensor) => dtypes[dtype].array.BYTES_PER_ELEMENT;
  const ordered = [...tensors].sort(([a, x], [b, y]) => width(y) - width(x) || (a < b ? -1 : 1));
  const offsets = new Map<string, [number, number]>();
  let position = 0;
  for (const [name, tensor] of ordered) {
    checkTensor(name, tensor);
    offsets.set(name, [position, position + tensor.data.byteLength]);
    position += tensor.data.byteLength;
  }
  // Built as text, because as keys of an object, names such as "1" would be reordered and "__proto__" lost.
  const fields = [...tensors].map(
    ([name, { dtype, shape }]) =>
      `${JSON.stringify(name)}:${JSON.stringify({ dtype: dtypes[dtype].code, shape, data_offsets: offsets.get(name) })}`,
  );
  if (metadata.size > 0) {
    const entries = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    fields.unshift(`"__metadata__":{${entries.join(",")}}`);
  }
  const text = new TextEncoder().encode(`{${fields.join(",")}}`);
  const length = Math.ceil(text.byteLength / prefixBytes) * prefixBytes;
  if (length > maxHeaderBytes) {
    throw new SafetensorsError(`a header of ${length} bytes is over the format's limit of ${maxHeaderBytes}`);
  }
  const header = new Uint8Array(prefixBytes + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, prefixBytes);
  return [header, ...ordered.map(([, tensor]) => tensorBytes(tensor))];
}

function checkTensor(name: string, tensor: StoredTensor): void {
  const { dtype, shape, data } = tensor;
  if (name === "__metadata__") throw new SafetensorsError('no tensor can be named "__metadata__"');
  const known = dtypes[dtype];
  if (!known) throw new SafetensorsError(`tensor "${name}": dtype ${dtype} is not supported`);
  if (!(data instanceof known.array)) {
    throw new SafetensorsError(
      `tensor "${name}": ${dtype} is held in a ${known.array.name}, given a ${(data as object).constructor.name}`,
    );
  }
  const expected = elementCount(shape, name);
  if (data.length !== expected) {
    throw new SafetensorsError(
      `tensor "${name}": shape [${shape.join(", ")}] has ${expected} elements, its data ${data.length}`,
    );
  }
}

/**
 * Writes tensors and metadata to a file atomically (see `writeFileAtomically`).
 *
 * @example
 * await writeSafetensors("head.safetensors", new Map([["head/bias", { dtype: "float32", shape: [10], data: bias }]]));
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  await writeFileAtomically(path, encodeSafetensors(tensors, metadata));
}
