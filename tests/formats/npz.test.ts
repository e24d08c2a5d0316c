/** Npz files: NumPy's own are read, ours are what NumPy writes, and no damaged or hostile one does worse than an error. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WeightsError } from "../../src/formats/error.js";
import { decodeNpz, encodeNpz, NpzFile, readNpz, writeNpz } from "../../src/formats/npz.js";
import { type StoredTensor, tensorBytes } from "../../src/formats/stored.js";
import { toFloat32 } from "../../src/weights/index.js";
import { type Entry, npy, zip } from "../support/archives.js";
import { anyTensor } from "../support/stored-tensors.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-npz-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const joined = (parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

/**
 * Written by NumPy 2.4: savez_compressed of "a/kernel" float32 [2, 3] 0..5, "fortran" float64 [2, 3, 4] 0..23 in column-major
 * order, "half" float16 [1.5, -2], "bf" two bytes of void with the bits of bfloat16 1.5 and -2, "scalar" int64 7, "empty"
 * float32 [0, 3].
 */
const fromNumPy =
  "UEsDBC0AAAAIAAAAIQBP6QAq//////////8MABQAYS9rZXJuZWwubnB5AQAQAJgAAAAAAAAAVQAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2airqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOgrGmjoKtQpkAy4GMGiwBxIOQATEDUC8wAEAUEsDBC0AAAAIAAAAIQC4Hljr//////////8LABQAZm9ydHJhbi5ucHkBABAAQAEAAAAAAACJAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqGuo6Cell9UUpSYF59flJIKEg8pKk0FChdnJBakArkaRjoKxjoKJpo6CrUKZAIuBhSg4QChBaC0AZRWgNImUPqDPYTWgvJFoLQhlFaC0qZQmgFK60BpCShtBKVVoLQZlOaA0npQWgZKG0NpNSht7gAAUEsDBC0AAAAIAAAAIQCzwYIM//////////8IABQAaGFsZi5ucHkBABAAhAAAAAAAAABIAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqSuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6mjoKtQoUAC4GO4YDAFBLAwQtAAAACAAAACEAQKf9lP//////////BgAUAGJmLm5weQEAEACEAAAAAAAAAEgAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgXhNmpK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjqaOgq1ChQArgP2DAcAUEsDBC0AAAAIAAAAIQAjuPBs//////////8KABQAc2NhbGFyLm5weQEAEACIAAAAAAAAAEYAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNpoa6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkamjoKtQoUAS52BggAAFBLAwQtAAAACAAAACEAo2hSd///////////CQAUAGVtcHR5Lm5weQEAEACAAAAAAAAAAEYAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNmoq6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaBjoKxpo6CrUKZAMuAFBLAQItAy0AAAAIAAAAIQBP6QAqVQAAAJgAAAAMAAAAAAAAAAAAAACAAQAAAABhL2tlcm5lbC5ucHlQSwECLQMtAAAACAAAACEAuB5Y64kAAABAAQAACwAAAAAAAAAAAAAAgAGTAAAAZm9ydHJhbi5ucHlQSwECLQMtAAAACAAAACEAs8GCDEgAAACEAAAACAAAAAAAAAAAAAAAgAFZAQAAaGFsZi5ucHlQSwECLQMtAAAACAAAACEAQKf9lEgAAACEAAAABgAAAAAAAAAAAAAAgAHbAQAAYmYubnB5UEsBAi0DLQAAAAgAAAAhACO48GxGAAAAiAAAAAoAAAAAAAAAAAAAAIABWwIAAHNjYWxhci5ucHlQSwECLQMtAAAACAAAACEAo2hSd0YAAACAAAAACQAAAAAAAAAAAAAAgAHdAgAAZW1wdHkubnB5UEsFBgAAAAAGAAYATAEAAF4DAAAAAA==";

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

test("a file that NumPy wrote", async () => {
  const tensors = await decodeNpz(Buffer.from(fromNumPy, "base64"));
  const shown = Object.fromEntries([...tensors].map(([name, { dtype, shape }]) => [name, [dtype, ...shape]]));
  expect(shown).toEqual({
    "a/kernel": ["float32", 2, 3],
    fortran: ["float64", 2, 3, 4],
    half: ["float16", 2],
    bf: ["bfloat16", 2],
    scalar: ["int64"],
    empty: ["float32", 0, 3],
  });
  const numbers = (name: string) => [...toFloat32(tensors.get(name)!, name)];
  expect(numbers("a/kernel")).toEqual(range(6));
  expect(numbers("fortran")).toEqual(range(24));
  expect(numbers("half")).toEqual([1.5, -2]);
  expect(numbers("bf")).toEqual([1.5, -2]);
  expect(tensors.get("scalar")!.data).toEqual(new BigInt64Array([7n]));
  expect(() => numbers("scalar")).toThrow(/tensor "scalar" has the type int64; expected float32/);
});

