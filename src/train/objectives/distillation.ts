/**
 * Distillation by function matching (Beyer et al., "Knowledge distillation: a good teacher is patient and consistent",
 * arXiv:2106.05237; papers.md 7). The loss is T^2 KL(softmax(teacher / T) || softmax(student / T)), mean over the
 * batch, summed over teachers. The teacher's probabilities are clipped at 1e-8 before the logarithm. It uses no labels.
 *
 * `consistent`: teacher and student take the same tensor as input: same crop, same flip, same mixture of images. The
 * paper compares it with two variants in which the teacher has its own view; the preprocessing stacks that view below
 * the student's (`views(2, ...)` or `branches(...)`). `independent` evaluates the teacher on that view every time.
 * `fixed` evaluates it once per image and caches the output (a precomputed teacher). In both, the teacher's input is
 * never mixed; its outputs are mixed in the same way as labels.
 */
import { z } from "zod";
import { argmax } from "../../algebra/argmax.js";
import type { Batch } from "../../data/index.js";
import {
  add,
  input,
  log,
  logSoftmax,
  maximum,
  multiply,
  type NumericArray,
  reduceMean,
  reduceSum,
  ShapeError,
  scale,
  softmax,
  subtract,
  type Tensor,
} from "../../graph/index.js";
import { model as network, requireClassifier } from "../../models/index.js";
import { openTeachers, teacherSettings } from "../teachers/open.js";
import type { Teacher } from "../teachers/teacher.js";
import { classifierEvaluation, drawMix, rowOf } from "./classification.js";
import type { Objective, ObjectiveContext, ObjectiveEvaluation, ObjectiveKind } from "./objective.js";

const count = z.number().int().positive();

const teacherSchema = z.strictObject({
  ...teacherSettings,
  /** Indices of the teacher's logits that the student learns, in the order of the student's classes. Default: all. */
  classes: z.array(z.number().int().min(0)).min(1).optional(),
});

export const distillationSchema = z.strictObject({
  name: z.literal("distillation"),
  /** The teacher networks. */
  teachers: z.array(teacherSchema).min(1, "name at least one teacher"),
  /** Temperature: divides the logits of student and teachers. */
  temperature: z.number().positive().default(1),
  /**
   * What the teacher sees. `consistent`: the student's image, with the same crop, flip and mixup. `independent`: another
   * augmentation of the image, made anew every time; `fixed`: another augmentation, made once per image. The last two need
   * a preprocessing that stacks two views.
   */
  views: z.enum(["consistent", "independent", "fixed"]).default("consistent"),
  /** Number of the teachers' logits, if they are not the classes of the training source. */
  classes: count.optional(),
});

type Settings = z.output<typeof distillationSchema>;

export const distillation: ObjectiveKind<Settings> = {
  streams: ["train"],
  headClasses: (settings, classes) => settings.classes ?? classes,
  probabilities: "softmax",
  mixes: true,
  open: openDistillation,
};

/** The smallest probability whose logarithm is taken (papers.md 7). */
const smallestProbability = 1e-8;

/**
 * Distillation loss T^2 KL(softmax(teacher / T) || softmax(student / T)) per example: [N, K] and [N, K] give [N].
 * @example T = 1, teacher [2, 0, 0], student [0, 1, 0]: 0.779365 (papers.md 12.5)
 */
export function distillationLoss(student: Tensor, teacher: Tensor, temperature: number): Tensor {
  const target = softmax(scale(teacher, 1 / temperature));
  return matchProbabilities(student, target, temperature);
}

/** The same loss from the teacher's probabilities at that temperature. */
export function matchProbabilities(student: Tensor, target: Tensor, temperature: number): Tensor {
  if (student.shape.join() !== target.shape.join()) {
    throw new ShapeError(
      `distillation: the student's logits have shape [${student.shape.join(", ")}] and the teacher's [${target.shape.join(", ")}]; expected equal shapes`,
    );
  }
  const divergence = multiply(
    target,
    subtract(log(maximum(target, smallestProbability)), logSoftmax(scale(student, 1 / temperature))),
  );
  return scale(reduceSum(divergence, 1), temperature ** 2);
}

async function openDistillation(settings: Settings, context: ObjectiveContext): Promise<Objective> {
  const { model, batchSize, image: sides } = context;
  requireClassifier(model);
  const { all: teachers, close } = await openTeachers(settings.teachers, context, ({ name, width: classes }) => {
    if (classes === model.classes) return;
    throw new RangeError(
      `the teacher ${name} has ${classes} logits and the student ${model.classes}; set objective.classes to ${classes}, or select the teacher's logits for the student's classes with teachers[].classes`,
    );
  });
  const image = input("image", "float32", [batchSize, ...sides]);
  const probabilities = teachers.map((_, i) => input(`teacher${i}`, "float32", [batchSize, model.classes]));
  const asked = teachers.map((teacher) => asker(teacher, settings, context));
  return {
    name: "distillation",
    inputs: { image, ...Object.fromEntries(probabilities.map((one, i) => [`teacher${i}`, one])) },
    trace: (scope, part) => {
      const { logits } = network(scope, part["image"]!, model);
      const losses = teachers.map((_, i) =>
        reduceMean(matchProbabilities(logits!, part[`teacher${i}`]!, settings.temperature)),
      );
      return { loss: losses.reduce((total, loss) => add(total, loss)) };
    },
    feeds: async ({ train }, random) => {
      const consistent = settings.views === "consistent";
      const views = consistent ? sameView(train, context) : ownView(train, context);
      const { mix } = drawMix(context, random);
      const student = mix(views.student);
      const feeds: Record<string, NumericArray> = { image: student };
      for (const [i, ask] of asked.entries()) {
        const answer = await ask(consistent ? student : views.teacher, train.indices);
        feeds[`teacher${i}`] = consistent ? answer : mix(answer);
      }
      return feeds;
    },
    evaluation:
      settings.classes === undefined
        ? classifierEvaluation("softmax", context)
        : agreement(teachers, settings.temperature, context),
    close,
  };
}

