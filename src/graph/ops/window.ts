/** The window of convolutions and pooling: stride, padding, dilation, and the sides of what it produces. */
import { ShapeError } from "../tensor.js";

export interface ConvolutionOptions {
  /** Stride, [vertical, horizontal] or one for both. Default: 1. */
  readonly stride?: number | readonly [number, number];
  /** Zero padding, [top, left, bottom, right] or one for all. Default: 0. */
  readonly padding?: number | readonly [number, number, number, number];
  /** Spacing between kernel entries. Default: 1. */
  readonly dilation?: number | readonly [number, number];
  /** The kernel will be a constant, whose layout the runtime optimises for its own convolution, so that one is always used. */
  readonly fixedKernel?: boolean;
}

export interface Window {
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
}

/** Fills in the defaults of the options; throws ShapeError for a stride or dilation below 1 or a negative padding. */
export function resolveWindow(name: string, { stride = 1, padding = 0, dilation = 1 }: ConvolutionOptions): Window {
  const pair = (value: number | readonly [number, number]) =>
    typeof value === "number" ? ([value, value] as const) : value;
  const strides = pair(stride);
  const dilations = pair(dilation);
  const pads = typeof padding === "number" ? ([padding, padding, padding, padding] as const) : padding;
  if (
    [...strides, ...dilations].some((n) => !Number.isInteger(n) || n < 1) ||
    pads.some((n) => !Number.isInteger(n) || n < 0)
  ) {
    throw new ShapeError(
      `${name}: got strides [${strides}], dilations [${dilations}] and padding [${pads}]; expected integers, the first two at least 1, padding at least 0`,
    );
  }
  return { strides, pads, dilations };
}

/** Output height and width; throws ShapeError if the kernel is larger than the padded image. */
export function outputSides(
  name: string,
  image: readonly number[],
  kernel: readonly number[],
  window: Window,
): number[] {
  return [0, 1].map((axis) => {
    const padded = image[axis]! + window.pads[axis]! + window.pads[axis + 2]!;
    const reach = window.dilations[axis]! * (kernel[axis]! - 1) + 1;
    const count = Math.floor((padded - reach) / window.strides[axis]!) + 1;
    if (count < 1)
      throw new ShapeError(
        `${name}: a kernel of ${reach} does not fit into ${padded} rows or columns; enlarge the image or the padding`,
      );
    return count;
  });
}

/** Attributes of the ONNX nodes that slide a window. */
export const windowAttributes = (window: Window, kernel: readonly number[]) => ({
  kernel_shape: { ints: kernel },
  strides: { ints: window.strides },
  pads: { ints: window.pads },
  dilations: { ints: window.dilations },
});

/** Sides of the result of a transposed convolution up to the last row and column that a window reaches, without the padding. */
export const reachedSides = (shape: readonly number[], kernel: readonly number[], window: Window): number[] =>
  [0, 1].map((axis) => {
    const last = (shape[axis + 2]! - 1) * window.strides[axis]!;
    const reach = window.dilations[axis]! * (kernel[axis]! - 1) + 1;
    return last + reach - window.pads[axis]! - window.pads[axis + 2]!;
  });

/** Rows and columns at the bottom and on the right of `sides` that no window of a transposed convolution of `shape` reaches. */
export const missingSides = (
  shape: readonly number[],
  kernel: readonly number[],
  window: Window,
  sides: readonly number[],
): number[] => reachedSides(shape, kernel, window).map((reached, axis) => sides[axis]! - reached);

/** Window of the convolution with the rotated kernel that equals a transposed convolution; undefined if strides or cropping rule it out. */
export function unitStrideWindow(kernel: readonly number[], window: Window): Window | undefined {
  const reach = [0, 1].map((axis) => window.dilations[axis]! * (kernel[axis]! - 1));
  const pads = window.pads.map((count, i) => reach[i % 2]! - count);
  const fits = window.strides.every((step) => step === 1) && pads.every((count) => count >= 0);
  return fits ? { ...window, pads: pads as unknown as Window["pads"] } : undefined;
}
