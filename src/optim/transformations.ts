/** The transformations optimisers are made of, each as the reference chain has it (papers.md 5.2). */
import { add, divide, maximum, multiply, scalar, sqrt, subtract } from "../graph/index.js";
import { accumulated, type MomentumDType } from "./momentum.js";
import { globalNorm } from "./norms.js";
import type { Schedule } from "./schedules.js";
import { materialised, type Transformation } from "./transformation.js";

/** Leaves parameters out of what follows: they stay as they are, keep no state, and clipping does not count them. */
export const freeze =
  (isFrozen: (path: string) => boolean): Transformation =>
  (updates) =>
    updates.filter(({ name }) => !isFrozen(name));

/**
 * Scales all gradients by min(1, maxNorm / norm), norm the root of the sum of squares over every gradient
 * (papers.md 5.2).
 */
export const clipByGlobalNorm =
  (maxNorm: number): Transformation =>
  (updates) => {
    const factor = divide(maxNorm, maximum(globalNorm(updates.map((update) => update.value)), maxNorm));
    return updates.map((update) => ({ ...update, factor: multiply(update.factor, factor) }));
  };

/**
 * Adam (Kingma and Ba, 2015, algorithm 1): m / (1 - b1^t) over sqrt(v / (1 - b2^t)) + epsilon, t = step + 1.
 * Written as a m / (sqrt(v) + epsilon c) with c = sqrt(1 - b2^t), a = c / (1 - b1^t) from the host. `momentumDtype` is that of m; v stays in float32, for half of it is too little (papers.md 8).
 */
export const scaleByAdam =
  ({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, momentumDtype = "float32" as MomentumDType } = {}): Transformation =>
  (updates, context) => {
    const correction = (step: number) => Math.sqrt(1 - beta2 ** (step + 1));
    const factor = context.scalar("adam/factor", (step) => correction(step) / (1 - beta1 ** (step + 1)));
    const floor = context.scalar("adam/epsilon", (step) => epsilon * correction(step));
    return updates.map((update) => {
      const { name, value: g } = update;
      const first = multiply(update.factor, 1 - beta1);
      const second = multiply(multiply(update.factor, update.factor), 1 - beta2);
      const m = accumulated(context, `adam/m/${name}`, beta1, { value: g, factor: first }, momentumDtype);
      const v = context.state(`adam/v/${name}`, g.shape, (v) =>
        add(multiply(v, beta2), multiply(multiply(g, g), second)),
      );
      return { ...update, value: divide(m, add(sqrt(v), floor)), factor };
    });
  };

/** SGD momentum as optax.trace: m = g + momentum m; with nesterov the update is g + momentum m (papers.md 5.3). */
export const trace =
  (momentum: number, nesterov = false, dtype: MomentumDType = "float32"): Transformation =>
  (updates, context) =>
    updates.map((update) => {
      const incoming = update.decay ? { value: materialised(update), factor: scalar(1) } : update;
      const m = accumulated(context, `momentum/${update.name}`, momentum, incoming, dtype);
      const value = nesterov ? add(multiply(incoming.value, incoming.factor), multiply(m, momentum)) : m;
      return { ...update, value, factor: scalar(1), decay: undefined };
    });

/** Multiplies every update by a number. */
export const scaleBy =
  (factor: number): Transformation =>
  (updates) =>
    updates.map((update) => ({ ...update, factor: multiply(update.factor, factor) }));

/** [regular expression matched against the whole path, multiplier]; the first that matches decides. */
export type Patterns<T = number> = readonly (readonly [string, T])[];

/** What the patterns say of a path; `otherwise` when none matches. */
export function patternValue<T>(patterns: Patterns<T>, path: string, otherwise: T): T {
  const found = patterns.find(([pattern]) => new RegExp(`^(?:${pattern})$`).test(path));
  return found ? found[1] : otherwise;
}

/** Multiplies the updates of matching parameters. */
export const scaleByPattern =
  (patterns: Patterns): Transformation =>
  (updates) =>
    updates.map((update) => ({
      ...update,
      factor: multiply(update.factor, patternValue(patterns, update.name, 1)),
    }));

/** Decayed by default: kernels, but not biases, scales, embeddings or probes (papers.md 5.2). */
export const defaultDecayPatterns: Patterns = [[".*/kernel", 1]];

/** Adds weightDecay * multiplier * parameter: decoupled, after the learning rate (papers.md 5.2). */
export const addDecayedWeights =
  (weightDecay: number, patterns: Patterns = defaultDecayPatterns): Transformation =>
  (updates) =>
    updates.map((update) => {
      const decay = weightDecay * patternValue(patterns, update.name, 0);
      return decay === 0 ? update : { ...update, decay: update.decay ? add(update.decay, decay) : scalar(decay) };
    });

/**
 * Adds l2Penalty * multiplier * parameter to the gradient, before momentum and learning rate: the gradient of
 * l2Penalty / 2 * |parameter|^2. PyTorch's `weight_decay` of SGD and Adam is this, and so is TensorFlow's `l2_regularizer`.
 * Momentum m multiplies its effect by 1 / (1 - m). As in PyTorch, clipping comes before and does not count it.
 */
export const addL2Penalty =
  (l2Penalty: number, patterns: Patterns = defaultDecayPatterns): Transformation =>
  (updates) =>
    updates.map((update) => {
      const penalty = l2Penalty * patternValue(patterns, update.name, 0);
      if (penalty === 0) return update;
      return { ...update, value: materialised({ ...update, decay: scalar(penalty) }), factor: scalar(1) };
    });

/**
 * Adds l2Penalty * multiplier * (parameter - its first value) to the gradient, as `addL2Penalty` does towards zero: L2-SP of Li et al.,
 * "Explicit Inductive Bias for Transfer Learning", 2018 (arXiv:1802.01483), the weight decay to the initial weights of BiT's
 * search (arXiv:1912.11370, appendix). Keeps the first values, as much memory as the parameters take.
 */
export const addL2PenaltyToInitial =
  (l2Penalty: number, patterns: Patterns = defaultDecayPatterns): Transformation =>
  (updates, context) =>
    updates.map((update) => {
      const penalty = l2Penalty * patternValue(patterns, update.name, 0);
      if (penalty === 0) return update;
      const away = multiply(subtract(update.parameter, context.initialOf(update)), penalty);
      return { ...update, value: add(multiply(update.value, update.factor), away), factor: scalar(1) };
    });

/** Schedules of parameters that do not follow the common one; null leaves them frozen (papers.md 5.2, step 6). */
export type SchedulePatterns = Patterns<Schedule | null>;

/** Multiplies updates, decay included, by the schedule's factor at this step, or by that of the first pattern that matches. */
export const scaleBySchedule =
  (schedule: Schedule, patterns: SchedulePatterns = []): Transformation =>
  (updates, context) =>
    updates.map((update) => {
      const index = patternValue<number>(
        patterns.map(([pattern], i) => [pattern, i] as const),
        update.name,
        -1,
      );
      const own = patterns[index]?.[1] ?? schedule;
      const now = context.scalar(index < 0 ? "schedule" : `schedule/${index}`, own);
      return {
        ...update,
        factor: multiply(update.factor, now),
        decay: update.decay && multiply(update.decay, now),
      };
    });
