/** Activations, normalisations, convolution, pooling and resizing. */
import * as g from "../../../src/graph/index.js";
import { around, distinct, normal, type OperationCase, of, positive, row } from "../../support/conformance.js";
import * as r from "../../support/reference.js";
import * as n from "../../support/reference-network.js";

const wide = of([9], [-12, -5, -3, -0.5, 0, 0.5, 3, 5, 12]);
const forms = { tanh: n.geluTanh, erf: n.geluErf };
const activationCases = [
  ...(["tanh", "erf"] as const).flatMap((form) => [
    row(
      `gelu ${form}`,
      "gelu",
      [distinct(3, 4)],
      (x) => g.gelu(x, form),
      (x) => r.map(x, forms[form]),
    ),
    row(
      `gelu ${form} far from zero`,
      "gelu",
      [wide],
      (x) => g.gelu(x, form),
      (x) => r.map(x, forms[form]),
    ),
    row(
      `gelu ${form}, value only`,
      "gelu",
      [wide],
      (x) => g.gelu(x, form),
      (x) => r.map(x, forms[form]),
      { forwardOnly: true },
    ),
  ]),
  row(
    "gelu is the tanh form by default",
    "gelu",
    [normal(2, 3)],
    (x) => g.gelu(x),
    (x) => r.map(x, n.geluTanh),
  ),
  ...[0, 1, 2, -1, -2].flatMap((axis) => [
    row(
      `softmax over axis ${axis}`,
      "softmax",
      [normal(2, 3, 4)],
      (x) => g.softmax(x, axis),
      (x) => n.softmax(x, (axis + 3) % 3),
    ),
    row(
      `logSoftmax over axis ${axis}`,
      "logSoftmax",
      [normal(2, 3, 4)],
      (x) => g.logSoftmax(x, axis),
      (x) => n.logSoftmax(x, (axis + 3) % 3),
    ),
  ]),
  row(
    "softmax and logSoftmax of large numbers",
    ["softmax", "logSoftmax"],
    [of([2, 3], [900, 901, 899, -1000, 5, 4])],
    (x) => [g.softmax(x), g.logSoftmax(x)],
    (x) => [n.softmax(x, 1), n.logSoftmax(x, 1)],
  ),
  row(
    "softmax and logSoftmax of one class",
    ["softmax", "logSoftmax"],
    [normal(2, 1)],
    (x) => [g.softmax(x), g.logSoftmax(x)],
    (x) => [n.softmax(x, 1), n.logSoftmax(x, 1)],
  ),
];

const normalisationCases = [
  ...[[4], [3, 4], [2, 3, 4], [2, 1, 2, 5]].flatMap((shape) => {
    const width = shape.at(-1)!;
    return [1e-6, 0.1].map((epsilon) =>
      row(
        `layerNorm of [${shape}], epsilon ${epsilon}`,
        "layerNorm",
        [around(2, ...shape), normal(width), normal(width)],
        (x, s, b) => g.layerNorm(x, s, b, epsilon),
        (x, s, b) => n.layerNorm(x, s, b, epsilon),
        { tolerance: 3e-4 },
      ),
    );
  }),
  row(
    "layerNorm, value only",
    "layerNorm",
    [normal(2, 3), normal(3), normal(3)],
    (x, s, b) => g.layerNorm(x, s, b),
    (x, s, b) => n.layerNorm(x, s, b, 1e-6),
    { forwardOnly: true },
  ),
  ...[[6], [2, 6], [2, 2, 5]].flatMap((shape) =>
    [1e-10, 0.1].map((epsilon) =>
      row(
        `standardise [${shape}], epsilon ${epsilon}`,
        "standardise",
        [around(-1, ...shape)],
        (x) => g.standardise(x, epsilon),
        (x) => n.standardise(x, epsilon),
        { tolerance: 3e-4 },
      ),
    ),
  ),
  row(
    "standardise 1, 2, 3, 4",
    "standardise",
    [of([4], [1, 2, 3, 4])],
    (x) => g.standardise(x, 0),
    () => ({
      shape: [4],
      data: Float64Array.of(-1.341641, -0.447214, 0.447214, 1.341641), // papers.md 12.2
    }),
    { forwardOnly: true },
  ),
  ...(["bit", "flax"] as const).flatMap((form) =>
    [
      [3, 4],
      [2, 3, 1, 1],
      [3, 2, 3, 2],
    ].map((shape) =>
      row(
        `weightStandardise [${shape}], ${form} form`,
        "weightStandardise",
        [around(0.5, ...shape)],
        (w) => g.weightStandardise(w, form),
        (w) => n.weightStandardise(w, form),
        { tolerance: 3e-4 },
      ),
    ),
  ),
  row(
    "weightStandardise of a deviation as small as the flax form's 1e-5",
    "weightStandardise",
    [of([1, 4], [1e-5, -1e-5, 2e-5, -2e-5])],
    (w) => g.multiply(g.weightStandardise(w, "flax"), 1e-5),
    (w) => r.map(n.weightStandardise(w, "flax"), (value) => value * 1e-5),
    { forwardOnly: true },
  ),
  ...(
    [
      [[2, 4], 2],
      [[2, 4, 3], 1],
      [[2, 4, 2, 3], 2],
      [[1, 6, 2, 2], 3],
      [[2, 3, 2, 2], 3],
    ] as const
  ).map(([shape, groups]) =>
    row(
      `groupNorm of [${shape}] in ${groups} groups`,
      "groupNorm",
      [around(1, ...shape), normal(shape[1]), normal(shape[1])],
      (x, s, b) => g.groupNorm(x, s, b, groups, 1e-3),
      (x, s, b) => n.groupNorm(x, s, b, groups, 1e-3),
      { tolerance: 3e-4 },
    ),
  ),
  row(
    "groupNorm has 32 groups and epsilon 1e-5 by default",
    "groupNorm",
    [normal(1, 32, 3), normal(32), normal(32)],
    (x, s, b) => g.groupNorm(x, s, b),
    (x, s, b) => n.groupNorm(x, s, b, 32, 1e-5),
    { tolerance: 3e-4 },
  ),
];

