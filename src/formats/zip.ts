/**
 * Reads zip archives (APPNOTE.TXT 6.3, including zip64) with stored or deflated entries. Archives are not trusted: every size is checked against
 * the file before memory is allocated.
 */
import { Readable } from "node:stream";
import { constants, createInflateRaw, inflateRawSync } from "node:zlib";
import type { ByteSource } from "./bytes.js";
import { crc32 } from "./crc32.js";
import { WeightsError } from "./error.js";

/** A file in an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly deflated: boolean;
  /** Size in the archive in bytes. */
  readonly storedBytes: number;
  /** Size after inflation in bytes. */
  readonly bytes: number;
  readonly crc: number;
  /** Offset of its data in the archive. */
  readonly dataStart: number;
}

/** Limits above which an archive is rejected. */
export interface ZipLimits {
  readonly maxEntries: number;
  /** Maximum size of the directory in bytes. */
  readonly maxDirectoryBytes: number;
  /** Maximum ratio of the inflated size to the size of the archive. */
  readonly maxRatio: number;
  /** Whether folder entries, which have no content, are skipped; otherwise their names are rejected. */
  readonly folders: boolean;
}

/** No model has as many tensors; float32 weights deflate to about 0.9 of their size, and a ratio of a hundred is not a model. */
const weightsLimits: ZipLimits = {
  maxEntries: 100_000,
  maxDirectoryBytes: 64 * 2 ** 20,
  maxRatio: 100,
  folders: false,
};
/** Maximum expansion of a deflated byte (zlib, "Maximum Compression Factor"), which is a limit of the format. */
const maxDeflateRatio = 1032;
/** An archive that would inflate to more than this and more than `maxRatio` times its size is rejected as a zip bomb. */
const freeInflatedBytes = 256 * 2 ** 20;

const signatures = {
  localHeader: 0x04034b50,
  centralHeader: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
} as const;
const localHeaderBytes = 30;
const centralHeaderBytes = 46;
const endBytes = 22;
const end64Bytes = 56;
const locator64Bytes = 20;
const maxCommentBytes = 0xffff;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function number64(view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new WeightsError(`a size of ${value} bytes is larger than any file`);
  return Number(value);
}

