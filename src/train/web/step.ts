/** Trains a graph from code in a browser. */
import type { Tensor } from "../../graph/index.js";
import type { Scope } from "../../nn/index.js";
import type { CustomOptimizerConfig, OptimizerConfig, Transformation } from "../../optim/index.js";
import { compile } from "../../runtime/web/index.js";
import { type TrainStep, type TrainStepOptions, trainStepBy } from "../train-step.js";

/**
 * Compiles a step that lowers a loss, as `trainStep` does on Node. Throws RangeError if the loss is not a float32 scalar or the scope has no
 * parameters, and what `createOptimizer`, `grad` and `compile` throw.
 */
export const trainStep = (
  loss: Tensor,
  scope: Scope,
  optimizer: OptimizerConfig | CustomOptimizerConfig | Transformation,
  options?: TrainStepOptions,
): Promise<TrainStep> => trainStepBy(compile, loss, scope, optimizer, options);
