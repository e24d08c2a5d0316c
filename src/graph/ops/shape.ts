/**
 * Operations that only move values: reshape, transpose, slice, reverse, pad, concat, split and expand.
 */
import { encodeNumbers } from "../numbers.js";
import {
  applied,
  apply,
  broadcastShapes,
  type DType,
  describe,
  elementCount,
  isFloat,
  type Operation,
  requireSameDType,
  resolveAxis,
  type Shape,
  ShapeError,
  sameShape,
  type Tensor,
} from "../tensor.js";
import { sumTo } from "./elementwise.js";
import { constant, scalar } from "./leaf.js";
import { matmul } from "./matmul.js";

const reshapeOperation: Operation<{ shape: Shape }> = {
  name: "reshape",
  sharesMemory: "always",
  infer: ([x], { shape }) => {
    if (elementCount(x!.shape) !== elementCount(shape)) {
      throw new ShapeError(`reshape: ${describe(x!)} has another number of elements than [${shape.join(", ")}]`);
    }
    return [{ dtype: x!.dtype, shape }];
  },
  emit: ({ inputs, outputs, attributes }, emitter) => {
    emitter.node(
      "Reshape",
      [emitter.name(inputs[0]!), emitter.int64(attributes.shape)],
      [emitter.name(outputs[0]!)],
      attributes.shape.includes(0) ? { allowzero: { int: 1 } } : {},
    );
  },
  gradient: ({ inputs: [x] }, [g]) => [reshape(g!, x!.shape)],
};

/** Returns the input of the last consecutive reshapes, which are merged into one. */
function unreshaped<D extends DType>(x: Tensor<D>): Tensor<D> {
  return (x.producer.operation as unknown) === reshapeOperation ? unreshaped(x.producer.inputs[0] as Tensor<D>) : x;
}

/** Changes the shape; one side may be -1 and is inferred. Throws ShapeError. */
export function reshape<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  const known = shape.reduce((product, side) => (side === -1 ? product : product * side), 1);
  const resolved = shape.map((side) => (side === -1 ? elementCount(x.shape) / known : side));
  if (shape.filter((side) => side === -1).length > 1 || resolved.some((side) => !Number.isInteger(side) || side < 0)) {
    throw new ShapeError(`reshape: ${describe(x)} cannot take the shape [${shape.join(", ")}]`);
  }
  if (sameShape(x.shape, resolved)) return x;
  const base = unreshaped(x);
  return sameShape(base.shape, resolved) ? base : applied(reshapeOperation, [base], { shape: resolved });
}

const transposeOperation: Operation<{ permutation: readonly number[] }> = {
  name: "transpose",
  sharesMemory: "possibly",
  infer: ([x], { permutation }) => [{ dtype: x!.dtype, shape: permutation.map((axis) => x!.shape[axis]!) }],
  emit: ({ inputs, outputs, attributes }, emitter) => {
    emitter.node("Transpose", [emitter.name(inputs[0]!)], [emitter.name(outputs[0]!)], {
      perm: { ints: attributes.permutation },
    });
  },
  gradient: ({ attributes: { permutation } }, [g]) => [
    transpose(
      g!,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    ),
  ],
};

/** Permutes axes: output axis i is input axis permutation[i]. Default: reversed axes. Throws ShapeError. */
export function transpose<D extends DType>(
  x: Tensor<D>,
  permutation: readonly number[] = x.shape.map((_, i) => x.shape.length - 1 - i),
): Tensor<D> {
  const sorted = [...permutation].sort((a, b) => a - b);
  if (sorted.length !== x.shape.length || sorted.some((axis, i) => axis !== i)) {
    throw new ShapeError(`transpose: [${permutation.join(", ")}] is not a permutation of the axes of ${describe(x)}`);
  }
  if (permutation.every((axis, i) => axis === i)) return x;
  return applied(transposeOperation, [x], { permutation: [...permutation] });
}

interface SliceRange {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly steps: readonly number[];
}