interface Directory {
  readonly count: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Finds the directory from the end of the archive. */
async function findDirectory(source: ByteSource, { maxDirectoryBytes, maxEntries }: ZipLimits): Promise<Directory> {
  const tailBytes = Math.min(source.size, endBytes + maxCommentBytes);
  const tail = await source.read(source.size - tailBytes, tailBytes);
  const view = viewOf(tail);
  let at = tailBytes - endBytes;
  const ends = (position: number) =>
    view.getUint32(position, true) === signatures.end &&
    position + endBytes + view.getUint16(position + 20, true) === tailBytes;
  while (at >= 0 && !ends(at)) at--;
  if (at < 0) throw new WeightsError("it has no list of contents at its end; it is not a zip archive or is cut short");
  const endAt = source.size - tailBytes + at;
  if (view.getUint16(at + 4, true) !== view.getUint16(at + 6, true)) {
    throw new WeightsError("archives in several parts are not supported");
  }
  let directory = {
    count: view.getUint16(at + 10, true),
    bytes: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  };
  let directoryEnd = endAt;
  if (directory.count === 0xffff || directory.bytes === 0xffffffff || directory.offset === 0xffffffff) {
    const locator = viewOf(await source.read(endAt - locator64Bytes, locator64Bytes));
    if (locator.getUint32(0, true) !== signatures.locator64) throw new WeightsError("its zip64 record is missing");
    directoryEnd = number64(locator, 8);
    const end64 = viewOf(await source.read(directoryEnd, end64Bytes));
    if (end64.getUint32(0, true) !== signatures.end64) throw new WeightsError("its zip64 record is damaged");
    directory = { count: number64(end64, 32), bytes: number64(end64, 40), offset: number64(end64, 48) };
  }
  const { count, bytes, offset } = directory;
  if (bytes > maxDirectoryBytes || count > maxEntries) {
    throw new WeightsError(
      `it claims ${count} entries in a list of ${bytes} bytes, more than are read (${maxEntries})`,
    );
  }
  if (offset + bytes > directoryEnd || count * centralHeaderBytes > bytes) {
    throw new WeightsError(`its list of contents (${count} entries, ${bytes} bytes at ${offset}) does not fit in it`);
  }
  return directory;
}

/** Throws unless a name is that of a file below the archive's root. */
function requireTameName(name: string): void {
  const parts = name.split("/");
  const hostile =
    name === "" ||
    name.length > 1000 ||
    name.includes("\\") ||
    [...name].some((character) => character < " " || character === "\x7f") ||
    /^[A-Za-z]:/.test(name) ||
    parts.some((part) => part === "" || part === "." || part === ".." || part === "__proto__");
  if (hostile) throw new WeightsError(`the name ${JSON.stringify(name.slice(0, 200))} is not that of a file in it`);
}

interface CentralEntry extends Omit<ZipEntry, "dataStart"> {
  readonly headerAt: number;
  readonly nameBytes: Uint8Array;
}

/** Reads sizes that do not fit in 32 bits, which are in an extra field with the id 1 in a fixed order. */
function extra64(extra: Uint8Array, values: readonly number[], name: string): number[] {
  const view = viewOf(extra);
  let at = 0;
  while (at + 4 <= extra.byteLength) {
    const id = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    if (at + 4 + length > extra.byteLength) break;
    if (id === 1) {
      let next = at + 4;
      return values.map((value) => {
        if (value !== 0xffffffff) return value;
        if (next + 8 > at + 4 + length) throw new WeightsError(`entry "${name}": its zip64 field is too short`);
        next += 8;
        return number64(view, next - 8);
      });
    }
    at += 4 + length;
  }
  return [...values];
}

function parseDirectory(bytes: Uint8Array, count: number, { folders }: ZipLimits): CentralEntry[] {
  const view = viewOf(bytes);
  const entries: CentralEntry[] = [];
  const names = new Set<string>();
  let at = 0;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let i = 0; i < count; i++) {
    if (at + centralHeaderBytes > bytes.byteLength || view.getUint32(at, true) !== signatures.centralHeader) {
      throw new WeightsError(`its list of contents is damaged at entry ${i + 1} of ${count}`);
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const end = at + centralHeaderBytes + nameLength + extraLength + commentLength;
    if (end > bytes.byteLength) throw new WeightsError(`its list of contents is cut short at entry ${i + 1}`);
    const nameBytes = bytes.subarray(at + centralHeaderBytes, at + centralHeaderBytes + nameLength);
    let name: string;
    try {
      name = decoder.decode(nameBytes);
    } catch {
      throw new WeightsError(`the name of entry ${i + 1} is not UTF-8`);
    }
    requireTameName(folders ? name.replace(/\/$/, "") : name);
    if (names.has(name)) throw new WeightsError(`it holds "${name}" twice`);
    names.add(name);
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    if (flags & 1) throw new WeightsError(`entry "${name}" is encrypted`);
    if (method !== 0 && method !== 8) {
      throw new WeightsError(
        `entry "${name}" is compressed by method ${method}; only stored (0) and deflated (8) are read`,
      );
    }
    const extraStart = at + centralHeaderBytes + nameLength;
    const [inflated, stored, headerAt] = extra64(
      bytes.subarray(extraStart, extraStart + extraLength),
      [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)],
      name,
    ) as [number, number, number];
    const deflated = method === 8;
    if (deflated ? inflated > maxDeflateRatio * (stored + 1) : inflated !== stored) {
      throw new WeightsError(
        `entry "${name}" claims ${inflated} bytes, which its ${stored} bytes in the archive cannot hold`,
      );
    }
    entries.push({
      name,
      nameBytes,
      deflated,
      storedBytes: stored,
      bytes: inflated,
      crc: view.getUint32(at + 16, true),
      headerAt,
    });
    at = end;
  }
  if (at !== bytes.byteLength) throw new WeightsError(`${bytes.byteLength - at} bytes of its list belong to no entry`);
  return entries;
}

/** Checks each entry's own header, and that no two entries overlap. */
async function locate(source: ByteSource, entries: readonly CentralEntry[], directoryStart: number) {
  const located = new Map<string, ZipEntry>();
  const ordered = [...entries].sort((a, b) => a.headerAt - b.headerAt);
  for (const [i, { headerAt, nameBytes, ...entry }] of ordered.entries()) {
    const refuse = (problem: string): never => {
      throw new WeightsError(`entry "${entry.name}": ${problem}`);
    };
    const limit = ordered[i + 1]?.headerAt ?? directoryStart;
    if (headerAt + localHeaderBytes + nameBytes.byteLength > limit) {
      return refuse(`it starts at byte ${headerAt} and overlaps what comes after it; the archive is damaged`);
    }
    const header = await source.read(headerAt, localHeaderBytes + nameBytes.byteLength);
    const view = viewOf(header);
    if (view.getUint32(0, true) !== signatures.localHeader) return refuse(`there is no entry at byte ${headerAt}`);
    const nameLength = view.getUint16(26, true);
    const same = header.subarray(localHeaderBytes).every((byte, at) => byte === nameBytes[at]);
    if (nameLength !== nameBytes.byteLength || !same) return refuse("it has another name in the list of contents");
    const dataStart = headerAt + localHeaderBytes + nameLength + view.getUint16(28, true);
    if (dataStart + entry.storedBytes > limit) {
      return refuse(`its bytes ${dataStart} to ${dataStart + entry.storedBytes} overlap what comes after it`);
    }
    located.set(entry.name, { ...entry, dataStart });
  }
  return new Map(entries.map(({ name }) => [name, located.get(name)!]));
}

