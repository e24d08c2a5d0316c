/** Zip archives and NumPy arrays byte by byte, right or wrong as a test wants them; written from APPNOTE.TXT and NEP 1. */
import { crc32 as zlibCrc } from "node:zlib";

/** An entry; everything but the first two says something untrue or unusual. */
export interface Entry {
  readonly name: string;
  readonly content: Uint8Array;
  readonly method?: number;
  /** What lies in the archive. */
  readonly stored?: Uint8Array;
  /** Sizes, checksum, place and name that are claimed. */
  readonly size?: number;
  readonly crc?: number;
  readonly offset?: number;
  readonly localName?: string;
  readonly flags?: number;
  /** Cuts the entry's bytes off while it still claims them. */
  readonly extraBytes?: number;
}

/** CRC-32 bit by bit where this node has none of its own. */
export function checksum(bytes: Uint8Array): number {
  if (typeof zlibCrc === "function") return zlibCrc(bytes);
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

/** 16- and 32-bit numbers, little-endian. */
function fields(...values: readonly (readonly [bytes: 2 | 4, value: number])[]): Buffer {
  const buffer = Buffer.alloc(values.reduce((sum, [bytes]) => sum + bytes, 0));
  let at = 0;
  for (const [bytes, value] of values) at = buffer.writeUIntLE(value, at, bytes);
  return buffer;
}

export function zip(entries: readonly Entry[], claims: { readonly count?: number } = {}): Uint8Array {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const stored = entry.stored ?? entry.content;
    const size = entry.size ?? entry.content.length;
    const crc = entry.crc ?? checksum(entry.content);
    const localName = Buffer.from(entry.localName ?? entry.name);
    const common = [
      [2, 20],
      [2, (entry.flags ?? 0) | 0x0800],
      [2, entry.method ?? 0],
      [2, 0],
      [2, 0x21],
      [4, crc],
      [4, stored.length],
      [4, size],
    ] as const;
    const local = Buffer.concat([
      fields([4, 0x04034b50], ...common, [2, localName.length], [2, 0]),
      localName,
      stored.subarray(0, stored.length + (entry.extraBytes ?? 0)),
    ]);
    centrals.push(
      Buffer.concat([
        fields(
          [4, 0x02014b50],
          [2, 20],
          ...common,
          [2, name.length],
          [2, 0],
          [2, 0],
          [2, 0],
          [2, 0],
          [4, 0],
          [4, entry.offset ?? offset],
        ),
        name,
      ]),
    );
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const count = claims.count ?? entries.length;
  const end = fields(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, directory.length],
    [4, offset],
    [2, 0],
  );
  return new Uint8Array(Buffer.concat([...locals, directory, end]));
}

/** A .npy file with a header as given, padded to 64 bytes. */
export function npy(header: string, data: Uint8Array): Uint8Array {
  const length = Math.ceil((10 + header.length + 1) / 64) * 64 - 10;
  const text = Buffer.from(`${header.padEnd(length - 1)}\n`);
  return new Uint8Array(
    Buffer.concat([Buffer.from([0x93]), Buffer.from("NUMPY"), Buffer.from([1, 0]), fields([2, length]), text, data]),
  );
}
