/** One-off evaluation: what it takes and what it refuses. */
import { expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { evaluate } from "../../src/runtime/index.js";

const [x, y] = [g.input("x", "float32", [2]), g.input("y", "float32", [2])];
const values = Float32Array.of(1, 2);

test("values come from the inputs by name, and the arrays stay the caller's", async () => {
  expect(await evaluate({ sum: g.add(x, y) }, { x: values, y: values })).toEqual({ sum: Float32Array.of(2, 4) });
  expect(await evaluate({ one: g.constant([1], [1]) })).toEqual({ one: Float32Array.of(1) });
  expect([...values]).toEqual([1, 2]);
});

test("unknown inputs are named, beside those that there are", async () => {
  const outputs = { sum: g.add(x, y) };
  await expect(evaluate(outputs, { x: values, y: values, z: values, Y: values })).rejects.toThrow(
    "unknown input z, Y; expected only the inputs that the outputs depend on: x, y",
  );
  await expect(evaluate({ exp: g.exp(x) }, { x: values, y: values })).rejects.toThrow(
    "unknown input y; expected only the inputs that the outputs depend on: x",
  );
  await expect(evaluate({ one: g.constant([1], [1]) }, { x: values })).rejects.toThrow(
    "unknown input x; expected only the inputs that the outputs depend on: none",
  );
});

test("a missing input is named", async () => {
  await expect(evaluate({ sum: g.add(x, y) }, { x: values })).rejects.toThrow(
    "missing value of input y; inputs are x, y",
  );
});