/**
 * Reads the entries of an archive by name, in the order of its directory. Throws WeightsError with the problem.
 *
 * @param limits limits of the archive; default: those of weights
 */
export async function readZipEntries(
  source: ByteSource,
  limits: ZipLimits = weightsLimits,
): Promise<Map<string, ZipEntry>> {
  if (source.size < endBytes) {
    throw new WeightsError(`${source.size} bytes are too few for a zip archive; the file is empty or cut short`);
  }
  const { count, offset, bytes } = await findDirectory(source, limits);
  const entries = parseDirectory(await source.read(offset, bytes), count, limits);
  const total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  if (total > freeInflatedBytes && total > limits.maxRatio * source.size) {
    throw new WeightsError(
      `it claims to inflate from ${source.size} to ${total} bytes, more than ${limits.maxRatio} times`,
    );
  }
  const located = await locate(source, entries, offset);
  if (limits.folders) for (const { name } of entries) if (name.endsWith("/")) located.delete(name);
  return located;
}

/** A step of 1 MiB keeps the number of pieces small; Node's default of 16 KiB is for streams. */
const inflateStep = 1 << 20;

function inflate(bytes: Uint8Array, maxBytes: number, name: string, partial: boolean): Uint8Array {
  try {
    return inflateRawSync(bytes, {
      maxOutputLength: Math.max(maxBytes, 1),
      chunkSize: Math.min(inflateStep, Math.max(maxBytes, 64)),
      finishFlush: partial ? constants.Z_SYNC_FLUSH : constants.Z_FINISH,
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const problem =
      code === "ERR_BUFFER_TOO_LARGE"
        ? `inflates to more than the ${maxBytes} bytes it claims`
        : `does not inflate (${message})`;
    throw new WeightsError(`entry "${name}" ${problem}; the archive is damaged`, { cause: error });
  }
}

/** Reads the first bytes of an entry, at least `length` if it has as many. Throws WeightsError. */
export async function readZipStart(source: ByteSource, entry: ZipEntry, length: number): Promise<Uint8Array> {
  if (!entry.deflated) return await source.read(entry.dataStart, Math.min(length, entry.storedBytes));
  // A stored byte yields at least 0.99: deflate stores data that it cannot compress, with 5 bytes for each block of 65535.
  const taken = Math.min(entry.storedBytes, length + 1024);
  const start = inflate(await source.read(entry.dataStart, taken), taken * maxDeflateRatio, entry.name, true);
  return start.subarray(0, length);
}

/** Reads all bytes of an entry from `skip` on into a new buffer and checks the CRC-32. Throws WeightsError. */
export async function readZipEntry(source: ByteSource, entry: ZipEntry, skip = 0): Promise<Uint8Array<ArrayBuffer>> {
  let rest: Uint8Array<ArrayBuffer>;
  let crc: number;
  if (entry.deflated) {
    const all = inflate(await source.read(entry.dataStart, entry.storedBytes), entry.bytes, entry.name, false);
    if (all.byteLength !== entry.bytes) {
      throw new WeightsError(`entry "${entry.name}" inflates to ${all.byteLength} bytes; it claims ${entry.bytes}`);
    }
    crc = crc32(all);
    rest = new Uint8Array(all.subarray(skip));
  } else {
    const start = await source.read(entry.dataStart, Math.min(skip, entry.bytes));
    rest = await source.read(entry.dataStart + start.byteLength, entry.bytes - start.byteLength);
    crc = crc32(rest, crc32(start));
  }
  if (crc !== entry.crc)
    throw new WeightsError(`entry "${entry.name}" does not match its checksum; the file is damaged`);
  return rest;
}

/**
 * Reads an entry in consecutive pieces, for entries larger than memory; size and CRC-32 are checked at the end. Throws WeightsError.
 */
export async function* zipEntryChunks(source: ByteSource, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  async function* stored(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < entry.storedBytes; at += inflateStep)
      yield await source.read(entry.dataStart + at, Math.min(inflateStep, entry.storedBytes - at));
  }
  const inflated = (): AsyncIterable<Uint8Array> => {
    const compressed = Readable.from(stored());
    const inflate = createInflateRaw({ chunkSize: inflateStep });
    compressed.on("error", (error) => inflate.destroy(error));
    inflate.on("close", () => compressed.destroy());
    return compressed.pipe(inflate);
  };
  let bytes = 0;
  let crc = 0;
  try {
    for await (const chunk of entry.deflated ? inflated() : stored()) {
      bytes += chunk.length;
      if (bytes > entry.bytes) break;
      crc = crc32(chunk, crc);
      yield chunk;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code?.startsWith("Z_") !== true) throw error;
    throw new WeightsError(`entry "${entry.name}" does not inflate (${(error as Error).message})`, { cause: error });
  }
  if (bytes !== entry.bytes || crc !== entry.crc)
    throw new WeightsError(`entry "${entry.name}" does not match its size or checksum; the file is damaged`);
}