interface Window {
  stride?: number | [number, number];
  padding?: number | [number, number, number, number];
  dilation?: number | [number, number];
}
const pair = (value: number | [number, number] = 1): [number, number] =>
  typeof value === "number" ? [value, value] : value;
const filled = ({ stride, padding = 0, dilation }: Window): n.ReferenceWindow => ({
  stride: pair(stride),
  padding: typeof padding === "number" ? [padding, padding, padding, padding] : padding,
  dilation: pair(dilation),
});
const told = (window: Window) => JSON.stringify(window).replaceAll('"', "");

const convolutions: readonly [number[], number[], Window][] = [
  [[2, 2, 5, 4], [3, 2, 3, 3], {}],
  [[2, 2, 5, 4], [3, 2, 3, 2], { padding: 1 }],
  [[1, 2, 5, 5], [2, 2, 3, 3], { padding: [0, 1, 2, 1] }],
  [[1, 2, 4, 5], [2, 2, 2, 3], { padding: [3, 0, 0, 3] }],
  [[2, 2, 6, 5], [2, 2, 3, 3], { stride: 2 }],
  [[2, 1, 6, 7], [2, 1, 3, 3], { stride: 2, padding: 1 }],
  [[1, 2, 7, 7], [2, 2, 2, 3], { stride: [3, 2], padding: [0, 1, 1, 2] }],
  [[1, 1, 10, 9], [2, 1, 3, 2], { stride: 4 }],
  [[1, 2, 7, 6], [2, 2, 3, 2], { dilation: 2 }],
  [[1, 2, 7, 7], [2, 2, 2, 3], { dilation: [3, 2], padding: [1, 2, 0, 1] }],
  [[1, 2, 8, 9], [2, 2, 3, 2], { stride: [2, 3], dilation: [2, 1], padding: [1, 0, 2, 1] }],
  [[2, 3, 4, 4], [2, 3, 2, 2], { stride: 2 }],
  [[2, 3, 8, 8], [4, 3, 4, 4], { stride: 4 }],
  [[1, 2, 3, 3], [2, 2, 3, 3], {}],
  [[2, 3, 3, 4], [2, 3, 1, 1], {}],
  [[2, 3, 5, 4], [2, 3, 1, 1], { stride: 2 }],
  [[1, 2, 5, 7], [3, 2, 1, 1], { stride: [3, 2] }],
  [[1, 2, 3, 3], [2, 2, 1, 1], { padding: 1 }],
  [[1, 2, 4, 4], [2, 2, 1, 1], { stride: 2, padding: [1, 0, 0, 1] }],
  [[1, 2, 6, 6], [2, 2, 1, 3], { stride: [1, 2], padding: [0, 1, 0, 1] }],
  [[1, 16, 3, 2], [2, 16, 3, 3], { padding: 1 }], // a product for each kernel position, image by image
  [[2, 16, 2, 3], [3, 16, 2, 2], {}], // the same of all images together
  [[1, 16, 5, 4], [2, 16, 3, 3], { stride: 2, padding: 1 }],
  [[2, 16, 4, 3], [3, 16, 3, 3], { stride: 2 }],
  [[1, 2, 5, 5], [2, 2, 3, 3], { padding: 1, dilation: 2 }],
  [[2, 3, 2, 2], [12, 3, 2, 2], {}], // the windows of all images in one product, the windows transposed
  [[8, 2, 2, 2], [6, 2, 2, 2], {}], // the same, the kernel transposed
  [[3, 4, 2, 2], [8, 4, 2, 2], { padding: [0, 1, 1, 0] }],
  [[4, 4, 3, 3], [10, 4, 3, 3], { stride: 2, padding: 1 }],
  // channels that the WebGPU provider's vectorised kernels take in fours, and in threes
  [[1, 6, 4, 4], [8, 6, 3, 3], { padding: 1 }],
  [[2, 6, 5, 4], [12, 6, 3, 3], { stride: 2, padding: 1 }],
  [[1, 9, 4, 3], [4, 9, 2, 2], {}],
  [[1, 12, 3, 3], [6, 12, 3, 3], { padding: 1 }],
  [[1, 5, 4, 4], [8, 5, 3, 3], { padding: 1 }],
];
const convolutionCases = convolutions.map(([x, w, window]) =>
  row(
    `convolution2d [${x}] with [${w}] ${told(window)}`,
    "convolution2d",
    [normal(...x), normal(...w)],
    (a, b) => g.convolution2d(a, b, window),
    (a, b) => n.convolution2d(a, b, filled(window)),
  ),
);

