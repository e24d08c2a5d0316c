// The transformations optimisers are made of, each as the reference chain has it (papers.md 5.2).
import { add, divide, maximum, multiply, reduceSum, scalar, sqrt, type Tensor } from "../graph/index.js";
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

const norms = new WeakMap<Tensor, Tensor>();

/** The root of the sum of squares over all given tensors. */
export function globalNorm(tensors: readonly Tensor[]): Tensor {
  const known = norms.get(tensors[0]!);
  if (known) return known;
  // Last made first: the backward pass makes the last layer's gradients first, and the runtime follows this order
  // when it schedules; the other way round every gradient of the activations would stay alive to the end.
  const squares = [...tensors].reverse().map((tensor) => reduceSum(multiply(tensor, tensor)));
  const norm = sqrt(squares.reduce((total, square) => add(total, square), scalar(0)));
  norms.set(tensors[0]!, norm);
  return norm;
}

/**
 * Adam (Kingma and Ba, 2015, algorithm 1): m / (1 - b1^t) over sqrt(v / (1 - b2^t)) + epsilon, t = step + 1.
 * Written as a m / (sqrt(v) + epsilon c) with c = sqrt(1 - b2^t), a = c / (1 - b1^t) from the host.
 */
export const scaleByAdam =
  ({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = {}): Transformation =>
  (updates, context) => {
    const correction = (step: number) => Math.sqrt(1 - beta2 ** (step + 1));
    const factor = context.scalar("adam/factor", (step) => correction(step) / (1 - beta1 ** (step + 1)));
    const floor = context.scalar("adam/epsilon", (step) => epsilon * correction(step));
    return updates.map((update) => {
      const { name, value: g } = update;
      const first = multiply(update.factor, 1 - beta1);
      const second = multiply(multiply(update.factor, update.factor), 1 - beta2);
      const m = context.state(`adam/m/${name}`, g.shape, (m) => add(multiply(m, beta1), multiply(g, first)));
      const v = context.state(`adam/v/${name}`, g.shape, (v) =>
        add(multiply(v, beta2), multiply(multiply(g, g), second)),
      );
      return { ...update, value: divide(m, add(sqrt(v), floor)), factor };
    });
  };

/** SGD momentum as optax.trace: m = g + momentum m; with nesterov the update is g + momentum m (papers.md 5.3). */
export const trace =
  (momentum: number, nesterov = false): Transformation =>
  (updates, context) =>
    updates.map((update) => {
      const g = materialised(update);
      const m = context.state(`momentum/${update.name}`, g.shape, (m) => add(multiply(m, momentum), g));
      return { ...update, value: nesterov ? add(g, multiply(m, momentum)) : m, factor: scalar(1), decay: undefined };
    });

/** Multiplies every update by a number. */
export const scaleBy =
  (factor: number): Transformation =>
  (updates) =>
    updates.map((update) => ({ ...update, factor: multiply(update.factor, factor) }));

/** [regular expression matched against the whole path, multiplier]; the first that matches decides. */
export type Patterns = readonly (readonly [string, number])[];

/** The multiplier of a path; `otherwise` when no pattern matches. */
export function patternValue(patterns: Patterns, path: string, otherwise: number): number {
  return patterns.find(([pattern]) => new RegExp(`^(?:${pattern})$`).test(path))?.[1] ?? otherwise;
}

/** Multiplies the updates of matching parameters. */
export const scaleByPattern =
  (patterns: Patterns): Transformation =>
  (updates) =>
    updates.map((update) => ({
      ...update,
      factor: multiply(update.factor, patternValue(patterns, update.name, 1)),
    }));

/** What decays when nothing else is said: kernels, and neither biases, scales, embeddings nor probes (papers.md 5.2). */
export const defaultDecayPatterns: Patterns = [[".*/kernel", 1]];

/** Adds weightDecay * multiplier * parameter: decoupled, after the learning rate (papers.md 5.2). */
export const addDecayedWeights =
  (weightDecay: number, patterns: Patterns = defaultDecayPatterns): Transformation =>
  (updates) =>
    updates.map((update) => {
      const decay = weightDecay * patternValue(patterns, update.name, 0);
      return decay === 0 ? update : { ...update, decay: update.decay ? add(update.decay, decay) : scalar(decay) };
    });

/** Multiplies updates, decay included, by the schedule's factor at this step. */
export const scaleBySchedule =
  (schedule: (step: number) => number): Transformation =>
  (updates, context) => {
    const now = context.scalar("schedule", schedule);
    return updates.map((update) => ({
      ...update,
      factor: multiply(update.factor, now),
      decay: update.decay && multiply(update.decay, now),
    }));
  };
