/**
 * 2-D max and average pooling (NCHW).
 *
 * The gradient of an average is k*k shifted passes: the part of g that belongs to window position (a, b) is spread by the
 * stride and laid where that position lies in the padded image. That of a maximum goes axis by axis, and lays the shares of all
 * positions by one product with zeros and ones. Neither needs a scatter node, which not every device runs.
 */
import { apply, describe, isFloat, type Operation, ShapeError, type Tensor } from "../tensor.js";
import { type ConvolutionOptions, outputSides, resolveWindow, type Window } from "./convolution.js";
import { add, cast, equal, maximum, multiply, subtract } from "./elementwise.js";
import { constant } from "./leaf.js";
import { matmul } from "./matmul.js";
import { concat, interleaveZeros, pad, slice, transpose } from "./shape.js";

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
  // The maximum of a window is the maximum of its rows' maxima. The first row that holds it takes the gradient, and in that
  // row the first entry: of entries that tie, the first one in row-major order.
  gradient: ({ inputs: [x], outputs: [y], attributes: pool }, [g]) => {
    const [kernel, strides, pads] = [pool.kernel, pool.strides, pool.pads];
    const rows = { strides: [1, strides[1]], pads: [0, pads[1], 0, pads[3]], dilations: [1, 1] } as const;
    const maxima = apply(maxPoolOperation, [x!], { ...pool, ...rows, kernel: [1, kernel[1]] })[0]!;
    const dMaxima = maximumGradient(maxima, y!, g!, 2, { kernel: kernel[0], stride: strides[0], padding: pads[0] });
    return [maximumGradient(x!, maxima, dMaxima, 3, { kernel: kernel[1], stride: strides[1], padding: pads[1] })];
  },
};

/** Windows along one axis; `padding` in front. */
interface Windows {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/**
 * The gradient of maxima `y` of windows along one axis of x [N,C,H,W], 2 or 3, from the gradient g of y. Positions of the windows
 * take their share in order, each where it holds the maximum and no position before it did. One product with zeros and ones lays
 * the shares where they belong and adds them up.
 */
function maximumGradient(x: Tensor, y: Tensor, g: Tensor, axis: 2 | 3, { kernel, stride, padding }: Windows): Tensor {
  const [side, count] = [x.shape[axis]!, y.shape[axis]!];
  const places = Array.from({ length: kernel }, (_, position) =>
    Array.from({ length: count }, (_, i) => i * stride + position - padding),
  );
  const shares: Tensor[] = [];
  let rest = g;
  for (const positions of places.slice(0, -1)) {
    const share = multiply(cast(equal(pickAlong(x, axis, positions), y), x.dtype), rest);
    shares.push(share);
    rest = subtract(rest, share);
  }
  const matrix = selection(places.flat(), side, x.dtype);
  const joined = concat([...shares, rest], axis);
  return axis === 3 ? matmul(joined, matrix) : matmul(transpose(matrix), joined);
}

/** [positions, side]: a one where each position lies, nothing where it lies outside. */
function selection(positions: readonly number[], side: number, dtype: Tensor["dtype"]): Tensor {
  const values = new Float32Array(positions.length * side);
  positions.forEach((at, i) => {
    if (at >= 0 && at < side) values[i * side + at] = 1;
  });
  return constant(values, [positions.length, side], dtype);
}

/** The entries at rising positions along axis 2 or 3 of x [N,C,H,W]; the lowest number where a position lies outside. */
function pickAlong(x: Tensor, axis: 2 | 3, positions: readonly number[]): Tensor {
  const side = x.shape[axis]!;
  const matrix = selection(positions, side, x.dtype);
  const picked = axis === 3 ? matmul(x, matrix, { transposeB: true }) : matmul(matrix, x);
  const isInside = positions.map((at) => at >= 0 && at < side);
  if (isInside.every(Boolean)) return picked;
  const floor = isInside.map((inside) => (inside ? 0 : lowest(x.dtype)));
  return add(picked, constant(floor, axis === 3 ? [positions.length] : [positions.length, 1], x.dtype));
}

const lowest = (dtype: Tensor["dtype"]): number => (dtype === "float16" ? -65504 : -3.4028234663852886e38);

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

/** The maximum of each window. Default stride: the kernel. Throws ShapeError. */
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
  const floor = Array.from({ length: oh * ow }, (_, i) =>
    reaches(0, Math.floor(i / ow)) || reaches(1, i % ow) ? 0 : lowest(x.dtype),
  );
  return maximum(y, constant(floor, [1, 1, oh, ow], x.dtype));
}
/** The mean of each window. Default stride: the kernel. Throws ShapeError. */
export const averagePool2d = (
  x: Tensor,
  kernel: number | readonly [number, number],
  options: PoolOptions = {},
): Tensor => pool(averagePoolOperation, x, kernel, options);
