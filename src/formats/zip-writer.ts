/** Writes zip archives with stored entries, and zip64 fields where a size or offset needs them (APPNOTE.TXT 6.3). */
import { append } from "../text/arrays.js";
import { crc32 } from "./crc32.js";
import { WeightsError } from "./error.js";

/** A file to add to an archive: its bytes in pieces. */
export interface ZipInput {
  readonly name: string;
  readonly chunks: readonly Uint8Array[];
}

const limit32 = 0xffffffff;
const limit16 = 0xffff;
/** 1 January 1980, the first date that zip can represent: a fixed date gives equal files for equal weights. */
const dosDate = 0x0021;
/** Version needed to extract: 4.5 for entries with zip64 fields, 2.0 for others. */
const versions = { plain: 20, zip64: 45 } as const;
/** Names are UTF-8. */
const utf8Flag = 0x0800;

/** Encodes consecutive little-endian fields: [bytes, value]. */
function record(fields: readonly (readonly [2 | 4 | 8, number])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, value, true);
    else if (width === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += width;
  }
  return bytes;
}

const joined = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

interface Place {
  readonly name: Uint8Array;
  readonly size: number;
  readonly crc: number;
  readonly offset: number;
}

/** Fields shared by the header before a file and its entry in the directory, in this order. */
const describing = ({ name, crc }: Place, version: number, stored: number, extra: Uint8Array): [2 | 4, number][] => [
  [2, version],
  [2, utf8Flag],
  [2, 0],
  [2, 0],
  [2, dosDate],
  [4, crc],
  [4, stored],
  [4, stored],
  [2, name.byteLength],
  [2, extra.byteLength],
];

function localHeader(place: Place, zip64: boolean): Uint8Array {
  const { name, size } = place;
  const wide = zip64 || size >= limit32;
  const stored = wide ? limit32 : size;
  const extra = wide
    ? record([
        [2, 1],
        [2, 16],
        [8, size],
        [8, size],
      ])
    : new Uint8Array();
  const version = wide ? versions.zip64 : versions.plain;
  const fixed = record([[4, 0x04034b50], ...describing(place, version, stored, extra)]);
  return joined(fixed, name, extra);
}

function centralHeader(place: Place, zip64: boolean): Uint8Array {
  const { name, size, offset } = place;
  const wideSize = zip64 || size >= limit32;
  const wideOffset = zip64 || offset >= limit32;
  const wide: (readonly [8, number])[] = [];
  if (wideSize) wide.push([8, size], [8, size]);
  if (wideOffset) wide.push([8, offset]);
  const extra = wide.length > 0 ? record([[2, 1], [2, 8 * wide.length], ...wide]) : new Uint8Array();
  const version = wide.length > 0 ? versions.zip64 : versions.plain;
  const stored = wideSize ? limit32 : size;
  const fixed = record([
    [4, 0x02014b50],
    [2, version],
    ...describing(place, version, stored, extra),
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, wideOffset ? limit32 : offset],
  ]);
  return joined(fixed, name, extra);
}

/** Encodes an archive as consecutive parts; `zip64` uses the wide fields everywhere. Throws WeightsError for a repeated name. */
export function zipChunks(files: readonly ZipInput[], zip64: boolean): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const places: Place[] = [];
  const names = new Set<string>();
  let offset = 0;
  const put = (...parts: Uint8Array[]) => {
    for (const part of parts) offset += part.byteLength;
    append(chunks, parts);
  };
  for (const file of files) {
    if (names.has(file.name)) throw new WeightsError(`"${file.name}" is named twice`);
    names.add(file.name);
    const place: Place = {
      name: new TextEncoder().encode(file.name),
      size: file.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0),
      crc: file.chunks.reduce((crc, chunk) => crc32(chunk, crc), 0),
      offset,
    };
    places.push(place);
    put(localHeader(place, zip64), ...file.chunks);
  }
  const start = offset;
  for (const place of places) put(centralHeader(place, zip64));
  const size = offset - start;
  const count = places.length;
  const wide = zip64 || count >= limit16 || start >= limit32 || size >= limit32;
  if (wide) {
    const at = offset;
    const version = versions.zip64;
    put(
      record([
        [4, 0x06064b50],
        [8, 44],
        [2, version],
        [2, version],
        [4, 0],
        [4, 0],
        [8, count],
        [8, count],
        [8, size],
        [8, start],
      ]),
      record([
        [4, 0x07064b50],
        [4, 0],
        [8, at],
        [4, 1],
      ]),
    );
  }
  const [shownCount, shownSize, shownStart] = wide ? [limit16, limit32, limit32] : [count, size, start];
  put(
    record([
      [4, 0x06054b50],
      [2, 0],
      [2, 0],
      [2, shownCount],
      [2, shownCount],
      [4, shownSize],
      [4, shownStart],
      [2, 0],
    ]),
  );
  return chunks;
}
