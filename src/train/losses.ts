// Classification losses, as the reference defines them (papers.md 5.4). Each gives one number an example: [N].
import {
  add,
  describe,
  logSoftmax,
  multiply,
  negate,
  oneHot,
  reduceSum,
  ShapeError,
  scale,
  softplus,
  subtract,
  type Tensor,
} from "../graph/index.js";

export type LossName = "softmax" | "sigmoid";

/** Targets [N, K] of integer labels [N]: 1 for the class and 0 elsewhere. */
export const targetsOf = (labels: Tensor, classes: number): Tensor => oneHot(labels, classes);

/** Targets [N, K] with 1 turned to 1 - e and 0 to e / (K - 1) (papers.md 5.4, weighted_softmax_xent). */
export function smoothTargets(targets: Tensor, smoothing: number): Tensor {
  if (smoothing === 0) return targets;
  const off = smoothing / (targets.shape.at(-1)! - 1);
  return add(scale(targets, 1 - smoothing - off), off);
}

/** -sum over classes of target log softmax(logits): [N, K] and [N, K] give [N]. */
export function softmaxCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  requireMatching("softmaxCrossEntropy", logits, targets);
  return negate(reduceSum(multiply(targets, logSoftmax(logits)), 1));
}

/** -sum over classes of y log sigmoid(z) + (1 - y) log sigmoid(-z): summed, not averaged, over classes. */
export function sigmoidCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  requireMatching("sigmoidCrossEntropy", logits, targets);
  // -log sigmoid(-z) = softplus(z), and log sigmoid(z) - log sigmoid(-z) = z. Summed apart: beside one class's large
  // term the thousands of small ones would be rounded away.
  return subtract(reduceSum(softplus(logits), 1), reduceSum(multiply(targets, logits), 1));
}

export const losses: Readonly<Record<LossName, (logits: Tensor, targets: Tensor) => Tensor>> = {
  softmax: softmaxCrossEntropy,
  sigmoid: sigmoidCrossEntropy,
};

function requireMatching(name: string, logits: Tensor, targets: Tensor): void {
  if (logits.shape.length !== 2 || logits.shape.join() !== targets.shape.join()) {
    throw new ShapeError(
      `${name}: logits ${describe(logits)} and targets ${describe(targets)} must both be [N, classes]`,
    );
  }
}
