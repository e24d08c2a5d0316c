/** Safetensors files: what is written is read back bit by bit, and no damaged file does worse than an error. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  SafetensorsError,
  SafetensorsFile,
  writeSafetensors,
} from "../../src/formats/safetensors.js";
import { type StoredDType, type StoredTensor, tensorBytes } from "../../src/formats/stored.js";
import { anyTensor } from "../support/stored-tensors.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-safetensors-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const anyName = fc.string({ maxLength: 8, unit: "grapheme" }).filter((name) => name !== "__metadata__");
const anyTensors = fc
  .array(fc.tuple(fc.oneof(anyName, fc.constantFrom("__proto__", "1", "0", 'a"b', "constructor")), anyTensor), {
    maxLength: 6,
  })
  .map((list) => new Map(list));
const anyMetadata = fc
  .array(fc.tuple(fc.string({ unit: "grapheme" }), fc.string()), { maxLength: 3 })
  .map((l) => new Map(l));

const joined = (parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

function expectSame(read: Map<string, StoredTensor>, written: ReadonlyMap<string, StoredTensor>): void {
  expect([...read.keys()].sort()).toEqual([...written.keys()].sort());
  for (const [name, tensor] of written) {
    const other = read.get(name)!;
    expect(other.dtype).toBe(tensor.dtype);
    expect(other.shape).toEqual(tensor.shape);
    expect(other.data.constructor).toBe(tensor.data.constructor);
    expect(Buffer.compare(tensorBytes(other), tensorBytes(tensor))).toBe(0);
  }
}

describe("round trips", () => {
  test("any tensors and metadata, in memory", () => {
    fc.assert(
      fc.property(anyTensors, anyMetadata, (tensors, metadata) => {
        const read = decodeSafetensors(joined(encodeSafetensors(tensors, metadata)));
        expectSame(read.tensors, tensors);
        expect(read.metadata).toEqual(metadata);
      }),
      { numRuns: 300 },
    );
  });

  test("any tensors, through a file", async () => {
    const path = join(folder, "any.safetensors");
    await fc.assert(
      fc.asyncProperty(anyTensors, anyMetadata, async (tensors, metadata) => {
        await writeSafetensors(path, tensors, metadata);
        const read = await readSafetensors(path);
        expectSame(read.tensors, tensors);
        expect(read.metadata).toEqual(metadata);
      }),
      { numRuns: 40 },
    );
  });

  test("a view into a larger buffer is stored as what it shows", () => {
    const data = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
    const { tensors } = decodeSafetensors(
      joined(encodeSafetensors(new Map([["v", { dtype: "float32", shape: [2], data }]]))),
    );
    expect(tensors.get("v")!.data).toEqual(new Float32Array([1, 2]));
  });

  test("the bytes are those of the format", () => {
    const file = joined(
      encodeSafetensors(
        new Map<string, StoredTensor>([
          ["b", { dtype: "uint8", shape: [3], data: new Uint8Array([7, 8, 9]) }],
          ["a", { dtype: "float32", shape: [1, 2], data: new Float32Array([1, -2]) }],
        ]),
        new Map([["format", "pt"]]),
      ),
    );
    const length = Number(new DataView(file.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    expect(JSON.parse(Buffer.from(file.subarray(8, 8 + length)).toString())).toEqual({
      __metadata__: { format: "pt" },
      b: { dtype: "U8", shape: [3], data_offsets: [8, 11] },
      a: { dtype: "F32", shape: [1, 2], data_offsets: [0, 8] },
    });
    expect([...file.subarray(8 + length)]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 7, 8, 9]);
  });

  test("one tensor is read without the others", async () => {
    const path = join(folder, "one.safetensors");
    const tensor = (value: number): StoredTensor => ({
      dtype: "int32",
      shape: [2],
      data: new Int32Array([value, value]),
    });
    await writeSafetensors(
      path,
      new Map([
        ["x", tensor(1)],
        ["y", tensor(2)],
      ]),
    );
    await using file = await SafetensorsFile.open(path);
    expect([...file.entries.keys()]).toEqual(["x", "y"]);
    expect((await file.read("y")).data).toEqual(new Int32Array([2, 2]));
    await expect(file.read("z")).rejects.toThrow(/one\.safetensors: no tensor "z"/);
  });
});

describe("refuses to write", () => {
  test.each<[string, string, StoredTensor, RegExp]>([
    [
      "too little data",
      "a",
      { dtype: "float32", shape: [2, 2], data: new Float32Array(3) },
      /shape \[2, 2\] has 4 elements, its data 3/,
    ],
    [
      "data of another dtype",
      "a",
      { dtype: "float16", shape: [1], data: new Float32Array(1) },
      /float16 is held in a Uint16Array, given a Float32Array/,
    ],
    [
      "an unknown dtype",
      "a",
      { dtype: "string" as StoredDType, shape: [1], data: new Uint8Array(1) },
      /dtype string is not supported/,
    ],
    ["a negative side", "a", { dtype: "uint8", shape: [-1], data: new Uint8Array(1) }, /not made of whole numbers/],
    ["a taken name", "__metadata__", { dtype: "uint8", shape: [0], data: new Uint8Array(0) }, /no tensor can be named/],
  ])("%s", (_name, key, tensor, message) => {
    expect(() => encodeSafetensors(new Map([[key, tensor]]))).toThrow(message);
  });
});

/** A file with a header written by hand. */
function file(header: string, dataBytes = 0, length = BigInt(Buffer.byteLength(header))): Uint8Array {
  const text = Buffer.from(header);
  const bytes = new Uint8Array(8 + text.byteLength + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  bytes.set(text, 8);
  return bytes;
}
const entry = (shape: unknown, begin: unknown, end: unknown, dtype: unknown = "U8") =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

const damaged: [string, Uint8Array, RegExp][] = [
  ["an empty file", new Uint8Array(0), /0 bytes are too few/],
  ["seven bytes", new Uint8Array(7), /7 bytes are too few/],
  ["a header longer than the file", file("{}", 0, 100n), /a header of 100 bytes does not fit in 10 bytes/],
  ["a header over the limit", file("{}", 0, 100_000_001n), /over the limit of 100000000/],
  ["a header of 2^63 bytes", file("{}", 0, 1n << 63n), /over the limit/],
  ["an empty header", file(""), /the header is not JSON/],
  ["a header that is not JSON", file("{]"), /the header is not JSON/],
  ["a header that is not UTF-8", new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 0xff]), /the header is not JSON/],
  ["a list for a header", file("[]"), /not a JSON object/],
  ["a number for an entry", file('{"a":1}'), /tensor "a": its entry is not an object/],
  [
    "an unknown dtype",
    file(`{"a":${entry([1], 0, 1, "F8_E4M3")}}`, 1),
    /dtype "F8_E4M3" is not supported; known are F64/,
  ],
  ["an inherited dtype", file(`{"a":${entry([1], 0, 1, "constructor")}}`, 1), /is not supported/],
  ["no shape", file(`{"a":${entry("x", 0, 1)}}`, 1), /its shape is not a list/],
  ["half a side", file(`{"a":${entry([0.5, 2], 0, 1)}}`, 1), /not made of whole numbers/],
  ["a negative side", file(`{"a":${entry([-1, -1], 0, 1)}}`, 1), /not made of whole numbers/],
  ["a huge shape", file(`{"a":${entry([2 ** 40, 2 ** 40], 0, 1)}}`, 1), /larger than any file/],
  [
    "a shape that does not fit",
    file(`{"a":${entry([3], 0, 2)}}`, 2),
    /uint8 of shape \[3\] takes 3 bytes, its range has 2/,
  ],
  [
    "offsets past the end",
    file(`{"a":${entry([9], 0, 9)}}`, 8),
    /bytes 0 to 9 do not lie in the 8 bytes of data; the file may be cut short/,
  ],
  ["offsets in reverse", file(`{"a":${entry([0], 1, 0)}}`, 1), /bytes 1 to 0 do not lie/],
  ["negative offsets", file(`{"a":${entry([1], -1, 0)}}`, 1), /are not two byte positions/],
  ["three offsets", file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}', 2), /are not two byte positions/],
  ["words for offsets", file(`{"a":${entry([1], "0", "1")}}`, 1), /are not two byte positions/],
  [
    "an overlap",
    file(`{"a":${entry([2], 0, 2)},"b":${entry([2], 1, 3)}}`, 3),
    /tensor "b": overlaps the tensor before it/,
  ],
  ["a hole", file(`{"a":${entry([1], 0, 1)},"b":${entry([1], 2, 3)}}`, 3), /tensor "b": leaves a hole before it/],
  ["bytes that belong to nothing", file(`{"a":${entry([1], 0, 1)}}`, 3), /2 bytes after the last tensor/],
  ["a name twice", file(`{"a":${entry([1], 0, 1)},"\\u0061":${entry([1], 1, 2)}}`, 2), /names "a" twice/],
  [
    "a dtype twice",
    file('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1),
    /names "dtype" twice/,
  ],
  ["numbers for metadata", file('{"__metadata__":{"a":1}}'), /__metadata__ is not a map of strings/],
  ["a list for metadata", file('{"__metadata__":["a"]}'), /__metadata__ is not a map of strings/],
];

