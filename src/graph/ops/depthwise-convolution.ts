/**
 * Depthwise 2-D convolution (NCHW, kernels [C, 1, h, w]): every channel has a kernel of its own.
 *
 *   y[n,c,i,j] = sum over a,b of x[n,c, i s + a d - p, j s + b d - p] w[c,0,a,b]
 *
 * With g of the shape of y, the sum of g y is linear in x, in w and in g, and the three operations of this file are its derivatives: the
 * convolution that of g, `transposed` that of x, `kernelGradient` that of w. The gradient rule of each consists of the other two.
 *
 * The runtime's grouped convolution computes one channel of one image at a time: 5 to 9 GFLOP/s, and less for small images (with a constant kernel,
 * as in exports, 30 to 70). Processor time on one thread, 3x3 kernels, batch 32, in ms:
 *
 *   channels and side                       32, 64   96, 64, stride 2   144, 32   192, 16   384, 8   960, 4
 *   forward: grouped convolution               6.5               12.1       8.7       3.1      2.2     8.1
 *   forward: dense matrix of each channel                                            11.4      0.8     0.2
 *   kernel: sums of shifted products            26                 80        29       8.8      4.9     9.6
 *   kernel: row by row                          22                 39        23       5.3      3.0      12
 *   kernel: dense matrix of each channel                                              8.3      1.0     0.3
 *   kernel: grouped convolution of x with g    108                 77       134        59       20     3.9
 *
 * Small images are therefore multiplied by a dense matrix of each channel, whose entries for pairs of positions are chosen from its kernel by a
 * matrix of zeros and ones. Kernel gradients of larger images are products of the rows that a kernel row joins, [columns of x, columns of g]
 * for each channel, of which the diagonals of a kernel column are summed.
 */
import {
  applied,
  type DType,
  describe,
  type Emitter,
  elementCount,
  isFloat,
  type OnnxAttribute,
  type Operation,
  requireSameDType,
  ShapeError,
  type Tensor,
} from "../tensor.js";
import {
  type ConvolutionOptions,
  missingSides,
  outputSides,
  resolveWindow,
  unitStrideWindow,
  type Window,
  windowAttributes,
} from "./window.js";

/** The sides of images and kernels, which the shapes of two operands do not state in every one of the operations. */
interface Depthwise extends Window {
  /** Height and width of x. */
  readonly image: readonly number[];
  /** Height and width of w. */
  readonly kernel: readonly number[];
  /** The runtime optimises a convolution with a constant kernel, so that one is always used. */
  readonly fixedKernel: boolean;
}

/** Maximum number of positions of x for which dense matrices are used, and the least number of images. */
const mostPositions = 64;
const fewestImages = 8;

const positionsOf = (x: readonly number[]): number => elementCount(x.slice(2));

const isDense = (x: readonly number[], { image, fixedKernel }: Depthwise): boolean =>
  !fixedKernel && x[0]! >= fewestImages && elementCount(image) <= mostPositions;

/** Emits nodes with one output each, and returns its name. */
class Nodes {
  constructor(
    readonly emitter: Emitter,
    readonly dtype: DType,
  ) {}

  node(type: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute> = {}): string {
    const output = this.emitter.temporary();
    this.emitter.node(type, inputs, [output], attributes);
    return output;
  }

  reshape(x: string, shape: readonly number[]): string {
    return this.node("Reshape", [x, this.emitter.int64(shape)]);
  }

  transpose(x: string, permutation: readonly number[]): string {
    return this.node("Transpose", [x], { perm: { ints: permutation } });
  }

  /** Products of matrices [..., m, k] and [..., k, n] of three axes, of which one may be stored transposed. */
  product(a: string, b: string, transposed: "a" | "b" | "none"): string {
    if (transposed === "none") return this.node("MatMul", [a, b]);
    if (this.emitter.runs("FusedMatMul")) {
      const output = this.emitter.temporary();
      const flags = { transA: { int: transposed === "a" ? 1 : 0 }, transB: { int: transposed === "b" ? 1 : 0 } };
      this.emitter.node("FusedMatMul", [a, b], [output], flags, "com.microsoft");
      return output;
    }
    const swap = [0, 2, 1];
    return transposed === "a"
      ? this.node("MatMul", [this.transpose(a, swap), b])
      : this.node("MatMul", [a, this.transpose(b, swap)]);
  }

