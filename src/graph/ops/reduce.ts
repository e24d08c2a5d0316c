/** Reductions over axes: sum, mean, maximum and minimum. */
import { encodeNumbers } from "../numbers.js";
import {
  applied,
  type DType,
  describe,
  type Emitter,
  elementCount,
  isFloat,
  type Operation,
  resolveAxis,
  type Shape,
  ShapeError,
  type Tensor,
} from "../tensor.js";
import { cast, divide, equal, multiply, negate } from "./elementwise.js";
import { asFloat32, inFloat32 } from "./half.js";
import { expand, reshape } from "./shape.js";

interface Reduction {
  readonly axes: readonly number[];
  readonly keepDimensions: boolean;
}

const keptShape = (shape: Shape, axes: readonly number[]): number[] =>
  shape.map((side, axis) => (axes.includes(axis) ? 1 : side));

function reduction(
  name: string,
  onnx: string,
  gradient: (g: Tensor, x: Tensor, y: Tensor, axes: readonly number[]) => Tensor,
): Operation<Reduction> {
  return {
    name,
    infer: ([x], { axes, keepDimensions }) => {
      if (x!.dtype === "bool" || x!.dtype === "uint8") {
        throw new ShapeError(`${name}: cannot reduce ${describe(x!)}; cast it first`);
      }
      const shape = keepDimensions ? keptShape(x!.shape, axes) : x!.shape.filter((_, axis) => !axes.includes(axis));
      return [{ dtype: x!.dtype, shape }];
    },
    emit: ({ inputs, outputs, attributes }, emitter) => {
      if (onnx === "ReduceSum" && emitColumnSums(inputs[0]!, outputs[0]!, attributes.axes, emitter)) return;
      const operands = [asFloat32(inputs[0]!, emitter), emitter.int64(attributes.axes)];
      const keepdims = { int: attributes.keepDimensions ? 1 : 0 };
      inFloat32(outputs[0]!, emitter, (result) => emitter.node(onnx, operands, [result], { keepdims }));
    },
    gradient: ({ inputs: [x], outputs: [y], attributes: { axes } }, [g]) => {
      if (!isFloat(x!.dtype)) return [undefined];
      const shape = keptShape(x!.shape, axes);
      return [gradient(reshape(g!, shape), x!, reshape(y!, shape), axes)];
    },
  };
}

/**
 * Emits sums over the leading axes as a product with a row of ones, which is two to six times as fast as ReduceSum on the CPU. Returns
 * false if it does not apply. The gradients of biases and scales are such sums.
 */
function emitColumnSums(x: Tensor, y: Tensor, axes: readonly number[], emitter: Emitter): boolean {
  const rows = countOver(x.shape, axes);
  const columns = elementCount(x.shape) / rows;
  if (x.dtype !== "float32" || axes.some((axis, i) => axis !== i) || rows === 1 || columns === 1) return false;
  const matrix = x.shape.length === 2 ? emitter.name(x) : emitter.temporary();
  if (x.shape.length !== 2) emitter.node("Reshape", [emitter.name(x), emitter.int64([rows, columns])], [matrix]);
  const sums = emitter.temporary();
  const ones = emitter.temporary();
  emitter.initializer(ones, { dtype: "float32", shape: [1, rows] }, encodeNumbers(new Array(rows).fill(1), "float32"));
  emitter.node("MatMul", [ones, matrix], [sums]);
  emitter.node("Reshape", [sums, emitter.int64(y.shape)], [emitter.name(y)]);
  return true;
}

const countOver = (shape: Shape, axes: readonly number[]): number =>
  axes.reduce((product, axis) => product * shape[axis]!, 1);

/** Passes the gradient to the extreme values; ties share it equally. */
function extremeGradient(g: Tensor, x: Tensor, y: Tensor, axes: readonly number[]): Tensor {
  const hit = cast(equal(x, y), x.dtype);
  return multiply(hit, divide(g, reduceSum(hit, axes, true)));
}

const operations = {
  sum: reduction("reduceSum", "ReduceSum", (g, x) => expand(g, x.shape)),
  mean: reduction("reduceMean", "ReduceMean", (g, x, _, axes) =>
    expand(multiply(g, 1 / countOver(x.shape, axes)), x.shape),
  ),
  maximum: reduction("reduceMax", "ReduceMax", extremeGradient),
};

const applyReduction =
  (operation: Operation<Reduction>) =>
  <D extends DType>(x: Tensor<D>, axes?: number | readonly number[], keepDimensions = false): Tensor<D> => {
    const listed = axes === undefined ? x.shape.map((_, axis) => axis) : typeof axes === "number" ? [axes] : axes;
    const resolved = listed.map((axis) => resolveAxis(operation.name, axis, x.shape.length)).sort((a, b) => a - b);
    if (new Set(resolved).size < resolved.length) {
      throw new ShapeError(
        `${operation.name}: axes [${listed.join(", ")}] of ${describe(x)} repeat an axis; give each axis once`,
      );
    }
    if (resolved.length === 0) return x;
    return applied(operation, [x], { axes: resolved, keepDimensions });
  };

/** Sum over the given axes (default: all); negative axes count from the end. Throws ShapeError. */
export const reduceSum = applyReduction(operations.sum);
/** Mean over the given axes (default: all). */
export const reduceMean = applyReduction(operations.mean);
/** Maximum over the given axes (default: all); tied entries share its gradient equally. */
export const reduceMax = applyReduction(operations.maximum);
/** Minimum over the given axes (default: all); tied entries share its gradient equally. */
export const reduceMin = <D extends DType>(
  x: Tensor<D>,
  axes?: number | readonly number[],
  keepDimensions = false,
): Tensor<D> => negate(reduceMax(negate(x), axes, keepDimensions));