describe("refuses to read", () => {
  test.each(damaged)("%s", async (_name, bytes, message) => {
    expect(() => decodeSafetensors(bytes)).toThrow(SafetensorsError);
    expect(() => decodeSafetensors(bytes)).toThrow(message);
    const path = join(folder, "damaged.safetensors");
    writeFileSync(path, bytes);
    await expect(readSafetensors(path)).rejects.toThrow(message);
    await expect(readSafetensors(path)).rejects.toThrow(/damaged\.safetensors: /);
  });

  test("strings with brackets, colons and quotes in a header confuse nothing", () => {
    const name = 'x": {"x": [}';
    const tensors = new Map<string, StoredTensor>([[name, { dtype: "bool", shape: [], data: new Uint8Array([1]) }]]);
    expectSame(decodeSafetensors(joined(encodeSafetensors(tensors, new Map([['":"', "\\"]])))).tensors, tensors);
  });

  test("a file cut short at any byte", async () => {
    const path = join(folder, "cut.safetensors");
    await writeSafetensors(path, new Map([["w", { dtype: "float32", shape: [5], data: new Float32Array(5) }]]));
    const { length } = readFileSync(path);
    for (let size = length - 1; size >= 0; size--) {
      truncateSync(path, size);
      await expect(readSafetensors(path)).rejects.toThrow(SafetensorsError);
    }
  });

  test("a file with any bytes changed: an error, or tensors that fit in it", () => {
    const good = joined(
      encodeSafetensors(
        new Map<string, StoredTensor>([
          ["w", { dtype: "float32", shape: [2, 3], data: new Float32Array(6) }],
          ["n", { dtype: "int64", shape: [], data: new BigInt64Array(1) }],
        ]),
        new Map([["k", "v"]]),
      ),
    );
    const change = fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }));
    let refused = 0;
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = good.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          const total = [...decodeSafetensors(bytes).tensors.values()].reduce(
            (sum, { data }) => sum + data.byteLength,
            0,
          );
          expect(total).toBeLessThanOrEqual(bytes.byteLength);
        } catch (error) {
          expect(error).toBeInstanceOf(SafetensorsError);
          refused++;
        }
      }),
      { numRuns: 2000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  test("any bytes at all", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(() => decodeSafetensors(bytes)).toThrow(SafetensorsError);
      }),
      { numRuns: 500 },
    );
  });

  test("a missing file is the system's own error", async () => {
    await expect(readSafetensors(join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