  /** Images [N, C, h, w] by channel: [C, N, h w]. */
  byChannel(x: Tensor): string {
    const [n, c] = x.shape as [number, number];
    const flat = this.reshape(this.emitter.name(x), [n, c, positionsOf(x.shape)]);
    return this.transpose(flat, [1, 0, 2]);
  }

  /** Writes images of a shape [N, C, h, w] from [C, N, h w]. */
  toImages(x: string, output: Tensor): void {
    const swapped = this.transpose(x, [1, 0, 2]);
    this.emitter.node("Reshape", [swapped, this.emitter.int64(output.shape)], [this.emitter.name(output)]);
  }
}

/** Along one axis, the entry of x that kernel entry `a` meets at output `i`; it may be outside of x. */
const metAt = (window: Window, axis: 0 | 1, i: number, a: number): number =>
  i * window.strides[axis] + a * window.dilations[axis] - window.pads[axis];

/** The matrix of zeros and ones [kernel positions, positions of x times positions of y] that chooses dense matrices from kernels. */
function emitChoice(nodes: Nodes, window: Depthwise, [h, w]: readonly [number, number]): string {
  const [height, width] = window.image as [number, number];
  const [kh, kw] = window.kernel as [number, number];
  const chosen = new Array<number>(kh * kw * height * width * h * w).fill(0);
  for (let a = 0; a < kh; a++) {
    for (let b = 0; b < kw; b++) {
      for (let i = 0; i < h; i++) {
        for (let j = 0; j < w; j++) {
          const [row, column] = [metAt(window, 0, i, a), metAt(window, 1, j, b)];
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          chosen[(((a * kw + b) * height + row) * width + column) * h * w + i * w + j] = 1;
        }
      }
    }
  }
  return nodes.reshape(nodes.emitter.float(chosen, nodes.dtype), [kh * kw, height * width * h * w]);
}

/** The dense matrix [positions of x, positions of y] of every channel. */
function emitDense(nodes: Nodes, kernel: Tensor, window: Depthwise, sides: readonly [number, number]): string {
  const c = kernel.shape[0]!;
  const rows = nodes.reshape(nodes.emitter.name(kernel), [c, elementCount(window.kernel)]);
  const entries = nodes.node("MatMul", [rows, emitChoice(nodes, window, sides)]);
  return nodes.reshape(entries, [c, elementCount(window.image), elementCount(sides)]);
}

const depthwiseOperation: Operation<Depthwise> = {
  name: "depthwiseConvolution2d",
  infer: ([x, w], window) => {
    const dtype = requireSameDType("depthwiseConvolution2d", [x!, w!]);
    const sides = outputSides("depthwiseConvolution2d", x!.shape.slice(2), w!.shape.slice(2), window);
    return [{ dtype, shape: [...x!.shape.slice(0, 2), ...sides] }];
  },
  emit: ({ inputs, outputs: [y], attributes: window }, emitter) => {
    const [x, w] = inputs as [Tensor, Tensor];
    if (!isDense(x.shape, window)) {
      emitGrouped(emitter, [emitter.name(x), emitter.name(w)], emitter.name(y!), x.shape[1]!, window, window.kernel);
      return;
    }
    const nodes = new Nodes(emitter, x.dtype);
    const dense = emitDense(nodes, w, window, y!.shape.slice(2) as [number, number]);
    nodes.toImages(nodes.product(nodes.byChannel(x), dense, "none"), y!);
  },
  gradient: ({ inputs: [x, w], attributes: window }, [g]) => [
    applied(transposedOperation, [g!, w!], window),
    applied(kernelOperation, [x!, g!], window),
  ],
  flops: ({ outputs: [y], attributes: { kernel } }) => 2 * elementCount(y!.shape) * elementCount(kernel),
};

