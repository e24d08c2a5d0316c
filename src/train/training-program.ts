// The program of a run: one optimiser step of an objective, its evaluation, and the representation, all over the same
// parameters.
import {
  accumulateGradients,
  costOf,
  elementCount,
  type GraphCost,
  input,
  type NumericArray,
  type Tensor,
} from "../graph/index.js";
import { drawsInTraining, type ModelConfig } from "../models/index.js";
import { type ComputeType, initialValue, keyedRandom, type Parameter, Scope } from "../nn/index.js";
import {
  type AverageConfig,
  applyOptimizer,
  averageName,
  createOptimizer,
  globalNorm,
  type HostScalar,
  isFrozen,
  type OptimizerConfig,
  type Schedule,
  type StateSlot,
} from "../optim/index.js";
import type { ProgramFunction, ProgramSource } from "../runtime/index.js";
import { representation } from "./forward.js";
import { firstLossScale } from "./loss-scale.js";
import type { Objective } from "./objectives/objective.js";

export interface TrainingConfig {
  readonly model: ModelConfig;
  /** [height, width, channels] of one image. */
  readonly image: readonly [number, number, number];
  readonly microbatches: number;
  /** Images a run of `evaluate` and `represent` takes. */
  readonly evaluationBatchSize: number;
  readonly optimizer: OptimizerConfig;
  readonly schedule: Schedule;
  /** Keep averages of the weights, and evaluate and represent with them. */
  readonly average?: AverageConfig;
  /** Give the norm of all gradients although nothing clips by it. */
  readonly reportNorm?: boolean;
  /**
   * What the network works in during training; float32 when left out. With float16 parameters, optimiser state and losses stay
   * float32, and the loss is multiplied by a scale that `stepInputs` takes (loss-scale.ts).
   */
  readonly compute?: ComputeType;
  /** Steps in one run of the program (see ProgramFunction); 1 when left out. */
  readonly stepsPerRun?: number;
  /** Steps of the whole run; where `stepsPerRun` does not divide them, the last are taken one by one, by `singleStep`. */
  readonly totalSteps?: number;
}

export interface TrainingProgram {
  /**
   * Functions `step` (the objective's inputs, seed, scalars; gives the objective's metrics and, when clipping, scaling
   * the loss or asked to, gradientNorm; of `stepsPerRun` steps at once), `singleStep` (the same for one, where the last are taken
   * singly), `evaluate` (the objective's evaluation) and `represent` (image; gives preLogits), the last two with the averages
   * of the weights where there are any.
   */
  readonly source: ProgramSource;
  readonly parameters: readonly Parameter[];
  readonly parameterCount: number;
  readonly slots: readonly StateSlot[];
  readonly scalars: readonly HostScalar[];
  /** Is the loss scaled? Steps whose gradients overflow are then to be dropped and the scale lowered. */
  readonly scalesLoss: boolean;
  readonly cost: { readonly step: GraphCost; readonly evaluate: GraphCost };
  /** First values of parameters, averages and optimiser state. */
  initialState(): Record<string, NumericArray>;
  /** The inputs of `step` that follow from the step alone, and the scale of the loss, where it is scaled. */
  stepInputs(step: number, seed: number, lossScale?: number): Record<string, NumericArray>;
}

/**
 * Builds the graphs. `seed` decides the first values. Throws ShapeError when the model does not fit the images, RangeError
 * when nothing is left to train or the objective cannot be worked through in microbatches.
 */
