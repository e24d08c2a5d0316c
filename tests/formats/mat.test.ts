/** MATLAB files of version 5: right ones in every form, and damaged ones. */
import { describe, expect, test } from "vitest";
import { parseMat } from "../../src/formats/mat.js";
import { mat } from "../support/records.js";

const small = { name: "ids", dimensions: [1, 2], data: Uint8Array.of(7, 9), kind: 6 };
const large = { name: "values", dimensions: [2, 3, 2], data: Float64Array.from({ length: 12 }, (_, i) => i / 3 - 1) };
const shorts = { name: "shorts", dimensions: [3, 1], data: Int16Array.of(-300, 0, 300) };

describe("MATLAB files of version 5", () => {
  test("plain and compressed, of either byte order, in column-major order", () => {
    for (const compressed of [false, true]) {
      for (const little of [false, true]) {
        const file = mat([small, large, shorts], { compressed, little });
        const found = parseMat(file, "a.mat", ["shorts", "ids", "values"]);
        expect(found.get("ids")).toEqual({ dimensions: [1, 2], data: Uint8Array.of(7, 9) });
        expect(found.get("values")).toEqual({ dimensions: [2, 3, 2], data: large.data });
        expect(found.get("shorts")!.data).toEqual(shorts.data);
      }
    }
  });

  test("a file of another kind or version, and a missing matrix, are named", () => {
    const file = mat([small]);
    expect(() => parseMat(file, "a.mat", ["x"])).toThrow('"a.mat" has no matrix x; it has ids; fetch the file again');
    expect(() => parseMat(Buffer.alloc(200), "a.mat", ["x"])).toThrow(/is not a MATLAB file of version 5/);
    expect(() => parseMat(mat([small], { version: 0x200 }), "a.mat", ["ids"])).toThrow(
      /of version 0x200; 0x100 was expected/,
    );
    const new73 = Buffer.from(file);
    new73.write("MATLAB 7.3");
    expect(() => parseMat(new73, "a.mat", ["ids"])).toThrow(/version 7.3, which is HDF5/);
    expect(() => parseMat(mat([{ ...small, kind: 1 }]), "a.mat", ["ids"])).toThrow(
      /holds "ids", but not as a matrix of real/,
    );
  });

  test("sizes that do not fit are refused before memory is taken for them", () => {
    const plain = mat([large], { compressed: false });
    expect(() => parseMat(plain.subarray(0, plain.length - 20), "a.mat", ["values"])).toThrow(
      /is cut off or damaged: an element at byte 128 needs/,
    );
    const compressed = mat([large]);
    expect(() => parseMat(compressed.subarray(0, compressed.length - 20), "a.mat", ["values"])).toThrow(
      /is cut off or damaged/,
    );
    // 4,294,967,295 columns; and a compressed matrix that claims two gigabytes.
    const wide = Buffer.from(plain);
    wide.writeUInt32LE(0x7fffffff, plain.indexOf(Buffer.from([2, 0, 0, 0, 3, 0, 0, 0])) + 4);
    expect(() => parseMat(wide, "a.mat", ["values"])).toThrow(
      /"values" of 2 x 2147483647 x 2 numbers has 96 bytes instead of/,
    );
  });
});