function emitGrouped(
  emitter: Emitter,
  operands: readonly [string, string],
  output: string,
  channels: number,
  window: Window,
  kernel: readonly number[],
): void {
  emitter.node("Conv", operands, [output], { ...windowAttributes(window, kernel), group: { int: channels } });
}

/** The derivative by x: images of the sides of x from g [N, C, h, w] and the kernel. */
const transposedOperation: Operation<Depthwise> = {
  name: "depthwiseConvolutionTranspose2d",
  infer: ([g, w], { image }) => {
    const dtype = requireSameDType("depthwiseConvolutionTranspose2d", [g!, w!]);
    return [{ dtype, shape: [...g!.shape.slice(0, 2), ...image] }];
  },
  emit: ({ inputs, outputs: [x], attributes: window }, emitter) => {
    const [g, w] = inputs as [Tensor, Tensor];
    const channels = g.shape[1]!;
    const nodes = new Nodes(emitter, g.dtype);
    if (isDense(g.shape, window)) {
      const dense = emitDense(nodes, w, window, g.shape.slice(2) as [number, number]);
      nodes.toImages(nodes.product(nodes.byChannel(g), dense, "b"), x!);
      return;
    }
    // At stride 1 it is the convolution with the kernel rotated by 180 degrees.
    const rotated = unitStrideWindow(window.kernel, window);
    if (rotated) {
      const count = elementCount(window.kernel);
      const rows = nodes.reshape(emitter.name(w), [channels, count]);
      const range = [count - 1, -count - 1, 1, -1].map((value) => emitter.int64([value]));
      const reversed = nodes.reshape(nodes.node("Slice", [rows, ...range]), w.shape);
      emitGrouped(emitter, [emitter.name(g), reversed], emitter.name(x!), channels, rotated, window.kernel);
      return;
    }
    emitter.node("ConvTranspose", inputs.map(emitter.name), [emitter.name(x!)], {
      ...windowAttributes(window, window.kernel),
      group: { int: channels },
      output_padding: { ints: missingSides(g.shape, window.kernel, window, window.image) },
    });
  },
  gradient: ({ inputs: [g, w], attributes: window }, [h]) => [
    applied(depthwiseOperation, [h!, w!], window),
    applied(kernelOperation, [h!, g!], window),
  ],
  flops: ({ inputs: [g], attributes: { kernel } }) => 2 * elementCount(g!.shape) * elementCount(kernel),
};

/** The derivative by w: the kernel [C, 1, h, w] from x and g. */
const kernelOperation: Operation<Depthwise> = {
  name: "depthwiseKernelGradient",
  infer: ([x, g], { kernel }) => {
    const dtype = requireSameDType("depthwiseKernelGradient", [x!, g!]);
    return [{ dtype, shape: [x!.shape[1]!, 1, ...kernel] }];
  },
  emit: ({ inputs, outputs: [dw], attributes: window }, emitter) => {
    const [x, g] = inputs as [Tensor, Tensor];
    const nodes = new Nodes(emitter, x.dtype);
    const result = isDense(x.shape, window)
      ? denseKernelGradient(nodes, x, g, window)
      : kernelGradientByRows(nodes, x, g, window);
    emitter.node("Reshape", [result, emitter.int64(dw!.shape)], [emitter.name(dw!)]);
  },
  gradient: ({ inputs: [x, g], attributes: window }, [h]) => [
    applied(transposedOperation, [g!, h!], window),
    applied(depthwiseOperation, [x!, h!], window),
  ],
  flops: ({ inputs: [, g], attributes: { kernel } }) => 2 * elementCount(g!.shape) * elementCount(kernel),
};