/** Written by NumPy 1.24: big-endian "big" float32 [[1.5, -2.25], [3e10, 0.1]], "ints" int64 [1, -2, 300], "half" float16 [1.5, -2]. */
const bigEndian =
  "UEsDBBQAAAAIAAAAIQAQorFBVwAAAJAAAAAHABQAYmlnLm5weQEAEACQAAAAAAAAAFcAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpdmoq6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjoKRpo6CrUKZAMu+wMMDAcEGBgC7reU2Z45cxYAUEsDBBQAAAAIAAAAIQCdmubvTgAAAJgAAAAIABQAaW50cy5ucHkBABAAmAAAAAAAAABOAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6XaaGuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GsY6mjoKtQoUAC4GCGD8DwH/oFwdAFBLAwQUAAAACAAAACEAWDQRlEgAAACEAAAACAAUAGhhbGYubnB5AQAQAIQAAAAAAAAASAAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBul2akrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOpo6CrUKFAAuO4YDDABQSwMEFAAAAAgAAAAhACO48GxGAAAAiAAAAAgAFABzdGVwLm5weQEAEACIAAAAAAAAAEYAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNpoa6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkamjoKtQoUAS52BggAAFBLAQIUAxQAAAAIAAAAIQAQorFBVwAAAJAAAAAHAAAAAAAAAAAAAACAAQAAAABiaWcubnB5UEsBAhQDFAAAAAgAAAAhAJ2a5u9OAAAAmAAAAAgAAAAAAAAAAAAAAIABkAAAAGludHMubnB5UEsBAhQDFAAAAAgAAAAhAFg0EZRIAAAAhAAAAAgAAAAAAAAAAAAAAIABGAEAAGhhbGYubnB5UEsBAhQDFAAAAAgAAAAhACO48GxGAAAAiAAAAAgAAAAAAAAAAAAAAIABmgEAAHN0ZXAubnB5UEsFBgAAAAAEAAQA1wAAABoCAAAAAA==";

test("big-endian numbers that NumPy wrote", async () => {
  const tensors = await decodeNpz(Buffer.from(bigEndian, "base64"));
  const numbers = (name: string) => [...(tensors.get(name)?.data ?? [])];
  expect(numbers("big")).toEqual([1.5, -2.25, Math.fround(3e10), Math.fround(0.1)]);
  expect(numbers("ints")).toEqual([1n, -2n, 300n]);
  const half = tensors.get("half");
  expect(half && [...toFloat32(half, "half")]).toEqual([1.5, -2]);
});

const anyName = fc.stringMatching(/^[a-zA-Z0-9_é]{1,6}(\/[a-z_0-9.]{0,4}[a-z])?$/);
const anyTensors = fc.array(fc.tuple(anyName, anyTensor), { maxLength: 5 }).map((list) => new Map(list));

function expectSame(read: Map<string, StoredTensor>, written: ReadonlyMap<string, StoredTensor>): void {
  expect([...read.keys()]).toEqual([...written.keys()]);
  for (const [name, tensor] of written) {
    const other = read.get(name)!;
    expect([other.dtype, ...other.shape]).toEqual([tensor.dtype, ...tensor.shape]);
    expect(Buffer.compare(tensorBytes(other), tensorBytes(tensor))).toBe(0);
  }
}

describe("round trips", () => {
  test.each([false, true])("any tensors (zip64 %s)", async (zip64) => {
    await fc.assert(
      fc.asyncProperty(anyTensors, async (tensors) => {
        expectSame(await decodeNpz(joined(encodeNpz(tensors, { zip64 }))), tensors);
      }),
      { numRuns: 100 },
    );
  });

  test("through a file, and one array without the others", async () => {
    const path = join(folder, "any.npz");
    const tensors = new Map<string, StoredTensor>([
      ["x/y", { dtype: "float32", shape: [2], data: new Float32Array([1, 2]) }],
      ["z", { dtype: "int8", shape: [], data: new Int8Array([3]) }],
    ]);
    await writeNpz(path, tensors);
    expectSame(await readNpz(path), tensors);
    await using file = await NpzFile.open(path);
    expect((await file.read("z")).data).toEqual(new Int8Array([3]));
    await expect(file.read("none")).rejects.toThrow(/any\.npz: no array "none"/);
  });

  test("the bytes are those of the format", () => {
    const data = new Float32Array([1, -2]);
    const file = joined(encodeNpz(new Map([["a", { dtype: "float32", shape: [1, 2], data }]])));
    const expected = zip([
      {
        name: "a.npy",
        content: npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }", new Uint8Array(data.buffer)),
      },
    ]);
    expect(Buffer.from(file).equals(Buffer.from(expected))).toBe(true);
  });

  test("refuses to write data that does not fit its shape", () => {
    const tensor: StoredTensor = { dtype: "float32", shape: [3], data: new Float32Array(2) };
    expect(() => encodeNpz(new Map([["a", tensor]]))).toThrow(/float32 of shape \[3\] takes 12 bytes, its data has 8/);
  });
});

