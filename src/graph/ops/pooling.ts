/**
 * 2-D max and average pooling (NCHW).
 *
 * Their gradients can be written as k*k shifted passes: the part of g that belongs to window position (a, b) is spread by
 * the stride and laid where that position lies in the padded image. No scatter node is needed, so every device runs it.
 */
import {
  apply,
  describe,
  type Emitter,
  elementCount,
  isFloat,
  type Operation,
  ShapeError,
  type Tensor,
} from "../tensor.js";
import { type ConvolutionOptions, outputSides, resolveWindow, type Window } from "./convolution.js";
import { add, maximum, multiply } from "./elementwise.js";
import { constant } from "./leaf.js";
import { interleaveZeros, pad, slice } from "./shape.js";

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
  gradient: ({ inputs: [x], outputs: [y], attributes: pool }, [g]) => [apply(maxPoolGradient, [x!, y!, g!], pool)[0]!],
};

// The first position (row-major) that holds the maximum takes the gradient. Where the device scatters, the runtime's own
// indices say where each value goes; elsewhere the positions of the windows are gone through one after the other.
const maxPoolGradient: Operation<Pool> = {
  name: "maxPool2dGradient",
  infer: ([x]) => [x!],
  emit: ({ inputs: [x, y, g], outputs: [dx], attributes: pool }, emitter) => {
    if (!emitter.runs("ScatterElements") || x!.dtype === "float16") {
      emitGradientByPosition([x!, y!, g!], emitter.name(dx!), pool, emitter);
      return;
    }
    const node = (type: string, operands: readonly string[], attributes = {}): string => {
      const output = emitter.temporary();
      emitter.node(type, operands, [output], attributes);
      return output;
    };
    const indices = emitter.temporary();
    emitter.node("MaxPool", [emitter.name(x!)], [emitter.temporary(), indices], attributesOf(pool));
    const flat = emitter.int64([-1]);
    const nothing = node("Expand", [emitter.float(0, x!.dtype), emitter.int64([elementCount(x!.shape)])]);
    const places = node("Reshape", [indices, flat]);
    const scattered = node("ScatterElements", [nothing, places, node("Reshape", [emitter.name(g!), flat])], {
      axis: { int: 0 },
      reduction: { string: "add" },
    });
    emitter.node("Reshape", [scattered, emitter.int64(x!.shape)], [emitter.name(dx!)]);
  },
};

/** Lays each window position's share of g into the padded image, and cuts the padding off. */
function emitGradientByPosition(
  [x, y, g]: readonly [Tensor, Tensor, Tensor],
  output: string,
  pool: Pool,
  emitter: Emitter,
): void {
  const node = (type: string, operands: readonly string[]): string => {
    const name = emitter.temporary();
    emitter.node(type, operands, [name]);
    return name;
  };
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const [oh, ow] = y.shape.slice(2) as [number, number];
  const [top, left, bottom, right] = pool.pads;
  const [sy, sx] = pool.strides;
  const padded = [height + top + bottom, width + left + right] as const;
  const padTo = (name: string, before: readonly number[], after: readonly number[], value: number): string =>
    node("Pad", [name, emitter.int64([0, 0, ...before, 0, 0, ...after]), emitter.float(value, x.dtype)]);
  const zero = emitter.float(0, x.dtype);
  const one = emitter.float(1, x.dtype);
  const image = padTo(
    emitter.name(x),
    [top, left],
    [bottom, right],
    x.dtype === "float16" ? -65504 : -3.4028234663852886e38,
  );
  const axes = emitter.int64([2, 3]);
  let open = node("Expand", [one, emitter.int64(y.shape)]);
  let total: string | undefined;
  for (const [a, b] of positionsOf(pool)) {
    const ends = emitter.int64([a + (oh - 1) * sy + 1, b + (ow - 1) * sx + 1]);
    const seen = node("Slice", [image, emitter.int64([a, b]), ends, axes, emitter.int64([sy, sx])]);
    const hit = node("And", [node("Equal", [seen, emitter.name(y)]), node("Greater", [open, zero])]);
    open = node("Where", [hit, zero, open]);
    // spread by the stride: zeros after every row and column, as axes of their own
    const share = node("Reshape", [node("Where", [hit, emitter.name(g), zero]), emitter.int64([n * c, oh, 1, ow, 1])]);
    const zeros = emitter.int64([0, 0, 0, 0, 0, 0, 0, sy - 1, 0, sx - 1]);
    const spread = node("Reshape", [node("Pad", [share, zeros, zero]), emitter.int64([n, c, oh * sy, ow * sx])]);
    const part = padTo(spread, [a, b], [padded[0] - a - oh * sy, padded[1] - b - ow * sx], 0);
    total = total ? node("Add", [total, part]) : part;
  }
  const last = emitter.int64([top + height, left + width]);
  emitter.node("Slice", [total!, emitter.int64([top, left]), last, axes], [output]);
}

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
  /** Does padding count as zeros (true) or not at all (false, the default)? */
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

/** The maximum of each window. The stride is the kernel when left out. Throws ShapeError. */
export function maxPool2d(x: Tensor, kernel: number | readonly [number, number], options: PoolOptions = {}): Tensor {
  const y = pool(maxPoolOperation, x, kernel, options);
  if (!options.includePadding) return y;
  // a window that reaches into the padding holds a zero: at the size of the output, this is cheaper than padding the image
  const { kernel: sides, strides, pads } = y.producer.attributes as Pool;
  const reaches = (axis: 0 | 1, i: number) => {
    const first = i * strides[axis] - pads[axis];
    return first < 0 || first + sides[axis] > x.shape[axis + 2]!;
  };
  const [oh, ow] = y.shape.slice(2) as [number, number];
  const lowest = x.dtype === "float16" ? -65504 : -3.4028234663852886e38;
  const floor = Array.from({ length: oh * ow }, (_, i) =>
    reaches(0, Math.floor(i / ow)) || reaches(1, i % ow) ? 0 : lowest,
  );
  return maximum(y, constant(floor, [1, 1, oh, ow], x.dtype));
}
/** The mean of each window. The stride is the kernel when left out. Throws ShapeError. */
export const averagePool2d = (
  x: Tensor,
  kernel: number | readonly [number, number],
  options: PoolOptions = {},
): Tensor => pool(averagePoolOperation, x, kernel, options);
