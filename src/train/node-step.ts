/** Trains a graph from code on Node. */
import type { Tensor } from "../graph/index.js";
import type { Scope } from "../nn/index.js";
import type { CustomOptimizerConfig, OptimizerConfig, Transformation } from "../optim/index.js";
import { compile } from "../runtime/index.js";
import { type TrainStep, type TrainStepOptions, trainStepBy } from "./train-step.js";

/**
 * Compiles a step that lowers a loss, a float32 scalar, by the gradients of the parameters of a scope. `optimizer` is the configuration of one, or a
 * chain of transformations (`chain`). Throws RangeError if the loss is not a float32 scalar or the scope has no parameters, and what
 * `createOptimizer`, `grad` and `compile` throw.
 *
 * @example
 * const scope = Scope.root();
 * const [x, y] = [input("x", "float32", [8, 2]), input("y", "float32", [8, 1])];
 * const error = subtract(dense(scope, x, 1), y);
 * await using training = await trainStep(reduceMean(multiply(error, error)), scope, { name: "sgd", learningRate: 0.1 });
 * await training.step({ x: new Float32Array(16), y: new Float32Array(8) });
 */
export const trainStep = (
  loss: Tensor,
  scope: Scope,
  optimizer: OptimizerConfig | CustomOptimizerConfig | Transformation,
  options?: TrainStepOptions,
): Promise<TrainStep> => trainStepBy(compile, loss, scope, optimizer, options);
