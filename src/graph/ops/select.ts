/** One-hot vectors and counting: integer selection by comparisons, which run on every device. */
import { type DType, describe, ShapeError, type Tensor } from "../tensor.js";
import { cast, equal } from "./elementwise.js";
import { constant } from "./leaf.js";
import { reshape } from "./shape.js";

/** Converts integer indices [...] to one-hot vectors [..., classes]; an index out of range gives a row of zeros. */
export function oneHot<D extends DType = "float32">(
  indices: Tensor,
  classes: number,
  dtype: D = "float32" as D,
): Tensor<D> {
  if (indices.dtype !== "int32" && indices.dtype !== "int64") {
    throw new ShapeError(`oneHot: indices must be integers, got ${describe(indices)}`);
  }
  const range = constant(
    Array.from({ length: classes }, (_, i) => i),
    [classes],
    indices.dtype,
  );
  return cast(equal(reshape(indices, [...indices.shape, 1]), range), dtype);
}
