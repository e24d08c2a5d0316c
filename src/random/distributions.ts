/** Draws Gamma and Beta numbers from any source of uniform numbers, so that every seeded generator of the project can be used. */

/** A source of uniform numbers on [0, 1). */
export type Uniform = () => number;

/**
 * Logarithm of a Gamma(shape, 1) number, by Marsaglia and Tsang 2000 ("A simple method for generating gamma variables"); for shapes below 1,
 * Gamma(shape + 1) times U^(1/shape). The logarithm does not underflow where the number would.
 * `uniform` returns numbers on [0, 1).
 */
export function logGamma(shape: number, uniform: Uniform): number {
  if (!(shape > 0 && Number.isFinite(shape)))
    throw new RangeError(`the shape of a Gamma is ${shape}; give a number above 0`);
  // 1 - U is in (0, 1], where the logarithm is finite.
  if (shape < 1) return logGamma(shape + 1, uniform) + Math.log(1 - uniform()) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v);
  }
}

/** Draws a Beta(a, b) number on [0, 1]; a and b above 0, and `uniform` returns numbers on [0, 1). */
export function beta(a: number, b: number, uniform: Uniform): number {
  const x = logGamma(a, uniform);
  return 1 / (1 + Math.exp(logGamma(b, uniform) - x));
}
