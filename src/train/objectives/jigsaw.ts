/**
 * Jigsaw (Noroozi and Favaro, arXiv:1603.09246; as in Kolesnikov et al., arXiv:1901.09005; papers.md 10.3). The
 * embeddings of the 3 x 3 patches of an image are concatenated in a shuffled order, and the network classifies the
 * order among 100 permutations that are far from one another. Every step draws 8 of them, the same for all images of
 * the batch (`subset`; the text of the published code mentions 16, its default is 8). The loss is the mean softmax
 * cross-entropy over images and permutations. Embedding and head are in patches.ts.
 *
 * The 100 published permutations are a file of the original authors that is not available here. Ours come from the same
 * greedy procedure (permutations.ts): the task is the same, but the classes stand for other orders.
 *
 * Evaluation uses as many permutations per image as a step does. They are spread over all permutations and change from
 * batch to batch.
 */
import { z } from "zod";
import {
  constant,
  expand,
  input,
  matmul,
  oneHot,
  reduceMean,
  reshape,
  sliceAxis,
  type Tensor,
} from "../../graph/index.js";
import { type Scope, softmaxCrossEntropy } from "../../nn/index.js";
import type { Random } from "../../random/keyed.js";
import type { Objective, ObjectiveContext, ObjectiveKind } from "./objective.js";
import {
  chosenPatches,
  patchCount,
  patchEmbeddings,
  patchHead,
  patchInput,
  patchSettings,
  patchStack,
} from "./patches.js";
import { distantPermutations } from "./permutations.js";
import { requireImages, requirePooled, shareRight, withoutLabels } from "./pretext.js";

const most = 1000;

export const jigsawSchema = z
  .strictObject({
    name: z.literal("jigsaw"),
    /** Number of permutations to classify. */
    permutations: z.number().int().min(2).max(most).default(100),
    /** Number of permutations of each image in a step. */
    subset: z.number().int().positive().default(8),
    ...patchSettings,
  })
  .refine(({ subset, permutations }) => subset <= permutations, {
    error: "is larger than permutations; expected at most as many",
    path: ["subset"],
  });

export type JigsawSettings = Omit<z.output<typeof jigsawSchema>, "name">;

export const jigsaw: ObjectiveKind<z.output<typeof jigsawSchema>> = { ...withoutLabels, open };

/** Throws RangeError when the network does not pool. */
function open(settings: JigsawSettings, context: ObjectiveContext): Objective {
  const { model, image: sides, batchSize, evaluationBatchSize } = context;
  const { permutations: classes, subset } = settings;
  requirePooled("jigsaw", model);
  const orders = distantPermutations(classes, patchCount);
  // [classes, 9 * 9] permutation matrices: row k of an order has a one at the patch in position k
  const matrices = constant(
    orders.flatMap((order) =>
      order.flatMap((patch) => Array.from({ length: patchCount }, (_, k) => Number(k === patch))),
    ),
    [classes, patchCount * patchCount],
  );
  // Logits [n subset, classes] and the loss [n] of n images, in the permutations with the given numbers [subset].
  const answers = (scope: Scope, image: Tensor, numbers: Tensor) => {
    const n = image.shape[0]!;
    const hot = oneHot(numbers, classes);
    const choice = reshape(matmul(hot, matrices), [subset * patchCount, patchCount]);
    const shuffled = chosenPatches(patchEmbeddings(scope, image, model, settings.embedding), choice);
    const joined = reshape(shuffled, [n * subset, patchCount * settings.embedding]);
    const logits = patchHead(scope, joined, settings, classes);
    const targets = reshape(expand(reshape(hot, [1, subset, classes]), [n, subset, classes]), [n * subset, classes]);
    return { logits, loss: reduceMean(reshape(softmaxCrossEntropy(logits, targets), [n, subset]), 1) };
  };
  const evaluated = { image: patchInput(context, evaluationBatchSize), order: input("order", "int32", [subset]) };
  return {
    name: "jigsaw",
    inputs: {
      image: patchInput(context, batchSize),
      // the same row for every image, because inputs are divided by images
      order: input("order", "int32", [batchSize, subset]),
    },
    trace: (scope, part) => {
      const numbers = reshape(sliceAxis(part["order"]!, 0, 0, 1), [subset]);
      return { loss: reduceMean(answers(scope, part["image"]!, numbers).loss) };
    },
    feeds: ({ train }, random) => {
      requireImages("jigsaw", train, sides, patchStack);
      const drawn = drawSubset(subset, classes, random);
      return {
        image: train.image,
        order: Int32Array.from({ length: batchSize * subset }, (_, i) => drawn[i % subset]!),
      };
    },
    draws: settings.dropout > 0,
    evaluation: {
      inputs: [evaluated.image, evaluated.order],
      outputs: (scope) => ({ ...answers(scope, evaluated.image, evaluated.order) }),
      feeds: (batch) => {
        requireImages("jigsaw", batch, sides, patchStack);
        const first = Math.max(0, batch.indices[0]!);
        const spread = (k: number) =>
          (Math.floor(first / evaluationBatchSize) + Math.floor((k * classes) / subset)) % classes;
        return { image: batch.image, order: Int32Array.from({ length: subset }, (_, k) => spread(k)) };
      },
      score: ({ loss, logits }, { order }) => ({
        loss: loss as Float32Array,
        correct: shareRight(
          logits as Float32Array,
          classes,
          evaluationBatchSize,
          Array.from({ length: evaluationBatchSize * subset }, (_, row) => ({
            image: Math.floor(row / subset),
            row,
            answer: (order as Int32Array)[row % subset]!,
          })),
        ),
      }),
    },
  };
}

/** Draws `count` different numbers below `n`, in the order drawn. */
function drawSubset(count: number, n: number, random: Random): number[] {
  const numbers = Array.from({ length: n }, (_, i) => i);
  return Array.from({ length: count }, () => numbers.splice(random.integer(numbers.length), 1)[0]!);
}
