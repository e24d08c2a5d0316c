/**
 * The program of a run: one optimiser step of an objective, its evaluation, and the representation, all over the same
 * parameters.
 */

import {
  accumulateGradients,
  byteSize,
  costOf,
  elementCount,
  type GraphCost,
  input,
  type NumericArray,
  scale,
  type Tensor,
} from "../../graph/index.js";
import { drawsInTraining, type ModelConfig } from "../../models/index.js";
import { representation } from "../../networks/index.js";
import { type ComputeType, initialValue, type Parameter, Scope } from "../../nn/index.js";
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
} from "../../optim/index.js";
import { keyedRandom } from "../../random/named.js";
import { overwritable, type ProgramFunction, type ProgramSource, writesInPlace } from "../../runtime/index.js";
import { defined } from "../../text/defined.js";
import { bucketGradients } from "../distributed/buckets.js";
import type { Objective, StepMetrics } from "../objectives/objective.js";
import { firstLossScale } from "./loss-scale.js";

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
   * The network's number type in training. Default: float32. With float16 parameters, optimiser state and losses stay
   * float32, and the loss is multiplied by a scale that `stepInputs` takes (loss-scale.ts).
   */
  readonly compute?: ComputeType;
  /** Steps in one run of the program (see ProgramFunction). Default: 1. */
  readonly stepsPerRun?: number;
  /** Steps of the whole run; where `stepsPerRun` does not divide them, the last are taken one by one, by `singleStep`. */
  readonly totalSteps?: number;
  readonly sharing?: Sharing;
}

/** How several ranks share a step. */
export interface Sharing {
  /** Each has its part of the batch. */
  readonly ranks: number;
  /** The most bytes of gradients in one message between them (a single gradient may have more). Default: 4 MiB. */
  readonly bucketBytes?: number;
}

export interface TrainingProgram {
  /**
   * Functions `step` (the objective's inputs, seed, scalars; gives the objective's metrics and, when clipping, scaling
   * the loss or asked to, gradientNorm; of `stepsPerRun` steps at once), `singleStep` (the same for one, where the last are taken
   * singly), or, among several ranks, the two halves of a step: `gradient`, which gives metrics and buckets of gradients
   * divided by the number of ranks, and `update`, which takes their sums and the scalars and gives gradientNorm; `evaluate` (the objective's evaluation) and `represent` (image; gives preLogits), the last two with the averages
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
  /** Bytes of the state beside its own: second arrays of what a step cannot write in place, or copies where it writes nothing so. */
  readonly secondStateBytes: number;
  /** First values of parameters, averages and optimiser state. */
  initialState(): Record<string, NumericArray>;
  /**
   * The inputs of `step`, or of its two halves, that follow from the step (and, for what is drawn, from the rank) alone, and the
   * scale of the loss, where it is scaled.
   */
  stepInputs(step: number, seed: number, lossScale?: number, rank?: number): Record<string, NumericArray>;
}

/**
 * Builds the graphs. `seed` decides the first values. Throws ShapeError when the model does not fit the images, RangeError
 * when nothing is left to train or the objective does not allow microbatches.
 */
