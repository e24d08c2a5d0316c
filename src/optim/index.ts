/** Optimisers and schedules. */

export { type AdafactorOptions, adafactorBeta2, factoredAxes, scaleByAdafactor } from "./adafactor.js";
export {
  type AverageConfig,
  averageName,
  averageRate,
  decayOfHalfLife,
  type EmaConfig,
  type PolyakConfig,
} from "./average.js";
export {
  type CustomOptimizer,
  type CustomSchedule,
  customOptimizerProblem,
  customScheduleProblem,
  defineOptimizer,
  defineSchedule,
  type OptimizerDefinition,
  type ScheduleDefinition,
} from "./custom.js";
export { type MomentumDType, unknownMomentumDType } from "./momentum.js";
export { globalNorm } from "./norms.js";
export {
  type AdafactorConfig,
  type AdamConfig,
  type CustomOptimizerConfig,
  createOptimizer,
  isFrozen,
  isOptimizerState,
  type OptimizerConfig,
  optimizerNames,
  type SgdConfig,
} from "./optimizers.js";
export {
  type ConstantSchedule,
  type CosineSchedule,
  type CustomScheduleConfig,
  createSchedule,
  type PolynomialSchedule,
  type ReciprocalSquareRootSchedule,
  type Schedule,
  type ScheduleConfig,
  type ScheduleContext,
  type StairSchedule,
} from "./schedules.js";
export {
  type ApplyOptions,
  applyOptimizer,
  chain,
  type HostScalar,
  initialName,
  type OptimizerContext,
  type OptimizerGraph,
  type StateSlot,
  type Transformation,
  type Update,
} from "./transformation.js";
export {
  addDecayedWeights,
  addL2Penalty,
  addL2PenaltyToInitial,
  clipByGlobalNorm,
  defaultDecayPatterns,
  freeze,
  type Patterns,
  patternValue,
  type SchedulePatterns,
  scaleBy,
  scaleByAdam,
  scaleByPattern,
  scaleBySchedule,
  trace,
} from "./transformations.js";
