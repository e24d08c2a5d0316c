/**
 * Fits saturating power laws E(x) = a (x + d)^(-b) + c, the form of "Scaling Vision Transformers" (Zhai et al., 2022; papers.md 8): b is the
 * exponent, c the error that remains, d shifts the law so that the error at x = 0 is finite.
 */
import { minimise } from "./lbfgs.js";

export interface PowerLaw {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** A measured point: error `y` > 0 at compute or images `x` > 0. */
export interface LawPoint {
  readonly x: number;
  readonly y: number;
}

/** The error that a law predicts at x. */
export const lawAt = ({ a, b, c, d }: PowerLaw, x: number): number => a * (x + d) ** -b + c;

/** Options of `fitPowerLaw`. */
export interface FitPowerLawOptions {
  /** Fit c, the error that remains. Default: true; otherwise c = 0. */
  readonly saturates?: boolean;
  /** Fit the shift d. Default: true; otherwise d = 0. */
  readonly shifted?: boolean;
}

/** The law and the root mean square of its errors in log y. */
export interface FittedLaw {
  readonly law: PowerLaw;
  readonly logError: number;
}

/** First guesses of the exponent, and of c and d as fractions of the smallest y and x: the error has several local minima. */
const exponents = [0.1, 0.3, 0.8];
const saturations = [0.1, 0.6, 0.95];
const shifts = [0.01, 1];

/**
 * Fits a law by least squares of log y, from several first guesses by L-BFGS. x and y are scaled inside, so that their units do not matter.
 * Throws RangeError for fewer points than parameters and for values that are not positive.
 */
export async function fitPowerLaw(points: readonly LawPoint[], options: FitPowerLawOptions = {}): Promise<FittedLaw> {
  const { saturates = true, shifted = true } = options;
  const parameters = 2 + Number(saturates) + Number(shifted);
  if (points.length < parameters) {
    throw new RangeError(`a power law of ${parameters} parameters needs as many points; given ${points.length}`);
  }
  if (!points.every(({ x, y }) => x > 0 && y > 0 && Number.isFinite(x) && Number.isFinite(y))) {
    throw new RangeError("a power law needs positive, finite x and y");
  }
  const unit = Math.exp(points.reduce((sum, { x }) => sum + Math.log(x), 0) / points.length);
  const scaled = points.map(({ x, y }) => ({ x: x / unit, y }));
  const least = scaled.reduce((most, { y }) => Math.min(most, y), Number.POSITIVE_INFINITY);
  const nearest = scaled.reduce((most, { x }) => Math.min(most, x), Number.POSITIVE_INFINITY);
  const decode = (z: Float64Array): PowerLaw => ({
    a: Math.exp(z[0] ?? 0),
    b: Math.exp(z[1] ?? 0),
    c: saturates ? least / (1 + Math.exp(-(z[2] ?? 0))) : 0,
    d: shifted ? nearest * Math.exp(z[3] ?? 0) : 0,
  });
  let best: { value: number; law: PowerLaw } | undefined;
  for (const b of exponents) {
    for (const s of saturates ? saturations : [0.5]) {
      for (const shift of shifted ? shifts : [1]) {
        const c = saturates ? s * least : 0;
        const a = Math.max(least - c, 0.1 * least);
        const start = Float64Array.of(Math.log(a), Math.log(b), Math.log(s / (1 - s)), Math.log(shift));
        const { value, point } = await minimise(async (z) => squares(z, scaled, decode, least), start);
        if (!best || value < best.value) best = { value, law: decode(point) };
      }
    }
  }
  const { value, law } = best as { value: number; law: PowerLaw };
  // a (x / unit + d)^(-b) = a unit^b (x + d unit)^(-b)
  return {
    law: { a: law.a * unit ** law.b, b: law.b, c: law.c, d: law.d * unit },
    logError: Math.sqrt(value),
  };
}

/** Mean squared error in log y and its gradient with respect to (log a, log b, logit of c / least, log of d / nearest). */
function squares(z: Float64Array, points: readonly LawPoint[], decode: (z: Float64Array) => PowerLaw, least: number) {
  const law = decode(z);
  const { a, b, c, d } = law;
  const gradient = new Float64Array(4);
  let value = 0;
  for (const { x, y } of points) {
    const power = a * (x + d) ** -b;
    const predicted = power + c;
    const residual = Math.log(predicted / y);
    const slope = (2 * residual) / predicted / points.length;
    value += residual ** 2 / points.length;
    gradient[0]! += slope * power;
    gradient[1]! += slope * power * -b * Math.log(x + d);
    gradient[2]! += slope * c * (1 - c / least);
    gradient[3]! += slope * power * ((-b * d) / (x + d));
  }
  return { value, gradient };
}

/** Interval of each parameter, and of the prediction at `x`, by resampling points with replacement. */
export interface LawInterval {
  readonly a: readonly [number, number];
  readonly b: readonly [number, number];
  readonly c: readonly [number, number];
  readonly d: readonly [number, number];
  readonly prediction: readonly [number, number];
}

/**
 * 95 % percentile intervals of a fit by the bootstrap (Efron, 1979) over points.
 *
 * @param draw returns a whole number from 0 to n - 1
 */
export async function bootstrapLaw(
  points: readonly LawPoint[],
  x: number,
  draw: (n: number) => number,
  { resamples = 100, ...options }: FitPowerLawOptions & { readonly resamples?: number } = {},
): Promise<LawInterval> {
  const laws: PowerLaw[] = [];
  while (laws.length < resamples) {
    const chosen = points.map(() => points[draw(points.length)] as LawPoint);
    // a resample of one x says nothing of an exponent
    if (new Set(chosen.map((one) => one.x)).size < 3) continue;
    laws.push((await fitPowerLaw(chosen, options)).law);
  }
  const interval = (value: (law: PowerLaw) => number): [number, number] => {
    const sorted = laws.map(value).sort((p, q) => p - q);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
    return [at(0.025), at(0.975)];
  };
  return {
    a: interval(({ a }) => a),
    b: interval(({ b }) => b),
    c: interval(({ c }) => c),
    d: interval(({ d }) => d),
    prediction: interval((law) => lawAt(law, x)),
  };
}
