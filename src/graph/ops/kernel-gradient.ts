/**
 * Gradient of a 2-D convolution with respect to its kernel, dw[o,c,a,b] = sum over n,i,j of g[n,o,i,j] x[n,c, i s + a d - p, ...]: for each
 * kernel position, the product of g with the part of x that this position covers.
 */
import type { Tensor } from "../tensor.js";
import { matmul } from "./matmul.js";
import { reduceSum } from "./reduce.js";
import { concat, pad, reshape, slice, transpose } from "./shape.js";
import type { Window } from "./window.js";

/** With fewer input channels, the product for one kernel position is inefficient, so all positions are computed in one product. */
const fewChannels = 16;

/** Gradient of the kernel w [O,C,h,w] from images x [N,C,H,W] and the gradient g [N,O,H',W'] of their convolution. */
export function kernelGradient(x: Tensor, w: Tensor, g: Tensor, window: Window): Tensor {
  const [kh, kw] = w.shape.slice(2) as [number, number];
  const [o, c] = w.shape as [number, number];
  const [n, , oh, ow] = g.shape as [number, number, number, number];
  const met = metBy(x, kh, kw, [oh, ow], window); // [n, c, oh, ow] each
  const count = oh * ow;
  if (c < fewChannels) {
    const columns = concat(
      met.map((part) => reshape(part, [n, c, 1, count])),
      2,
    );
    const product = matmul(reshape(g, [n, o, count]), reshape(columns, [n, c * kh * kw, count]), { transposeB: true });
    return reshape(reduceSum(product, 0), w.shape);
  }
  // One product for each position: one for each image, then summed, or over all images if kernels are larger than images.
  const together = o * c > count * (o + c);
  const rowsOf = (image: Tensor): Tensor => {
    const channels = image.shape[1]!;
    return together
      ? reshape(transpose(image, [1, 0, 2, 3]), [channels, n * count])
      : reshape(image, [n, channels, count]);
  };
  const rows = rowsOf(g);
  const positions = met.map((part) => {
    const product = matmul(rows, rowsOf(part), { transposeB: true });
    return reshape(together ? product : reduceSum(product, 0), [1, o * c]);
  });
  return reshape(transpose(concat(positions, 0), [1, 0]), w.shape);
}

/**
 * For each kernel position (a, b) in row-major order, the part of x that it covers: entry (i, j) is x at (i s + a d - p). Strides are
 * applied once, as images of every s-th row and column; each position is a shifted slice of one of these.
 */
function metBy(x: Tensor, kh: number, kw: number, sides: readonly [number, number], window: Window): Tensor[] {
  const [top, left, bottom, right] = window.pads;
  const [sy, sx] = window.strides;
  const [dy, dx] = window.dilations;
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const padded = pad(x, [0, 0, top, left], [0, 0, bottom, right]);
  const phases = new Map<number, Tensor>();
  const phase = (row: number, column: number): Tensor => {
    const key = row * sx + column;
    const found = phases.get(key) ?? slice(padded, [0, 0, row, column], padded.shape, [1, 1, sy, sx]);
    phases.set(key, found);
    return found;
  };
  return Array.from({ length: kh * kw }, (_, position) => {
    const row = Math.floor(position / kw) * dy;
    const column = (position % kw) * dx;
    // A position that never covers the padding is a slice of x itself, often all of it.
    const [y, z] = [row - top, column - left];
    const isInside = y >= 0 && z >= 0 && y + sides[0] <= height && z + sides[1] <= width;
    if (sy === 1 && sx === 1 && isInside) return slice(x, [0, 0, y, z], [n, c, y + sides[0], z + sides[1]]);
    const from = [Math.floor(row / sy), Math.floor(column / sx)] as const;
    return slice(phase(row % sy, column % sx), [0, 0, ...from], [n, c, from[0] + sides[0], from[1] + sides[1]]);
  });
}
