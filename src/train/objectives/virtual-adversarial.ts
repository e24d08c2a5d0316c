/**
 * Virtual adversarial training (Miyato et al., arXiv:1704.03976; as in Zhai et al., arXiv:1905.03670 [s4l]; papers.md
 * 10.4). It finds the change r of an image, |r| = epsilon, that changes the network's prediction most, and minimises
 * the divergence KL[f(x + r) || f(x)] with f(x) held constant. It uses no label.
 *
 * r comes from power iteration (one iteration). For a random direction d of length 1, the gradient of KL[f(x + xi d) ||
 * f(x)] with respect to the image at x + xi d is xi H d + O(xi^2), where H is the Hessian of the divergence. Normalised
 * to length epsilon, it is r. All lengths are L2 norms over all numbers of an image, so the same visible change at
 * another image size has a length proportional to the square root of H W C. epsilon = 40 at 224 x 224 x 3 with values
 * from -1 to 1 is a root mean square of 0.103 per number; this corresponds to 11.4 at 64 x 64 x 3 and 5.7 at 32 x 32 x
 * 3. The defaults follow from the size of the images and the range of their values.
 *
 * The published xi is 1e-6; here it is a hundredth of epsilon. 1e-6 is 2.6e-9 per number at 224 px, too small a
 * difference to represent beside a pixel in float32. Measured with a ViT of random weights, as the cosine between the
 * direction found and the odd part of those at +0.1 and -0.1: at 1e-6 between -0.8 and 0.9 depending on the image, at
 * 1e-4 between 0 and 0.99, at 1e-3 from 0.92, at 0.01 from 0.9998, at 0.1 to 0.3 1.0000, at 3 from 0.998 (64 px) and
 * 0.9998 (224 px).
 */
import { z } from "zod";
import {
  absolute,
  add,
  grad,
  logSoftmax,
  maximum,
  multiply,
  type NumericArray,
  negate,
  reciprocal,
  reduceMax,
  reduceSum,
  scale,
  softmax,
  sqrt,
  stopGradient,
  subtract,
  type Tensor,
} from "../../graph/index.js";
import { normal } from "../../nn/index.js";
import type { Random } from "../../random/keyed.js";
import type { ObjectiveContext } from "./objective.js";

export const perturbationSettings = {
  /**
   * Length of the perturbation, an L2 norm over all numbers of an image. Default: as published, scaled to the size and
   * the value range of the images.
   */
  epsilon: z.number().positive().optional(),
  /** Length of the step at which the gradient is taken. Default: a hundredth of epsilon. */
  xi: z.number().positive().optional(),
  /** Number of power iterations. */
  iterations: z.number().int().positive().default(1),
};

export interface Perturbation {
  readonly epsilon: number;
  readonly xi: number;
  readonly iterations: number;
}

const ofEpsilon = 0.01;

/**
 * The settings with lengths scaled to the run's images, from those published for 224 x 224 x 3 numbers from -1 to 1.
 */
export function perturbationOf(
  { epsilon: given, xi, iterations }: { readonly [key in keyof Perturbation]?: Perturbation[key] | undefined },
  published: number,
  { image: [height, width, channels], valueRange }: Pick<ObjectiveContext, "image" | "valueRange">,
): Perturbation {
  const halfRanges = valueRange.map(([low, high]) => (high - low) / 2);
  const meanSquare = halfRanges.reduce((sum, half) => sum + half ** 2, 0) / halfRanges.length;
  const epsilon = given ?? published * Math.sqrt((height * width * channels * meanSquare) / (224 * 224 * 3));
  return { epsilon, xi: xi ?? ofEpsilon * epsilon, iterations: iterations ?? 1 };
}

/** Random directions in the shape of the images: normally distributed numbers of any length. */
export const drawDirections = (shape: readonly number[], random: Random): NumericArray =>
  normal(1)(shape, random.uniform);

/** KL[softmax(logits) || softmax(reference)] of every row of [N, K]: [N]. */
export function divergence(logits: Tensor, reference: Tensor): Tensor {
  return reduceSum(multiply(softmax(logits), subtract(logSoftmax(logits), logSoftmax(reference))), 1);
}

/** Entropy -sum over classes of p log p of every row of logits [N, K]: [N]. */
export const conditionalEntropy = (logits: Tensor): Tensor =>
  negate(reduceSum(multiply(softmax(logits), logSoftmax(logits)), 1));

/**
 * Normalises each image to length 1; an image of zeros is unchanged. It first divides by the largest number, so that no
 * square underflows.
 */
function unitLength(images: Tensor): Tensor {
  const axes = [1, 2, 3];
  const scaled = multiply(images, reciprocal(maximum(reduceMax(absolute(images), axes, true), 1e-30)));
  return multiply(scaled, reciprocal(sqrt(maximum(reduceSum(multiply(scaled, scaled), axes, true), 1e-12))));
}

/**
 * The change [N, H, W, C] of length epsilon of each image, a constant to gradients. It is zero where the prediction
 * does not depend on the image, as before the first step of a zero-initialised head. `classify` maps images to logits,
 * `logits` are those of the unchanged images, and `directions` [N, H, W, C] are the initial directions.
 */
export function adversarialChange(
  images: Tensor,
  logits: Tensor,
  directions: Tensor,
  { epsilon, xi, iterations }: Perturbation,
  classify: (images: Tensor) => Tensor,
): Tensor {
  let direction = unitLength(directions);
  for (let round = 0; round < iterations; round++) {
    const moved = add(images, scale(direction, xi));
    const total = reduceSum(divergence(classify(moved), stopGradient(logits)));
    direction = stopGradient(unitLength(grad(total, [moved])[0]!));
  }
  return scale(direction, epsilon);
}

/** KL[f(x + r) || f(x)] of each image [N], with r from `adversarialChange` and f(x) held constant. */
export function virtualAdversarialLoss(
  images: Tensor,
  logits: Tensor,
  directions: Tensor,
  settings: Perturbation,
  classify: (images: Tensor) => Tensor,
): Tensor {
  const change = adversarialChange(images, logits, directions, settings, classify);
  return divergence(classify(add(images, change)), stopGradient(logits));
}
