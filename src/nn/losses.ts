/** Classification losses, as the reference defines them (papers.md 5.4). Each returns one number for each example, [N]. */
import {
  add,
  type DType,
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

/** One-hot targets [N, K] of integer labels [N]. */
export const targetsOf = (labels: Tensor, classes: number): Tensor<"float32"> => oneHot(labels, classes);

/**
 * Distribution of label smoothing e. "others": every class except the label gets e / (K - 1), and the label keeps 1 - e, as in big_vision's
 * `weighted_softmax_xent`. "all": every class gets e / K, and the label keeps 1 - e + e / K, as in Szegedy et al. (arXiv:1512.00567, section
 * 7), PyTorch's `cross_entropy`, timm and Keras. "all" with e equals "others" with e (K - 1) / K.
 */
export const smoothingKinds = ["others", "all"] as const;
export type SmoothingKind = (typeof smoothingKinds)[number];

/** Smooths targets [N, K], whose rows sum to 1, by e (`SmoothingKind`); rows with several labels are smoothed likewise. */
export function smoothTargets<D extends DType>(
  targets: Tensor<D>,
  smoothing: number,
  over: SmoothingKind = "others",
): Tensor<D> {
  if (smoothing === 0) return targets;
  const classes = targets.shape.at(-1)!;
  const off = over === "all" ? smoothing / classes : smoothing / (classes - 1);
  return add(scale(targets, over === "all" ? 1 - smoothing : 1 - smoothing - off), off);
}

/** -sum over classes of target log softmax(logits): [N, K] and [N, K] give [N]. */
export function softmaxCrossEntropy<D extends DType>(logits: Tensor<D>, targets: Tensor): Tensor<D> {
  requireMatching("softmaxCrossEntropy", logits, targets);
  return negate(reduceSum(multiply(targets, logSoftmax(logits)), 1)) as Tensor<D>;
}

/** -sum over classes of y log sigmoid(z) + (1 - y) log sigmoid(-z): summed, not averaged, over classes. */
export function sigmoidCrossEntropy<D extends DType>(logits: Tensor<D>, targets: Tensor): Tensor<D> {
  requireMatching("sigmoidCrossEntropy", logits, targets);
  // -log sigmoid(-z) = softplus(z), and log sigmoid(z) - log sigmoid(-z) = z. The two terms are summed separately: added to one class's
  // large term, the thousands of small terms would be lost to rounding.
  return subtract(reduceSum(softplus(logits), 1), reduceSum(multiply(targets, logits), 1));
}

/** The losses by name, of logits and targets [N, K]; each returns one number for each example, [N]. */
export const losses: Readonly<Record<LossName, <D extends DType>(logits: Tensor<D>, targets: Tensor) => Tensor<D>>> = {
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