const pools: readonly [number[], number | [number, number], Omit<Window, "dilation">][] = [
  [[2, 2, 4, 6], 2, {}],
  [[1, 2, 5, 5], 2, {}],
  [[1, 1, 5, 6], 3, { stride: 2 }],
  [[1, 1, 5, 6], 3, { stride: 2, padding: 1 }],
  [[1, 1, 6, 5], [3, 2], { stride: [2, 1], padding: [1, 0, 2, 1] }],
  [[1, 1, 5, 5], [2, 3], { stride: [3, 2] }],
  [[1, 2, 4, 4], 3, { stride: 1, padding: [0, 1, 1, 0] }],
  [[1, 1, 7, 7], 2, { stride: 3 }],
  [[2, 3, 3, 3], 3, {}],
  [[1, 2, 4, 3], 1, { stride: 2 }],
];
const poolCases = pools.flatMap(([shape, kernel, window]) => {
  const reference = filled({ stride: kernel, ...window });
  const name = `[${shape}] by ${kernel} ${told(window)}`;
  return [
    row(
      `maxPool2d ${name}`,
      "maxPool2d",
      [distinct(...shape)],
      (x) => g.maxPool2d(x, kernel, window),
      (x) => n.maxPool2d(x, pair(kernel), reference),
    ),
    row(
      `maxPool2d ${name} counting padding`,
      "maxPool2d",
      [distinct(...shape)],
      (x) => g.maxPool2d(x, kernel, { ...window, includePadding: true }),
      (x) => n.maxPool2d(x, pair(kernel), reference, true),
    ),
    ...[false, true].map((includePadding) =>
      row(
        `averagePool2d ${name}${includePadding ? " counting padding" : ""}`,
        "averagePool2d",
        [normal(...shape)],
        (x) => g.averagePool2d(x, kernel, { ...window, includePadding }),
        (x) => n.averagePool2d(x, pair(kernel), reference, includePadding),
      ),
    ),
  ];
});
const tiedImage = of([1, 1, 3, 3], [2, 2, 1, 2, 2, 1, 0, 3, 3]);
const tieCases = [
  row(
    "maxPool2d gives a tie to the first position in row order",
    "maxPool2d",
    [tiedImage],
    (x) => g.maxPool2d(x, 2, { stride: 1 }),
    (x) => n.maxPool2d(x, [2, 2], filled({})),
    {
      // windows: (2 2/2 2) -> 0; (2 1/2 1) -> 1; (2 2/0 3) -> 7; (2 1/3 3) -> 7
      gradients: {
        0: ([w]) => {
          const [a, b, c, d] = w!.data as unknown as [number, number, number, number];
          return { shape: [1, 1, 3, 3], data: Float64Array.of(a, b, 0, 0, 0, 0, 0, c + d, 0) };
        },
      },
    },
  ),
  row(
    "maxPool2d of negative numbers that counts its padding",
    "maxPool2d",
    [of([1, 1, 2, 2], [-5, -6, -7, -8])],
    (x) => g.maxPool2d(x, 2, { stride: 1, padding: 1, includePadding: true }),
    (x) => n.maxPool2d(x, [2, 2], filled({ padding: 1 }), true),
  ),
  row(
    "maxPool2d of negative numbers ignores its padding",
    "maxPool2d",
    [of([1, 1, 2, 2], [-5, -6, -7, -8])],
    (x) => g.maxPool2d(x, 2, { stride: 1, padding: 1 }),
    (x) => n.maxPool2d(x, [2, 2], filled({ padding: 1 })),
  ),
];

