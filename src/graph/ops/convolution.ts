/**
 * 2-D convolution (cross-correlation, NCHW, kernels OIHW) with any stride, padding and dilation.
 *
 * y[n,o,i,j] = sum over c,a,b of x[n,c, i s + a d - p, j s + b d - p] w[o,c,a,b]
 *   dx: the transposed convolution of g with the same stride, padding and dilation (convolution-transpose.ts).
 *   dw[o,c,a,b] = sum over n,i,j of g[n,o,i,j] x[n,c, i s + a d - p, ...] (kernel-gradient.ts).
 *   1x1 without padding: a matrix product over channels.
 *   Small images and large kernels: one product over all windows of all images (im2col), and its gradients.
 */
import {
  applied,
  type DType,
  describe,
  type Emitter,
  elementCount,
  isFloat,
  type Operation,
  requireSameDType,
  ShapeError,
  type Tensor,
} from "../tensor.js";
import { gradientOfImage } from "./convolution-transpose.js";
import { kernelGradient } from "./kernel-gradient.js";
import { constant } from "./leaf.js";
import { matmul } from "./matmul.js";
import { reshape, slice, transpose } from "./shape.js";
import { type ConvolutionOptions, outputSides, resolveWindow, type Window, windowAttributes } from "./window.js";

/**
 * Emits y = Conv(image, kernel); `shape` is the kernel's [O, C, h, w].
 *
 * The WebGPU provider of ONNX Runtime 1.30 computes wrong results without an error if C is a multiple of 3 but neither 3 nor a multiple of
 * 4, and O is a multiple of 4 (found by the conformance suite; its cases include 6 to 8 and 9 to 4 channels). The channels are therefore
 * padded with zeros to the next multiple of 4, which does not change the result. Published networks have no such channels.
 */
export function emitConvolution(
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

export const convolutionOperation: Operation<Window> = {
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
    return [gradientOfImage(g!, w, window, x.shape.slice(2)), kernelGradient(x, w, g!, window)];
  },
  flops: ({ inputs, outputs }) => 2 * elementCount(outputs[0]!.shape) * elementCount(inputs[1]!.shape.slice(1)),
};

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
export function convolution2d<D extends DType>(
  x: Tensor<D>,
  kernel: Tensor,
  options: ConvolutionOptions = {},
): Tensor<D> {
  const window = resolveWindow("convolution2d", options);
  const plain =
    x.shape.length === 4 && kernel.shape.length === 4 && x.shape[1] === kernel.shape[1] && x.dtype === kernel.dtype;
  if (!plain) return applied(convolutionOperation, [x, kernel], window);
  const [n, c] = x.shape as [number, number];
  const shape = kernel.shape as [number, number, number, number];
  const [o, , kh, kw] = shape;
  const [h, w] = outputSides("convolution2d", x.shape.slice(2), shape.slice(2), window) as [number, number];
  const isPointwise = kh === 1 && kw === 1 && window.pads.every((count) => count === 0);
  if (!options.fixedKernel && isTogether(x, h * w, kernel)) {
    return convolutionTogether(x, kernel, [h, w], window, isPointwise) as Tensor<D>;
  }
  if (isPointwise) {
    const picked = reshape(everyNth(x, window.strides), [n, c, h * w]);
    return reshape(matmul(reshape(kernel, [o, c]), picked), [n, o, h, w]) as Tensor<D>;
  }
  return applied(convolutionOperation, [x, kernel], window);
}
