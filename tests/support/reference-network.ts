/** Activations, normalisations, convolution, pooling and resizing in float64, as plain loops. */
import { type Array64, at, build, count } from "./arrays.js";
import { map, mean, sum } from "./reference.js";

/** The error function: 2/sqrt(pi) exp(-x^2) sum of 2^n x^(2n+1) / (2n+1)!! (DLMF 7.6.2), all terms of one sign. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let total = x;
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

export const geluErf = (x: number): number => 0.5 * x * (1 + erf(x / Math.SQRT2));
export const geluTanh = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** f over each line of entries along an axis. */
function alongAxis(x: Array64, axis: number, f: (line: number[]) => number[]): Array64 {
  const lines = new Map<string, number[]>();
  return build(x.shape, (index) => {
    const key = index.map((i, j) => (j === axis ? "*" : i)).join();
    let line = lines.get(key);
    if (!line) {
      line = f(
        Array.from({ length: x.shape[axis]! }, (_, k) =>
          at(
            x,
            index.map((i, j) => (j === axis ? k : i)),
          ),
        ),
      );
      lines.set(key, line);
    }
    return line[index[axis]!]!;
  });
}

export const softmax = (x: Array64, axis: number): Array64 =>
  alongAxis(x, axis, (line) => {
    const top = Math.max(...line);
    const total = sum(line.map((value) => Math.exp(value - top)));
    return line.map((value) => Math.exp(value - top) / total);
  });

export const logSoftmax = (x: Array64, axis: number): Array64 =>
  alongAxis(x, axis, (line) => {
    const top = Math.max(...line);
    const total = sum(line.map((value) => Math.exp(value - top)));
    return line.map((value) => value - top - Math.log(total));
  });

function standardised(line: readonly number[], epsilon: number): number[] {
  const middle = mean(line);
  const variance = mean(line.map((value) => (value - middle) ** 2));
  return line.map((value) => (value - middle) / Math.sqrt(variance + epsilon));
}

export const standardise = (x: Array64, epsilon: number): Array64 =>
  alongAxis(x, x.shape.length - 1, (line) => standardised(line, epsilon));

export const layerNorm = (x: Array64, scale: Array64, bias: Array64, epsilon: number): Array64 =>
  alongAxis(x, x.shape.length - 1, (line) =>
    standardised(line, epsilon).map((value, i) => value * scale.data[i]! + bias.data[i]!),
  );

/** Each output channel of a kernel at mean 0, divided by sqrt(variance + 1e-10) or by its deviation + 1e-5. */
export function weightStandardise(kernel: Array64, form: "bit" | "flax"): Array64 {
  const size = kernel.data.length / kernel.shape[0]!;
  const data = new Float64Array(kernel.data.length);
  for (let start = 0; start < data.length; start += size) {
    const line = Array.from(kernel.data.subarray(start, start + size));
    const middle = mean(line);
    const variance = mean(line.map((value) => (value - middle) ** 2));
    const divisor = form === "bit" ? Math.sqrt(variance + 1e-10) : Math.sqrt(variance) + 1e-5;
    data.set(
      line.map((value) => (value - middle) / divisor),
      start,
    );
  }
  return { shape: kernel.shape, data };
}

export function groupNorm(x: Array64, scale: Array64, bias: Array64, groups: number, epsilon: number): Array64 {
  const [batch, channels] = x.shape as [number, number];
  const perGroup = channels / groups;
  const positions = x.data.length / (batch * channels);
  const out = new Float64Array(x.data.length);
  for (let n = 0; n < batch; n++) {
    for (let group = 0; group < groups; group++) {
      const start = (n * channels + group * perGroup) * positions;
      const line = standardised(Array.from(x.data.subarray(start, start + perGroup * positions)), epsilon);
      line.forEach((value, i) => {
        const channel = group * perGroup + Math.floor(i / positions);
        out[start + i] = value * scale.data[channel]! + bias.data[channel]!;
      });
    }
  }
  return { shape: x.shape, data: out };
}

/** Batch norm of [N, C, ...] with the statistics of the batch, and these. */
export function batchNorm(x: Array64, scale: Array64, bias: Array64, epsilon: number) {
  const [, channels] = x.shape as [number, number];
  const positions = count(x.shape.slice(2));
  const channelOf = (i: number) => Math.floor(i / positions) % channels;
  const all = Array.from({ length: channels }, (_, c) => Array.from(x.data).filter((_, i) => channelOf(i) === c));
  const means = all.map(mean);
  const variances = all.map((values, c) => mean(values.map((value) => (value - means[c]!) ** 2)));
  const data = x.data.map((value, i) => {
    const c = channelOf(i);
    return ((value - means[c]!) / Math.sqrt(variances[c]! + epsilon)) * scale.data[c]! + bias.data[c]!;
  });
  const vector = (values: number[]): Array64 => ({ shape: [channels], data: Float64Array.from(values) });
  return { y: { shape: x.shape, data }, mean: vector(means), variance: vector(variances) };
}

