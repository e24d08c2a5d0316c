/** Fine-tuning by published rules. */
export { readTrainable, typicalImageSize } from "./backbone.js";
export { type BitHyperRule, type BitHyperRuleOptions, bitHyperRule, bitLearningRate, bitTasks } from "./bit.js";
export { type DividedSource, type DivideOptions, divideSource } from "./divide.js";
export { type FinetuneOptions, finetune, finetuneDryRun } from "./finetune.js";
export {
  TransferError,
  type TransferMethod,
  type TransferResult,
  type TransferRun,
} from "./method.js";
export {
  defaultRule,
  type FineTuningChoices,
  type FineTuningRecipe,
  type FineTuningRule,
  fineTuningPlan,
  fineTuningRecipe,
  fineTuningRules,
  type SourcePart,
} from "./recipe.js";
export {
  checkRule,
  chosen,
  type FineTuningPlan,
  planPreprocessing,
  type RuleChoices,
  type RuleData,
  scaledSides,
} from "./rule.js";
export { defaultMemory, type FineTuned, type FineTuneOptions, fineTuneSources, fineTuningMethods } from "./run.js";
export { augRegFineTuning, augRegRule, checkTask, type ViTFineTuning, vitFineTuning, vitRule } from "./vit.js";
export { type VtabRuleOptions, vtabLightSweep, vtabRule } from "./vtab.js";