const sliceOperation: Operation<SliceRange> = {
  name: "slice",
  sharesMemory: "possibly",
  infer: ([x], { starts, ends, steps }) => [
    { dtype: x!.dtype, shape: starts.map((start, axis) => Math.ceil((ends[axis]! - start) / steps[axis]!)) },
  ],
  emit: ({ inputs, outputs, attributes: { starts, ends, steps } }, emitter) => {
    const shape = inputs[0]!.shape;
    const axes = shape.flatMap((side, axis) =>
      starts[axis] !== 0 || ends[axis] !== side || steps[axis] !== 1 ? [axis] : [],
    );
    const pick = (values: readonly number[]) => emitter.int64(axes.map((axis) => values[axis]!));
    emitter.node(
      "Slice",
      [emitter.name(inputs[0]!), pick(starts), pick(ends), emitter.int64(axes), pick(steps)],
      [emitter.name(outputs[0]!)],
    );
  },
  // The gradient of skipped entries is zero: insert zeros for the step, then pad.
  gradient: ({ inputs: [x], outputs: [y], attributes: { starts, steps } }, [g]) => {
    let spread = g!;
    const before: number[] = [];
    const after: number[] = [];
    x!.shape.forEach((side, axis) => {
      const step = steps[axis]!;
      const count = y!.shape[axis]!;
      if (step > 1) spread = interleaveZeros(spread, axis, step);
      const covered = step > 1 ? count * step : count;
      before.push(starts[axis]!);
      after.push(side - starts[axis]! - covered);
    });
    return [pad(spread, before, after)];
  },
};

/** Maximum length of a last axis that is dilated by a product; its matrix has side * side * step entries. */
const longestSpread = 512;

/** Inserts step - 1 zeros after every entry along an axis. */
export function interleaveZeros(x: Tensor, axis: number, step: number): Tensor {
  if (step === 1) return x;
  const shape = x.shape;
  const side = shape[axis]!;
  const merged = shape.map((length, i) => (i === axis ? length * step : length));
  const inner = elementCount(shape.slice(axis + 1));
  if (inner === 1 && side <= longestSpread && isFloat(x.dtype)) {
    // Single entries are moved five times as fast by a product with a matrix that has a one at each destination.
    const places = new Float32Array(side * side * step);
    for (let i = 0; i < side; i++) places[i * side * step + i * step] = 1;
    const rows = reshape(x, [elementCount(shape) / side, side]);
    return reshape(matmul(rows, constant(places, [side, side * step], x.dtype)), merged);
  }
  // Every run of `inner` entries becomes a row, which is padded with zeros.
  const rows = reshape(x, [elementCount(shape) / inner, inner]);
  return reshape(pad(rows, [0, 0], [0, (step - 1) * inner]), merged);
}

/**
 * Slices from `starts` (inclusive) to `ends` (exclusive), with one entry for each axis. Negative positions count from the end, and ends are
 * clipped to the side. Throws ShapeError if a range is empty or an axis is missing.
 */
export function slice<D extends DType>(
  x: Tensor<D>,
  starts: readonly number[],
  ends: readonly number[],
  steps?: readonly number[],
): Tensor<D> {
  const rank = x.shape.length;
  if (starts.length !== rank || ends.length !== rank || (steps && steps.length !== rank)) {
    throw new ShapeError(`slice: expected one start, end and step for each of the ${rank} axes of ${describe(x)}`);
  }
  const resolve = (position: number, side: number) => Math.min(side, position < 0 ? position + side : position);
  const from = starts.map((start, axis) => resolve(start, x.shape[axis]!));
  const to = ends.map((end, axis) => resolve(end, x.shape[axis]!));
  const by = steps ?? starts.map(() => 1);
  if (from.some((start, axis) => start < 0 || start >= to[axis]! || by[axis]! < 1)) {
    throw new ShapeError(
      `slice: [${starts.join(", ")}] to [${ends.join(", ")}] by [${by.join(", ")}] selects nothing of ${describe(x)}`,
    );
  }
  if (from.every((start, axis) => start === 0 && to[axis] === x.shape[axis] && by[axis] === 1)) return x;
  return applied(sliceOperation, [x], { starts: from, ends: to, steps: [...by] });
}

/** Slices entries `start` to `end` (exclusive) along one axis. */
export function sliceAxis<D extends DType>(x: Tensor<D>, axis: number, start: number, end: number): Tensor<D> {
  const along = resolveAxis("slice", axis, x.shape.length);
  return slice(
    x,
    x.shape.map((_, i) => (i === along ? start : 0)),
    x.shape.map((side, i) => (i === along ? end : side)),
  );
}

