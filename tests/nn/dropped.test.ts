/** Dropout and stochastic depth at the ends of their range. */
import { expect, test } from "vitest";
import { input } from "../../src/graph/index.js";
import { dropout, Scope, stochasticDepth } from "../../src/nn/index.js";
import { evaluate } from "../../src/runtime/index.js";

const x = input("x", "float32", [4, 3]);
const seed = input("seed", "int32", []);
const training = () => Scope.root({ seed });

test("at rate 1 nothing is kept, rescaled or not", async () => {
  const outputs = {
    rescaled: stochasticDepth(training(), x, 1, true),
    plain: stochasticDepth(training(), x, 1, false),
    dropout: dropout(training(), x, 1),
  };
  const found = await evaluate(outputs, {
    x: Float32Array.from({ length: 12 }, (_, i) => i - 5),
    seed: Int32Array.of(3),
  });
  for (const [name, values] of Object.entries(found))
    expect(Array.from(values as Float32Array, Math.abs), name).toEqual(new Array(12).fill(0));
});

test("a probability that is none is refused", () => {
  for (const rate of [-0.1, 1.5, Number.NaN]) {
    expect(() => stochasticDepth(training(), x, rate, true)).toThrow(/stochastic depth has a probability of/);
    expect(() => dropout(training(), x, rate)).toThrow(/dropout has a probability of/);
  }
});
