/** Rotations of images by multiples of 90 degrees. */
import type { DType, Tensor } from "../tensor.js";
import { concat, reverse, transpose } from "./shape.js";

/** Rotates square images [N, S, S, C] by 0, 90, 180 and 270 degrees; returns [4 N, S, S, C], first all images by 0, then all by 90, and so on. */
export function fourRotations<D extends DType>(image: Tensor<D>): Tensor<D> {
  const [rows, columns] = [1, 2];
  const transposed = (x: Tensor<D>) => transpose(x, [0, 2, 1, 3]);
  return concat(
    [
      image,
      transposed(reverse(image, [columns])),
      reverse(image, [rows, columns]),
      reverse(transposed(image), [columns]),
    ],
    0,
  );
}
