/** Norms of gradients against sums in float64: a sum in float32 registers loses what is small beside it. */
import { expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { globalNorm } from "../../src/optim/index.js";
import { compile } from "../../src/runtime/index.js";
import { seeded } from "../support/arrays.js";

async function norm(tensors: readonly { shape: readonly number[]; values: Float32Array }[]): Promise<number> {
  const inputs = tensors.map(({ shape }, i) => g.input(`gradient/${i}`, "float32", shape));
  const outputs = { norm: globalNorm(inputs) };
  await using program = await compile(
    { state: [], functions: { norm: { inputs, outputs, next: {} } } },
    { inThread: true, threads: 1 },
  );
  const given = Object.fromEntries(tensors.map(({ values }, i) => [`gradient/${i}`, values.slice()]));
  return Number((await program.run("norm", given)).norm?.[0]);
}

const random = seeded(5);
const gradient = (...shape: number[]) => ({
  shape,
  values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (random() - 0.5) * 1e-3),
});
const exact = (tensors: readonly { values: Float32Array }[]) =>
  Math.sqrt(tensors.reduce((sum, { values }) => values.reduce((s, x) => s + x * x, sum), 0));

test.each<[string, number[][]]>([
  // The head of ImageNet-21k on a width of 1,280: 1.3e-3 low when summed at once
  ["a large kernel", [[21_843, 1280]]],
  ["a length without divisors", [[1_000_003]]],
  ["a prime number of rows and few columns", [[99_991, 3]]],
  ["kernels, biases, a convolution and a scalar", [[384, 1536], [1536], [7, 7, 3, 64], [1]]],
])("agree with float64: %s", async (_, shapes) => {
  const tensors = shapes.map((shape) => gradient(...shape));
  expect(Math.abs((await norm(tensors)) / exact(tensors) - 1)).toBeLessThan(1e-6);
});
