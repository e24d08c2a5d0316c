/** Adafactor as used in "Scaling Vision Transformers": big_vision's scale_by_adafactor (papers.md 5.3). */
import {
  add,
  divide,
  elementCount,
  maximum,
  multiply,
  reciprocal,
  reduceMean,
  reduceSum,
  reshape,
  type Shape,
  scalar,
  sqrt,
  type Tensor,
} from "../graph/index.js";
import { accumulated, type MomentumDType } from "./momentum.js";
import { squareSum } from "./norms.js";
import type { OptimizerContext, Transformation, Update } from "./transformation.js";

export interface AdafactorOptions {
  /** Minimum of the second largest side for which the second moment is factored. Default: 32. */
  readonly minDimSizeToFactor?: number;
  /** c in beta2 = 1 - t^-c. Default: 0.8. */
  readonly decayRate?: number;
  /** Offset of t in steps: t = step + 1 - offset, at least 1 (negative values start with a larger t). */
  readonly decayOffset?: number;
  /** Upper bound of beta2. Default: 0.999. */
  readonly beta2Cap?: number;
  /** Root mean square to which the update of a tensor is clipped. Default: no clipping. */
  readonly clippingThreshold?: number;
  /** m = momentum m + (1 - momentum) update; 0 disables momentum. Default: 0.9. */
  readonly momentum?: number;
  /** Storage type of the momentum. Default: "float16". */
  readonly momentumDtype?: MomentumDType;
  /** Added to squared gradients. Default: 1e-30. */
  readonly epsilon?: number;
}

/** Decay of the second moment at a step (0 is the first update): 0 at first, then 1 - t^-0.8 up to 0.999. */
export function adafactorBeta2(
  step: number,
  { decayRate = 0.8, decayOffset = 0, beta2Cap = 0.999 }: AdafactorOptions = {},
): number {
  return Math.min(beta2Cap, 1 - Math.max(1, step + 1 - decayOffset) ** -decayRate);
}

/**
 * Axes over which the second moment of a tensor is factored, [second largest, largest]; of equal sides the later one counts as larger.
 * Returns undefined if the moment is not factored. Kernels may have any rank: those of convolutions are factored over their channels,
 * separately for each position.
 */
export function factoredAxes(shape: Shape, minDimSizeToFactor = 32): readonly [number, number] | undefined {
  const bySide = shape.map((_, axis) => axis).sort((a, b) => shape[a]! - shape[b]! || a - b);
  const [second, largest] = bySide.slice(-2);
  if (second === undefined || largest === undefined || shape[second]! < minDimSizeToFactor) return undefined;
  return [second, largest];
}

/**
 * Adafactor without relative step sizes and without scaling by the parameters. Gradients are divided by the root of their second moment,
 * which is stored for large kernels as the means of its rows and columns. Momentum without bias correction follows.
 */
export const scaleByAdafactor =
  (options: AdafactorOptions = {}): Transformation =>
  (updates, context) => {
    const { minDimSizeToFactor, clippingThreshold, momentum = 0.9, momentumDtype = "float16" } = options;
    return updates.map((update) => {
      const { name, value } = update;
      // Sides of 1 (kernels of 1x1 convolutions) are removed: the runtime is slow for tensors whose last side is 1.
      const shape = value.shape.filter((side) => side !== 1);
      const axes = factoredAxes(shape, minDimSizeToFactor);
      const flat = { ...update, value: reshape(value, axes ? shape : value.shape) };
      const moment = secondMoment(context, options);
      const direction = reshape(axes ? factored(flat, axes, moment) : whole(flat, moment), value.shape);
      const scaled = { value: direction, factor: clippedFactor(direction, update.factor, clippingThreshold) };
      if (momentum === 0) return { ...update, ...scaled };
      const incoming = { ...scaled, factor: multiply(scaled.factor, 1 - momentum) };
      const m = accumulated(context, `adafactor/m/${name}`, momentum, incoming, momentumDtype);
      return { ...update, value: m, factor: scalar(1) };
    });
  };

/** Updates a running mean of squared gradients with those of this step (without epsilon), and returns it. */
type Moment = (name: string, squares: Tensor) => Tensor;

function secondMoment(context: OptimizerContext, options: AdafactorOptions): Moment {
  const { epsilon = 1e-30 } = options;
  // Both come from the host: 1 - beta2 computed in float32 would be wrong in the fifth digit.
  const kept = context.scalar("adafactor/kept", (step) => adafactorBeta2(step, options));
  const added = context.scalar("adafactor/added", (step) => 1 - adafactorBeta2(step, options));
  return (name, squares) =>
    context.state(name, squares.shape, (v) =>
      add(multiply(v, kept), multiply(epsilon === 0 ? squares : add(squares, epsilon), added)),
    );
}

/** g divided by the root of its full second moment, without the update's factor. */
function whole({ name, value, factor }: Update, moment: Moment): Tensor {
  const squares = multiply(multiply(value, value), multiply(factor, factor));
  return divide(value, sqrt(moment(`adafactor/v/${name}`, squares)));
}

/**
 * g (row / mean(row))^-1/2 column^-1/2, without the update's factor. `row` is the mean of squares over the largest axis, `column` over the
 * second largest. The mean of g^2 + epsilon is computed as the mean of g^2, plus epsilon.
 */
function factored({ name, value, factor }: Update, [second, largest]: readonly [number, number], moment: Moment) {
  const squares = multiply(value, value);
  const squaredFactor = multiply(factor, factor);
  // Means are computed as sums, because sums over the first axis are fast (see ops/reduce.ts).
  const mean = (axis: number) =>
    multiply(multiply(reduceSum(squares, axis, true), 1 / value.shape[axis]!), squaredFactor);
  const row = moment(`adafactor/row/${name}`, mean(largest));
  const column = moment(`adafactor/column/${name}`, mean(second));
  const rows = sqrt(divide(reduceMean(row, second, true), row));
  return multiply(multiply(value, rows), reciprocal(sqrt(column)));
}

/** Factor that also clips an update to the given root mean square (optax.clip_by_block_rms). */
function clippedFactor(value: Tensor, factor: Tensor, threshold: number | undefined): Tensor {
  if (threshold === undefined) return factor;
  const rms = multiply(sqrt(multiply(squareSum(value), 1 / elementCount(value.shape))), factor);
  return divide(factor, maximum(multiply(rms, 1 / threshold), 1));
}
