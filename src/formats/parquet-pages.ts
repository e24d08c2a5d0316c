/** Checks the stated sizes of a Parquet file's pages before they are decoded, so that a small file cannot use gigabytes. */
import * as zlib from "node:zlib";
import type { AsyncBuffer, Compressors, FileMetaData } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";

/** Node has Zstandard from 22.15 on; the types of Node 20 do not have it. */
const { zstdDecompressSync } = zlib as {
  zstdDecompressSync?: (input: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;
};

const atMost = (bytes: number) => ({ maxOutputLength: Math.max(1, bytes) });

/** Decompressors of Node that hyparquet does not have, by codec. No page may become larger than its header states. */
export const compressors: Compressors = {
  GZIP: (input, bytes) => zlib.gunzipSync(input, atMost(bytes)),
  BROTLI: (input, bytes) => zlib.brotliDecompressSync(input, atMost(bytes)),
  ...(zstdDecompressSync && { ZSTD: (input: Uint8Array, bytes: number) => zstdDecompressSync(input, atMost(bytes)) }),
};

const codecs: readonly string[] = ["UNCOMPRESSED", "SNAPPY", ...Object.keys(compressors)];

/** Limits of decompressed pages and columns: this many bytes, or `growth` times their size. Images hardly compress. */
const freeBytes = 256 * 2 ** 20;
const growth = 4;

/** A page header has some dozens of bytes; statistics of long values make it longer. */
const headerBytes = [2 ** 12, 2 ** 20];

type Group = FileMetaData["row_groups"][number];

/** Checks the number of rows: each needs at least one byte. Throws an Error if a file claims more. */
export function checkRows(path: string, file: AsyncBuffer, { num_rows, row_groups }: FileMetaData): void {
  const rows = Number(num_rows);
  const grouped = row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  if (
    rows < 0 ||
    rows > file.byteLength ||
    grouped !== rows ||
    row_groups.some((group) => Number(group.num_rows) < 0)
  ) {
    throw new Error(
      `"${path}" is damaged: it claims ${rows} rows, ${grouped} of them in row groups, in ${file.byteLength} bytes`,
    );
  }
}

/**
 * Checks the pages of a column (all parts of it) in a row group.
 *
 * @throws an Error for an unsupported compression (with what to do), and for pages that are outside of the file, have more values than the group
 *   has rows, or would become far larger than their size.
 */
export async function checkColumn(path: string, file: AsyncBuffer, group: Group, column: string): Promise<void> {
  for (const { meta_data: chunk } of group.columns) {
    if (chunk?.path_in_schema[0] !== column) continue;
    const damaged = (what: string): Error => new Error(`"${path}" is damaged: its column "${column}" ${what}`);
    if (!codecs.includes(chunk.codec)) {
      const zstd = chunk.codec === "ZSTD" ? ` (Node ${process.versions.node}; from 22.15 on it is)` : "";
      throw new Error(
        `"${path}" compresses its column "${column}" with ${chunk.codec}, which is not read here${zstd}; ${codecs.join(", ")} are; write it again with another compression, in Python: pandas.read_parquet(a).to_parquet(b, compression="snappy")`,
      );
    }
    const first = Number(chunk.dictionary_page_offset ?? 0n) || Number(chunk.data_page_offset);
    const compressed = Number(chunk.total_compressed_size);
    const end = first + compressed;
    if (!(first >= 4 && compressed >= 0 && end <= file.byteLength)) throw damaged("leads out of the file");
    const rows = Number(group.num_rows);
    let [at, values, total] = [first, 0, 0];
    while (at < end && values < rows) {
      const { header, length } = await headerAt(file, at, end).catch((error: Error) => {
        throw damaged(`has a page that cannot be read (${error.message})`);
      });
      const { compressed_page_size: size, uncompressed_page_size: becomes } = header;
      const v2 = header.data_page_header_v2;
      const count = (v2 ?? header.data_page_header ?? header.dictionary_page_header)?.num_values ?? 0;
      const lengths = [v2?.definition_levels_byte_length ?? 0, v2?.repetition_levels_byte_length ?? 0];
      const isDictionary = header.type === "DICTIONARY_PAGE";
      if (![size, becomes, count, ...lengths].every((number) => Number.isInteger(number) && number >= 0)) {
        throw damaged("has a page of sizes that are none");
      }
      total += becomes;
      const levels = lengths.reduce((a, b) => a + b, 0);
      if (at + length + size > end || levels > Math.min(size, becomes))
        throw damaged("has a page that leads out of it");
      if (count > (isDictionary ? becomes : rows)) throw damaged(`claims ${count} values in a page, of ${rows} rows`);
      if (becomes > Math.max(freeBytes, growth * size) || total > Math.max(freeBytes, growth * compressed)) {
        throw damaged(`has ${size} bytes that become ${Math.max(becomes, total)}, more than images do`);
      }
      // Without compression, both sizes of a page must be equal.
      if (chunk.codec === "UNCOMPRESSED" && becomes !== size) throw damaged("has a page of two sizes");
      if (!isDictionary) values += count;
      at += length + size;
    }
  }
}

/** Reads the page header at an offset, and its length. */
async function headerAt(file: AsyncBuffer, at: number, end: number) {
  let failure: unknown;
  for (const bytes of headerBytes) {
    const reader = { view: new DataView(await file.slice(at, Math.min(end, at + bytes))), offset: 0 };
    try {
      const header = parquetHeader(reader);
      return { header, length: reader.offset };
    } catch (error) {
      failure = error;
    }
    if (at + bytes >= end) break;
  }
  throw failure;
}
