/** Depthwise convolution against a loop over its windows; its derivatives, which are operations of their own, as outputs of further cases. */
import * as g from "../../../src/graph/index.js";
import { type Array64, count, indexAt, offset } from "../../support/arrays.js";
import { normal, type OperationCase, row } from "../../support/conformance.js";

const pair = (value: number | readonly [number, number] = 1): readonly [number, number] =>
  typeof value === "number" ? [value, value] : value;

interface Met {
  readonly y: number;
  readonly x: number;
  readonly w: number;
}

/** Every product of an entry of x and one of w, and the entry of y that it is added to. */
function products(x: readonly number[], w: readonly number[], options: g.ConvolutionOptions) {
  const [strides, dilations] = [pair(options.stride), pair(options.dilation)];
  const { padding = 0 } = options;
  const pads = typeof padding === "number" ? [padding, padding, padding, padding] : padding;
  const [n, c] = x as [number, number];
  const sides = [0, 1].map((axis) => {
    const reach = dilations[axis]! * (w[axis + 2]! - 1) + 1;
    return Math.floor((x[axis + 2]! + pads[axis]! + pads[axis + 2]! - reach) / strides[axis]!) + 1;
  });
  const shape = [n, c, ...sides];
  const met: Met[] = [];
  for (let p = 0; p < count(shape); p++) {
    const [image, channel, i, j] = indexAt(shape, p) as [number, number, number, number];
    for (let q = 0; q < w[2]! * w[3]!; q++) {
      const [a, b] = indexAt(w.slice(2), q) as [number, number];
      const [y, z] = [i * strides[0] + a * dilations[0] - pads[0]!, j * strides[1] + b * dilations[1] - pads[1]!];
      if (y < 0 || z < 0 || y >= x[2]! || z >= x[3]!) continue;
      met.push({ y: p, x: offset(x, [image, channel, y, z]), w: offset(w, [channel, 0, a, b]) });
    }
  }
  return { shape, met };
}

function summed(shape: readonly number[], terms: readonly (readonly [number, number])[]): Array64 {
  const data = new Float64Array(count(shape));
  for (const [position, value] of terms) data[position] = data[position]! + value;
  return { shape, data };
}

function convolved(x: Array64, w: Array64, options: g.ConvolutionOptions): Array64 {
  const { shape, met } = products(x.shape, w.shape, options);
  return summed(
    shape,
    met.map((one) => [one.y, x.data[one.x]! * w.data[one.w]!]),
  );
}

function derivatives(x: Array64, w: Array64, y: Array64, options: g.ConvolutionOptions): Array64[] {
  const { met } = products(x.shape, w.shape, options);
  return [
    summed(
      x.shape,
      met.map((one) => [one.x, y.data[one.y]! * w.data[one.w]!]),
    ),
    summed(
      w.shape,
      met.map((one) => [one.w, y.data[one.y]! * x.data[one.x]!]),
    ),
  ];
}

// With 8 images or more, small ones are multiplied by a dense matrix of each channel; with fewer, all are convolved.
const cases: readonly [number[], number[], g.ConvolutionOptions][] = [
  [[2, 3, 5, 4], [3, 1, 3, 3], { padding: 1 }],
  [[8, 3, 5, 4], [3, 1, 3, 3], { padding: 1 }],
  [[2, 2, 6, 6], [2, 1, 3, 3], { stride: 2, padding: [0, 0, 1, 1] }], // SAME of TensorFlow
  [[8, 2, 6, 6], [2, 1, 3, 3], { stride: 2, padding: [0, 0, 1, 1] }],
  [[2, 2, 7, 5], [2, 1, 3, 3], { stride: 2, padding: 1 }],
  [[9, 2, 7, 5], [2, 1, 3, 3], { stride: 2, padding: 1 }],
  [[1, 2, 6, 7], [2, 1, 5, 5], { padding: 2 }],
  [[8, 2, 4, 3], [2, 1, 5, 5], { padding: 2 }],
  [[1, 2, 8, 6], [2, 1, 5, 5], { stride: 2, padding: [1, 1, 2, 2] }],
  [[8, 1, 6, 8], [1, 1, 5, 5], { stride: 2, padding: 2 }],
  [[1, 2, 3, 3], [2, 1, 5, 5], { padding: 4 }], // kernel rows that meet little else than padding
  [[1, 1, 2, 2], [1, 1, 3, 2], { padding: [3, 0, 0, 0] }], // and nothing else
  [[1, 2, 4, 4], [2, 1, 1, 1], {}],
  [[2, 2, 9, 9], [2, 1, 3, 2], { stride: [2, 3], dilation: [2, 1], padding: [1, 0, 2, 1] }],
  [[8, 2, 7, 6], [2, 1, 2, 3], { stride: [1, 2], dilation: [2, 1], padding: [1, 0, 0, 1] }],
  [[1, 6, 4, 4], [6, 1, 3, 3], { padding: 1 }],
  [[1, 8, 5, 4], [8, 1, 3, 3], { stride: 2, padding: 1 }],
];

const told = (options: g.ConvolutionOptions) => JSON.stringify(options).replaceAll('"', "");

const fixed = [1, -2, 3, 0.5, 4, -1, 2, 0, 1, -1, 1, 0.25, 2, -3, 1, 5, 0, -2];

export const depthwiseConvolutionFamily: readonly OperationCase[] = [
  ...cases.map(([x, w, options]) =>
    row(
      `depthwiseConvolution2d [${x}] with [${w}] ${told(options)}`,
      "depthwiseConvolution2d",
      [normal(...x), normal(...w)],
      (a, b) => g.depthwiseConvolution2d(a, b, options),
      (a, b) => convolved(a, b, options),
    ),
  ),
  ...cases.map(([x, w, options]) =>
    row(
      `derivatives of depthwiseConvolution2d [${x}] with [${w}] ${told(options)}`,
      "depthwiseConvolution2d",
      [normal(...x), normal(...w), normal(...products(x, w, options).shape)],
      (a, b, y) => g.grad(g.reduceSum(g.multiply(g.depthwiseConvolution2d(a, b, options), y)), [a, b]),
      (a, b, y) => derivatives(a, b, y, options),
    ),
  ),
  row(
    "depthwiseConvolution2d with a constant kernel",
    "depthwiseConvolution2d",
    [normal(8, 2, 4, 4)],
    (x) => g.depthwiseConvolution2d(x, g.constant(fixed, [2, 1, 3, 3]), { padding: 1, fixedKernel: true }),
    (x) => convolved(x, { shape: [2, 1, 3, 3], data: Float64Array.from(fixed) }, { padding: 1 }),
  ),
];
