// Optimisers and schedules.
export {
  type AdamConfig,
  createOptimizer,
  isFrozen,
  isOptimizerState,
  type OptimizerConfig,
  type SgdConfig,
} from "./optimizers.js";
export * from "./schedules.js";
export {
  applyOptimizer,
  chain,
  type HostScalar,
  type OptimizerContext,
  type OptimizerGraph,
  type StateSlot,
  type Transformation,
  type Update,
} from "./transformation.js";
export * from "./transformations.js";
