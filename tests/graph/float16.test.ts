/** Half precision: every bit pattern there and back, known values, rounding to nearest even, and what the runtime rounds to. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { cast, encodeNumbers, fromFloat16, input, toFloat16, viewNumbers } from "../../src/graph/index.js";
import { of } from "../support/conformance.js";
import { run } from "../support/run.js";

test("all 65,536 bit patterns survive the way to a number and back; NaNs stay NaN", () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = fromFloat16(bits);
    const back = toFloat16(value);
    if (Number.isNaN(value)) expect(Number.isNaN(fromFloat16(back))).toBe(true);
    else if (back !== bits) expect.fail(`${bits.toString(16)} -> ${value} -> ${back.toString(16)}`);
  }
});

// IEEE 754-2008, binary16
test.each([
  [0, 0x0000],
  [-0, 0x8000],
  [1, 0x3c00],
  [-2, 0xc000],
  [0.333251953125, 0x3555],
  [65504, 0x7bff],
  [-65504, 0xfbff],
  [2 ** -14, 0x0400],
  [2 ** -24, 0x0001],
  [1023 * 2 ** -24, 0x03ff],
  [Number.POSITIVE_INFINITY, 0x7c00],
  [Number.NEGATIVE_INFINITY, 0xfc00],
])("%d is %#", (value, bits) => {
  expect(toFloat16(value)).toBe(bits);
  expect(Object.is(fromFloat16(bits), value)).toBe(true);
});

test.each([
  [1 + 2 ** -11, 1], // half way, to the even neighbour below
  [1 + 3 * 2 ** -11, 1 + 2 ** -9], // half way, to the even neighbour above
  [1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
  [2049, 2048],
  [2051, 2052],
  [65519, 65504],
  [65520, Number.POSITIVE_INFINITY],
  [-65520, Number.NEGATIVE_INFINITY],
  [1e10, Number.POSITIVE_INFINITY],
  [2 ** -25, 0],
  [2 ** -25 * 1.001, 2 ** -24],
  [3 * 2 ** -25, 2 ** -23],
  [2 ** -14 - 2 ** -26, 2 ** -14], // the largest subnormals round up into the normal numbers
  [1e-30, 0],
])("%d rounds to %d", (value, rounded) => {
  expect(fromFloat16(toFloat16(value))).toBe(rounded);
});

test("no half-precision number is nearer than the one chosen", () => {
  const finite = fc.double({ min: -65519, max: 65519, noNaN: true }).map(Math.fround);
  fc.assert(
    fc.property(finite, (value) => {
      const bits = toFloat16(value);
      const error = Math.abs(fromFloat16(bits) - value);
      for (const other of [bits - 1, bits + 1]) {
        if (other < 0 || other > 0xffff || (other & 0x7c00) === 0x7c00) continue;
        const otherError = Math.abs(fromFloat16(other) - value);
        if (otherError < error) return false;
        if (otherError === error && error > 0 && (bits & 1) === 1) return false; // a tie goes to even
      }
      return true;
    }),
    { numRuns: 2000 },
  );
});

test("the runtime's own cast gives the same bits", async () => {
  const values = fc
    .sample(fc.double({ noNaN: true, min: -7e4, max: 7e4 }), { numRuns: 500, seed: 1 })
    .concat(fc.sample(fc.double({ noNaN: true, min: -1e-4, max: 1e-4 }), { numRuns: 500, seed: 2 }));
  const x = input("x", "float32", [values.length]);
  const fed = of([values.length], values)(Math.random);
  const { y } = await run({ y: cast(x, "float16") }, { x: fed });
  fed.data.forEach((value, i) => {
    expect(Object.is(y!.values[i], fromFloat16(toFloat16(value))), `${value} -> ${y!.values[i]}`).toBe(true);
  });
});

test.each(["float32", "int32", "uint32", "int64", "uint8", "bool"] as const)(
  "numbers as bytes of %s and back, also from an odd address",
  (dtype) => {
    const values = dtype === "bool" ? [0, 1, 1] : dtype.startsWith("u") ? [0, 7, 200] : [0, -7, 200];
    const bytes = encodeNumbers(values, dtype);
    expect(Array.from(viewNumbers(bytes, dtype), Number)).toEqual(values);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(Array.from(viewNumbers(shifted.subarray(1), dtype), Number)).toEqual(values);
  },
);
