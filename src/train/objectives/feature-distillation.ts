/**
 * Feature distillation: the student's representation, passed through one linear layer per teacher, is regressed to the
 * teacher's features. Every feature of a teacher is standardised over the batch, so that all have equal weight, as in
 * the ridge evaluator of few-shot classification. The loss is the squared error, mean over features and images.
 * Sources: a linear projection and normalised teachers from Miles and Mikolajczyk, "Understanding the role of the
 * projector in knowledge distillation", arXiv:2303.11098; features instead of logits from Romero et al., "FitNets",
 * arXiv:1412.6550.
 *
 * Teachers take the same images as the student, after mixup ("consistent" in distillation.ts). Labels are not used, and
 * the network has no head: only its representation is trained.
 */
import { z } from "zod";
import {
  add,
  input,
  multiply,
  type NumericArray,
  reduceMean,
  type Shape,
  subtract,
  type Tensor,
} from "../../graph/index.js";
import { model as network } from "../../models/index.js";
import { dense, resizeNHWC, type Scope } from "../../nn/index.js";
import type { Random } from "../../random/keyed.js";
import { openTeachers, teacherSettings } from "../teachers/open.js";
import { drawMix } from "./classification.js";
import type { Objective, ObjectiveContext, ObjectiveKind } from "./objective.js";
import { requireImages, requirePooled, withoutLabels } from "./pretext.js";

export const featureDistillationSchema = z.strictObject({
  name: z.literal("featureDistillation"),
  /** The teacher networks. */
  teachers: z
    .array(
      z.strictObject({
        ...teacherSettings,
        /** Which output of the teacher is learned. */
        output: z.enum(["features", "logits"]).default("features"),
        /** Weight of this teacher's error. */
        weight: z.number().positive().default(1),
      }),
    )
    .min(1, "name at least one teacher"),
  /**
   * Flip half of the student's images horizontally, but none of the teachers': the output of a teacher for an image is also
   * the target of the flipped image. One cached output then serves for two images.
   */
  mirror: z.boolean().default(false),
  /**
   * Side of the student's images, in pixels, which are resized from those that the teachers see. A run on larger images
   * that starts from the weights of this one then finds the outputs of its teachers in their caches. Only for networks
   * whose weights do not depend on the image size (ResNet, MobileNet). Default: the images as they are.
   */
  imageSize: z.number().int().positive().optional(),
});

type Settings = z.output<typeof featureDistillationSchema>;

export const featureDistillation: ObjectiveKind<Settings> = { ...withoutLabels, mixes: true, open };

/** A feature with a smaller standard deviation counts as constant and becomes 0, so that noise is not amplified. */
const smallestDeviation = 1e-5;

/**
 * Standardises the columns of rows [N, width] to mean 0 and (population) standard deviation 1 over the rows where
 * `counts` is not 0. A constant column becomes 0.
 */
export function standardiseColumns(rows: Float32Array, width: number, counts?: ArrayLike<number>): Float32Array {
  const total = rows.length / width;
  const used = Array.from({ length: total }, (_, i) => i).filter((i) => counts === undefined || counts[i] !== 0);
  const mean = new Float64Array(width);
  const square = new Float64Array(width);
  for (const i of used) {
    for (let k = 0; k < width; k++) {
      const value = rows[i * width + k]!;
      mean[k]! += value;
      square[k]! += value * value;
    }
  }
  const n = Math.max(1, used.length);
  for (let k = 0; k < width; k++) {
    mean[k]! /= n;
    const deviation = Math.sqrt(Math.max(0, square[k]! / n - mean[k]! ** 2));
    square[k] = deviation > smallestDeviation ? 1 / deviation : 0;
  }
  return rows.map((value, at) => (value - mean[at % width]!) * square[at % width]!);
}

