/** Training: recipes, objectives, and running a recipe. */

export {
  agree,
  type Buckets,
  bucketGradients,
  type Communicator,
  DistributedError,
  defaultBucketBytes,
  fingerprint,
  isBucket,
  type Launch,
  launchOf,
  openCommunicator,
  reportFailure,
  type SharedTensor,
  type StepsAsked,
  type StepsTaken,
  shareJson,
  shareState,
  single,
  takeSteps,
  threadsPerRank,
} from "./distributed/index.js";
export {
  augRegFineTuning,
  augRegRule,
  type BitHyperRule,
  type BitHyperRuleOptions,
  bitHyperRule,
  bitLearningRate,
  bitTasks,
  checkRule,
  checkTask,
  chosen,
  type DividedSource,
  type DivideOptions,
  defaultMemory,
  defaultRule,
  divideSource,
  type FineTuned,
  type FineTuneOptions,
  type FineTuningChoices,
  type FineTuningPlan,
  type FineTuningRecipe,
  type FineTuningRule,
  type FinetuneOptions,
  fineTuneSources,
  fineTuningMethods,
  fineTuningPlan,
  fineTuningRecipe,
  fineTuningRules,
  finetune,
  finetuneDryRun,
  planPreprocessing,
  type RuleChoices,
  type RuleData,
  readTrainable,
  type SourcePart,
  scaledSides,
  TransferError,
  type TransferMethod,
  type TransferResult,
  type TransferRun,
  typicalImageSize,
  type ViTFineTuning,
  type VtabRuleOptions,
  vitFineTuning,
  vitRule,
  vtabLightSweep,
  vtabRule,
} from "./finetune/index.js";
export { type LaunchOptions, launchTraining, OtherRankError } from "./launch.js";
export type { TrainResult } from "./loop.js";
export { trainStep } from "./node-step.js";
export {
  type Batches,
  byLabel,
  type ClassificationLoss,
  type ClassificationSettings,
  type CustomObjective,
  classification,
  defineObjective,
  type Objective,
  type ObjectiveContext,
  type ObjectiveDefinition,
  type ObjectiveEvaluation,
  type ObjectiveKind,
  type ObjectiveSettings,
  objectiveKind,
  objectiveSchema,
  returnedBatch,
  type StepMetrics,
  type StreamName,
} from "./objectives/index.js";
export {
  drawMixup,
  type Mixup,
  type MixupKind,
  type MixupSettings,
  mixImages,
  mixupKinds,
} from "./objectives/mixup.js";
export { type DryRun, type DryRunChoice, dryRun } from "./plan/dry-run.js";
export { forwardFlops } from "./plan/forward-flops.js";
export { evaluateMatmulRate, openMatmulMeter } from "./plan/matmul-rate.js";
export {
  dataOf,
  describeSettings,
  type Fit,
  fitMemory,
  type MemoryChoice,
  type MemorySettings,
  memoryCandidates,
  memoryChoice,
  memoryOf,
  memorySettings,
  type TrainingData,
  withMemorySettings,
} from "./plan/memory.js";
export { fastestMicrobatches } from "./plan/microbatches.js";
export { type OpenedTraining, openPart, openTrainingData } from "./plan/open-part.js";
export { microbatchesOf, planRun, type RunPlan } from "./plan/plan.js";
export { type PreparedTraining, prepareTraining } from "./plan/prepare.js";
export { buildTraining, type Sharing, type TrainingConfig, type TrainingProgram } from "./plan/step.js";
export { TrainError } from "./plan/train-error.js";
export {
  type AugregRecipe,
  augregRecipe,
  augregRecommended,
  augregRegularisations,
  augregWeightDecays,
} from "./recipe/augreg.js";
export { durationSchema } from "./recipe/duration.js";
export {
  type Duration,
  type DurationContext,
  type DurationUnit,
  durationUnit,
  durationUnits,
  formatDurationSetting,
  isTime,
  toSteps,
} from "./recipe/durations.js";
export { loadRecipe, readRecipe, saveRecipe } from "./recipe/load-recipe.js";
export {
  averageConfig,
  averageSchema,
  optimizerSchema,
  type RecipeAverage,
  type RecipeSchedule,
  scheduleConfig,
  schedulePatternsSchema,
  scheduleSchema,
} from "./recipe/optimizer.js";
export { applyOverrides, nearestPath, type Override, parseOverrides } from "./recipe/overrides.js";
export {
  canonicalJson,
  defineRecipe,
  type Recipe,
  RecipeError,
  type RecipeInput,
  type RecipePart,
  recipeDifferences,
  recipeHash,
  recipeSchema,
  resolveRecipe,
  trainingParts,
} from "./recipe/recipe.js";
export { type EvaluationResult, evaluateSource, openEvaluation } from "./run/evaluate.js";
export {
  bestSoFar,
  checkpointFolder,
  differencesFromRun,
  hasRun,
  newestCheckpoint,
  prepareFolder,
  requireNoRun,
  requireSameClassNames,
  resumeFrom,
  runFolder,
  savedComputing,
  withSavedMemory,
} from "./run/folder.js";
export { recipeModelOf, startFrom } from "./run/initial-weights.js";
export { type MetricsRecord, MetricsWriter, readMetrics } from "./run/metrics.js";
export { TensorBoardWriter, tfRecord } from "./run/tensorboard.js";
export { type TrainOptions, train } from "./train.js";
export type { TrainStep, TrainStepOptions } from "./train-step.js";
