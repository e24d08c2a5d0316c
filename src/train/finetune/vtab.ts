/**
 * Fine-tuning as in the Visual Task Adaptation Benchmark's released code (Zhai et al. 2019, arXiv:1910.04867; papers.md
 * 4.3, 4.4).
 */
import type { Setting } from "../../networks/index.js";
import { TransferError } from "./method.js";
import { checkRule, chosen, type FineTuningPlan, type RuleChoices, type RuleData } from "./rule.js";

export interface VtabRuleOptions extends RuleData, RuleChoices {
  /**
   * "example": the code's full example, batches of 512 for 2500 steps. "script": the cheaper run of its script for all
   * tasks, batches of 64 for 1000 steps with 80 of warmup. Default: the full example.
   */
  readonly form?: "example" | "script";
}

/**
 * The lightweight sweep: two learning rates and two lengths, selected on the 200 validation images; the default comes
 * first.
 */
export const vtabLightSweep: readonly Setting[] = [
  { learningRate: 0.01, steps: 2500 },
  { learningRate: 0.1, steps: 2500 },
  { learningRate: 0.01, steps: 10_000 },
  { learningRate: 0.1, steps: 10_000 },
];

/**
 * The same settings for every task: images stretched to 224 pixels without augmentation, and a learning rate of 0.01
 * that is divided by 10 after 30, 60 and 90 per cent of the steps. At the decay step itself the old rate still applies,
 * as in `tf.train.piecewise_constant` (task_adaptation, trainer.py). Throws TransferError.
 */
export function vtabRule(options: VtabRuleOptions): FineTuningPlan {
  checkRule(options, options);
  const script = options.form === "script";
  const { steps = script ? 1000 : 2500, batchSize = script ? 64 : 512, learningRate = 0.01, crop = 224 } = options;
  const decays = [0.3, 0.6, 0.9].map((part) => Math.round(part * steps));
  if (decays.some((decay, i) => decay <= (decays[i - 1] ?? 0)))
    throw new TransferError(`${steps} steps are too few for VTAB's three decays; expected at least 4`);
  // The script warms up for 80 of its 1000 steps; other lengths use the same fraction.
  const warmup = script ? { warmup: { steps: Math.round(0.08 * steps) } } : {};
  return {
    steps,
    batchSize,
    learningRate,
    schedule: { name: "stair", steps: decays.map((decay) => decay + 1), mults: [0.1, 0.01, 0.001], ...warmup },
    // The released code has no mixup; the heavy sweep is BiT's, and so is its mixup.
    ...chosen(options, { alpha: 0, kind: "bit" }),
    resize: crop,
    crop,
    flip: "none",
    resizing: "tf1",
  };
}
