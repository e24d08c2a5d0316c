/** Published golden values (papers.md 12.2, 12.3) and values of PyTorch, through the runtime. */
import { expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { bilinearWeights, constant, gelu, resizeBilinear } from "../../src/graph/index.js";
import { of } from "../support/conformance.js";
import { run } from "../support/run.js";

const points = [-3, -2, -1, -0.5, 0.5, 1, 2, 3];
const golden = {
  tanh: [-0.003637392, -0.045402306, -0.158808009, -0.15428599, 0.34571401, 0.841191991, 1.954597694, 2.996362608],
  erf: [-0.004049694, -0.045500264, -0.158655254, -0.154268769, 0.345731231, 0.841344746, 1.954499736, 2.995950306],
};
test.each(["tanh", "erf"] as const)("gelu, %s form", async (form) => {
  const { y } = await run({ y: gelu(constant(points, [8]), form) }, {});
  golden[form].forEach((wanted, i) => {
    expect(Math.abs(y!.values[i]! - wanted)).toBeLessThan(3e-7 * Math.max(1, Math.abs(wanted)));
  });
});

const resizes = [
  [[0, 1, 2, 3], 6, "alignCorners", [0, 0.6, 1.2, 1.8, 2.4, 3]],
  [[0, 1, 2, 3], 6, "halfPixel", [0, 0.5, 1.166667, 1.833333, 2.5, 3]],
  [[0, 1, 4], 5, "alignCorners", [0, 0.5, 1, 2.5, 4]],
] as const;
test.each(resizes)("resize [%s] to %i, %s", async (values, to, convention, wanted) => {
  const row = constant([...values], [1, values.length]);
  const column = constant([...values], [values.length, 1]);
  const results = await run(
    { row: resizeBilinear(row, 1, to, convention), column: resizeBilinear(column, to, 1, convention) },
    {},
  );
  for (const { values: got } of Object.values(results)) {
    wanted.forEach((value, i) => {
      expect(got[i]!).toBeCloseTo(value, 6);
    });
  }
});

test("interpolation weights of every output sum to one", () => {
  for (const convention of ["halfPixel", "alignCorners"] as const) {
    for (const [from, to] of [
      [1, 1],
      [1, 5],
      [5, 1],
      [7, 3],
      [3, 7],
      [14, 24],
      [24, 14],
    ] as const) {
      const weights = bilinearWeights(from, to, convention);
      for (let i = 0; i < to; i++) {
        const own = weights.subarray(i * from, (i + 1) * from);
        expect(own.reduce((total, weight) => total + weight, 0)).toBeCloseTo(1, 12);
        expect(own.every((weight) => weight >= 0)).toBe(true);
      }
    }
  }
});

// Values and gradients of PyTorch 1.13 in float32, among them those at kinks and ties: y of x = [-2, -0.5, 0, 0.5, 2.5], and the gradient of
// y . [1, 2, 3, 4, 5] with respect to x.
const elementwise: readonly [string, (x: g.Tensor) => g.Tensor, number[], number[]][] = [
  ["absolute", g.absolute, [2, 0.5, 0, 0.5, 2.5], [-1, -2, 0, 4, 5]],
  ["sign", g.sign, [-1, -1, 0, 1, 1], [0, 0, 0, 0, 0]],
  ["floor", g.floor, [-2, -1, 0, 0, 2], [0, 0, 0, 0, 0]],
  ["round", g.round, [-2, 0, 0, 0, 2], [0, 0, 0, 0, 0]],
  ["clamp to [-0.5, 0.5]", (x) => g.clamp(x, -0.5, 0.5), [-0.5, -0.5, 0, 0.5, 0.5], [0, 2, 3, 4, 0]],
  ["clamp from above", (x) => g.clamp(x, Number.NEGATIVE_INFINITY, 0), [-2, -0.5, 0, 0, 0], [1, 2, 3, 0, 0]],
  [
    "sin",
    g.sin,
    [-0.9092974, -0.47942555, 0, 0.47942555, 0.5984721],
    [-0.41614684, 1.7551651, 3, 3.5103302, -4.0057178],
  ],
  [
    "cos",
    g.cos,
    [-0.41614684, 0.87758255, 1, 0.87758255, -0.8011436],
    [0.9092974, 0.9588511, 0, -1.9177022, -2.9923606],
  ],
  ["cumsum", (x) => g.cumsum(x, 0), [-2, -2.5, -2.5, -2, 0.5], [15, 14, 12, 9, 5]],
];

/** The values of y, and the gradients of the sum of y times `first`, `first` + 1, ... with respect to the inputs. */
async function differentiated(y: g.Tensor, inputs: readonly g.Tensor[], values: readonly number[][], first: number) {
  const weights = Array.from({ length: g.elementCount(y.shape) }, (_, i) => i + first);
  const gradients = g.grad(g.reduceSum(g.multiply(y, constant(weights, y.shape))), inputs);
  const feeds = Object.fromEntries(inputs.map((x, i) => [g.inputName(x), of(x.shape, values[i]!)(Math.random)]));
  const found = await run({ y, ...Object.fromEntries(gradients.map((d, i) => [`d${i}`, d])) }, feeds);
  return { y: found.y!.values, gradients: inputs.map((_, i) => found[`d${i}`]!.values) };
}
const expectValues = (found: readonly number[], wanted: readonly number[]) => {
  expect(found.length).toBe(wanted.length);
  wanted.forEach((value, i) => {
    expect(Math.abs(found[i]! - value), `entry ${i}: ${found[i]} for ${value}`).toBeLessThan(
      3e-7 * Math.max(1, Math.abs(value)),
    );
  });
};

test.each(elementwise)("%s and its gradient", async (_, operation, wanted, gradient) => {
  const x = g.input("x", "float32", [5]);
  const found = await differentiated(operation(x), [x], [[-2, -0.5, 0, 0.5, 2.5]], 1);
  expectValues(found.y, wanted);
  expectValues(found.gradients[0]!, gradient);
});

// torch.scatter_add and torch.scatter along axis 1 of [2, 4], weighted by 0 to 7
test("scatter that adds, with repeated positions", async () => {
  const [x, updates] = [g.input("x", "float32", [2, 4]), g.input("u", "float32", [2, 3])];
  const y = g.scatter(x, constant([0, 3, 3, 1, 1, 1], [2, 3], "int64"), updates, 1, "add");
  const found = await differentiated(
    y,
    [x, updates],
    [
      [0, 0, 0, 0, 0, 0, 0, 0],
      [1, 2, 3, 4, 5, 6],
    ],
    0,
  );
  expectValues(found.y, [1, 0, 0, 5, 0, 15, 0, 0]);
  expectValues(found.gradients[0]!, [0, 1, 2, 3, 4, 5, 6, 7]);
  expectValues(found.gradients[1]!, [0, 3, 3, 5, 5, 5]);
});

test("scatter that replaces", async () => {
  const [x, updates] = [g.input("x", "float32", [2, 4]), g.input("u", "float32", [2, 2])];
  const y = g.scatter(x, constant([0, 3, 1, 2], [2, 2], "int64"), updates, 1);
  const found = await differentiated(
    y,
    [x, updates],
    [
      [1, 1, 1, 1, 1, 1, 1, 1],
      [1, 2, 4, 5],
    ],
    0,
  );
  expectValues(found.y, [1, 1, 1, 2, 1, 4, 5, 1]);
  expectValues(found.gradients[0]!, [0, 1, 2, 0, 4, 0, 0, 7]);
  expectValues(found.gradients[1]!, [0, 3, 5, 6]);
});

// torch.topk(x, 3), weighted by 1 to 3
test("topK and its gradient", async () => {
  const x = g.input("x", "float32", [5]);
  const found = await differentiated(g.topK(x, 3).values, [x], [[3, 1, 4, 1.5, -2]], 1);
  expectValues(found.y, [4, 3, 1.5]);
  expectValues(found.gradients[0]!, [2, 0, 1, 3, 0]);
});

// conv_transpose2d(x, w, stride=2, padding=1, output_padding=1) of x = 0, 1, ... / 4 - 1 and w = 0, 1, ... / 8 - 3/4, weighted by 0 to 29 over 10
test("convolutionTranspose2d and its gradients", async () => {
  const [x, w] = [g.input("x", "float32", [1, 2, 2, 3]), g.input("w", "float32", [2, 2, 2, 2])];
  const y = g.convolutionTranspose2d(x, w, { stride: 2, padding: 1, outputPadding: 1 });
  const values = [Array.from({ length: 12 }, (_, i) => i / 4 - 1), Array.from({ length: 16 }, (_, i) => i / 8 - 0.75)];
  const found = await differentiated(y, [x, w], values, 0);
  expect(y.shape).toEqual([1, 2, 3, 5]);
  // biome-ignore format: one row for each channel
  expectValues(found.y, [
    0.6875, 0.75, 0.75, 0.75, 0.8125, 0.625, 0.375, 0.5625, 0.25, 0.5, 0.875, 0.75, 0.9375, 0.75, 1,
    0.4375, 0.75, 0.75, 1, 1.0625, 1.125, 1.125, 1.3125, 1.25, 1.5, 1.375, 1.5, 1.6875, 1.75, 2,
  ]);
  // biome-ignore format: one row for each gradient
  const [dx, dw] = [
    [0.1875, 0.0875, -0.0625, -0.625, -2.35, -2.85, 1.6875, 3.6875, 4.3375, 5.375, 10.85, 11.95],
    [0.2, 0.1, 0.1, -0.25, 0.575, 0.1, -1.4, -3.625, 2.3, 3.25, 4.3, 6.05, 7.175, 10, 11.8, 16.175],
  ];
  expectValues(
    found.gradients[0]!.map((value) => value / 10),
    dx,
  );
  expectValues(
    found.gradients[1]!.map((value) => value / 10),
    dw,
  );
});
