/**
 * Entries along an axis by their positions: gathering of rows and entries, scattering, the largest entries and where they are.
 *
 * `gather` and `scatter` are each other's gradients. On the CPU, the runtime's scatter node takes 2 ns for each update; a product with one-hot
 * positions, which runs on every device, takes 10 to 40 times as long and is emitted only where the node is missing.
 */
import { onnxTypeCodes } from "../element-types.js";
import {
  applied,
  apply,
  type DType,
  describe,
  type Emitter,
  elementCount,
  isFloat,
  type Operation,
  requireSameDType,
  resolveAxis,
  ShapeError,
  type Tensor,
} from "../tensor.js";
import { matmul } from "./matmul.js";
import { oneHot } from "./select.js";
import { reshape, zerosOf } from "./shape.js";

const gatherRowsOperation: Operation<object> = {
  name: "gatherRows",
  mayFail: true,
  infer: ([table, indices]) => {
    if (indices!.dtype !== "int32" && indices!.dtype !== "int64") {
      throw new ShapeError(`gatherRows: indices must be integers, got ${describe(indices!)}`);
    }
    if (table!.shape.length < 1) throw new ShapeError(`gatherRows: ${describe(table!)} has no rows`);
    return [{ dtype: table!.dtype, shape: [...indices!.shape, ...table!.shape.slice(1)] }];
  },
  emit: ({ inputs, outputs }, emitter) => {
    emitter.node("Gather", inputs.map(emitter.name), [emitter.name(outputs[0]!)], { axis: { int: 0 } });
  },
  // The gradient of row r is the sum over all i with indices[i] = r. It is a product with the one-hot indices, which every device
  // supports (some do not support ScatterElements with a reduction).
  gradient: ({ inputs: [table, indices] }, [g]) => {
    if (!isFloat(table!.dtype)) return [undefined, undefined];
    const rows = table!.shape[0]!;
    const count = elementCount(indices!.shape);
    const hot = oneHot(reshape(indices!, [count]), rows, table!.dtype);
    const flat = reshape(g!, [count, elementCount(table!.shape.slice(1))]);
    return [reshape(matmul(hot, flat, { transposeA: true }), table!.shape), undefined];
  },
};

/** Gathers rows of `table` [R, ...] by integer `indices` [...]; returns [...indices, ...row]. */
export const gatherRows = <D extends DType>(table: Tensor<D>, indices: Tensor): Tensor<D> =>
  applied(gatherRowsOperation, [table, indices], {});

interface Along {
  readonly axis: number;
}

/** Throws unless indices are integers and have the axes of x, with no other side larger than that of x. */
function requireIndices(name: string, x: Tensor, indices: Tensor, axis: number): void {
  if (indices.dtype !== "int32" && indices.dtype !== "int64") {
    throw new ShapeError(`${name}: indices must be integers, got ${describe(indices)}`);
  }
  const fits =
    indices.shape.length === x.shape.length && indices.shape.every((side, i) => i === axis || side <= x.shape[i]!);
  if (!fits) {
    throw new ShapeError(
      `${name}: indices ${describe(indices)} do not fit ${describe(x)}; expected the same number of axes, and no side larger than that of the tensor except along axis ${axis}`,
    );
  }
}

const gatherOperation: Operation<Along> = {
  name: "gather",
  mayFail: true,
  infer: ([x, indices], { axis }) => {
    requireIndices("gather", x!, indices!, axis);
    return [{ dtype: x!.dtype, shape: indices!.shape }];
  },
  emit: ({ inputs, outputs, attributes }, emitter) => {
    emitter.node("GatherElements", inputs.map(emitter.name), [emitter.name(outputs[0]!)], {
      axis: { int: attributes.axis },
    });
  },
  // An entry that is gathered several times gets the sum of their gradients.
  gradient: ({ inputs: [x, indices], attributes: { axis } }, [g]) => [
    isFloat(x!.dtype) ? scatter(zerosOf(x!), indices!, g!, axis, "add") : undefined,
    undefined,
  ],
};

/**
 * Entries of x at integer positions along an axis, as `torch.gather`: y[i, j, ...] = x[indices[i, j, ...], j, ...] for axis 0. The result
 * has the shape of `indices`, which has the axes of x and no larger side except along the axis. Throws ShapeError. A position outside of
 * 0 to side - 1 is an error of the run.
 */
