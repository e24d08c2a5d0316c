/**
 * 2-D convolution (cross-correlation, NCHW, kernels OIHW) with any stride, padding and dilation.
 *
 * y[n,o,i,j] = sum over c,a,b of x[n,c, i s + a d - p, j s + b d - p] w[o,c,a,b]
 *   dx: at stride 1 the convolution of g with the kernel rotated by 180 degrees, w[c,o,-a,-b], and padding d (k - 1) - p; otherwise
 *       the transposed convolution with the same stride, padding and dilation, and output padding for the rows of x that the last
 *       window did not reach. Both are the same sum; the CPU's convolution is a fifth to a third faster.
 *   dw[o,c,a,b] = sum over n,i,j of g[n,o,i,j] x[n,c, i s + a d - p, ...]: for each kernel position, the product of g with
 *       the part of x that this position covers.
 *   1x1 without padding: a matrix product over channels.
 *   Small images and large kernels: one product over all windows of all images (im2col), and its gradients.
 */
import {
  apply,
  describe,
  type Emitter,
  elementCount,
  isFloat,
  type Operation,
  requireSameDType,
  ShapeError,
  type Tensor,
} from "../tensor.js";
import { constant } from "./leaf.js";
import { matmul } from "./matmul.js";
import { reduceSum } from "./reduce.js";
import { concat, pad, reshape, slice, transpose } from "./shape.js";

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

const windowAttributes = (window: Window, kernel: readonly number[]) => ({
  kernel_shape: { ints: kernel },
  strides: { ints: window.strides },
  pads: { ints: window.pads },
  dilations: { ints: window.dilations },
});

/**
 * Emits y = Conv(image, kernel); `shape` is the kernel's [O, C, h, w].
 *
 * The WebGPU provider of ONNX Runtime 1.30 computes wrong results without an error if C is a multiple of 3 but neither 3 nor a multiple of
 * 4, and O is a multiple of 4 (found by the conformance suite; its cases include 6 to 8 and 9 to 4 channels). The channels are therefore
 * padded with zeros to the next multiple of 4, which does not change the result. Published networks have no such channels.
 */
function emitConvolution(
  emitter: Emitter,
  [image, kernel]: readonly [string, string],
  shape: readonly number[],
  output: string,
  window: Window,
): void {
  const [outputs, channels] = shape as [number, number];
  const isWrong = channels > 3 && channels % 3 === 0 && channels % 4 !== 0 && outputs % 4 === 0;
  const padded = (name: string): string => {
    if (!isWrong) return name;
    const more = emitter.temporary();
    emitter.node("Pad", [name, emitter.int64([0, 0, 0, 0, 0, 4 - (channels % 4), 0, 0])], [more]);
    return more;
  };
  emitter.node("Conv", [padded(image), padded(kernel)], [output], windowAttributes(window, shape.slice(2)));
}

const convolutionOperation: Operation<Window> = {
  name: "convolution2d",
  infer: ([x, w], window) => {
    const dtype = requireSameDType("convolution2d", [x!, w!]);
    if (x!.shape.length !== 4 || w!.shape.length !== 4 || x!.shape[1] !== w!.shape[1] || !isFloat(dtype)) {
      throw new ShapeError(
        `convolution2d: image ${describe(x!)} [N,C,H,W] does not fit the kernel ${describe(w!)} [O,C,h,w]`,
      );
    }
    const sides = outputSides("convolution2d", x!.shape.slice(2), w!.shape.slice(2), window);
    return [{ dtype, shape: [x!.shape[0]!, w!.shape[0]!, ...sides] }];
  },
  emit: ({ inputs, outputs, attributes }, emitter) => {
    const [image, kernel] = inputs as [Tensor, Tensor];
    const operands = [emitter.name(image), emitter.name(kernel)] as const;
    emitConvolution(emitter, operands, kernel.shape, emitter.name(outputs[0]!), attributes);
  },
  gradient: ({ inputs, attributes: window }, [g]) => {
    const [x, w] = inputs as [Tensor, Tensor];
    return [convolutionTranspose(g!, w, window, x.shape.slice(2)), kernelGradient(x, w, g!, window)];
  },
  flops: ({ inputs, outputs }) => 2 * elementCount(outputs[0]!.shape) * elementCount(inputs[1]!.shape.slice(1)),
};

/** With fewer input channels, the product for one kernel position is inefficient, so all positions are computed in one product. */
const fewChannels = 16;

