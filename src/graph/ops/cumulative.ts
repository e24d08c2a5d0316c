/** Cumulative sums along an axis. */
import {
  applied,
  apply,
  type DType,
  describe,
  isFloat,
  type Operation,
  resolveAxis,
  ShapeError,
  type Tensor,
} from "../tensor.js";
import { asFloat32, inFloat32 } from "./half.js";

interface Cumulative {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

// y[i] = sum of x[j] over j <= i, so dx[j] = sum of g[i] over i >= j: the same sum from the other end.
const cumsumOperation: Operation<Cumulative> = {
  name: "cumsum",
  infer: ([x]) => {
    if (!isFloat(x!.dtype) && x!.dtype !== "int32" && x!.dtype !== "int64") {
      throw new ShapeError(`cumsum: cannot add ${describe(x!)}; cast it first`);
    }
    return [x!];
  },
  emit: ({ inputs, outputs, attributes: { axis, exclusive, reverse } }, emitter) => {
    const operands = [asFloat32(inputs[0]!, emitter), emitter.int64([axis])];
    const flags = { exclusive: { int: exclusive ? 1 : 0 }, reverse: { int: reverse ? 1 : 0 } };
    inFloat32(outputs[0]!, emitter, (result) => emitter.node("CumSum", operands, [result], flags));
  },
  gradient: ({ inputs: [x], attributes }, [g]) => [
    isFloat(x!.dtype) ? apply(cumsumOperation, [g!], { ...attributes, reverse: !attributes.reverse })[0] : undefined,
  ],
};

/**
 * Sums of the entries along an axis up to and including each entry; the shape is that of x. `exclusive` excludes the entry itself, `reverse`
 * sums from the end. Throws ShapeError for bool and uint8, and if the axis does not exist.
 */
export const cumsum = <D extends DType>(
  x: Tensor<D>,
  axis: number,
  { exclusive = false, reverse = false }: { readonly exclusive?: boolean; readonly reverse?: boolean } = {},
): Tensor<D> => {
  const along = resolveAxis("cumsum", axis, x.shape.length);
  return applied(cumsumOperation, [x], { axis: along, exclusive, reverse });
};