const reverseOperation: Operation<{ axes: readonly number[] }> = {
  name: "reverse",
  sharesMemory: "possibly",
  infer: ([x]) => [x!],
  emit: ({ inputs, outputs, attributes: { axes } }, emitter) => {
    const sides = axes.map((axis) => inputs[0]!.shape[axis]!);
    const last = emitter.int64(sides.map((side) => side - 1));
    // The position before the first entry, counted from the end.
    const before = emitter.int64(sides.map((side) => -side - 1));
    const back = emitter.int64(sides.map(() => -1));
    emitter.node(
      "Slice",
      [emitter.name(inputs[0]!), last, before, emitter.int64(axes), back],
      [emitter.name(outputs[0]!)],
    );
  },
  gradient: ({ attributes: { axes } }, [g]) => [reverse(g!, axes)],
};

/** Reverses the entries along the given axes. Throws ShapeError. */
export function reverse<D extends DType>(x: Tensor<D>, axes: readonly number[]): Tensor<D> {
  const along = [...new Set(axes.map((axis) => resolveAxis("reverse", axis, x.shape.length)))];
  if (along.length === 0) return x;
  return applied(reverseOperation, [x], { axes: along });
}

const padOperation: Operation<{ before: readonly number[]; after: readonly number[]; value: number }> = {
  name: "pad",
  sharesMemory: "possibly",
  infer: ([x], { before, after }) => [
    { dtype: x!.dtype, shape: x!.shape.map((side, axis) => side + before[axis]! + after[axis]!) },
  ],
  emit: ({ inputs, outputs, attributes: { before, after, value } }, emitter) => {
    emitter.node(
      "Pad",
      [emitter.name(inputs[0]!), emitter.int64([...before, ...after]), emitter.float(value, inputs[0]!.dtype)],
      [emitter.name(outputs[0]!)],
    );
  },
  gradient: ({ inputs: [x], attributes: { before, after } }, [g]) => {
    // A negative pad crops, so the gradient pads with the opposite signs.
    return [
      pad(
        g!,
        before.map((count) => -count),
        after.map((count) => -count),
        0,
        x!.shape,
      ),
    ];
  },
};

/** Adds `before` and `after` entries of `value` on each axis; a negative count crops. Throws ShapeError. */
export function pad<D extends DType>(
  x: Tensor<D>,
  before: readonly number[],
  after: readonly number[],
  value = 0,
  expected?: Shape,
): Tensor<D> {
  if (before.length !== x.shape.length || after.length !== x.shape.length) {
    throw new ShapeError(
      `pad: expected one count before and after for each of the ${x.shape.length} axes of ${describe(x)}`,
    );
  }
  if (before.every((count) => count === 0) && after.every((count) => count === 0)) return x;
  const shape = x.shape.map((side, axis) => side + before[axis]! + after[axis]!);
  if (shape.some((side) => side < 0) || (expected && !sameShape(shape, expected))) {
    throw new ShapeError(`pad: counts [${before.join(", ")}] and [${after.join(", ")}] do not fit ${describe(x)}`);
  }
  if (before.every((count) => count <= 0) && after.every((count) => count <= 0)) {
    return slice(
      x,
      before.map((count) => -count),
      x.shape.map((side, axis) => side + after[axis]!),
    );
  }
  return applied(padOperation, [x], { before: [...before], after: [...after], value });
}

const concatOperation: Operation<{ axis: number }> = {
  name: "concat",
  sharesMemory: "possibly",
  infer: (inputs, { axis }) => {
    const dtype = requireSameDType("concat", inputs);
    const first = inputs[0]!.shape;
    let total = 0;
    for (const x of inputs) {
      if (x.shape.length !== first.length || x.shape.some((side, i) => i !== axis && side !== first[i])) {
        throw new ShapeError(
          `concat: ${inputs.map(describe).join(" and ")} differ outside of axis ${axis}; expected equal sides there`,
        );
      }
      total += x.shape[axis]!;
    }
    return [{ dtype, shape: first.map((side, i) => (i === axis ? total : side)) }];
  },
  emit: ({ inputs, outputs, attributes }, emitter) => {
    emitter.node("Concat", inputs.map(emitter.name), [emitter.name(outputs[0]!)], { axis: { int: attributes.axis } });
  },
  gradient: ({ inputs, attributes: { axis } }, [g]) =>
    split(
      g!,
      axis,
      inputs.map((x) => x.shape[axis]!),
    ),
};