function kernelGradient(x: Tensor, w: Tensor, g: Tensor, window: Window): Tensor {
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

/** Emits w[c,o,kh-1-a,kw-1-b] of kernels w[o,c,a,b] as matrix transposes, which are several times as fast as a transpose of four axes. */
function emitRotatedKernel(w: Tensor, emitter: Emitter): string {
  const [o, c, kh, kw] = w.shape as [number, number, number, number];
  const node = (type: string, operands: readonly string[], attributes = {}): string => {
    const output = emitter.temporary();
    emitter.node(type, operands, [output], attributes);
    return output;
  };
  const matrix = node("Reshape", [emitter.name(w), emitter.int64([o, c * kh * kw])]);
  const across = node("Transpose", [matrix], { perm: { ints: [1, 0] } });
  const positions = node("Reshape", [across, emitter.int64([c, kh * kw, o])]);
  const [last, beforeFirst, axis, back] = [kh * kw - 1, -kh * kw - 1, 1, -1].map((value) => emitter.int64([value]));
  const reversed = node("Slice", [positions, last!, beforeFirst!, axis!, back!]);
  const swapped = node("Transpose", [reversed], { perm: { ints: [0, 2, 1] } });
  return node("Reshape", [swapped, emitter.int64([c, o, kh, kw])]);
}

/** Window of the equivalent convolution with the rotated kernel; undefined if strides or cropping rule it out. */
function rotatedWindow(w: Tensor, window: Window): Window | undefined {
  const reach = [0, 1].map((axis) => window.dilations[axis]! * (w.shape[axis + 2]! - 1));
  const pads = window.pads.map((count, i) => reach[i % 2]! - count);
  const fits = window.strides.every((step) => step === 1) && pads.every((count) => count >= 0);
  return fits ? { ...window, pads: pads as unknown as Window["pads"] } : undefined;
}

interface TransposedWindow extends Window {
  readonly sides: readonly number[];
}

const convolutionTransposeOperation: Operation<TransposedWindow> = {
  name: "convolutionTranspose2d",
  infer: ([g, w], { sides }) => [{ dtype: g!.dtype, shape: [g!.shape[0]!, w!.shape[1]!, ...sides] }],
  emit: ({ inputs, outputs, attributes: window }, emitter) => {
    const [g, w] = inputs as [Tensor, Tensor];
    const kernel = w.shape.slice(2);
    const rotated = rotatedWindow(w, window);
    if (rotated) {
      const operands = [emitter.name(g), emitRotatedKernel(w, emitter)] as const;
      const shape = [w.shape[1]!, w.shape[0]!, ...kernel];
      emitConvolution(emitter, operands, shape, emitter.name(outputs[0]!), rotated);
      return;
    }
    const missing = [0, 1].map((axis) => {
      const reached =
        (g.shape[axis + 2]! - 1) * window.strides[axis]! + window.dilations[axis]! * (kernel[axis]! - 1) + 1;
      return window.sides[axis]! + window.pads[axis]! + window.pads[axis + 2]! - reached;
    });
    emitter.node("ConvTranspose", inputs.map(emitter.name), [emitter.name(outputs[0]!)], {
      ...windowAttributes(window, kernel),
      output_padding: { ints: missing },
    });
  },
  gradient: ({ inputs, attributes: window }, [h]) => {
    const [g, w] = inputs as [Tensor, Tensor];
    return [apply(convolutionOperation, [h!, w], window)[0]!, kernelGradient(h!, w, g, window)];
  },
  flops: ({ inputs }) => 2 * elementCount(inputs[0]!.shape) * elementCount(inputs[1]!.shape.slice(1)),
};

/** Gradient of a convolution with respect to its image: g [N,O,h,w], kernel [O,C,kh,kw] gives [N,C,...sides]. */
function convolutionTranspose(g: Tensor, w: Tensor, window: Window, sides: readonly number[]): Tensor {
  return apply(convolutionTransposeOperation, [g, w], { ...window, sides })[0]!;
}

/** Maximum number of windows and of pixels of an image for which im2col is used. */
const mostWindows = 49;
const mostPixels = 144;

/**
 * Whether the images of a batch are multiplied in one product over rows of windows (im2col), instead of one product for each image. This
 * is used if the kernel is larger than the data it covers in an image, so that reading it again for every image costs more than im2col.
 * With one product for each image, a step of a ResNet on images of 64 pixels takes 1.36 times as long (`fovea speed engine`).
 */
function isTogether(x: Tensor, windowCount: number, kernel: Tensor): boolean {
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const [o, , kh, kw] = kernel.shape as [number, number, number, number];
  const met = c * kh * kw;
  const isLarge = o * met > windowCount * (o + met);
  // The product in `windows` must not cost more than the convolution itself.
  const isCheap = height * width <= Math.min(o, mostPixels) || (kh === 1 && kw === 1);
  return n > 1 && windowCount <= mostWindows && isLarge && isCheap;
}

/** Every n-th row and column of images [N,C,H,W]. */
function everyNth(x: Tensor, [sy, sx]: readonly [number, number]): Tensor {
  return sy === 1 && sx === 1 ? x : slice(x, [0, 0, 0, 0], x.shape, [1, 1, sy, sx]);
}

/**
 * Extracts all windows of images [N,C,H,W] by a product with a matrix of zeros and ones, whose gradient is a product too. On small images
 * this is faster than one slice for every kernel position and a sum of them in the backward pass. `byChannel` returns [N C, h w kh kw],
 * `byPosition` returns [N, h w kh kw, C].
 */
function windows(
  x: Tensor,
  kernel: Tensor,
  [h, w]: readonly [number, number],
  window: Window,
  order: "byChannel" | "byPosition",
): Tensor {
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const [kh, kw] = kernel.shape.slice(2) as [number, number];
  const columns = h * w * kh * kw;
  const chosen = new Float32Array(height * width * columns);
  let column = 0;
  for (let i = 0; i < h; i++) {
    for (let j = 0; j < w; j++) {
      for (let a = 0; a < kh; a++) {
        for (let b = 0; b < kw; b++, column++) {
          const row = i * window.strides[0] + a * window.dilations[0] - window.pads[0];
          const at = j * window.strides[1] + b * window.dilations[1] - window.pads[1];
          if (row >= 0 && row < height && at >= 0 && at < width) chosen[(row * width + at) * columns + column] = 1;
        }
      }
    }
  }
  const choice = constant(chosen, [height * width, columns], x.dtype);
  return order === "byChannel"
    ? matmul(reshape(x, [n * c, height * width]), choice)
    : matmul(choice, reshape(x, [n, c, height * width]), { transposeA: true, transposeB: true });
}

/** Convolution as one product of the windows of all images with the kernels; returns [N,O,h,w]. */
function convolutionTogether(
  x: Tensor,
  kernel: Tensor,
  [h, w]: readonly [number, number],
  window: Window,
  isPointwise: boolean,
): Tensor {
  const [n, c] = x.shape as [number, number];
  const [o, , kh, kw] = kernel.shape as [number, number, number, number];
  const count = h * w;
  const positions = kh * kw;
  // The product needs channels and positions in the kernel's order: transpose the windows or, if it is smaller, the kernel.
  const transposesKernel = !isPointwise && o <= n * count;
  const rows = (): Tensor => {
    if (isPointwise) return transpose(reshape(everyNth(x, window.strides), [n, c, count]), [0, 2, 1]);
    if (transposesKernel) return windows(x, kernel, [h, w], window, "byPosition");
    const met = reshape(windows(x, kernel, [h, w], window, "byChannel"), [n, c, count, positions]);
    return transpose(met, [0, 2, 1, 3]);
  };
  const weights = transposesKernel ? transpose(reshape(kernel, [o, c, positions]), [0, 2, 1]) : kernel;
  const [left, right] = [reshape(rows(), [n * count, c * positions]), reshape(weights, [o, c * positions])];
  const product = matmul(left, right, { transposeB: true });
  return reshape(transpose(reshape(product, [n, count, o]), [0, 2, 1]), [n, o, h, w]);
}

/** Convolves images [N,C,H,W] with kernels [O,C,h,w]; returns [N,O,H',W']. Throws ShapeError. */
export function convolution2d(x: Tensor, kernel: Tensor, options: ConvolutionOptions = {}): Tensor {
  const window = resolveWindow("convolution2d", options);
  const plain =
    x.shape.length === 4 && kernel.shape.length === 4 && x.shape[1] === kernel.shape[1] && x.dtype === kernel.dtype;
  if (!plain) return apply(convolutionOperation, [x, kernel], window)[0]!;
  const [n, c] = x.shape as [number, number];
  const shape = kernel.shape as [number, number, number, number];
  const [o, , kh, kw] = shape;
  const [h, w] = outputSides("convolution2d", x.shape.slice(2), shape.slice(2), window) as [number, number];
  const isPointwise = kh === 1 && kw === 1 && window.pads.every((count) => count === 0);
  if (!options.fixedKernel && isTogether(x, h * w, kernel)) {
    return convolutionTogether(x, kernel, [h, w], window, isPointwise);
  }
  if (isPointwise) {
    const picked = reshape(everyNth(x, window.strides), [n, c, h * w]);
    return reshape(matmul(reshape(kernel, [o, c]), picked), [n, o, h, w]);
  }
  return apply(convolutionOperation, [x, kernel], window)[0]!;
}
