/** What `fovea/optim` exports: optimisers as chains of transformations, schedules, and definitions of the user. */
export { scaleByAdafactor } from "./adafactor.js";
export {
  type CustomOptimizer,
  type CustomSchedule,
  defineOptimizer,
  defineSchedule,
  type OptimizerDefinition,
  type ScheduleDefinition,
} from "./custom.js";
export { createOptimizer, type OptimizerConfig } from "./optimizers.js";
export { createSchedule, type Schedule } from "./schedules.js";
export {
  applyOptimizer,
  chain,
  type Transformation,
} from "./transformation.js";
export {
  addDecayedWeights,
  addL2Penalty,
  clipByGlobalNorm,
  freeze,
  scaleByAdam,
  scaleBySchedule,
  trace,
} from "./transformations.js";