describe("headers", () => {
  const read = async (header: string, bytes = 8) =>
    decodeNpz(zip([{ name: "a.npy", content: npy(header, new Uint8Array(bytes)) }]));
  test.each([
    ["keys in another order", "{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}"],
    ["sides of Python 2", "{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }"],
    ["native order", "{'descr': '=f4', 'fortran_order': False, 'shape': (2,)}"],
  ])("%s", async (_name, header) => {
    expect((await read(header)).get("a")).toMatchObject({ dtype: "float32", shape: [2] });
  });

  const dictionary = (descr: string, shape: string) =>
    `{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }`;
  test.each<[string, string, RegExp]>([
    ["objects", dictionary("'|O'", "(1,)"), /has a dtype that is not read; known are f8/],
    ["complex numbers", dictionary("'<c8'", "(1,)"), /has a dtype that is not read/],
    ["an inherited dtype", dictionary("'<toString1'", "(1,)"), /has a dtype that is not read/],
    ["records", dictionary("[('a', '<f4')]", "(2,)"), /is not understood \(structured arrays/],
    ["terabytes", dictionary("'<f4'", "(1000000, 1000000)"), /takes 4000000000\d+ bytes; there are/],
    ["a shape past all numbers", dictionary("'<f4'", "(99999999999, 99999999999)"), /a shape larger than any file/],
    ["a negative side", dictionary("'<f4'", "(-1,)"), /is not understood/],
    ["too few bytes", dictionary("'<f4'", "(3,)"), /takes 140 bytes; there are 136/],
    ["a key twice", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", /names descr twice/],
    ["no order", "{'descr': '<f4', 'shape': (2,)}", /does not say fortran_order/],
    ["no shape", "{'descr': '<f4', 'fortran_order': False}", /has no shape/],
    ["code", "{'descr': __import__('os'), 'fortran_order': False, 'shape': (2,)}", /is not understood/],
    ["no dictionary", "('descr', '<f4')", /is not a dictionary/],
  ])("refuses %s", async (_name, header, message) => {
    await expect(read(header)).rejects.toThrow(WeightsError);
    await expect(read(header)).rejects.toThrow(message);
    await expect(read(header)).rejects.toThrow(/^npz: array "a\.npy": /);
  });

  test("65 sides are refused in no time", async () => {
    await expect(read(dictionary("'<f4'", `(${"1, ".repeat(65)})`), 4)).rejects.toThrow(/larger than any file/);
  });
});

const content = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", new Uint8Array(8));
const good: Entry = { name: "a.npy", content };
/** Zeros shrink by the most that deflate can: an array of 400 MB in 400 kB. */
function bomb(): Uint8Array {
  const zeros = new Uint8Array(100_000_000);
  const whole = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (25000000,), }", zeros);
  const stored = deflateRawSync(whole, { level: 9 });
  return zip(
    range(4).map((i) => ({ name: `a${i}.npy`, content: new Uint8Array(), stored, method: 8, size: whole.length })),
  );
}

describe("refuses archives", () => {
  test.each<[string, () => Uint8Array, RegExp]>([
    ["an empty file", () => new Uint8Array(), /0 bytes are too few for a zip archive/],
    ["no archive", () => new Uint8Array(100), /no list of contents at its end/],
    ["a name twice", () => zip([good, good]), /holds "a\.npy" twice/],
    [
      "a name that leads up",
      () => zip([{ ...good, name: "../a.npy" }]),
      /the name "\.\.\/a\.npy" is not that of a file in it/,
    ],
    [
      "a name in the middle that leads up",
      () => zip([{ ...good, name: "a/../../b.npy" }]),
      /is not that of a file in it/,
    ],
    ["an absolute name", () => zip([{ ...good, name: "/etc/passwd.npy" }]), /is not that of a file in it/],
    ["a drive", () => zip([{ ...good, name: "C:a.npy" }]), /is not that of a file in it/],
    ["a backslash", () => zip([{ ...good, name: "a\\b.npy" }]), /is not that of a file in it/],
    ["a prototype", () => zip([{ ...good, name: "__proto__/a.npy" }]), /is not that of a file in it/],
    ["a zero in a name", () => zip([{ ...good, name: "a\0.npy" }]), /is not that of a file in it/],
    ["no name", () => zip([{ ...good, name: "" }]), /is not that of a file in it/],
    ["a folder", () => zip([{ ...good, name: "a/" }]), /is not that of a file in it/],
    [
      "what is no array",
      () => zip([{ ...good, name: "archive/data.pkl" }]),
      /"archive\/data\.pkl", which is not an array/,
    ],
    ["encryption", () => zip([{ ...good, flags: 1 }]), /"a\.npy" is encrypted/],
    ["bzip2", () => zip([{ ...good, method: 12 }]), /compressed by method 12; only stored \(0\) and deflated \(8\)/],
    ["another checksum", () => zip([{ ...good, crc: 1 }]), /does not match its checksum/],
    ["another name inside", () => zip([{ ...good, localName: "b.npy" }]), /another name in the list of contents/],
    [
      "more than stored",
      () => zip([{ ...good, size: 1000 }]),
      /claims 1000 bytes, which its 136 bytes in the archive cannot hold/,
    ],
    [
      "more than deflate can",
      () => zip([{ ...good, method: 8, stored: deflateRawSync(content), size: 2 ** 31 }]),
      /claims 2147483648 bytes, which its \d+ bytes in the archive cannot hold/,
    ],
    [
      "less than it inflates to",
      () =>
        zip([
          {
            ...good,
            method: 8,
            stored: deflateRawSync(Buffer.concat([content, Buffer.alloc(99)])),
            size: content.length,
          },
        ]),
      /inflates to more than the 136 bytes it claims/,
    ],
    [
      "what does not inflate",
      () => zip([{ ...good, method: 8, stored: new Uint8Array(60).fill(0xff), size: content.length }]),
      /does not inflate/,
    ],
    ["an overlap", () => zip([good, { ...good, name: "b.npy", offset: 0 }]), /overlaps what comes after it/],
    [
      "a part that shares bytes",
      () =>
        zip([
          { ...good, extraBytes: -20 },
          { ...good, name: "b.npy" },
        ]),
      /overlap what comes after it/,
    ],
    ["a place outside", () => zip([{ ...good, offset: 1e9 }]), /overlaps what comes after it|no entry at byte/],
    ["too many entries", () => zip([good], { count: 60000 }), /does not fit in it|is damaged at entry/],
    ["fewer entries than listed", () => zip([good, { ...good, name: "b.npy" }], { count: 1 }), /belong to no entry/],
    ["a bomb", bomb, /claims to inflate from \d+ to 400000512 bytes, more than 100 times/],
  ])("%s", async (_name, make, message) => {
    const bytes = make();
    await expect(decodeNpz(bytes)).rejects.toThrow(WeightsError);
    await expect(decodeNpz(bytes)).rejects.toThrow(message);
  });

  test("a file cut short at any byte", async () => {
    const path = join(folder, "cut.npz");
    writeFileSync(path, zip([good, { ...good, name: "b.npy" }]));
    for (let size = zip([good, { ...good, name: "b.npy" }]).length - 1; size >= 0; size--) {
      truncateSync(path, size);
      await expect(readNpz(path)).rejects.toThrow(WeightsError);
    }
  });

  test("a missing file is the system's own error", async () => {
    await expect(readNpz(join(folder, "none.npz"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("any change to a file: an error, or arrays that fit in it", () => {
  const numpy = new Uint8Array(Buffer.from(fromNumPy, "base64"));
  const stored = zip([good, { ...good, name: "b.npy" }]);
  test.each([
    ["deflated", numpy],
    ["stored", stored],
  ])("%s", async (_name, file) => {
    const change = fc.tuple(fc.nat({ max: file.length - 1 }), fc.nat({ max: 255 }));
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = file.slice();
        for (const [at, value] of changes) bytes[at] = value;
        try {
          await decodeNpz(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WeightsError);
          refused++;
        }
      }),
      { numRuns: 400 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  test("an array, in an archive that is right", async () => {
    const array = npy("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }", new Uint8Array(24));
    const change = fc.tuple(fc.nat({ max: array.length - 1 }), fc.nat({ max: 255 }));
    let read = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), fc.boolean(), async (changes, deflates) => {
        const changed = array.slice();
        for (const [at, value] of changes) changed[at] = value;
        const entry = { name: "a.npy", content: changed };
        const file = zip([deflates ? { ...entry, method: 8, stored: deflateRawSync(changed) } : entry]);
        try {
          const tensor = (await decodeNpz(file)).get("a")!;
          expect(tensor.data.byteLength).toBeLessThanOrEqual(24);
          read++;
        } catch (error) {
          expect(error).toBeInstanceOf(WeightsError);
        }
      }),
      { numRuns: 400 },
    );
    expect(read).toBeGreaterThan(0);
  });

  test("any bytes at all", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        await expect(decodeNpz(bytes)).rejects.toThrow(WeightsError);
      }),
      { numRuns: 200 },
    );
  });
});