const sizes: readonly [number[], number, number][] = [
  [[2, 3], 4, 6],
  [[2, 2, 4, 5], 3, 7],
  [[1, 5, 5], 5, 5],
  [[1, 1, 6, 4], 2, 2],
  [[3, 1], 5, 4],
  [[1, 4], 1, 1],
  [[1, 2, 3, 3], 1, 5],
];
const resizeCases = [
  ...sizes.flatMap(([shape, height, width]) =>
    (["halfPixel", "alignCorners"] as const).map((convention) =>
      row(
        `resizeBilinear [${shape}] to ${height} x ${width}, ${convention}`,
        "resizeBilinear",
        [normal(...shape)],
        (x) => g.resizeBilinear(x, height, width, convention),
        (x) => n.resizeBilinear(x, height, width, convention === "alignCorners"),
      ),
    ),
  ),
  row(
    "resizeBilinear is halfPixel by default",
    "resizeBilinear",
    [normal(3, 3)],
    (x) => g.resizeBilinear(x, 4, 5),
    (x) => n.resizeBilinear(x, 4, 5, false),
  ),
];

/** Layers put together, as a model has them. */
const composed = [
  row(
    "a convolutional block",
    ["convolution2d", "groupNorm", "relu", "averagePool2d"],
    [normal(1, 2, 5, 5), normal(4, 2, 3, 3), positive(4), normal(4)],
    (x, w, s, b) =>
      g.reduceMean(
        g.averagePool2d(g.softplus(g.groupNorm(g.convolution2d(x, w, { stride: 2, padding: 1 }), s, b, 2)), 2, {
          stride: 1,
        }),
        [2, 3],
      ),
    (x, w, s, b) => {
      const y = n.groupNorm(n.convolution2d(x, w, filled({ stride: 2, padding: 1 })), s, b, 2, 1e-5);
      const z = r.map(y, (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))));
      return r.reduce(n.averagePool2d(z, [2, 2], filled({}), false), [2, 3], false, r.mean);
    },
    { tolerance: 3e-4 },
  ),
  row(
    "a transformer's MLP block",
    ["layerNorm", "linear", "gelu"],
    [normal(2, 3, 4), normal(4), normal(4), normal(4, 6), normal(6), normal(6, 4)],
    (x, s, b, w1, b1, w2) => g.add(x, g.linear(g.gelu(g.linear(g.layerNorm(x, s, b), w1, b1), "erf"), w2)),
    (x, s, b, w1, b1, w2) => {
      const hidden = r.zip((p, q) => p + q, r.matmul(r.reshape(n.layerNorm(x, s, b, 1e-6), [6, 4]), w1), b1);
      const out = r.matmul(r.map(hidden, n.geluErf), w2);
      return r.zip((p, q) => p + q, x, r.reshape(out, [2, 3, 4]));
    },
    { tolerance: 3e-4 },
  ),
];

export const activationFamily: readonly OperationCase[] = activationCases;
export const normalisationFamily: readonly OperationCase[] = [...normalisationCases, ...composed];
export const imageFamily: readonly OperationCase[] = [...convolutionCases, ...poolCases, ...tieCases, ...resizeCases];