export interface ReferenceWindow {
  readonly stride: readonly [number, number];
  /** top, left, bottom, right */
  readonly padding: readonly [number, number, number, number];
  readonly dilation: readonly [number, number];
}

const windows = (side: number, kernel: number, axis: 0 | 1, w: ReferenceWindow): number =>
  Math.floor((side + w.padding[axis] + w.padding[axis + 2]! - w.dilation[axis] * (kernel - 1) - 1) / w.stride[axis]) +
  1;

/** The entry of an image, or `outside` beyond its border. */
function pixel(x: Array64, n: number, c: number, row: number, column: number, outside: number): number {
  const [, , height, width] = x.shape as [number, number, number, number];
  return row >= 0 && row < height && column >= 0 && column < width ? at(x, [n, c, row, column]) : outside;
}

export function convolution2d(x: Array64, kernel: Array64, w: ReferenceWindow): Array64 {
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const [outputs, , kh, kw] = kernel.shape as [number, number, number, number];
  return build([n, outputs, windows(height, kh, 0, w), windows(width, kw, 1, w)], (index) => {
    const [image, o, i, j] = index as [number, number, number, number];
    let total = 0;
    for (let c = 0; c < channels; c++) {
      for (let a = 0; a < kh; a++) {
        for (let b = 0; b < kw; b++) {
          const row = i * w.stride[0] + a * w.dilation[0] - w.padding[0];
          const column = j * w.stride[1] + b * w.dilation[1] - w.padding[1];
          total += pixel(x, image, c, row, column, 0) * at(kernel, [o, c, a, b]);
        }
      }
    }
    return total;
  });
}

function pool(
  x: Array64,
  kernel: readonly [number, number],
  w: ReferenceWindow,
  f: (inside: number[], outside: number) => number,
): Array64 {
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  return build([n, channels, windows(height, kernel[0], 0, w), windows(width, kernel[1], 1, w)], (index) => {
    const [image, c, i, j] = index as [number, number, number, number];
    const seen: number[] = [];
    for (let a = 0; a < kernel[0]; a++) {
      for (let b = 0; b < kernel[1]; b++) {
        seen.push(
          pixel(x, image, c, i * w.stride[0] + a - w.padding[0], j * w.stride[1] + b - w.padding[1], Number.NaN),
        );
      }
    }
    const inside = seen.filter((value) => !Number.isNaN(value));
    return f(inside, seen.length - inside.length);
  });
}

export const maxPool2d = (
  x: Array64,
  kernel: readonly [number, number],
  w: ReferenceWindow,
  includePadding = false,
): Array64 =>
  pool(x, kernel, w, (inside, outside) => Math.max(...inside, ...(includePadding && outside > 0 ? [0] : [])));

export const averagePool2d = (
  x: Array64,
  kernel: readonly [number, number],
  w: ReferenceWindow,
  includePadding: boolean,
): Array64 => pool(x, kernel, w, (inside, outside) => sum(inside) / (inside.length + (includePadding ? outside : 0)));

/** Bilinear interpolation of the last two axes, each output read off the four pixels around its place. */
export function resizeBilinear(x: Array64, height: number, width: number, alignCorners: boolean): Array64 {
  const [h, w] = x.shape.slice(-2) as [number, number];
  const place = (i: number, from: number, to: number) => {
    const position = alignCorners ? (to === 1 ? 0 : (i * (from - 1)) / (to - 1)) : ((i + 0.5) * from) / to - 0.5;
    return Math.min(Math.max(position, 0), from - 1);
  };
  return build([...x.shape.slice(0, -2), height, width], (index) => {
    const leading = index.slice(0, -2);
    const y = place(index.at(-2)!, h, height);
    const z = place(index.at(-1)!, w, width);
    const read = (row: number, column: number) => at(x, [...leading, Math.min(row, h - 1), Math.min(column, w - 1)]);
    const [top, left] = [Math.floor(y), Math.floor(z)];
    const upper = read(top, left) + (z - left) * (read(top, left + 1) - read(top, left));
    const lower = read(top + 1, left) + (z - left) * (read(top + 1, left + 1) - read(top + 1, left));
    return upper + (y - top) * (lower - upper);
  });
}

export const activation =
  (f: (value: number) => number) =>
  (x: Array64): Array64 =>
    map(x, f);
