/**
 * L-BFGS: minimises a smooth function of many variables from its gradients (Liu and Nocedal, Mathematical Programming 45, 1989;
 * the two-loop recursion is algorithm 7.4 of Nocedal and Wright, Numerical Optimization, 2nd edition).
 */

/** A function's value and gradient at a point. */
export interface Evaluated {
  readonly value: number;
  readonly gradient: Float64Array;
}

export interface LbfgsOptions {
  /** Number of stored pairs of steps and gradient changes; default: 10. */
  readonly memory?: number;
  /** Default: 1,000. */
  readonly maxIterations?: number;
  /** Stops when no entry of the gradient has a larger magnitude; default: 1e-8. */
  readonly gradientTolerance?: number;
  readonly signal?: AbortSignal;
}

export interface Minimum extends Evaluated {
  readonly point: Float64Array;
  readonly iterations: number;
  /**
   * Whether it stopped because the tolerance was reached, and not after the last iteration or a step too small to
   * change the value.
   */
  readonly converged: boolean;
}

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly inverse: number;
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

const largestMagnitude = (a: Float64Array): number => {
  let most = 0;
  for (const value of a) most = Math.max(most, Math.abs(value));
  return most;
};

const along = (point: Float64Array, direction: Float64Array, length: number): Float64Array =>
  point.map((value, i) => value + length * direction[i]!);

/**
 * Armijo's and Wolfe's constants, and the maximum number of line search evaluations (Nocedal and Wright, chapter 3; 50
 * as in DINOv2).
 */
const sufficientDecrease = 1e-4;
const curvature = 0.9;
const maxTrials = 50;

/** Minimises `evaluate` from `start`. Throws the signal's reason when it is aborted. */
export async function minimise(
  evaluate: (point: Float64Array) => Promise<Evaluated>,
  start: Float64Array,
  { memory = 10, maxIterations = 1000, gradientTolerance = 1e-8, signal }: LbfgsOptions = {},
): Promise<Minimum> {
  const pairs: Pair[] = [];
  let point = start;
  let now = await evaluate(point);
  for (let iterations = 0; ; iterations++) {
    signal?.throwIfAborted();
    const converged = largestMagnitude(now.gradient) <= gradientTolerance;
    if (converged || iterations === maxIterations) return { point, ...now, iterations, converged };
    const direction = descent(now.gradient, pairs);
    const first = pairs.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(now.gradient, now.gradient))) : 1;
    const found = await lineSearch(evaluate, point, now, direction, first);
    if (!found) return { point, ...now, iterations, converged };
    const step = found.point.map((value, i) => value - point[i]!);
    const change = found.gradient.map((value, i) => value - now.gradient[i]!);
    const product = dot(step, change);
    if (product > 0) pairs.push({ step, change, inverse: 1 / product });
    if (pairs.length > memory) pairs.shift();
    ({ point } = found);
    now = found;
  }
}

/** The negative gradient, multiplied by the approximate inverse Hessian that the pairs define. */
function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((value) => -value);
  const add = (to: Float64Array, from: Float64Array, factor: number) => {
    for (let i = 0; i < to.length; i++) to[i]! += factor * from[i]!;
  };
  const weights: number[] = [];
  for (const { step, change, inverse } of pairs.toReversed()) {
    const weight = inverse * dot(step, direction);
    weights.push(weight);
    add(direction, change, -weight);
  }
  const last = pairs.at(-1);
  if (last) {
    const scale = 1 / (last.inverse * dot(last.change, last.change));
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  for (const { step, change, inverse } of pairs)
    add(direction, step, weights.pop()! - inverse * dot(change, direction));
  return direction;
}

/**
 * Finds a step that satisfies the weak Wolfe conditions, by bisection (Lewis and Overton, Mathematical Programming 141,
 * 2013). Undefined when rounding errors leave none.
 */
async function lineSearch(
  evaluate: (point: Float64Array) => Promise<Evaluated>,
  from: Float64Array,
  { value, gradient }: Evaluated,
  direction: Float64Array,
  first: number,
): Promise<(Evaluated & { readonly point: Float64Array }) | undefined> {
  const slope = dot(gradient, direction);
  if (!(slope < 0)) return undefined;
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  let length = first;
  for (let trial = 0; trial < maxTrials; trial++) {
    const point = along(from, direction, length);
    const there = await evaluate(point);
    if (!(there.value <= value + sufficientDecrease * length * slope)) high = length;
    else if (dot(there.gradient, direction) < curvature * slope) low = length;
    else return { point, ...there };
    length = Number.isFinite(high) ? (low + high) / 2 : 2 * low;
  }
  return undefined;
}
