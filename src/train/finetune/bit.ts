/**
 * BiT-HyperRule (Kolesnikov et al. 2020, arXiv:1912.11370, section 3.3; papers.md 2.3). It derives every setting of a
 * fine-tuning from the number of training images and their size, so that nothing needs to be searched.
 */
import { TransferError } from "./method.js";
import { checkRule, chosen, type FineTuningPlan, type RuleChoices, type RuleData, scaledSides } from "./rule.js";

export interface BitHyperRuleOptions extends RuleData, RuleChoices {
  /**
   * Sides of large images: 448 and 384 pixels as in the paper (512 and 480 for its largest network), or 512 and 480 for
   * every network as in the released code. Default: the paper's.
   */
  readonly variant?: "paper" | "code";
  /** Whether it is the paper's largest network, R152x4. */
  readonly largestModel?: boolean;
  /**
   * The released pipelines differ. PyTorch's mirrors images half of the time and pairs images for mixup by a random
   * permutation. That of TensorFlow and JAX mirrors every training image (`flip_left_right` by mistake instead of its
   * random form) and pairs a batch with itself reversed. Default: PyTorch's, which is what the paper describes.
   */
  readonly pipeline?: "pytorch" | "tensorflow";
}

/** VTAB's tasks with exceptions in the rule. */
export const bitTasks = (): readonly string[] => [...new Set([...withoutFlip, ...withoutCrop])];

export interface BitHyperRule extends FineTuningPlan {
  /**
   * Steps at which the learning rate changes. It rises from 0 until the first step, is divided by 10 after each
   * following one, and training ends at the last.
   */
  readonly supports: readonly number[];
}

/** Number of training images below which a task is small, and medium (papers.md 2.3). */
const smallBelow = 20_000;
const mediumBelow = 500_000;
/** Height times width below which images are small (papers.md 2.3). */
const smallArea = 96 * 96;

/**
 * Tasks whose images must not be mirrored, because their labels change with the image (papers.md 2.3, after the paper's
 * appendix).
 */
const withoutFlip = ["dsprites-orientation", "dsprites-location", "smallnorb-azimuth"];
/** Tasks whose images must not be cropped, because a crop may lose what the labels count or measure. */
const withoutCrop = ["clevr-count", "clevr-distance", "dmlab", "kitti-distance", "dsprites-location"];

/**
 * The rule for a number of images and their size. Batches have 512 images at a learning rate of 0.003; a batch of 128
 * uses 0.001, which the authors suggest as cheaper with the same result. A different number of `steps` scales the
 * rule's supports; a different `crop` scales the side that images are resized to. Throws TransferError for invalid
 * numbers.
 *
 * @example bitHyperRule({ examples: 1020, imageSize: [500, 600] }).steps; // 500
 */
export function bitHyperRule(options: BitHyperRuleOptions): BitHyperRule {
  const { examples, imageSize, task, variant = "paper", largestModel = false, pipeline = "pytorch" } = options;
  checkRule(options, options);
  const small = examples < smallBelow;
  const published = small
    ? [100, 200, 300, 400, 500]
    : examples < mediumBelow
      ? [500, 3000, 6000, 9000, 10_000]
      : [500, 6000, 12_000, 18_000, 20_000];
  const { steps = published.at(-1)!, batchSize = 512 } = options;
  const supports = published.map((support) => Math.round((support * steps) / published.at(-1)!));
  if (supports.some((support, i) => support <= (supports[i - 1] ?? 0)))
    throw new TransferError(
      `${steps} steps are too few for the ${supports.length} parts of BiT's schedule; expected at least ${fewestSteps(published)}`,
    );
  const learningRate = options.learningRate ?? (batchSize === 128 ? 0.001 : 0.003);
  const large = variant === "code" || largestModel ? { resize: 512, crop: 480 } : { resize: 448, crop: 384 };
  const sides = imageSize[0] * imageSize[1] < smallArea ? { resize: 160, crop: 128 } : large;
  const { resize, crop } = scaledSides(sides, options.crop);
  const cropped = !(task !== undefined && withoutCrop.includes(task));
  const mirrored = !(task !== undefined && withoutFlip.includes(task));
  return {
    steps,
    supports,
    batchSize,
    learningRate,
    // At a support the old rate still applies (papers.md 2.3: s < step), so the schedule drops one step later.
    schedule: {
      name: "stair",
      steps: supports.slice(1, -1).map((support) => support + 1),
      mults: supports.slice(1, -1).map((_, i) => 10 ** -(i + 1)),
      warmup: { steps: supports[0]! },
    },
    ...chosen(options, { alpha: small ? 0 : 0.1, kind: pipeline === "pytorch" ? "bit" : "bit_reversed" }),
    resize: cropped ? resize : crop,
    crop,
    flip: !mirrored ? "none" : pipeline === "pytorch" ? "random" : "always",
  };
}

/** The fewest steps for which the supports are distinct. */
function fewestSteps(published: readonly number[]): number {
  const last = published.at(-1)!;
  const apart = (steps: number) =>
    published.every((support, i) => {
      const before = i === 0 ? 0 : Math.round((published[i - 1]! * steps) / last);
      return Math.round((support * steps) / last) > before;
    });
  let steps = published.length;
  while (!apart(steps)) steps++;
  return steps;
}

/** The rule's learning rate at a step (step 0 is the first update, with rate 0); undefined from the last support on. */
export function bitLearningRate(
  { supports, learningRate }: Pick<BitHyperRule, "supports" | "learningRate">,
  step: number,
): number | undefined {
  if (step < supports[0]!) return (learningRate * step) / supports[0]!;
  if (step >= supports.at(-1)!) return undefined;
  return learningRate / 10 ** supports.slice(1).filter((support) => support < step).length;
}
