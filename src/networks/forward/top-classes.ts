/** Selects the most probable classes of each image from its logits. */
import type { LossName } from "../../nn/index.js";

/** A class that a network predicts for an image. */
export interface Guess {
  /** Index of the class, and its name if the network has class names. */
  readonly class: number;
  readonly name: string | undefined;
  /**
   * 0 to 1. After a softmax loss, probabilities sum to 1 over all classes; after a sigmoid loss, they are independent.
   */
  readonly probability: number;
}

/**
 * The `top` most probable classes of one row of logits [classes], most probable first; of equals the lower index.
 * `loss` is the network's training loss, which determines how logits become probabilities.
 */
export function topClasses(
  logits: Float32Array,
  top: number,
  loss: LossName,
  classNames: readonly string[] | undefined,
): readonly Guess[] {
  const order = Array.from(logits, (_, i) => i).sort((a, b) => logits[b]! - logits[a]! || a - b);
  const highest = logits[order[0]!]!;
  // shifted by the maximum, so that no exponential overflows
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
  const probability = (logit: number) =>
    loss === "sigmoid" ? 1 / (1 + Math.exp(-logit)) : Math.exp(logit - highest) / total;
  return order.slice(0, top).map((i) => ({ class: i, name: classNames?.[i], probability: probability(logits[i]!) }));
}
