/**
 * Exemplar (Dosovitskiy et al., arXiv:1406.6909), with the triplet loss of Kolesnikov et al. (arXiv:1901.09005 [rss])
 * and Zhai et al. (arXiv:1905.03670 [s4l]); papers.md 10.2. Several augmented views of an image are trained to lie
 * closer together than any view of another image of the batch. A linear layer with 1,000 outputs embeds the
 * representation. The embedding is normalised to length 1 over its features and compared by Euclidean distance d. The
 * preprocessing's `views(8, "...")` makes the views.
 *
 * - batchHard [s4l]: for every view softplus(max d to views of its image - min d to views of others). The squared
 *   distance is floored at 1e-12 before the root. Mean over views.
 * - semiHard [rss]: for every pair of views of one image max(0, margin + d(a, p)^2 - d(a, n)^2), where n is the nearest
 *   view of another image that is further than p, or the furthest one if there is none. Margin 0.5, mean over pairs
 *   (Schroff et al., arXiv:1503.03832). The published code normalises the embedding over axis 0, the images of the
 *   batch, instead of its features. That is almost certainly a mistake and is not reproduced here.
 *
 * Reference views: [s4l] inception crops of 224, flips, and noise in hue, saturation and value; [rss] grey with
 * probability 0.66, each view standardised. All views of a batch are compared, so a batch cannot be divided into
 * microbatches.
 */
import { z } from "zod";
import {
  add,
  cast,
  constant,
  greater,
  input,
  matmul,
  maximum,
  multiply,
  reciprocal,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
  relu,
  reshape,
  scale,
  softplus,
  sqrt,
  subtract,
  type Tensor,
  transpose,
} from "../../graph/index.js";
import { model as network } from "../../models/index.js";
import { dense, type Scope } from "../../nn/index.js";
import type { Objective, ObjectiveContext, ObjectiveKind } from "./objective.js";
import { requireImages, requirePooled, unstacked, withoutLabels } from "./pretext.js";

const count = z.number().int().positive();

/** The settings of the triplet loss. */
export const tripletSettings = {
  /** Number of views of an image; the preprocessing must make as many. */
  views: z.number().int().min(2).default(8),
  /** Width of the embedding. */
  embedding: count.default(1000),
  /** Which triplets of a batch count. */
  triplet: z.enum(["batchHard", "semiHard"]).default("batchHard"),
  /** Margin of semiHard. Default: 0.5. */
  margin: z.number().positive().optional(),
};

/** Whether a margin, if set, belongs to the chosen loss. */
export const marginFits = ({
  triplet,
  margin,
}: {
  readonly triplet: string;
  readonly margin?: number | undefined;
}): boolean => margin === undefined || triplet === "semiHard";
export const marginError = {
  error: 'only the triplet "semiHard" has a margin; "batchHard" has a soft margin, so remove this setting',
  path: ["margin"],
};

export const exemplarSchema = z
  .strictObject({ name: z.literal("exemplar"), ...tripletSettings })
  .refine(marginFits, marginError);

export type TripletSettings = Omit<z.output<typeof exemplarSchema>, "name">;

const referenceMargin = 0.5;
const floor = 1e-12;

/** Embeds representations [N, features] as [N, width], normalised to length 1. */
export function exemplarEmbedding(scope: Scope, representation: Tensor, width: number): Tensor {
  const x = dense(scope.at("objective").at("exemplar"), representation, width);
  // the floor only prevents a division by zero
  const length = sqrt(maximum(reduceSum(multiply(x, x), 1, true), floor));
  return multiply(x, reciprocal(length));
}

export interface TripletLosses {
  /** [N views], the loss of every view. */
  readonly loss: Tensor;
  /**
   * [N views]: distances (batchHard) or squared distances to the nearest other view of the same image and to the
   * nearest view of another image.
   */
  readonly nearestPositive: Tensor;
  readonly nearestNegative: Tensor;
}

/**
 * Losses of embeddings [N views, width] of length 1; the views of an image are consecutive. Views whose `valid` [N
 * views] is 0 are never chosen as neighbours.
 */