/** Concatenates tensors along an axis. Throws ShapeError if another axis differs. */
export function concat<D extends DType>(tensors: readonly Tensor<D>[], axis: number): Tensor<D> {
  if (tensors.length === 0) throw new ShapeError("concat: got no tensor; expected at least one");
  if (tensors.length === 1) return tensors[0]!;
  return applied(concatOperation, tensors, { axis: resolveAxis("concat", axis, tensors[0]!.shape.length) });
}

const splitOperation: Operation<{ axis: number; sizes: readonly number[] }> = {
  name: "split",
  sharesMemory: "possibly",
  infer: ([x], { axis, sizes }) =>
    sizes.map((size) => ({ dtype: x!.dtype, shape: x!.shape.map((side, i) => (i === axis ? size : side)) })),
  emit: ({ inputs, outputs, attributes: { axis, sizes } }, emitter) => {
    emitter.node("Split", [emitter.name(inputs[0]!), emitter.int64(sizes)], outputs.map(emitter.name), {
      axis: { int: axis },
    });
  },
  gradient: ({ outputs, attributes: { axis } }, gradients) => [
    concat(
      outputs.map((y, i) => gradients[i] ?? zerosOf(y)),
      axis,
    ),
  ],
};

/** Splits a tensor along an axis into pieces of the given sizes. Throws ShapeError if their sum differs from the side. */
export function split<D extends DType>(x: Tensor<D>, axis: number, sizes: readonly number[]): Tensor<D>[] {
  const along = resolveAxis("split", axis, x.shape.length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total !== x.shape[along] || sizes.some((size) => !Number.isInteger(size) || size < 0)) {
    throw new ShapeError(
      `split: sizes [${sizes.join(", ")}] have the sum ${total}; expected the side of axis ${along} of ${describe(x)}`,
    );
  }
  return sizes.length === 1 ? [x] : (apply(splitOperation, [x], { axis: along, sizes: [...sizes] }) as Tensor<D>[]);
}

/** Number of values of x that are repeated along the last axes of `shape`; 1 if other axes are broadcast. */
function repeatedRows(x: Shape, shape: Shape): number {
  const aligned = [...new Array<number>(shape.length - x.length).fill(1), ...x];
  const rows = elementCount(x);
  const leading = aligned.findLastIndex((side) => side !== 1) + 1;
  return sameShape(aligned.slice(0, leading), shape.slice(0, leading)) ? rows : 1;
}

const expandOperation: Operation<{ shape: Shape }> = {
  name: "expand",
  sharesMemory: "possibly",
  infer: ([x], { shape }) => {
    if (!sameShape(broadcastShapes("expand", x!.shape, shape), shape)) {
      throw new ShapeError(`expand: ${describe(x!)} does not broadcast to [${shape.join(", ")}]`);
    }
    return [{ dtype: x!.dtype, shape }];
  },
  emit: ({ inputs, outputs, attributes: { shape } }, emitter) => {
    const [x, y] = [inputs[0]!, outputs[0]!];
    const rows = x.dtype === "float32" ? repeatedRows(x.shape, shape) : 1;
    if (rows <= 1) {
      emitter.node("Expand", [emitter.name(x), emitter.int64(shape)], [emitter.name(y)]);
      return;
    }
    // Values repeated along the last axes are a product with a row of ones, which is ten times as fast on the CPU.
    const [column, product] = [emitter.temporary(), emitter.temporary()];
    emitter.node("Reshape", [emitter.name(x), emitter.int64([rows, 1])], [column]);
    const ones = emitter.temporary();
    const count = elementCount(shape) / rows;
    emitter.initializer(
      ones,
      { dtype: "float32", shape: [1, count] },
      encodeNumbers(new Array(count).fill(1), "float32"),
    );
    emitter.node("MatMul", [column, ones], [product]);
    emitter.node("Reshape", [product, emitter.int64(shape)], [emitter.name(y)]);
  },
  gradient: ({ inputs: [x] }, [g]) => [sumTo(g!, x!.shape)],
};

/** Broadcasts a tensor to a shape. Throws ShapeError. */
export const expand = <D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> =>
  sameShape(x.shape, shape) ? x : applied(expandOperation, [x], { shape: [...shape] });

/** Zeros with the shape of a tensor, as a broadcast scalar. */
export const zerosOf = <D extends DType>(tensor: Tensor<D>): Tensor<D> => expand(scalar(0, tensor.dtype), tensor.shape);
