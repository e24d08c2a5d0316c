/** Parses tar archives (ustar, with the GNU and pax extensions for long names and sizes) from any source of bytes. */
import { closeSync, openSync, readSync, statSync } from "node:fs";

/** One member of an archive. */
export interface TarEntry {
  readonly name: string;
  /** Whether it is a regular file; folders, links and special files are not. */
  readonly isFile: boolean;
  readonly isFolder: boolean;
  /** Offset of its content, in bytes from the start of the archive. */
  readonly offset: number;
  readonly size: number;
}

/** Bytes that the parser needs next; offsets only increase. It receives fewer if the archive ends before. */
export interface TarRequest {
  readonly offset: number;
  readonly length: number;
}

/** Maximum size of a member that is read completely: names and labels are short. */
const maxContent = 2 ** 20;

/**
 * Visits every member in order. A visit may return a function that receives the content (at most 1 MiB).
 *
 * @param total size of the archive in bytes, if it is known: a member that does not fit is rejected immediately
 * @returns whether the archive ends with a block of zeros; one truncated between two members does not
 * @throws if it is not a tar archive, is truncated, or has a path that leads out of it ("../x", "/x").
 */
export function* walkTar(
  where: string,
  total: number | undefined,
  visit: (entry: TarEntry) => ((content: Uint8Array) => void) | undefined,
): Generator<TarRequest, boolean, Uint8Array> {
  let longName: string | undefined;
  let longSize: number | undefined;
  let offset = 0;
  for (;;) {
    const block = asBuffer(yield { offset, length: 512 });
    if (block.length === 0 && (total === undefined || offset <= total)) return false;
    if (block.length < 512) throw new Error(`"${where}" is cut off: it ends within the block at byte ${offset}`);
    if (block.every((byte) => byte === 0)) return true;
    if (!checksumFits(block)) {
      const what =
        offset === 0 ? "is not a tar archive (compressed ones must be unpacked first)" : `is damaged at byte ${offset}`;
      throw new Error(`"${where}" ${what}`);
    }
    const type = String.fromCharCode(block[156]!);
    const meta = type === "L" || type === "x" || type === "g" || type === "K";
    const size = (meta ? undefined : longSize) ?? numberIn(block, 124, 12);
    if (!Number.isSafeInteger(size) || size < 0) throw new Error(`"${where}" is damaged at byte ${offset}`);
    const data = offset + 512;
    const cutOff = (left: number): Error =>
      new Error(`"${where}" is cut off: the entry at byte ${offset} needs ${size} bytes, ${left} are left`);
    if (total !== undefined && data + size > total) throw cutOff(total - data);
    let receive: ((content: Uint8Array) => void) | undefined;
    if (type === "L") receive = (content) => (longName = textIn(asBuffer(content), 0, size));
    else if (type === "x")
      receive = (content) => {
        const records = asBuffer(content).toString("utf8");
        longName = paxRecord(records, "path") ?? longName;
        const long = paxRecord(records, "size");
        if (long !== undefined) longSize = Number(long);
      };
    else if (!meta) {
      const prefix =
        block.toString("latin1", 257, 262) === "ustar" && block[263] === 0x30 ? textIn(block, 345, 155) : "";
      const short = textIn(block, 0, 100);
      const name = longName ?? (prefix === "" ? short : `${prefix}/${short}`);
      longName = undefined;
      longSize = undefined;
      const isFile = type === "0" || type === "\0" || type === "7";
      receive = visit({
        name: isFile ? safeName(where, name) : name,
        isFile,
        isFolder: type === "5",
        offset: data,
        size,
      });
    }
    if (receive) {
      if (size > maxContent)
        throw new Error(`"${where}" is damaged at byte ${offset}: ${size} bytes are too many for a name or a label`);
      const content = yield { offset: data, length: size };
      if (content.length < size) throw cutOff(content.length);
      receive(content);
    }
    offset = data + Math.ceil(size / 512) * 512;
  }
}

/** Visits an archive on disk; `where` is its name in messages. Returns and throws the same as `walkTar`. */
export function walkTarFile(path: string, where: string, visit: Parameters<typeof walkTar>[2]): boolean {
  const file = openSync(path, "r");
  try {
    const walk = walkTar(where, statSync(path).size, visit);
    let step = walk.next();
    while (!step.done) {
      const { offset, length } = step.value;
      const bytes = Buffer.alloc(length);
      step = walk.next(bytes.subarray(0, length === 0 ? 0 : readSync(file, bytes, 0, length, offset)));
    }
    return step.value;
  } finally {
    closeSync(file);
  }
}

function safeName(path: string, name: string): string {
  const parts = name.split("/").filter((part) => part !== "." && part !== "");
  if (name.startsWith("/") || parts.includes(".."))
    throw new Error(`"${path}" holds the path "${name}", which leads out of the archive; it is not read`);
  return parts.join("/");
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function textIn(block: Buffer, start: number, length: number): string {
  const end = block.indexOf(0, start);
  return block.toString("utf8", start, end < 0 || end > start + length ? start + length : end);
}

/** Parses an octal field, or (first bit set) a big-endian binary one, which GNU tar writes for sizes from 8 GB. */
function numberIn(block: Buffer, start: number, length: number): number {
  if (block[start]! & 0x80) {
    let value = block[start]! & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + block[start + i]!;
    return value;
  }
  const text = textIn(block, start, length).trim();
  return text === "" ? 0 : Number.parseInt(text, 8);
}

function checksumFits(block: Buffer): boolean {
  let sum = 8 * 0x20;
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += block[i]!;
  return sum === numberIn(block, 148, 8);
}

/** Reads a record of a pax header, which has lines of "length key=value\n". */
function paxRecord(text: string, key: "path" | "size"): string | undefined {
  return new RegExp(`(?:^|\\n)\\d+ ${key}=([^\\n]*)\\n`).exec(text)?.[1];
}
