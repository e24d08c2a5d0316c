/**
 * What each patch contributes to a logit. A linear head on the mean of vectors is the mean of the head on each vector, so the parts are exact;
 * for maps of channels they are the class activation map (Zhou et al., 2016, arXiv:1512.04150).
 */

/** Parameters of a layer norm over vectors [width]. */
export interface LayerNormParameters {
  readonly scale: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
  readonly epsilon: number;
}

/**
 * Contribution of each of `count` vectors [count, width] to the product of their mean with `direction` [width]: its own product with it,
 * divided by `count`. The contributions sum to the product of the mean.
 */
export function meanContributions(
  vectors: ArrayLike<number>,
  count: number,
  direction: ArrayLike<number>,
): Float64Array {
  const width = direction.length;
  return Float64Array.from({ length: count }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += (vectors[i * width + k] ?? 0) * (direction[k] ?? 0);
    return sum / count;
  });
}

/**
 * Turns a layer norm between the mean and a linear function into a part of the function, so that `meanContributions` applies: for the mean m of
 * `vectors` [count, width], norm(m) . direction = m . returned direction + constant.
 *
 * The norm divides by the deviation over the channels of m, which depends on all vectors. It is held at its value for this image. The parts
 * then sum to the product exactly, but a vector's influence on the deviation is not its own.
 */
export function throughNorm(
  vectors: ArrayLike<number>,
  count: number,
  { scale, bias, epsilon }: LayerNormParameters,
  direction: ArrayLike<number>,
): { readonly direction: Float64Array; readonly constant: number } {
  const width = direction.length;
  const mean = new Float64Array(width);
  for (let i = 0; i < count * width; i++) mean[i % width] = (mean[i % width] ?? 0) + (vectors[i] ?? 0) / count;
  const centre = mean.reduce((sum, value) => sum + value, 0) / width;
  const variance = mean.reduce((sum, value) => sum + (value - centre) ** 2, 0) / width;
  const deviation = Math.sqrt(variance + epsilon);
  const scaled = Float64Array.from(direction, (value, k) => (value * (scale[k] ?? 0)) / deviation);
  // the norm subtracts the mean over the channels, which takes the mean out of the direction
  const level = scaled.reduce((sum, value) => sum + value, 0) / width;
  const constant = Array.from(direction).reduce((sum, value, k) => sum + value * (bias[k] ?? 0), 0);
  return { direction: scaled.map((value) => value - level), constant };
}

/**
 * Gradient times input, summed over the channels and the pixels of each cell of a grid (Shrikumar et al., 2016, arXiv:1605.01713): to first
 * order, what the change of a cell to 0 would take away.
 *
 * @param gradient [height, width, channels], like `pixels`
 * @returns [rows * columns]
 */
export function gradientTimesInput(
  gradient: ArrayLike<number>,
  pixels: ArrayLike<number>,
  [height, width, channels]: readonly [number, number, number],
  { rows, columns }: { readonly rows: number; readonly columns: number },
): Float64Array {
  const cells = new Float64Array(rows * columns);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const cell = Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width);
      for (let c = 0; c < channels; c++) {
        const i = (y * width + x) * channels + c;
        cells[cell] = (cells[cell] ?? 0) + (gradient[i] ?? 0) * (pixels[i] ?? 0);
      }
    }
  }
  return cells;
}
