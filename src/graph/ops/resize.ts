/** Bilinear resizing as two matrix products, which is differentiable and the same on every device. */
import { type DType, describe, isFloat, ShapeError, type Tensor } from "../tensor.js";
import { constant } from "./leaf.js";
import { matmul } from "./matmul.js";

/**
 * Mapping of output positions to input positions (papers.md 1.8): `halfPixel` as in tf.image and torch's align_corners=False,
 * `alignCorners` as in scipy's zoom.
 */
export type ResizeConvention = "halfPixel" | "alignCorners";

/** Interpolation weights [to * from], row-major: row i holds the weights of the inputs for output i. No antialiasing. */
export function bilinearWeights(from: number, to: number, convention: ResizeConvention): Float64Array {
  const weights = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const position =
      convention === "halfPixel" ? ((i + 0.5) * from) / to - 0.5 : to === 1 ? 0 : (i * (from - 1)) / (to - 1);
    const clamped = Math.min(Math.max(position, 0), from - 1);
    const low = Math.min(Math.floor(clamped), from - 1);
    const high = Math.min(low + 1, from - 1);
    weights[i * from + low]! += 1 - (clamped - low);
    weights[i * from + high]! += clamped - low;
  }
  return weights;
}

/** Resizes images [..., H, W] to [..., height, width]. Throws ShapeError. */
export function resizeBilinear<D extends DType>(
  x: Tensor<D>,
  height: number,
  width: number,
  convention: ResizeConvention = "halfPixel",
): Tensor<D> {
  if (x.shape.length < 2 || !isFloat(x.dtype) || ![height, width].every((side) => Number.isInteger(side) && side > 0)) {
    throw new ShapeError(
      `resizeBilinear: cannot resize ${describe(x)} to ${height} x ${width}; expected float images and sides of at least 1`,
    );
  }
  const [h, w] = x.shape.slice(-2) as [number, number];
  const rows = constant(bilinearWeights(h, height, convention), [height, h], x.dtype);
  const columns = constant(bilinearWeights(w, width, convention), [width, w], x.dtype);
  return matmul(matmul(rows, x), columns, { transposeB: true });
}