/** Kernel gradients [C, kernel positions], summed from the products of all pairs of positions. */
function denseKernelGradient(nodes: Nodes, x: Tensor, g: Tensor, window: Depthwise): string {
  const [c, pairs] = [x.shape[1]!, positionsOf(x.shape) * positionsOf(g.shape)];
  const products = nodes.reshape(nodes.product(nodes.byChannel(x), nodes.byChannel(g), "a"), [c, pairs]);
  const choice = emitChoice(nodes, window, g.shape.slice(2) as [number, number]);
  return nodes.node("Gemm", [products, choice], { transB: { int: 1 } });
}

/** Kernel gradients [C, kernel rows, kernel columns], of which each row is the product of the rows of x and g that it joins. */
function kernelGradientByRows(nodes: Nodes, x: Tensor, g: Tensor, window: Depthwise): string {
  const { emitter } = nodes;
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const [h, w] = g.shape.slice(2) as [number, number];
  const [kh, kw] = window.kernel as [number, number];
  const [images, gradients] = [x, g].map((one) => nodes.transpose(emitter.name(one), [1, 0, 2, 3])) as [string, string];
  const rowsOf = (from: string, [first, step, count]: readonly number[], rows: number, columns: number): string => {
    const whole = first === 0 && step === 1 && count === rows;
    const end = first! + (count! - 1) * step! + 1;
    const range = [first!, end, 2, step!].map((value) => emitter.int64([value]));
    const taken = whole ? from : nodes.node("Slice", [from, ...range]);
    return nodes.reshape(taken, [c, n * count!, columns]);
  };
  const products = Array.from({ length: kh }, (_, a): string => {
    const inside = Array.from({ length: h }, (_, i) => i).filter((i) => {
      const row = metAt(window, 0, i, a);
      return row >= 0 && row < height;
    });
    const first = inside[0];
    // A kernel row that only ever meets the padding has a gradient of zero.
    if (first === undefined)
      return nodes.reshape(emitter.float(new Array(c * width * w).fill(0), x.dtype), [1, c, width * w]);
    const rows = rowsOf(images, [metAt(window, 0, first, a), window.strides[0], inside.length], height, width);
    const product = nodes.product(rows, rowsOf(gradients, [first, 1, inside.length], h, w), "a");
    return nodes.reshape(product, [1, c, width * w]);
  });
  const diagonals = new Array<number>(kw * width * w).fill(0);
  for (let b = 0; b < kw; b++) {
    for (let j = 0; j < w; j++) {
      const column = metAt(window, 1, j, b);
      if (column >= 0 && column < width) diagonals[(b * width + column) * w + j] = 1;
    }
  }
  const stacked = nodes.node("Concat", products, { axis: { int: 0 } });
  const choice = nodes.reshape(emitter.float(diagonals, x.dtype), [kw, width * w]);
  const sums = nodes.node("Gemm", [nodes.reshape(stacked, [kh * c, width * w]), choice], { transB: { int: 1 } });
  return nodes.transpose(nodes.reshape(sums, [kh, c, kw]), [1, 0, 2]);
}

/** Convolves each channel of images [N, C, H, W] with its kernel of [C, 1, h, w]; returns [N, C, H', W']. Throws ShapeError. */
export function depthwiseConvolution2d<D extends DType>(
  x: Tensor<D>,
  kernel: Tensor,
  options: ConvolutionOptions = {},
): Tensor<D> {
  const name = "depthwiseConvolution2d";
  const window = resolveWindow(name, options);
  const fits = x.shape.length === 4 && kernel.shape.length === 4 && x.shape[1] === kernel.shape[0];
  if (!fits || kernel.shape[1] !== 1 || !isFloat(x.dtype)) {
    throw new ShapeError(
      `${name}: image ${describe(x)} [N,C,H,W] does not fit the kernel ${describe(kernel)}; expected float tensors and a kernel [C,1,h,w]`,
    );
  }
  return applied(depthwiseOperation, [x, kernel], {
    ...window,
    image: x.shape.slice(2),
    kernel: kernel.shape.slice(2),
    fixedKernel: options.fixedKernel ?? false,
  });
}
