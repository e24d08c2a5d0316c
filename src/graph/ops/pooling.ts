// 2-D max and average pooling (NCHW).
//
// Their gradients are written as k*k shifted passes: the part of g that belongs to window position (a, b) is spread by
// the stride and laid where that position lies in the padded image. No scatter node is needed, so every device runs it.
import { apply, describe, isFloat, type Operation, ShapeError, type Tensor } from "../tensor.js";
import { type ConvolutionOptions, outputSides, resolveWindow, type Window } from "./convolution.js";
import { add, and, equal, greater, multiply, where } from "./elementwise.js";
import { constant, scalar } from "./leaf.js";
import { expand, interleaveZeros, pad, slice } from "./shape.js";

interface Pool extends Window {
  readonly kernel: readonly [number, number];
  readonly includePadding: boolean;
}

const attributesOf = (pool: Pool) => ({
  kernel_shape: { ints: pool.kernel },
  strides: { ints: pool.strides },
  pads: { ints: pool.pads },
});

function inferPool(name: string, x: Tensor, pool: Pool) {
  if (x.shape.length !== 4 || !isFloat(x.dtype))
    throw new ShapeError(`${name}: needs float [N,C,H,W], got ${describe(x)}`);
  return [
    { dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...outputSides(name, x.shape.slice(2), pool.kernel, pool)] },
  ];
}

/** Lays [N,C,h,w] values where window position (a, b) lies, in an image of the padded size. */
function layAt(values: Tensor, a: number, b: number, pool: Pool, paddedSides: readonly number[]): Tensor {
  const spread = interleaveZeros(interleaveZeros(values, 2, pool.strides[0]), 3, pool.strides[1]);
  const [, , h, w] = spread.shape as [number, number, number, number];
  return pad(spread, [0, 0, a, b], [0, 0, paddedSides[0]! - a - h, paddedSides[1]! - b - w]);
}

function positionsOf(pool: Pool): [number, number][] {
  return Array.from({ length: pool.kernel[0] * pool.kernel[1] }, (_, i) => [
    Math.floor(i / pool.kernel[1]),
    i % pool.kernel[1],
  ]);
}

const paddedSidesOf = (x: Tensor, pool: Pool) => [
  x.shape[2]! + pool.pads[0] + pool.pads[2],
  x.shape[3]! + pool.pads[1] + pool.pads[3],
];

const unpad = (image: Tensor, x: Tensor, pool: Pool): Tensor =>
  slice(
    image,
    [0, 0, pool.pads[0], pool.pads[1]],
    [x.shape[0]!, x.shape[1]!, pool.pads[0] + x.shape[2]!, pool.pads[1] + x.shape[3]!],
  );

const maxPoolOperation: Operation<Pool> = {
  name: "maxPool2d",
  infer: ([x], pool) => inferPool("maxPool2d", x!, pool),
  emit: ({ inputs, outputs, attributes }, emitter) => {
    emitter.node("MaxPool", [emitter.name(inputs[0]!)], [emitter.name(outputs[0]!)], attributesOf(attributes));
  },
  // the first position (row-major) that holds the maximum takes the gradient
  gradient: ({ inputs, outputs: [y], attributes: pool }, [g]) => {
    const x = inputs[0]!;
    const sides = paddedSidesOf(x, pool);
    const lowest = x.dtype === "float16" ? -65504 : -3.4028234663852886e38;
    const padded = pad(x, [0, 0, pool.pads[0], pool.pads[1]], [0, 0, pool.pads[2], pool.pads[3]], lowest);
    const [oh, ow] = y!.shape.slice(2) as [number, number];
    const zero = scalar(0, x.dtype);
    let open = expand(scalar(1, x.dtype), y!.shape);
    let total: Tensor | undefined;
    for (const [a, b] of positionsOf(pool)) {
      const ends = [x.shape[0]!, x.shape[1]!, a + (oh - 1) * pool.strides[0] + 1, b + (ow - 1) * pool.strides[1] + 1];
      const seen = slice(padded, [0, 0, a, b], ends, [1, 1, ...pool.strides]);
      const hit = and(equal(seen, y!), greater(open, 0));
      open = where(hit, zero, open);
      const part = layAt(where(hit, g!, zero), a, b, pool, sides);
      total = total ? add(total, part) : part;
    }
    return [unpad(total!, x, pool)];
  },
};

const averagePoolOperation: Operation<Pool> = {
  name: "averagePool2d",
  infer: ([x], pool) => inferPool("averagePool2d", x!, pool),
  emit: ({ inputs, outputs, attributes }, emitter) => {
    emitter.node("AveragePool", [emitter.name(inputs[0]!)], [emitter.name(outputs[0]!)], {
      ...attributesOf(attributes),
      count_include_pad: { int: attributes.includePadding ? 1 : 0 },
    });
  },
  gradient: ({ inputs, outputs: [y], attributes: pool }, [g]) => {
    const x = inputs[0]!;
    const share = multiply(g!, constant(inverseCounts(x, y!, pool), [1, 1, ...y!.shape.slice(2)], x.dtype));
    let total: Tensor | undefined;
    for (const [a, b] of positionsOf(pool)) {
      const part = layAt(share, a, b, pool, paddedSidesOf(x, pool));
      total = total ? add(total, part) : part;
    }
    return [unpad(total!, x, pool)];
  },
};

/** One over the number of entries each window averages. */
function inverseCounts(x: Tensor, y: Tensor, pool: Pool): number[] {
  const [oh, ow] = y.shape.slice(2) as [number, number];
  const inside = (axis: number, position: number) => {
    if (pool.includePadding) return pool.kernel[axis]!;
    let count = 0;
    for (let k = 0; k < pool.kernel[axis]!; k++) {
      const at = position * pool.strides[axis]! + k - pool.pads[axis]!;
      if (at >= 0 && at < x.shape[axis + 2]!) count++;
    }
    return count;
  };
  return Array.from({ length: oh * ow }, (_, i) => 1 / (inside(0, Math.floor(i / ow)) * inside(1, i % ow)));
}

export interface PoolOptions extends Omit<ConvolutionOptions, "dilation"> {
  /** Average pooling: does padding count as zeros (true) or not at all (false, the default)? */
  readonly includePadding?: boolean;
}

function pool(operation: Operation<Pool>, x: Tensor, kernel: number | readonly [number, number], options: PoolOptions) {
  const sides = typeof kernel === "number" ? ([kernel, kernel] as const) : kernel;
  if (sides.some((side) => !Number.isInteger(side) || side < 1)) {
    throw new ShapeError(`${operation.name}: the kernel [${sides}] must have whole sides of at least 1`);
  }
  const window = resolveWindow(operation.name, { stride: sides, ...options });
  if (window.pads.some((count, i) => count < 0 || count >= sides[i % 2]!)) {
    throw new ShapeError(`${operation.name}: padding [${window.pads}] must be smaller than the kernel [${sides}]`);
  }
  return apply(operation, [x], { ...window, kernel: sides, includePadding: options.includePadding ?? false })[0]!;
}

/** The maximum of each window; padding never wins. The stride is the kernel when left out. Throws ShapeError. */
export const maxPool2d = (x: Tensor, kernel: number | readonly [number, number], options: PoolOptions = {}): Tensor =>
  pool(maxPoolOperation, x, kernel, options);
/** The mean of each window. The stride is the kernel when left out. Throws ShapeError. */
export const averagePool2d = (
  x: Tensor,
  kernel: number | readonly [number, number],
  options: PoolOptions = {},
): Tensor => pool(averagePoolOperation, x, kernel, options);