export function buildTraining(objective: Objective, config: TrainingConfig, seed: number): TrainingProgram {
  if (objective.wholeBatch && config.microbatches > 1) {
    throw new RangeError(
      `the objective "${objective.name}" compares the images of a batch, so its batch cannot be divided into ${config.microbatches} microbatches; set microbatches to 1 and save memory with model.rematerialise`,
    );
  }
  const { stepsPerRun = 1, totalSteps = 0, sharing = { ranks: 1 } } = config;
  const { ranks } = sharing;
  if (objective.wholeBatch && ranks > 1) {
    throw new RangeError(
      `the objective "${objective.name}" compares the images of a batch, so it cannot be divided over ${ranks} ranks; train it with one`,
    );
  }
  if (ranks > 1 && stepsPerRun > 1)
    throw new RangeError(
      `${ranks} ranks add up their gradients after every step; set stepsPerRun to 1, not ${stepsPerRun}`,
    );
  const seedInput = input("seed", "int32", [1]);
  const draws = drawsInTraining(config.model) || objective.draws === true;
  const { compute = "float32" } = config;
  const training = Scope.root({ compute, seed: draws ? seedInput : undefined });
  const lossScale = compute === "float16" ? input("lossScale", "float32", []) : undefined;
  // Traced once first, so that the parameters exist before gradients with respect to them are taken.
  objective.trace(training, objective.inputs);
  const parameters = training.parameters;
  const trained = parameters.filter(({ name }) => !isFrozen(config.optimizer, name));
  const tensors = trained.map((parameter) => parameter.tensor);
  if (tensors.length === 0)
    throw new RangeError("every parameter is frozen: no learning rate pattern leaves one to train");
  const { metrics, gradients: own } = accumulateGradients(
    objective.inputs,
    config.microbatches,
    tensors,
    (part) => shareOf(objective.trace(training, part), ranks),
    lossScale,
  );
  const buckets = ranks > 1 ? bucketGradients(own, sharing.bucketBytes) : undefined;
  const gradients = buckets?.received ?? own;
  const optimizer = createOptimizer(config.optimizer, config.schedule);
  const withInitial = (parameter: Parameter) => ({ ...parameter, initial: () => initialValue(parameter, seed) });
  const { average } = config;
  const applied = applyOptimizer(optimizer, trained.map(withInitial), gradients, average && { average });
  const { slots: changing, scalars } = applied;
  const frozen = parameters.filter((parameter) => !trained.includes(parameter)).map(withInitial);
  const slots = [...changing, ...frozen.map((one): StateSlot => ({ ...one, input: one.tensor, next: one.tensor }))];
  const givesNorm = config.optimizer.clipNorm !== undefined || config.reportNorm || lossScale;
  const norm: Record<string, Tensor> = givesNorm ? { gradientNorm: globalNorm(gradients) } : {};

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
  const given = [...Object.values(objective.inputs), ...(draws ? [seedInput] : []), ...(lossScale ? [lossScale] : [])];
  const hostScalars = scalars.map((scalar) => scalar.input);
  const replaced = changing.filter((slot) => slot.next !== slot.input);
  const next = Object.fromEntries(replaced.map((slot) => [slot.name, slot.next]));
  const singleStep = { inputs: [...given, ...hostScalars], outputs: { ...metrics, ...norm }, next };
  const stepFunctions: Record<string, ProgramFunction> = buckets
    ? {
        gradient: { inputs: given, outputs: { ...metrics, ...buckets.sent } },
        update: { inputs: [...buckets.inputs, ...hostScalars], outputs: norm, next },
      }
    : defined({
        step: { ...singleStep, stepsPerRun },
        singleStep: totalSteps % stepsPerRun === 0 ? undefined : singleStep,
      });
  const computed = [metrics, buckets?.sent ?? {}, norm, next].flatMap((tensors) => Object.values(tensors));
  const inPlace = new Set(writesInPlace ? overwritable(computed, next, inputs.values()) : []);
  const second = replaced.filter(({ name }) => !inPlace.has(name));
  return {
    source: {
      state: slots.map((slot) => slot.input),
      functions: {
        ...stepFunctions,
        evaluate,
        represent,
      },
    },
    parameters,
    parameterCount: parameters.reduce((total, { tensor }) => total + elementCount(tensor.shape), 0),
    slots,
    scalars,
    scalesLoss: lossScale !== undefined,
    secondStateBytes: second.reduce((total, { input }) => total + byteSize(input), 0),
    cost: {
      step: costOf(computed, new Set(writesInPlace ? Object.values(next) : [])),
      evaluate: costOf(Object.values(evaluate.outputs)),
    },
    initialState: () => Object.fromEntries(slots.map((slot) => [slot.name, slot.initial()])),
    stepInputs: (step, runSeed, scale = firstLossScale.scale, rank = 0) =>
      defined({
        seed: draws ? Int32Array.of(stepSeed(runSeed, step, rank)) : undefined,
        lossScale: lossScale && Float32Array.of(scale),
        ...Object.fromEntries(scalars.map(({ name, at }) => [name, Float32Array.of(at(step))])),
      }),
  };
}

/** Metrics of one rank's part, divided so that those of all ranks add up to the mean; gradients follow the loss. */
function shareOf(metrics: StepMetrics, ranks: number): StepMetrics {
  if (ranks === 1) return metrics;
  const divided = Object.entries(metrics).map(([name, value]) => [name, scale(value, 1 / ranks)] as const);
  return Object.fromEntries(divided) as Record<string, Tensor> & { loss: Tensor };
}

/** The seed of one step's random draws; rank 0 draws what a rank alone would. */
function stepSeed(seed: number, step: number, rank: number): number {
  const random = keyedRandom(seed, rank === 0 ? `step ${step}` : `step ${step} rank ${rank}`);
  return Math.floor(random() * 2 ** 32) | 0;
}
