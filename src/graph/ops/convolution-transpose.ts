/**
 * Transposed 2-D convolution (NCHW), the gradient of a convolution with respect to its image.
 *
 * y[n,c, i s + a d - p, j s + b d - p] = sum over o of x[n,o,i,j] w[o,c,a,b], added where positions coincide. At stride 1 it is the convolution
 * of x with the kernel rotated by 180 degrees, w[c,o,-a,-b], and padding d (k - 1) - p; otherwise the runtime's transposed convolution, with
 * output padding for rows that no window reaches. Both are the same sum; the CPU's convolution is a fifth to a third faster.
 *   dx is the convolution of the gradient with the same window, dw the kernel gradient of that convolution.
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
import { convolutionOperation, emitConvolution } from "./convolution.js";
import { kernelGradient } from "./kernel-gradient.js";
import {
  type ConvolutionOptions,
  missingSides,
  reachedSides,
  resolveWindow,
  unitStrideWindow,
  type Window,
  windowAttributes,
} from "./window.js";

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

interface TransposedWindow extends Window {
  readonly sides: readonly number[];
}

const convolutionTransposeOperation: Operation<TransposedWindow> = {
  name: "convolutionTranspose2d",
  infer: ([g, w], { sides }) => {
    const dtype = requireSameDType("convolutionTranspose2d", [g!, w!]);
    return [{ dtype, shape: [g!.shape[0]!, w!.shape[1]!, ...sides] }];
  },
  emit: ({ inputs, outputs, attributes: window }, emitter) => {
    const [g, w] = inputs as [Tensor, Tensor];
    const kernel = w.shape.slice(2);
    const rotated = unitStrideWindow(kernel, window);
    if (rotated) {
      const operands = [emitter.name(g), emitRotatedKernel(w, emitter)] as const;
      const shape = [w.shape[1]!, w.shape[0]!, ...kernel];
      emitConvolution(emitter, operands, shape, emitter.name(outputs[0]!), rotated);
      return;
    }
    const missing = missingSides(g.shape, kernel, window, window.sides);
    emitter.node("ConvTranspose", inputs.map(emitter.name), [emitter.name(outputs[0]!)], {
      ...windowAttributes(window, kernel),
      output_padding: { ints: missing },
    });
  },
  gradient: ({ inputs, attributes: window }, [h]) => {
    const [g, w] = inputs as [Tensor, Tensor];
    return [applied(convolutionOperation, [h!, w], window), kernelGradient(h!, w, g, window)];
  },
  flops: ({ inputs }) => 2 * elementCount(inputs[0]!.shape) * elementCount(inputs[1]!.shape.slice(1)),
};

/** Gradient of a convolution with respect to its image: g [N,O,h,w], kernel [O,C,kh,kw] gives [N,C,...sides]. */
export function gradientOfImage<D extends DType>(
  g: Tensor<D>,
  w: Tensor,
  window: Window,
  sides: readonly number[],
): Tensor<D> {
  return applied(convolutionTransposeOperation, [g, w], { ...window, sides });
}

export interface TransposedConvolutionOptions extends Omit<ConvolutionOptions, "fixedKernel"> {
  /** Rows and columns added at the bottom and on the right of the result, [vertical, horizontal] or one for both; less than the stride. Default: 0. */
  readonly outputPadding?: number | readonly [number, number];
}

/**
 * Transposed convolution of images [N,I,H,W] with kernels [I,O,h,w], as `torch.nn.functional.conv_transpose2d`; returns [N,O,H',W'] with
 * H' = (H - 1) stride - top - bottom + dilation (h - 1) + 1 + outputPadding. Throws ShapeError.
 */
export function convolutionTranspose2d<D extends DType>(
  x: Tensor<D>,
  kernel: Tensor,
  { outputPadding = 0, ...options }: TransposedConvolutionOptions = {},
): Tensor<D> {
  const name = "convolutionTranspose2d";
  const window = resolveWindow(name, options);
  if (x.shape.length !== 4 || kernel.shape.length !== 4 || x.shape[1] !== kernel.shape[0] || !isFloat(x.dtype)) {
    throw new ShapeError(
      `${name}: image ${describe(x)} [N,I,H,W] does not fit the kernel ${describe(kernel)} [I,O,h,w]; expected float tensors with the same I`,
    );
  }
  const added = typeof outputPadding === "number" ? [outputPadding, outputPadding] : outputPadding;
  if (added.some((count, axis) => !Number.isInteger(count) || count < 0 || count >= window.strides[axis]!)) {
    throw new ShapeError(
      `${name}: got outputPadding [${added}]; expected integers of at least 0 and less than the strides [${window.strides}]`,
    );
  }
  const sides = reachedSides(x.shape, kernel.shape.slice(2), window).map((side, axis) => side + added[axis]!);
  if (sides.some((side) => side < 1)) {
    throw new ShapeError(
      `${name}: padding [${window.pads}] leaves ${sides.join(" x ")} of image ${describe(x)} and kernel ${describe(kernel)}; reduce the padding`,
    );
  }
  return gradientOfImage(x, kernel, window, sides);
}