export function gather<D extends DType>(x: Tensor<D>, indices: Tensor, axis: number): Tensor<D> {
  return applied(gatherOperation, [x, indices], { axis: resolveAxis("gather", axis, x.shape.length) });
}

/** What happens to an entry that updates reach: it is replaced by the update, or their sum is added to it. */
export type ScatterReduction = "replace" | "add";

interface Scatter extends Along {
  readonly reduction: ScatterReduction;
}

const scatterOperation: Operation<Scatter> = {
  name: "scatter",
  mayFail: true,
  infer: ([x, indices, updates], { axis }) => {
    const dtype = requireSameDType("scatter", [x!, updates!]);
    if (dtype === "bool" || dtype === "uint8") {
      throw new ShapeError(`scatter: cannot scatter into ${describe(x!)}; cast it first`);
    }
    requireIndices("scatter", x!, indices!, axis);
    if (indices!.shape.join() !== updates!.shape.join()) {
      throw new ShapeError(
        `scatter: updates ${describe(updates!)} and indices ${describe(indices!)} have different shapes; expected one index for each update`,
      );
    }
    return [x!];
  },
  emit: (node, emitter) => {
    const { inputs, outputs, attributes } = node;
    if (!emitter.runs("ScatterElements")) {
      emitByComparison(inputs as [Tensor, Tensor, Tensor], emitter.name(outputs[0]!), attributes, emitter);
      return;
    }
    emitter.node("ScatterElements", inputs.map(emitter.name), [emitter.name(outputs[0]!)], {
      axis: { int: attributes.axis },
      reduction: { string: attributes.reduction === "add" ? "add" : "none" },
    });
  },
  gradient: ({ inputs: [x, indices, updates], attributes: { axis, reduction } }, [g]) => {
    if (!isFloat(x!.dtype)) return [];
    const dx = reduction === "add" ? g! : scatter(g!, indices!, zerosOf(updates!), axis, "replace");
    return [dx, undefined, gather(g!, indices!, axis)];
  },
};

/**
 * Emits a scatter as comparisons of every index with every position: an entry is the sum of the updates whose index is its position. Its
 * memory grows with the number of updates times the side, so it is for devices without the node.
 */
function emitByComparison(
  [x, indices, updates]: readonly [Tensor, Tensor, Tensor],
  output: string,
  { axis, reduction }: Scatter,
  emitter: Emitter,
): void {
  const node = (type: string, operands: readonly string[], attributes = {}, result = emitter.temporary()): string => {
    emitter.node(type, operands, [result], attributes);
    return result;
  };
  const side = x.shape[axis]!;
  // Updates [..., count, 1, ...] meet positions [side, 1, ...] in [..., count, side, ...], which is summed over the count.
  const apart = emitter.int64([...updates.shape.slice(0, axis + 1), 1, ...updates.shape.slice(axis + 1)]);
  const range = emitter.float(
    Array.from({ length: side }, (_, i) => i),
    indices.dtype,
  );
  const positions = node("Reshape", [range, emitter.int64([side, ...updates.shape.slice(axis + 1).map(() => 1)])]);
  const hits = node("Equal", [node("Reshape", [emitter.name(indices), apart]), positions]);
  const fold = (type: string, values: string): string => {
    const folded = node(type, [values, emitter.int64([axis])], { keepdims: { int: 0 } });
    // Nothing arrives in the rows of x beyond those of the updates.
    const missing = x.shape.map((length, i) => (i === axis ? 0 : length - updates.shape[i]!));
    if (missing.every((length) => length === 0)) return folded;
    return node("Pad", [folded, emitter.int64([...missing.map(() => 0), ...missing])]);
  };
  const placed = node("Where", [hits, node("Reshape", [emitter.name(updates), apart]), emitter.float(0, x.dtype)]);
  const sums = fold("ReduceSum", placed);
  if (reduction === "add") {
    node("Add", [emitter.name(x), sums], {}, output);
    return;
  }
  const reached = fold("ReduceMax", node("Cast", [hits], { to: { int: onnxTypeCodes.float32 } }));
  node("Where", [node("Greater", [reached, emitter.float(0)]), sums, emitter.name(x)], {}, output);
}