/** Throws RangeError when the network does not pool or cannot take images of `imageSize`, and what opening a teacher throws. */
async function open({ teachers: named, mirror, imageSize }: Settings, context: ObjectiveContext): Promise<Objective> {
  const { model, batchSize, evaluationBatchSize, image: sides } = context;
  requirePooled("featureDistillation", model);
  if (imageSize !== undefined && model.family !== "resnet" && model.family !== "mobilenet") {
    throw new RangeError(
      `the weights of a ${model.family} depend on the image size; remove objective.imageSize, and set the image size of the data and the model`,
    );
  }
  const { all: teachers, close } = await openTeachers(
    named.map(({ weight: _, ...teacher }) => teacher),
    context,
  );
  // Inputs for n images.
  const inputs = (n: number) => ({
    image: input("image", "float32", [n, ...sides] as Shape),
    ...Object.fromEntries(teachers.map(({ width }, i) => [`teacher${i}`, input(`teacher${i}`, "float32", [n, width])])),
  });
  // The error of every image [N], and the projection to the first teacher's features [N, width].
  const errors = (scope: Scope, part: Readonly<Record<string, Tensor>>) => {
    const image = part["image"]!;
    const seen = imageSize === undefined ? image : resizeNHWC(image, imageSize, imageSize);
    const { preLogits } = network(scope, seen, model);
    const projections = teachers.map(({ width }, i) =>
      dense(scope.at("objective").at(`teacher${i}`), preLogits, width),
    );
    const each = projections.map((one, i) => {
      const difference = subtract(one, part[`teacher${i}`]!);
      return multiply(reduceMean(multiply(difference, difference), 1), named[i]!.weight);
    });
    return { loss: each.reduce((total, one) => add(total, one)), first: projections[0]! };
  };
  const answers = async (images: Float32Array, counts?: ArrayLike<number>) => {
    const feeds: Record<string, NumericArray> = {};
    for (const [i, teacher] of teachers.entries())
      feeds[`teacher${i}`] = standardiseColumns(await teacher.ask(images), teacher.width, counts);
    return feeds;
  };
  const evaluated = inputs(evaluationBatchSize);
  return {
    name: "featureDistillation",
    inputs: inputs(batchSize),
    trace: (scope, part) => ({ loss: reduceMean(errors(scope, part).loss) }),
    feeds: async ({ train }, random) => {
      requireImages("featureDistillation", train, sides);
      const image = drawMix(context, random).mix(train.image);
      const asked = await answers(image);
      return { image: mirror ? mirrorHalf(image, sides, random) : image, ...asked };
    },
    evaluation: {
      inputs: Object.values(evaluated),
      outputs: (scope) => errors(scope, evaluated),
      feeds: async (batch) => {
        requireImages("featureDistillation", batch, sides);
        return { image: batch.image, ...(await answers(batch.image, batch.mask)) };
      },
      // correct: the nearest teacher features in the batch (of the first teacher) are those of the same image
      score: ({ loss, first }, feeds) => ({
        loss: loss as Float32Array,
        correct: ownIsNearest(first as Float32Array, feeds["teacher0"] as Float32Array, teachers[0]!.width),
      }),
    },
    close,
  };
}

/** Mirrors each of the images [N, H, W, C] left to right with probability 1/2. */
function mirrorHalf(
  images: Float32Array,
  [height, width, channels]: ObjectiveContext["image"],
  random: Random,
): Float32Array {
  const rowLength = width * channels;
  const out = images.slice();
  for (let image = 0; image < out.length; image += height * rowLength) {
    if (random.uniform() < 0.5) continue;
    for (let row = image; row < image + height * rowLength; row += rowLength) {
      for (let column = 0; column < width; column++) {
        for (let channel = 0; channel < channels; channel++) {
          out[row + column * channels + channel] = images[row + (width - 1 - column) * channels + channel]!;
        }
      }
    }
  }
  return out;
}

/** 1 for every row [N, width] whose nearest row in `targets` has the same index, otherwise 0. */
function ownIsNearest(rows: Float32Array, targets: Float32Array, width: number): Float32Array {
  const total = rows.length / width;
  const distance = (i: number, j: number) => {
    let sum = 0;
    for (let k = 0; k < width; k++) sum += (rows[i * width + k]! - targets[j * width + k]!) ** 2;
    return sum;
  };
  return Float32Array.from({ length: total }, (_, i) => {
    const own = distance(i, i);
    for (let j = 0; j < total; j++) if (j !== i && distance(i, j) <= own) return 0;
    return 1;
  });
}
