// Position embeddings of a grid of patches.
import { constant, type DType, type Tensor } from "../graph/index.js";

/**
 * The fixed 2-D sine/cosine embedding [1, height * width, d], row-major: [sin(x w), cos(x w), sin(y w), cos(y w)] with
 * w_k = 10000^(-k / (d/4 - 1)) (papers.md 1.7). Throws RangeError unless d is a multiple of 4, at least 8.
 */
export function sincos2d(height: number, width: number, d: number): Float32Array {
  if (d % 4 !== 0 || d < 8)
    throw new RangeError(`sincos2d position embedding needs a width that 4 divides, at least 8; got ${d}`);
  const quarter = d / 4;
  const table = new Float32Array(height * width * d);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const offset = (y * width + x) * d;
      for (let k = 0; k < quarter; k++) {
        const omega = 10000 ** (-k / (quarter - 1));
        table[offset + k] = Math.sin(x * omega);
        table[offset + quarter + k] = Math.cos(x * omega);
        table[offset + 2 * quarter + k] = Math.sin(y * omega);
        table[offset + 3 * quarter + k] = Math.cos(y * omega);
      }
    }
  }
  return table;
}

/** `sincos2d` as a constant of the graph. */
export const sincos2dTensor = (height: number, width: number, d: number, dtype: DType): Tensor =>
  constant(sincos2d(height, width, d), [1, height * width, d], dtype);
