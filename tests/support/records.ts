/** Archives, records, CIFAR's and MATLAB's files for tests, written out here so that the readers are not tested against themselves. */
import { deflateSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";

/** A feature of a tf.train.Example: bytes, one whole number, several, or floats. */
export type FeatureValue = Uint8Array | string | number | readonly number[] | Float32Array;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

function field(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

/** A serialized tf.train.Example; `packed: false` writes whole numbers the old way, each with its tag. */
export function example(features: Readonly<Record<string, FeatureValue>>, packed = true): Buffer {
  const entries = Object.entries(features).map(([name, value]) => {
    return field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, list(value, packed))]));
  });
  return field(1, Buffer.concat(entries));
}

function list(value: FeatureValue, packed: boolean): Buffer {
  if (value instanceof Float32Array)
    return field(2, field(1, Buffer.from(value.buffer, value.byteOffset, value.byteLength)));
  if (typeof value === "string" || value instanceof Uint8Array) return field(1, field(1, Buffer.from(value)));
  const numbers = typeof value === "number" ? [value] : value;
  if (packed) return field(3, field(1, Buffer.concat(numbers.map(varint))));
  return field(3, Buffer.concat(numbers.flatMap((one) => [varint(8), varint(one)])));
}

/** CRC-32C bit by bit (RFC 3720, appendix B.4), masked as TFRecord does. */
function masked(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  crc = (crc ^ 0xffffffff) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** A TFRecord file. */
export function records(messages: readonly Uint8Array[]): Buffer {
  const parts = messages.flatMap((message) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(message.length));
    const sums = [length, message].map((part) => {
      const sum = Buffer.alloc(4);
      sum.writeUInt32LE(masked(part));
      return sum;
    });
    return [length, sums[0]!, Buffer.from(message), sums[1]!];
  });
  return Buffer.concat(parts);
}

/** A CIFAR file: every image of one grey level. */
export function cifar(images: readonly { readonly labels: readonly number[]; readonly level: number }[]): Buffer {
  return Buffer.concat(images.flatMap(({ labels, level }) => [Buffer.from(labels), Buffer.alloc(3072, level)]));
}

/** A tar archive by the ustar rules, written out here so that the reader is not tested against itself. */
export function tar(files: Readonly<Record<string, Uint8Array>>, longNames = false): Buffer {
  const blocks: Buffer[] = [];
  const add = (name: string, type: string, content: Uint8Array): void => {
    const header = Buffer.alloc(512);
    header.write(name.slice(0, 100), 0);
    header.write("0000644\0", 100);
    header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000000000\0", 136);
    header.write("        ", 148);
    header.write(type, 156);
    header.write("ustar\x0000", 257, "latin1");
    const sum = header.reduce((a, b) => a + b, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    blocks.push(header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512));
  };
  for (const [name, content] of Object.entries(files)) {
    if (longNames) add("././@LongLink", "L", Buffer.from(`${name}\0`));
    add(longNames ? "shortened" : name, "0", content);
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

type Numbers = Uint8Array | Int16Array | Uint16Array | Float64Array;

export interface MatInput {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly data: Numbers;
  /** The class of the matrix; that of its data where it is left out. */
  readonly kind?: number;
}

const storedTypes = new Map<unknown, readonly [type: number, kind: number]>([
  [Uint8Array, [2, 9]],
  [Int16Array, [3, 10]],
  [Uint16Array, [4, 11]],
  [Float64Array, [9, 6]],
]);

/** A MATLAB file of version 5 ("MAT-File Format"), little-endian or not, its matrices compressed or not. */
export function mat(
  matrices: readonly MatInput[],
  {
    compressed = true,
    little = true,
    version = 0x100,
  }: { compressed?: boolean; little?: boolean; version?: number } = {},
): Buffer {
  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    if (little) bytes.writeUInt32LE(value >>> 0);
    else bytes.writeUInt32BE(value >>> 0);
    return bytes;
  };
  const element = (type: number, content: Buffer): Buffer => {
    // Up to four bytes go into the tag itself.
    if (content.length > 0 && content.length <= 4 && type !== 14)
      return Buffer.concat([u32(content.length * 65536 + type), content, Buffer.alloc(4 - content.length)]);
    return Buffer.concat([u32(type), u32(content.length), content, Buffer.alloc((8 - (content.length % 8)) % 8)]);
  };
  const numbers = (data: Numbers): Buffer => {
    const bytes = Buffer.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const width = data.BYTES_PER_ELEMENT;
    if (!little) for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
    return bytes;
  };
  const header = Buffer.alloc(128, " ");
  header.write("MATLAB 5.0 MAT-file, written by a test");
  if (little) header.writeUInt16LE(version, 124);
  else header.writeUInt16BE(version, 124);
  header.write(little ? "IM" : "MI", 126, "latin1");
  const parts = matrices.map(({ name, dimensions, data, kind }) => {
    const [type, own] = storedTypes.get(data.constructor)!;
    const matrix = element(
      14,
      Buffer.concat([
        element(6, Buffer.concat([u32(kind ?? own), u32(0)])),
        element(5, Buffer.concat(dimensions.map(u32))),
        element(1, Buffer.from(name)),
        element(type, numbers(data)),
      ]),
    );
    if (!compressed) return matrix;
    const deflated = deflateSync(matrix);
    return Buffer.concat([u32(15), u32(deflated.length), deflated]);
  });
  return Buffer.concat([header, ...parts]);
}

/** A Parquet shard in Hugging Face's layout. */
export function parquet(
  rows: readonly { bytes: Uint8Array; path: string; label: number }[],
  {
    names,
    rowGroupSize = 2,
    codec = "UNCOMPRESSED",
    labelColumn = "label",
    compress,
  }: {
    names?: readonly string[];
    rowGroupSize?: number;
    codec?: "UNCOMPRESSED" | "SNAPPY" | "GZIP" | "BROTLI" | "ZSTD" | "LZ4_RAW";
    labelColumn?: string;
    /** Compresses a page, for the codecs that the writer does not bring. */
    compress?: (page: Uint8Array) => Uint8Array;
  } = {},
): Uint8Array {
  const features = { image: { _type: "Image" }, [labelColumn]: { _type: "ClassLabel", names } };
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: "image", data: rows.map(({ bytes, path }) => ({ bytes: new Uint8Array(bytes), path })) },
        { name: labelColumn, data: rows.map(({ label }) => BigInt(label)) },
      ],
      schema: [
        { name: "schema", num_children: 2 },
        { name: "image", num_children: 2, repetition_type: "REQUIRED" },
        { name: "bytes", type: "BYTE_ARRAY", repetition_type: "REQUIRED" },
        { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
        { name: labelColumn, type: "INT64", repetition_type: "REQUIRED" },
      ],
      codec,
      compressors: compress && { [codec]: compress },
      rowGroupSize,
      kvMetadata: names && [{ key: "huggingface", value: JSON.stringify({ info: { features } }) }],
    }),
  );
}

/** An IDX file. */
export function idx(sizes: readonly number[], values: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt32BE(0x0800 + sizes.length, 0);
  for (const [i, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * i);
  return Buffer.concat([header, values]);
}
