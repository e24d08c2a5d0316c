/**
 * 2-D max and average pooling (NCHW).
 *
 * The gradient of average pooling is k*k shifted passes: the part of g that belongs to window position (a, b) is dilated by the stride and
 * placed at that position in the padded image. The gradient of max pooling is computed for one axis at a time, and places the contributions
 * of all positions by one product with a matrix of zeros and ones. Neither needs a scatter node, which some devices do not support.
 */
import { applied, type DType, describe, isFloat, type Operation, ShapeError, type Tensor } from "../tensor.js";
import { add, cast, equal, maximum, multiply, subtract } from "./elementwise.js";
import { constant } from "./leaf.js";
import { matmul } from "./matmul.js";
import { concat, interleaveZeros, pad, slice, transpose } from "./shape.js";
import { type ConvolutionOptions, outputSides, resolveWindow, type Window } from "./window.js";

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

/** Places [N,C,h,w] values at window position (a, b) in an image of the padded size. */
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
  // The maximum of a window is the maximum of its rows' maxima. The gradient goes to the first row that holds it, and there to the
  // first entry: of tied entries, the first in row-major order.
  gradient: ({ inputs: [x], outputs: [y], attributes: pool }, [g]) => {
    const [kernel, strides, pads] = [pool.kernel, pool.strides, pool.pads];
    const rows = { strides: [1, strides[1]], pads: [0, pads[1], 0, pads[3]], dilations: [1, 1] } as const;
    const maxima = applied(maxPoolOperation, [x!], { ...pool, ...rows, kernel: [1, kernel[1]] });
    const dMaxima = maximumGradient(maxima, y!, g!, 2, { kernel: kernel[0], stride: strides[0], padding: pads[0] });
    return [maximumGradient(x!, maxima, dMaxima, 3, { kernel: kernel[1], stride: strides[1], padding: pads[1] })];
  },
};

/** Windows along one axis; `padding` is added in front. */
interface Windows {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/**
 * Gradient of the maxima `y` of windows along axis 2 or 3 of x [N,C,H,W], from the gradient g of y. Each window position receives the
 * gradient if it holds the maximum and no earlier position does. One product with a matrix of zeros and ones places and sums the
 * contributions.
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

/** Matrix [positions, side] with a one at each position; a row of zeros for a position outside. */
function selection(positions: readonly number[], side: number, dtype: Tensor["dtype"]): Tensor {
  const values = new Float32Array(positions.length * side);
  positions.forEach((at, i) => {
    if (at >= 0 && at < side) values[i * side + at] = 1;
  });
  return constant(values, [positions.length, side], dtype);
}

/** Entries at ascending positions along axis 2 or 3 of x [N,C,H,W]; the lowest number for a position outside. */
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

/** Reciprocal of the number of entries that each window averages. */
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
  /** Whether padding counts as zeros. Default: false, padding is ignored. */
  readonly includePadding?: boolean;
}

function pool<D extends DType>(
  operation: Operation<Pool>,
  x: Tensor<D>,
  kernel: number | readonly [number, number],
  options: PoolOptions,
): Tensor<D> {
  const sides = typeof kernel === "number" ? ([kernel, kernel] as const) : kernel;
  if (sides.some((side) => !Number.isInteger(side) || side < 1)) {
    throw new ShapeError(`${operation.name}: invalid kernel [${sides}]; expected integers of at least 1`);
  }
  const window = resolveWindow(operation.name, { stride: sides, ...options });
  if (window.pads.some((count, i) => count < 0 || count >= sides[i % 2]!)) {
    throw new ShapeError(
      `${operation.name}: got padding [${window.pads}]; expected at least 0 and less than the kernel [${sides}]`,
    );
  }
  return applied(operation, [x], { ...window, kernel: sides, includePadding: options.includePadding ?? false });
}

/** Maximum of each window. Default stride: the kernel size. Throws ShapeError. */
export function maxPool2d<D extends DType>(
  x: Tensor<D>,
  kernel: number | readonly [number, number],
  options: PoolOptions = {},
): Tensor<D> {
  const y = pool(maxPoolOperation, x, kernel, options);
  if (!options.includePadding) return y;
  // A window that reaches into the padding contains a zero. Applying it to the output is cheaper than padding the image.
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
/** Mean of each window. Default stride: the kernel size. Throws ShapeError. */
export const averagePool2d = <D extends DType>(
  x: Tensor<D>,
  kernel: number | readonly [number, number],
  options: PoolOptions = {},
): Tensor<D> => pool(averagePoolOperation, x, kernel, options);