export function tripletLosses(
  embedding: Tensor,
  { views, triplet, margin = referenceMargin }: Omit<TripletSettings, "embedding">,
  valid?: Tensor,
): TripletLosses {
  const total = embedding.shape[0]!;
  const matrix = (entry: (i: number, j: number) => boolean) =>
    constant(
      Array.from({ length: total * total }, (_, k) => Number(entry(Math.floor(k / total), k % total))),
      [total, total],
    );
  const sameImage = (i: number, j: number) => Math.floor(i / views) === Math.floor(j / views);
  const positive = matrix((i, j) => sameImage(i, j) && i !== j);
  const other = matrix((i, j) => !sameImage(i, j));
  const negative = valid ? multiply(other, reshape(valid, [1, total])) : other;
  const lengths = reduceSum(multiply(embedding, embedding), 1, true);
  const products = matmul(embedding, embedding, { transposeB: true });
  const squared = subtract(add(lengths, transpose(lengths)), scale(products, 2));
  const hard = triplet === "batchHard";
  const distance = hard ? sqrt(maximum(squared, floor)) : maximum(squared, 0);
  // masked entries get the largest distance of two unit vectors, so that they are never the minimum
  const furthest = hard ? 2 : 4;
  const within = (values: Tensor, mask: Tensor) => add(multiply(values, mask), scale(subtract(1, mask), furthest));
  const nearestPositive = reduceMin(within(distance, positive), 1);
  const nearestNegative = reduceMin(within(distance, negative), 1);
  if (hard) {
    const hardest = reduceMax(multiply(distance, positive), 1);
    return { loss: softplus(subtract(hardest, nearestNegative)), nearestPositive, nearestNegative };
  }
  const images = total / views;
  // [images, views, views]: from every view to those of its image (the diagonal blocks)
  const own = Array.from({ length: images * images }, (_, k) => Number(Math.floor(k / images) === k % images));
  const blocks = multiply(reshape(distance, [images, views, images, views]), constant(own, [images, 1, images, 1]));
  const toPositive = reduceSum(blocks, 2);
  const all = reshape(distance, [images, views, 1, total]);
  const further = greater(all, reshape(toPositive, [images, views, views, 1]));
  const candidates = multiply(cast(further, "float32"), reshape(negative, [images, views, 1, total]));
  const semiHard = reduceMin(within(all, candidates), 3);
  const exists = reduceMax(candidates, 3);
  const furthestNegative = reshape(reduceMax(multiply(distance, negative), 1), [images, views, 1]);
  const toNegative = add(multiply(semiHard, exists), multiply(furthestNegative, subtract(1, exists)));
  const pairs = Array.from({ length: views * views }, (_, k) => Number(Math.floor(k / views) !== k % views));
  const losses = relu(add(subtract(toPositive, toNegative), margin));
  const sums = reduceSum(multiply(losses, constant(pairs, [1, views, views])), 2);
  return { loss: scale(reshape(sums, [total]), 1 / (views - 1)), nearestPositive, nearestNegative };
}

/** For every image [N], the fraction of its views whose nearest other view in the batch belongs to the same image. */
export function rightNeighbours(positive: ArrayLike<number>, negative: ArrayLike<number>, views: number): Float32Array {
  const right = new Float32Array(positive.length / views);
  for (let i = 0; i < positive.length; i++) if (positive[i]! < negative[i]!) right[Math.floor(i / views)]! += 1 / views;
  return right;
}

export const exemplar: ObjectiveKind<z.output<typeof exemplarSchema>> = { ...withoutLabels, open };

/** Throws RangeError when the network does not pool or the batch size is 1. */
function open(settings: TripletSettings, context: ObjectiveContext): Objective {
  const { model, image: sides, batchSize, evaluationBatchSize } = context;
  const { views } = settings;
  requirePooled("exemplar", model);
  if (batchSize < 2) {
    throw new RangeError(
      `the objective "exemplar" compares the images of a batch: batchSize is ${batchSize}; expected at least 2`,
    );
  }
  const stack = { count: views, op: `views(${views}, "...")` };
  const stacked = (images: number) => input("image", "float32", [images, views * sides[0], sides[1], sides[2]]);
  const losses = (scope: Scope, image: Tensor, valid?: Tensor) => {
    const { preLogits } = network(scope, unstacked(image, views), model);
    return tripletLosses(exemplarEmbedding(scope, preLogits, settings.embedding), settings, valid);
  };
  const evaluated = stacked(evaluationBatchSize);
  const valid = input("valid", "float32", [evaluationBatchSize * views]);
  return {
    name: "exemplar",
    inputs: { image: stacked(batchSize) },
    trace: (scope, part) => ({ loss: reduceMean(losses(scope, part["image"]!).loss) }),
    feeds: ({ train }) => {
      requireImages("exemplar", train, sides, stack);
      return { image: train.image };
    },
    // Images are compared within an evaluation batch; the last batch may be smaller and therefore easier.
    evaluation: {
      inputs: [evaluated, valid],
      outputs: (scope) => {
        const { loss, ...nearest } = losses(scope, evaluated, valid);
        return { loss: reduceMean(reshape(loss, [evaluationBatchSize, views]), 1), ...nearest };
      },
      feeds: (batch) => {
        requireImages("exemplar", batch, sides, stack);
        const mask = Float32Array.from(
          { length: batch.mask.length * views },
          (_, i) => batch.mask[Math.floor(i / views)]!,
        );
        return { image: batch.image, valid: mask };
      },
      score: ({ loss, nearestPositive, nearestNegative }) => ({
        loss: loss as Float32Array,
        correct: rightNeighbours(nearestPositive as Float32Array, nearestNegative as Float32Array, views),
      }),
    },
    wholeBatch: true,
  };
}
