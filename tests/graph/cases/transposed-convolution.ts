/** Transposed convolution against a loop that adds every product where it goes. */
import * as g from "../../../src/graph/index.js";
import { type Array64, at, count, indexAt, offset } from "../../support/arrays.js";
import { normal, type OperationCase, row } from "../../support/conformance.js";

const pair = (value: number | readonly [number, number] = 1): readonly [number, number] =>
  typeof value === "number" ? [value, value] : value;

function transposed(x: Array64, w: Array64, options: g.TransposedConvolutionOptions): Array64 {
  const { stride, dilation, padding = 0, outputPadding = 0 } = options;
  const [sy, sx] = pair(stride);
  const [dy, dx] = pair(dilation);
  const [top, left, bottom, right] = typeof padding === "number" ? [padding, padding, padding, padding] : padding;
  const [below, beside] = pair(outputPadding);
  const [n, inputs, h, v] = x.shape as [number, number, number, number];
  const [, outputs, kh, kw] = w.shape as [number, number, number, number];
  const shape = [
    n,
    outputs,
    (h - 1) * sy - top - bottom + dy * (kh - 1) + 1 + below,
    (v - 1) * sx - left - right + dx * (kw - 1) + 1 + beside,
  ];
  const data = new Float64Array(count(shape));
  for (let p = 0; p < x.data.length; p++) {
    const [image, channel, i, j] = indexAt([n, inputs, h, v], p) as [number, number, number, number];
    for (let q = 0; q < outputs * kh * kw; q++) {
      const [o, a, b] = indexAt([outputs, kh, kw], q) as [number, number, number];
      const [y, z] = [i * sy + a * dy - top, j * sx + b * dx - left];
      if (y < 0 || z < 0 || y >= shape[2]! || z >= shape[3]!) continue;
      const position = offset(shape, [image, o, y, z]);
      data[position] = data[position]! + x.data[p]! * at(w, [channel, o, a, b]);
    }
  }
  return { shape, data };
}

const cases: readonly [number[], number[], g.TransposedConvolutionOptions][] = [
  [[2, 2, 3, 4], [2, 3, 3, 3], {}],
  [[2, 2, 4, 3], [2, 3, 3, 2], { padding: 1 }],
  [[1, 2, 5, 5], [2, 2, 3, 3], { padding: [0, 1, 2, 3] }], // crops more than the kernel reaches
  [[2, 2, 3, 3], [2, 3, 2, 2], { stride: 2 }], // as a decoder doubles the sides
  [[1, 2, 3, 3], [2, 2, 3, 3], { stride: 2, padding: 1, outputPadding: 1 }],
  [[1, 2, 3, 2], [2, 2, 4, 4], { stride: 2, padding: 1 }],
  [[1, 1, 3, 4], [1, 2, 2, 3], { stride: [3, 2], padding: [0, 1, 1, 0], outputPadding: [2, 0] }],
  [[1, 2, 4, 3], [2, 2, 3, 2], { dilation: 2 }],
  [[1, 2, 3, 3], [2, 2, 2, 3], { stride: [1, 2], dilation: [3, 1], padding: [1, 0, 1, 2] }],
  [[2, 3, 4, 4], [3, 2, 1, 1], {}],
  [[1, 3, 2, 3], [3, 2, 1, 1], { stride: 3, outputPadding: [0, 2] }],
  [[1, 6, 3, 3], [6, 8, 3, 3], { padding: 1 }],
  [[1, 8, 3, 3], [8, 6, 3, 3], { stride: 2 }],
  [[2, 16, 2, 3], [16, 4, 2, 2], { stride: 2 }],
];

export const transposedConvolutionFamily: readonly OperationCase[] = cases.map(([x, w, options]) =>
  row(
    `convolutionTranspose2d [${x}] with [${w}] ${JSON.stringify(options).replaceAll('"', "")}`,
    "convolutionTranspose2d",
    [normal(...x), normal(...w)],
    (a, b) => g.convolutionTranspose2d(a, b, options),
    (a, b) => transposed(a, b, options),
  ),
);
