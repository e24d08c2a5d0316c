/** Writes the recipe of a fine-tuning from a rule, a backbone and images. It trains like any other recipe. */

import { asWeights, type TrainedNetwork } from "../../networks/index.js";
import { resizeImages } from "../../weights/index.js";
import type { RecipeInput } from "../recipe/recipe.js";
import { recipeModelOf } from "../run/initial-weights.js";
import { type BitHyperRuleOptions, bitHyperRule } from "./bit.js";
import { type FineTuningPlan, planPreprocessing, type RuleChoices, type RuleData } from "./rule.js";
import { augRegRule, vitRule } from "./vit.js";
import { type VtabRuleOptions, vtabRule } from "./vtab.js";

export const fineTuningRules = ["bit", "vit", "augreg", "vtab"] as const;
export type FineTuningRule = (typeof fineTuningRules)[number];

/** Settings that may replace a rule's: those of all rules, and those of single rules. */
export type FineTuningChoices = RuleChoices &
  Pick<BitHyperRuleOptions, "variant" | "pipeline"> &
  Pick<VtabRuleOptions, "form">;

/**
 * The default rule: BiT-HyperRule for ResNets, the ViT paper's rule for the others, as their papers fine-tuned them.
 */
export const defaultRule = ({ config }: Pick<TrainedNetwork, "config">): FineTuningRule =>
  config.family === "resnet" ? "bit" : "vit";

/** Applies a rule to a network. Throws TransferError. */
export function fineTuningPlan(
  rule: FineTuningRule,
  { config }: Pick<TrainedNetwork, "config">,
  data: RuleData,
  choices: FineTuningChoices = {},
): FineTuningPlan {
  const options = { ...data, ...choices };
  switch (rule) {
    case "bit":
      return bitHyperRule({ ...options, largestModel: isLargestBit(config) });
    case "vit":
      return vitRule(options);
    case "augreg":
      return augRegRule(options);
    case "vtab":
      return vtabRule(options);
  }
}

/** Whether it is R152x4, for which the paper uses larger images (papers.md 2.3). */
const isLargestBit = (config: TrainedNetwork["config"]): boolean =>
  config.family === "resnet" && config.widthFactor === 4 && config.blocks.join() === "3,8,36,3";

/** A source of a recipe without its preprocessing. */
export interface SourcePart {
  readonly source: string;
  readonly split?: string;
}

export interface FineTuningRecipe {
  readonly plan: FineTuningPlan;
  /** The network as in recipes, in a form that `readTrainable` reads. */
  readonly backbone: string;
  readonly network: TrainedNetwork;
  readonly train: SourcePart;
  readonly evaluation?: SourcePart;
  readonly seed?: number;
  readonly output: string;
}

/**
 * The configuration of the network for images of another size. An MLP-Mixer's token mixing grows with the images.
 * Throws WeightsError unless the size is a whole multiple.
 */
function configFor(network: TrainedNetwork, side: number): TrainedNetwork["config"] {
  if (network.config.family !== "mixer") return network.config;
  return resizeImages(asWeights(network), { height: side, width: side }).config;
}

/**
 * The recipe of a fine-tuning. The network takes images of the plan's size, has no dropout except the plan's before the
 * head, no pre-logits layer (papers.md 1.6), and a new zero-initialised head. The optimiser is SGD with momentum 0.9.
 * It is evaluated once, at the end.
 */
export function fineTuningRecipe(parts: FineTuningRecipe): RecipeInput {
  const { plan, backbone, network, train, evaluation, seed = 0, output } = parts;
  const { imageShape } = network;
  const config = configFor(network, plan.crop);
  const pixels = planPreprocessing(plan, network);
  const { dropout = 0 } = plan;
  const plain = {
    // settings of only one family must be absent for the others; convolutional networks only have dropout before the head
    ...(config.family === "resnet" || config.family === "mobilenet"
      ? { dropout }
      : { dropout: 0, headDropout: dropout === 0 ? undefined : dropout }),
    stochasticDepth: 0,
    headBiasInit: 0,
    ...(config.family === "vit" && { preLogits: false }),
  };
  return {
    seed,
    initialWeights: backbone,
    model: recipeModelOf({ ...config, ...plain }, [plan.crop, plan.crop, imageShape[2]]),
    data: {
      train: { ...train, preprocessing: pixels.train },
      evaluation: evaluation && { ...evaluation, preprocessing: pixels.test },
    },
    batchSize: plan.batchSize,
    total: { steps: plan.steps },
    objective: { name: "softmax" },
    mixup: { ...plan.mixup },
    optimizer: {
      name: "sgd",
      momentum: 0.9,
      learningRate: plan.learningRate,
      clipNorm: plan.clipNorm,
      l2PenaltyToInitial: plan.weightDecayToInitial || undefined,
    },
    schedule: plan.schedule,
    evaluate: { every: { percent: 1 } },
    checkpoint: { every: { percent: 0.1 }, keepLast: 1 },
    output,
  };
}
