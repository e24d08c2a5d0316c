/** Gradient transformations of the reference's optimiser chains (papers.md 5.2). */
import { add, divide, maximum, multiply, scalar, sqrt, subtract } from "../graph/index.js";
import { accumulated, type MomentumDType } from "./momentum.js";
import { globalNorm } from "./norms.js";
import type { Schedule } from "./schedules.js";
import { materialised, type Transformation } from "./transformation.js";

/** Excludes parameters from the following transformations: they do not change, have no state, and do not contribute to clipping norms. */
export const freeze =
  (isFrozen: (path: string) => boolean): Transformation =>
  (updates) =>
    updates.filter(({ name }) => !isFrozen(name));

/**
 * Scales all gradients by min(1, maxNorm / norm), where norm is the Euclidean norm over all gradients
 * (papers.md 5.2).
 */
export const clipByGlobalNorm =
  (maxNorm: number): Transformation =>
  (updates) => {
    const factor = divide(maxNorm, maximum(globalNorm(updates.map((update) => update.value)), maxNorm));
    return updates.map((update) => ({ ...update, factor: multiply(update.factor, factor) }));
  };

/**
 * Adam (Kingma and Ba, 2015, algorithm 1): m / (1 - b1^t) over sqrt(v / (1 - b2^t)) + epsilon, t = step + 1. Written as
 * a m / (sqrt(v) + epsilon c) with c = sqrt(1 - b2^t) and a = c / (1 - b1^t) from the host. `momentumDtype` is the type of m; v is always
 * float32, because half precision is not sufficient for it (papers.md 8).
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

/** SGD momentum like optax.trace: m = g + momentum m; with Nesterov momentum the update is g + momentum m (papers.md 5.3). */
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

/** Pairs of a regular expression, matched against the whole path, and a multiplier; the first match applies. */
export type Patterns<T = number> = readonly (readonly [string, T])[];

/** Value of the first pattern that matches a path; `otherwise` if none matches. */
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

/** Parameters with weight decay by default: kernels, but not biases, scales, embeddings or probes (papers.md 5.2). */
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
 * Adds l2Penalty * multiplier * parameter to the gradient before momentum and learning rate, the gradient of l2Penalty / 2 * |parameter|^2.
 * This is `weight_decay` of PyTorch's SGD and Adam, and TensorFlow's `l2_regularizer`. Momentum m multiplies its effect by 1 / (1 - m). As
 * in PyTorch, gradient clipping comes before and does not include it.
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
 * Adds l2Penalty * multiplier * (parameter - its initial value) to the gradient, as `addL2Penalty` does towards zero. This is L2-SP of Li et
 * al., "Explicit Inductive Bias for Transfer Learning", 2018 (arXiv:1802.01483), the weight decay to the initial weights of BiT's search
 * (arXiv:1912.11370, appendix). Storing the initial values takes as much memory as the parameters.
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

/** Schedules of parameters that do not follow the main one; null freezes them (papers.md 5.2, step 6). */
export type SchedulePatterns = Patterns<Schedule | null>;

/** Multiplies updates, including decay, by the schedule's factor at this step, or by that of the first matching pattern. */
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
