/** Small files must not take gigabytes: what they claim is checked before it is believed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as zlib from "node:zlib";
import type { AsyncBuffer, FileMetaData } from "hyparquet";
import { describe, expect, test } from "vitest";
import { openSource } from "../../../src/data/index.js";
import { checkColumn, checkRows } from "../../../src/formats/parquet-pages.js";
import { flat, idx, openUntilEnd, parquet, temporaryFolder, write } from "../../support/pictures.js";
import { example, records } from "../../support/records.js";

const root = temporaryFolder();
const at = (path: string) => join(root, path);

describe("Parquet", () => {
  const rows = async () => [
    { bytes: await flat(1), path: "1", label: 0 },
    { bytes: await flat(2), path: "2", label: 1 },
  ];
  const readAll = async (name: string, file: Uint8Array) => {
    write(at(name), { "train.parquet": file });
    const source = await openUntilEnd(at(name));
    for (let i = 0; i < source.length; i++) await source.get(i);
    return source;
  };

  test.each([
    ["GZIP", (page: Uint8Array) => zlib.gzipSync(page)],
    ["BROTLI", (page: Uint8Array) => zlib.brotliCompressSync(page)],
  ] as const)("%s pages are read", async (codec, compress) => {
    const source = await readAll(codec, parquet(await rows(), { names: ["a", "b"], codec, compress }));
    const { image } = await source.get(1);
    expect(image.kind === "encoded" && [...image.bytes]).toEqual([...(await flat(2))]);
  });

  test("a page that becomes larger than its header says is not decompressed to its end", async () => {
    const bomb = zlib.gzipSync(new Uint8Array(2 ** 26));
    expect(bomb.length).toBeLessThan(2 ** 17);
    const file = parquet(await rows(), { names: ["a", "b"], codec: "GZIP", compress: () => bomb });
    await expect(readAll("gzip-bomb", file)).rejects.toThrow(/is damaged or truncated \(.*larger than \d+ bytes/);
  });

  test.each(["ZSTD", "LZ4_RAW"] as const)("%s is refused by name where it is not read", async (codec) => {
    if (codec === "ZSTD" && "zstdDecompressSync" in zlib) return;
    const file = parquet(await rows(), { names: ["a", "b"], codec, compress: (page) => page });
    const more = codec === "ZSTD" ? ` \\(Node ${process.versions.node}; from 22\\.15 on it is\\)` : "";
    await expect(readAll(codec, file)).rejects.toThrow(
      new RegExp(
        `compresses its column "label" with ${codec}, which is not read here${more}; UNCOMPRESSED, .* write it again`,
      ),
    );
  });

  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
  // A page header in Thrift's compact protocol: a data page of so many values, its sizes, plain encoding.
  const pageHeader = (becomes: number, size: number, values: number): number[] => {
    const field = (value: number) => [0x15, ...varint(2 * value)];
    return [
      ...field(0),
      ...field(becomes),
      ...field(size),
      0x2c,
      ...field(values),
      ...field(0),
      ...field(3),
      ...field(3),
      0,
      0,
    ];
  };
  const claims = async (becomes: number, size: number, values: number, numRows = 10, codec = "GZIP") => {
    const bytes = Uint8Array.from([80, 65, 82, 49, ...pageHeader(becomes, size, values), ...new Uint8Array(40)]);
    const file: AsyncBuffer = { byteLength: bytes.length, slice: (start, end) => bytes.slice(start, end).buffer };
    const chunk = {
      path_in_schema: ["image"],
      codec,
      data_page_offset: 4n,
      total_compressed_size: BigInt(bytes.length - 4),
    };
    const group = { columns: [{ meta_data: chunk }], num_rows: BigInt(numRows) };
    await checkColumn("a.parquet", file, group as unknown as FileMetaData["row_groups"][number], "image");
  };

  test("pages that claim too much are refused before they are read", async () => {
    await claims(1000, 40, 10);
    await expect(claims(2 ** 30, 40, 10)).rejects.toThrow(/has 40 bytes that become 1073741824, more than images do/);
    await expect(claims(1000, 41, 10)).rejects.toThrow(/a page that leads out of it/);
    await expect(claims(1000, 40, 2 ** 30)).rejects.toThrow(/claims 1073741824 values in a page, of 10 rows/);
    await expect(claims(1000, 40, 10, 10, "UNCOMPRESSED")).rejects.toThrow(/has a page of two sizes/);
  });

  test("more rows than bytes are refused", () => {
    const file: AsyncBuffer = { byteLength: 100, slice: () => new ArrayBuffer(0) };
    const metadata = { num_rows: 1n << 40n, row_groups: [{ num_rows: 1n << 40n }] } as unknown as FileMetaData;
    expect(() => checkRows("a.parquet", file, metadata)).toThrow(/claims 1099511627776 rows, .* in 100 bytes/);
  });

  test("a label of 20,000,000 is no class number", async () => {
    const file = parquet([...(await rows()), { bytes: await flat(3), path: "3", label: 20_000_000 }]);
    await expect(readAll("large-label", file)).rejects.toThrow(
      /Row 2 of .* has the label 20000000; .* expected at most 999999, so the column may not be the label/,
    );
  });
});

test("features.json of TFDS cannot make a list of billions of classes", async () => {
  const image = await flat(7);
  const features = { featuresDict: { features: { label: { classLabel: { numClasses: "3000000000" } } } } };
  write(at("tfds"), {
    "x-00000-of-00001": records([example({ image, label: 1 })]),
    "features.json": JSON.stringify(features),
  });
  expect((await openUntilEnd(at("tfds"))).classNames).toEqual(["0", "1"]);
});

describe("IDX", () => {
  const folder = (name: string, images: Uint8Array, labels: Uint8Array) => {
    write(at(name), { "train-images-idx3-ubyte.gz": images, "train-labels-idx1-ubyte.gz": labels });
    return at(name);
  };
  const images = idx([2, 3, 3], new Uint8Array(18).fill(7));
  const labels = idx([2], Uint8Array.of(0, 1));
  const zeros = new Uint8Array(2 ** 25);

  test("gzip files become no larger than their header says", async () => {
    const good = await openUntilEnd(folder("idx", zlib.gzipSync(images), zlib.gzipSync(labels)));
    expect((await good.get(1)).label).toBe(1);
    const longer = (bytes: Uint8Array) => zlib.gzipSync(Buffer.concat([bytes, zeros]));
    await expect(openSource(folder("idx-labels", zlib.gzipSync(images), longer(labels)))).rejects.toThrow(
      /labels.* is not a complete gzip file/,
    );
    const source = await openUntilEnd(folder("idx-images", longer(images), zlib.gzipSync(labels)));
    await expect(source.get(0)).rejects.toThrow(/images.* is not a complete gzip file/);
  });

  test("a header that claims too much is refused", async () => {
    const claiming = zlib.gzipSync(idx([2, 30_000, 30_000], new Uint8Array(18)));
    const source = await openUntilEnd(folder("idx-claim", claiming, zlib.gzipSync(labels)));
    await expect(source.get(0)).rejects.toThrow(/claims 1800000016 bytes \(2 x 30000 x 30000\) in a gzip file of \d+/);
    const short = folder("idx-short", zlib.gzipSync(Buffer.from([0, 0, 8, 3, 0])), zlib.gzipSync(labels));
    await expect((await openUntilEnd(short)).get(0)).rejects.toThrow(/is truncated: its header has 5 of 16 bytes/);
    writeFileSync(join(short, "train-labels-idx1-ubyte.gz"), "no gzip");
    await expect(openSource(short)).rejects.toThrow(/is not a complete gzip file/);
  });
});