interface Views {
  /** Images [N, H, W, C]. */
  readonly student: Float32Array;
  readonly teacher: Float32Array;
}

const sizeOf = ({ image, batchSize }: ObjectiveContext) =>
  batchSize * image.reduce((product, side) => product * side, 1);

function sameView({ image, shape }: Batch, context: ObjectiveContext): Views {
  if (image.length === sizeOf(context)) return { student: image, teacher: image };
  throw new Error(
    `the images are ${shape.slice(1).join(" x ")}; expected ${context.image.join(" x ")}, the network's input; make the preprocessing and model.imageSize agree`,
  );
}

/** Separates the two views that are stacked in each image. */
function ownView({ image, shape }: Batch, context: ObjectiveContext): Views {
  const size = sizeOf(context);
  if (image.length !== 2 * size) {
    const [height, width, channels] = context.image;
    throw new Error(
      `a teacher with its own view needs images of ${2 * height} x ${width} x ${channels}, the student's view above the teacher's; the preprocessing gives ${shape.slice(1).join(" x ")}; stack two views with views(2, "...") or branches("...", "...")`,
    );
  }
  const [student, teacher] = [new Float32Array(size), new Float32Array(size)];
  const one = size / context.batchSize;
  for (let i = 0; i < context.batchSize; i++) {
    student.set(image.subarray(2 * i * one, (2 * i + 1) * one), i * one);
    teacher.set(image.subarray((2 * i + 1) * one, (2 * i + 2) * one), i * one);
  }
  return { student, teacher };
}

type Ask = (images: Float32Array, indices: Int32Array) => Promise<Float32Array>;

/** Returns a function that computes a teacher's probabilities at the temperature; for `fixed` views, once per image. */
function asker(teacher: Teacher, { views, temperature }: Settings, { model }: ObjectiveContext): Ask {
  const probabilities = async (images: Float32Array) => softened(await teacher.ask(images), model.classes, temperature);
  if (views !== "fixed") return probabilities;
  const known = new Map<number, Float32Array>();
  return async (images, indices) => {
    if (indices.some((index) => !known.has(index))) {
      const found = await probabilities(images);
      for (const [row, index] of indices.entries()) known.set(index, rowOf(found, row, model.classes).slice());
    }
    const out = new Float32Array(indices.length * model.classes);
    for (const [row, index] of indices.entries()) out.set(known.get(index)!, row * model.classes);
    return out;
  };
}

/** Computes softmax(logits / temperature) of every row, in float64. */
function softened(logits: Float32Array, classes: number, temperature: number): Float32Array {
  const out = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    let top = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < classes; k++) top = Math.max(top, logits[start + k]!);
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += Math.exp((logits[start + k]! - top) / temperature);
    for (let k = 0; k < classes; k++) out[start + k] = Math.exp((logits[start + k]! - top) / temperature) / sum;
  }
  return out;
}

/**
 * Evaluation for logits that are not classes of the source: the divergence from the teachers, and the fraction of
 * images whose top class equals the first teacher's.
 */
function agreement(teachers: readonly Teacher[], temperature: number, context: ObjectiveContext): ObjectiveEvaluation {
  const { model, image: sides, evaluationBatchSize: size } = context;
  const image = input("image", "float32", [size, ...sides]);
  const inputs = teachers.map((_, i) => input(`teacher${i}`, "float32", [size, model.classes]));
  return {
    inputs: [image, ...inputs],
    outputs: (scope) => {
      const { logits } = network(scope, image, model);
      const losses = inputs.map((one) => matchProbabilities(logits!, one, temperature));
      return { logits: logits!, loss: losses.reduce((total, loss) => add(total, loss)) };
    },
    feeds: async (batch) => {
      const feeds: Record<string, NumericArray> = { image: batch.image };
      for (const [i, teacher] of teachers.entries())
        feeds[`teacher${i}`] = softened(await teacher.ask(batch.image), model.classes, temperature);
      return feeds;
    },
    score: (results, feeds) => {
      const { logits, loss } = results as Record<"logits" | "loss", Float32Array>;
      const first = feeds["teacher0"] as Float32Array;
      const correct = Float32Array.from({ length: size }, (_, i) =>
        argmax(rowOf(logits, i, model.classes)) === argmax(rowOf(first, i, model.classes)) ? 1 : 0,
      );
      return { loss, correct };
    },
  };
}
