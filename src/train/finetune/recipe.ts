/** From a rule, a backbone and images to the recipe of a fine-tuning, which trains like any other recipe. */

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

/** What may be chosen beside the rule: of all rules, and of single ones. */
export type FineTuningChoices = RuleChoices &
  Pick<BitHyperRuleOptions, "variant" | "pipeline"> &
  Pick<VtabRuleOptions, "form">;

/** BiT-HyperRule for ResNets, the ViT paper's rule for the others, as their papers fine-tuned them. */
export const defaultRule = ({ config }: Pick<TrainedNetwork, "config">): FineTuningRule =>
  config.family === "resnet" ? "bit" : "vit";

/** What a rule says for a network. Throws TransferError. */
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

/** R152x4, for which the paper takes larger images (papers.md 2.3). */
const isLargestBit = (config: TrainedNetwork["config"]): boolean =>
  config.family === "resnet" && config.widthFactor === 4 && config.blocks.join() === "3,8,36,3";

/** A source of a recipe without its preprocessing. */
export interface SourcePart {
  readonly source: string;
  readonly split?: string;
}

export interface FineTuningRecipe {
  readonly plan: FineTuningPlan;
  /** What `readTrainable` reads, as recipes name it. */
  readonly backbone: string;
  readonly network: TrainedNetwork;
  readonly train: SourcePart;
  readonly evaluation?: SourcePart;
  readonly seed?: number;
  readonly output: string;
}

/** The network for images of another size: the token mixing of an MLP-Mixer grows with them. Throws WeightsError for other than whole multiples. */
function configFor(network: TrainedNetwork, side: number): TrainedNetwork["config"] {
  if (network.config.family !== "mixer") return network.config;
  return resizeImages(asWeights(network), { height: side, width: side }).config;
}

/**
 * The recipe of a fine-tuning: the network for images of the plan's size, without dropout but for the plan's before the head, without a
 * pre-logits layer (papers.md 1.6), a new head of zeros; SGD with momentum 0.9. It is evaluated once, at the end.
 */
export function fineTuningRecipe(parts: FineTuningRecipe): RecipeInput {
  const { plan, backbone, network, train, evaluation, seed = 0, output } = parts;
  const { imageShape } = network;
  const config = configFor(network, plan.crop);
  const pixels = planPreprocessing(plan, network);
  const { dropout = 0 } = plan;
  const plain = {
    // settings that only one family has must be absent for the others; a ResNet has no other dropout than that before the head
    ...(config.family === "resnet" ? { dropout } : { dropout: 0, headDropout: dropout === 0 ? undefined : dropout }),
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