/**
 * x with updates at integer positions along an axis, as `torch.scatter` and `torch.scatter_add`: y[indices[i, j, ...], j, ...] is
 * updates[i, j, ...] (for axis 0) or, with the reduction "add", x there plus all updates for it. `updates` has the shape of `indices`, which
 * has the axes of x and no larger side except along the axis. With "replace", the indices along the axis must be distinct; of several
 * updates for one entry, which one is kept is not defined, nor are their gradients. Throws ShapeError. A position outside of 0 to side - 1
 * is an error of the run.
 */
export function scatter<D extends DType>(
  x: Tensor<D>,
  indices: Tensor,
  updates: Tensor,
  axis: number,
  reduction: ScatterReduction = "replace",
): Tensor<D> {
  const along = resolveAxis("scatter", axis, x.shape.length);
  const [result] = apply(scatterOperation, [x, indices, updates], { axis: along, reduction });
  return elementCount(updates.shape) === 0 ? x : (result as Tensor<D>);
}

/** The scatter of entries whose positions are known to be in range. */
const placeOperation: Operation<Scatter> = { ...scatterOperation, mayFail: false };

interface Top extends Along {
  readonly k: number;
  readonly largest: boolean;
}

const topKOperation: Operation<Top> = {
  name: "topK",
  infer: ([x], { axis, k }) => {
    const shape = x!.shape.map((side, i) => (i === axis ? k : side));
    return [
      { dtype: x!.dtype, shape },
      { dtype: "int64", shape },
    ];
  },
  emit: ({ inputs, outputs, attributes: { axis, k, largest } }, emitter) => {
    emitter.node("TopK", [emitter.name(inputs[0]!), emitter.int64([k])], outputs.map(emitter.name), {
      axis: { int: axis },
      largest: { int: largest ? 1 : 0 },
    });
  },
  gradient: ({ inputs: [x], outputs: [, indices], attributes: { axis } }, [g]) => [
    g && isFloat(x!.dtype)
      ? apply(placeOperation, [zerosOf(x!), indices!, g], { axis, reduction: "replace" })[0]
      : undefined,
  ],
};

/**
 * The k largest entries along an axis (default: the last) from the largest to the smallest, or with `largest: false` the smallest from the
 * smallest on: their values and their positions (int64), both with k entries along the axis. Of equal entries the first comes first. The
 * gradient goes to the chosen entries. Throws ShapeError if k is not between 1 and the side.
 */
export function topK<D extends DType>(
  x: Tensor<D>,
  k: number,
  { axis = -1, largest = true }: { readonly axis?: number; readonly largest?: boolean } = {},
): { values: Tensor<D>; indices: Tensor<"int64"> } {
  const along = resolveAxis("topK", axis, x.shape.length);
  if (!isFloat(x.dtype) && x.dtype !== "int32" && x.dtype !== "int64") {
    throw new ShapeError(`topK: cannot order ${describe(x)}; cast it first`);
  }
  if (!Number.isInteger(k) || k < 1 || k > x.shape[along]!) {
    throw new ShapeError(
      `topK: got ${k} for axis ${along} of ${describe(x)}; expected an integer from 1 to ${x.shape[along]}`,
    );
  }
  const [values, indices] = apply(topKOperation, [x], { axis: along, k, largest });
  return { values: values as Tensor<D>, indices: indices as Tensor<"int64"> };
}

const argMaxOperation: Operation<Along & { readonly keepDimensions: boolean }> = {
  name: "argMax",
  infer: ([x], { axis, keepDimensions }) => {
    if (!isFloat(x!.dtype) && x!.dtype !== "int32") {
      throw new ShapeError(`argMax: cannot order ${describe(x!)}; cast it to float32 or int32 first`);
    }
    const kept = keepDimensions ? [1] : [];
    return [{ dtype: "int64", shape: x!.shape.flatMap((side, i) => (i === axis ? kept : [side])) }];
  },
  emit: ({ inputs, outputs, attributes: { axis, keepDimensions } }, emitter) => {
    emitter.node("ArgMax", inputs.map(emitter.name), [emitter.name(outputs[0]!)], {
      axis: { int: axis },
      keepdims: { int: keepDimensions ? 1 : 0 },
    });
  },
};

/**
 * Position (int64) of the largest entry along an axis (default: the last), of equal ones the first; the axis is removed, or has the side 1
 * with `keepDimensions`. It has no gradient. Throws ShapeError.
 */
export const argMax = (x: Tensor, axis = -1, keepDimensions = false): Tensor<"int64"> =>
  applied(argMaxOperation, [x], { axis: resolveAxis("argMax", axis, x.shape.length), keepDimensions });
