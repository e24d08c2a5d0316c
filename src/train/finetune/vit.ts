/**
 * Fine-tuning as in the ViT paper (Dosovitskiy et al. 2021, arXiv:2010.11929, table 4) and in AugReg (Steiner et al.
 * 2021, arXiv:2106.10270).
 */
import { didYouMean } from "../../text/nearest.js";
import { TransferError } from "./method.js";
import { checkRule, chosen, type FineTuningPlan, type RuleChoices, type RuleData, scaledSides } from "./rule.js";

/** A row of the ViT paper's table. */
export interface ViTFineTuning {
  readonly steps: number;
  /** The learning rates that the paper searched on a part of the training images. */
  readonly learningRates: readonly number[];
}

const fewImages: ViTFineTuning = { steps: 500, learningRates: [0.001, 0.003, 0.01, 0.03] };
const cifar: ViTFineTuning = { steps: 10_000, learningRates: [0.001, 0.003, 0.01, 0.03] };
const imagenet: ViTFineTuning = { steps: 20_000, learningRates: [0.003, 0.01, 0.03, 0.06] };

/** The paper's table: steps and learning rates by dataset (papers.md 9.10). */
export const vitFineTuning: Readonly<Record<string, ViTFineTuning>> = {
  imagenet,
  "cifar-10": cifar,
  "cifar-100": cifar,
  pets: fewImages,
  flowers: fewImages,
  vtab: { steps: 2500, learningRates: [0.01] },
};

/**
 * The row of a dataset. A dataset that is not in the table has the row of a similarly large one, with the bounds of
 * BiT-HyperRule: Pets' and Flowers' below 20,000 images, CIFAR's below 500,000, otherwise ImageNet's.
 */
function rowOf({ task, examples }: RuleData): ViTFineTuning {
  if (task !== undefined && Object.hasOwn(vitFineTuning, task)) return vitFineTuning[task]!;
  return examples < 20_000 ? fewImages : examples < 500_000 ? cifar : imagenet;
}

/** Resized to 448 pixels and cropped to 384 (papers.md 1.10, the released code). */
const published = { resize: 448, crop: 384 };

/**
 * The ViT paper's fine-tuning: batches of 512, cosine decay after a warmup, gradients clipped to norm 1, 384 pixels.
 * The default learning rate is 0.03, as in the released code, if the table's row has it; otherwise the row's first. The
 * code warms up for 500 steps, or 100 in runs of 500; for other lengths, warmup here is a fifth of the steps, at most
 * 500. Throws TransferError.
 */
export function vitRule(options: RuleData & RuleChoices): FineTuningPlan {
  checkRule(options, options);
  const row = rowOf(options);
  const { steps = row.steps, batchSize = 512 } = options;
  const learningRate = options.learningRate ?? (row.learningRates.includes(0.03) ? 0.03 : row.learningRates[0]!);
  return {
    steps,
    batchSize,
    learningRate,
    schedule: { name: "cosine", warmup: { steps: Math.min(500, Math.floor(steps / 5)) } },
    clipNorm: 1,
    ...chosen(options, { alpha: 0, kind: "big_vision" }),
    ...scaledSides(published, options.crop),
    flip: "random",
  };
}

/**
 * The learning rates that AugReg recommends for fine-tuning (papers.md 1.10: their file names), and its resolutions
 * (5.8).
 */
export const augRegFineTuning = { learningRates: [0.03, 0.01], resolutions: [384, 224] } as const;

/**
 * AugReg's fine-tuning: the ViT paper's with 384 or 224 pixels and a learning rate of 0.03 or 0.01, without dropout;
 * the steps are those of the ViT paper's table. (The reference stores the momentum in bfloat16 to save memory; here it
 * is float32.) Throws TransferError.
 */
export function augRegRule(options: RuleData & RuleChoices): FineTuningPlan {
  const learningRate = options.learningRate ?? augRegFineTuning.learningRates[0];
  return vitRule({ ...options, learningRate });
}

/** Throws TransferError for a name that is neither a row of the table nor in `others`, the caller's own tasks. */
export function checkTask(task: string, others: readonly string[]): void {
  const known = [...Object.keys(vitFineTuning), ...others];
  if (known.includes(task)) return;
  throw new TransferError(
    `unknown task "${task}"${didYouMean(task, known) || `; expected ${known.join(", ")}; omit it for any other dataset`}`,
  );
}
