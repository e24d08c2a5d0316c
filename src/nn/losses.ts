/** Classification losses, as the reference defines them (papers.md 5.4). Each gives one number an example: [N]. */
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

/**
 * What label smoothing e is shared among. "others": every class but the label's gets e / (K - 1), and the label keeps 1 - e, as in big_vision's
 * `weighted_softmax_xent`. "all": every class gets e / K, and the label keeps 1 - e + e / K, as in Szegedy et al. (arXiv:1512.00567, section 7),
 * PyTorch's `cross_entropy`, timm and Keras. "all" with e equals "others" with e (K - 1) / K.
 */
export const smoothingKinds = ["others", "all"] as const;
export type SmoothingKind = (typeof smoothingKinds)[number];

/** Targets [N, K] whose rows sum to 1, smoothed by e (`SmoothingKind`); rows of several labels are smoothed likewise. */
export function smoothTargets(targets: Tensor, smoothing: number, over: SmoothingKind = "others"): Tensor {
  if (smoothing === 0) return targets;
  const classes = targets.shape.at(-1)!;
  const off = over === "all" ? smoothing / classes : smoothing / (classes - 1);
  return add(scale(targets, over === "all" ? 1 - smoothing : 1 - smoothing - off), off);
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