export function buildTraining(objective: Objective, config: TrainingConfig, seed: number): TrainingProgram {
  if (objective.wholeBatch && config.microbatches > 1) {
    throw new RangeError(
      `the objective "${objective.name}" compares the images of a batch, so it cannot be worked through in ${config.microbatches} microbatches; set microbatches to 1 and save memory with model.rematerialise`,
    );
  }
  const seedInput = input("seed", "int32", [1]);
  const draws = drawsInTraining(config.model) || objective.draws === true;
  const { compute = "float32" } = config;
  const training = Scope.root({ compute, ...(draws && { seed: seedInput }) });
  const lossScale = compute === "float16" ? input("lossScale", "float32", []) : undefined;
  // Traced once beforehand, so that the parameters exist before gradients with respect to them are asked for.
  objective.trace(training, objective.inputs);
  const parameters = training.parameters;
  const trained = parameters.filter(({ name }) => !isFrozen(config.optimizer, name));
  const tensors = trained.map((parameter) => parameter.tensor);
  if (tensors.length === 0)
    throw new RangeError("every parameter is frozen: no learning rate pattern leaves one to train");
  const { metrics, gradients } = accumulateGradients(
    objective.inputs,
    config.microbatches,
    tensors,
    (part) => objective.trace(training, part),
    lossScale,
  );
  const optimizer = createOptimizer(config.optimizer, config.schedule);
  const withInitial = (parameter: Parameter) => ({ ...parameter, initial: () => initialValue(parameter, seed) });
  const { average } = config;
  const applied = applyOptimizer(optimizer, trained.map(withInitial), gradients, average && { average });
  const { slots: changing, scalars } = applied;
  const frozen = parameters.filter((parameter) => !trained.includes(parameter)).map(withInitial);
  const slots = [...changing, ...frozen.map((one): StateSlot => ({ ...one, input: one.tensor, next: one.tensor }))];
  const outputs: Record<string, Tensor> = { ...metrics };
  if (config.optimizer.clipNorm !== undefined || config.reportNorm || lossScale)
    outputs["gradientNorm"] = globalNorm(gradients);

  const inputs = new Map(slots.map(({ name, input }) => [name, input]));
  const used = parameters.map((one) => ({ ...one, tensor: inputs.get(averageName(one.name)) ?? one.tensor }));
  const evaluate: ProgramFunction = {
    inputs: objective.evaluation.inputs,
    outputs: objective.evaluation.outputs(Scope.root({ parameters: used })),
  };
  const represent = representation(
    { ...config, batchSize: config.evaluationBatchSize },
    Scope.root({ parameters: used }),
  );
  const { stepsPerRun = 1, totalSteps = 0 } = config;
  const singleStep: ProgramFunction = {
    inputs: [
      ...Object.values(objective.inputs),
      ...(draws ? [seedInput] : []),
      ...(lossScale ? [lossScale] : []),
      ...scalars.map((scalar) => scalar.input),
    ],
    outputs,
    next: Object.fromEntries(changing.map((slot) => [slot.name, slot.next])),
  };
  return {
    source: {
      state: slots.map((slot) => slot.input),
      functions: {
        step: { ...singleStep, stepsPerRun },
        ...(totalSteps % stepsPerRun !== 0 && { singleStep }),
        evaluate,
        represent,
      },
    },
    parameters,
    parameterCount: parameters.reduce((total, { tensor }) => total + elementCount(tensor.shape), 0),
    slots,
    scalars,
    scalesLoss: lossScale !== undefined,
    cost: {
      step: costOf([...Object.values(outputs), ...changing.map((slot) => slot.next)]),
      evaluate: costOf(Object.values(evaluate.outputs)),
    },
    initialState: () => Object.fromEntries(slots.map((slot) => [slot.name, slot.initial()])),
    stepInputs: (step, runSeed, scale = firstLossScale.scale) => ({
      ...(draws && { seed: Int32Array.of(stepSeed(runSeed, step)) }),
      ...(lossScale && { lossScale: Float32Array.of(scale) }),
      ...Object.fromEntries(scalars.map(({ name, at }) => [name, Float32Array.of(at(step))])),
    }),
  };
}

/** The seed of one step's random draws. */
function stepSeed(seed: number, step: number): number {
  const random = keyedRandom(seed, `step ${step}`);
  return Math.floor(random() * 2 ** 32) | 0;
}
