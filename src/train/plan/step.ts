/** Builds the program of a run: one optimiser step of an objective; and traces the evaluation of its parameters. */

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
import { type ComputeType, initialValue, type Parameter, Scope } from "../../nn/index.js";
import {
  type AverageConfig,
  applyOptimizer,
  averageName,
  type CustomOptimizerConfig,
  createOptimizer,
  globalNorm,
  type HostScalar,
  isFrozen,
  isOptimizerState,
  type OptimizerConfig,
  type Schedule,
  type StateSlot,
} from "../../optim/index.js";
import { keyedRandom } from "../../random/named.js";
import { overwritable, type ProgramFunction, type ProgramSource, writesInPlace } from "../../runtime/index.js";
import { defined } from "../../text/defined.js";
import { type Buckets, bucketGradients } from "../distributed/buckets.js";
import type { Objective, StepMetrics } from "../objectives/objective.js";
import { firstLossScale } from "./loss-scale.js";

export interface TrainingConfig {
  readonly model: ModelConfig;
  /** [height, width, channels] of one image. */
  readonly image: readonly [number, number, number];
  readonly microbatches: number;
  /** Images per run of the evaluation. */
  readonly evaluationBatchSize: number;
  readonly optimizer: OptimizerConfig | CustomOptimizerConfig;
  readonly schedule: Schedule;
  /** Average the weights, and evaluate the averages. */
  readonly average?: AverageConfig;
  /** Return the global norm of the gradients even if they are not clipped. */
  readonly reportNorm?: boolean;
  /**
   * The network's number type in training. Default: float32. With float16, parameters, optimiser state and losses stay
   * float32, and the loss is multiplied by a scale that `stepInputs` takes (loss-scale.ts).
   */
  readonly compute?: ComputeType;
  /** Steps in one run of the program (see ProgramFunction). Default: 1. */
  readonly stepsPerRun?: number;
  /** Steps of the whole run. If `stepsPerRun` does not divide them, `singleStep` takes the last ones one by one. */
  readonly totalSteps?: number;
  readonly sharing?: Sharing;
}

/** Data-parallel training: how ranks share a step. */
export interface Sharing {
  /** Number of ranks; each has its part of the batch. */
  readonly ranks: number;
  /** The most bytes of gradients in one message between ranks (a single gradient may have more). Default: 4 MiB. */
  readonly bucketBytes?: number;
}

/** The objective's evaluation. */
export interface TracedEvaluation {
  /** Traced with fixed weights: a program of it has the weights as constants. */
  readonly evaluate: ProgramFunction;
  /** The state that is evaluated, by the names of parameters: averages of the weights if there are any, otherwise the weights. */
  readonly weights: Readonly<Record<string, string>>;
}

export interface TrainingProgram {
  /**
   * The functions of the program:
   *
   * - `step` takes the objective's inputs, seed and scalars, and runs `stepsPerRun` steps. It returns the objective's
   *   metrics, and gradientNorm when gradients are clipped, the loss is scaled or `reportNorm` is set.
   * - `singleStep` does the same for one step, when the last steps are taken one by one.
   * - `gradient` and `update` are the two halves of a step on several ranks. `gradient` returns metrics and buckets of
   *   gradients divided by the number of ranks; `update` takes their sums and the scalars and returns gradientNorm.
   */
  readonly source: ProgramSource;
  readonly evaluation: TracedEvaluation;
  /** Parameters and running statistics. */
  readonly parameters: readonly Parameter[];
  /** Number of parameters, without running statistics. */
  readonly parameterCount: number;
  readonly slots: readonly StateSlot[];
  readonly scalars: readonly HostScalar[];
  /** Whether the loss is scaled. Steps whose gradients overflow must then be dropped and the scale lowered. */
  readonly scalesLoss: boolean;
  readonly cost: { readonly step: GraphCost; readonly evaluate: GraphCost };
  /**
   * Bytes of the state's second arrays: of what a step cannot write in place, or copies if it writes nothing in place.
   */
  readonly secondStateBytes: number;
  /** Initial values of parameters, averages and optimiser state. */
  initialState(): Record<string, NumericArray>;
  /**
   * The inputs of `step`, or of its two halves, that depend only on the step (and, for random draws, on the rank), and
   * the scale of the loss if it is scaled.
   */
  stepInputs(step: number, seed: number, lossScale?: number, rank?: number): Record<string, NumericArray>;
}

/**
 * Builds the graphs. `seed` determines the initial values. Throws ShapeError when the model does not fit the images,
 * RangeError when no parameter is left to train or the objective does not allow microbatches.
 */
export function buildTraining(objective: Objective, config: TrainingConfig, seed: number): TrainingProgram {
  requireDivisible(objective, config);
  const traced = traceGradients(objective, config);
  const update = traceUpdate(config, traced, seed);
  const evaluation = traceEvaluation(objective, traced.parameters, update.slots);

  const { parameters, metrics, buckets, lossScale } = traced;
  const { slots, scalars, next } = update;
  const computed = [metrics, buckets?.sent ?? {}, update.norm, next].flatMap((tensors) => Object.values(tensors));
  const inPlace = new Set(
    writesInPlace
      ? overwritable(
          computed,
          next,
          update.slots.map((slot) => slot.input),
        )
      : [],
  );
  const second = slots.filter(({ name }) => name in next && !inPlace.has(name));
  return {
    source: {
      state: slots.map((slot) => slot.input),
      functions: stepFunctions(objective, config, traced, update),
    },
    evaluation,
    parameters,
    parameterCount: parameters
      .filter(({ isStatistic }) => !isStatistic)
      .reduce((total, { tensor }) => total + elementCount(tensor.shape), 0),
    slots,
    scalars,
    scalesLoss: lossScale !== undefined,
    secondStateBytes: second.reduce((total, { input }) => total + byteSize(input), 0),
    cost: {
      step: costOf(computed, new Set(writesInPlace ? Object.values(next) : [])),
      evaluate: costOf(Object.values(evaluation.evaluate.outputs)),
    },
    initialState: () => Object.fromEntries(slots.map((slot) => [slot.name, slot.initial()])),
    stepInputs: (step, runSeed, scale = firstLossScale.scale, rank = 0) =>
      defined({
        seed: traced.seed && Int32Array.of(stepSeed(runSeed, step, rank)),
        lossScale: lossScale && Float32Array.of(scale),
        ...Object.fromEntries(scalars.map(({ name, at }) => [name, Float32Array.of(at(step))])),
      }),
  };
}

/** Throws RangeError when the batch of a step is to be divided and the objective or `stepsPerRun` does not allow it. */
function requireDivisible({ name, wholeBatch }: Objective, config: TrainingConfig): void {
  const { microbatches, stepsPerRun = 1 } = config;
  const ranks = config.sharing?.ranks ?? 1;
  if (wholeBatch && microbatches > 1)
    throw new RangeError(
      `the objective "${name}" compares the images of a batch, so its batch cannot be divided into ${microbatches} microbatches; set microbatches to 1 and use model.rematerialise to save memory`,
    );
  if (wholeBatch && ranks > 1)
    throw new RangeError(
      `the objective "${name}" compares the images of a batch, so it cannot be divided over ${ranks} ranks; train it in one process`,
    );
  if (ranks > 1 && stepsPerRun > 1)
    throw new RangeError(
      `${ranks} ranks sum their gradients after every step, and stepsPerRun is ${stepsPerRun}; set it to 1`,
    );
}

/** The forward and backward pass of a step. */
interface TracedGradients {
  readonly parameters: readonly Parameter[];
  /** The parameters that are not frozen. */
  readonly trained: readonly Parameter[];
  /** Next values of the running statistics, by name; with several ranks their means over the ranks. */
  readonly statistics: ReadonlyMap<string, Tensor>;
  readonly metrics: StepMetrics;
  /**
   * The gradient of each trained parameter. With several ranks it is the sum over the ranks, cut from `buckets.inputs`.
   */
  readonly gradients: readonly Tensor[];
  /** Only with several ranks. */
  readonly buckets: Buckets | undefined;
  /** Input: the seed of the step's random draws, int32 [1]; undefined if nothing is drawn. */
  readonly seed: Tensor | undefined;
  /** Input: the scale of the loss, float32 []; undefined if it is not scaled. */
  readonly lossScale: Tensor | undefined;
}

/** Traces the objective and its gradients. Throws RangeError when every parameter is frozen. */
function traceGradients(objective: Objective, config: TrainingConfig): TracedGradients {
  const { compute = "float32", sharing = { ranks: 1 } } = config;
  const { ranks } = sharing;
  const seedInput = input("seed", "int32", [1]);
  const seed = drawsInTraining(config.model) || objective.draws === true ? seedInput : undefined;
  const updates = new Map<string, Tensor<"float32">>();
  const training = Scope.root({ compute, seed, updates });
  const lossScale = compute === "float16" ? input("lossScale", "float32", []) : undefined;
  // Traced once first, so that the parameters exist before gradients with respect to them are computed.
  objective.trace(training, objective.inputs);
  updates.clear();
  const parameters = training.parameters;
  const taken = parameters.find(({ name }) => isOptimizerState(name));
  if (taken)
    throw new RangeError(`the parameter "${taken.name}" has the name of an optimiser's state; choose another name`);
  const trained = parameters.filter(({ name, isStatistic }) => !isStatistic && !isFrozen(config.optimizer, name));
  const tensors = trained.map((parameter) => parameter.tensor);
  if (tensors.length === 0)
    throw new RangeError("every parameter is frozen; leave at least one with a learning rate pattern above 0");
  const { metrics, gradients: own } = accumulateGradients(
    objective.inputs,
    config.microbatches,
    tensors,
    (part) => shareOf(objective.trace(training, part), ranks),
    lossScale,
  );
  const statistics = [...updates].filter(([name]) => !isFrozen(config.optimizer, name));
  const shares = statistics.map(([, next]) => scale(next, 1 / ranks));
  const buckets = ranks > 1 ? bucketGradients([...own, ...shares], sharing.bucketBytes) : undefined;
  const [gradients, means] = buckets
    ? [buckets.received.slice(0, own.length), buckets.received.slice(own.length)]
    : [own, shares];
  return {
    parameters,
    trained,
    statistics: new Map(statistics.map(([name], i) => [name, means[i]!])),
    metrics,
    gradients,
    buckets,
    seed,
    lossScale,
  };
}

/** The optimiser's part of a step. */
interface TracedUpdate {
  /** Parameters, running statistics, averages and optimiser state, followed by what is frozen. */
  readonly slots: readonly StateSlot[];
  readonly scalars: readonly HostScalar[];
  /** The next value of each slot that a step replaces. */
  readonly next: Readonly<Record<string, Tensor>>;
  /** `gradientNorm`, if it is returned. */
  readonly norm: Readonly<Record<string, Tensor>>;
}

function traceUpdate(config: TrainingConfig, traced: TracedGradients, seed: number): TracedUpdate {
  const { average } = config;
  const { parameters, trained, statistics, gradients } = traced;
  const optimizer = createOptimizer(config.optimizer, config.schedule);
  const withInitial = (parameter: Parameter) => ({ ...parameter, initial: () => initialValue(parameter, seed) });
  const updated = parameters.filter(({ name }) => statistics.has(name)).map(withInitial);
  const applied = applyOptimizer(
    optimizer,
    trained.map(withInitial),
    gradients,
    defined({ average, statistics: updated.map((one) => ({ ...one, next: statistics.get(one.name) ?? one.tensor })) }),
  );
  const taken = new Set([...trained, ...updated].map(({ name }) => name));
  const frozen = parameters.filter(({ name }) => !taken.has(name)).map(withInitial);
  const kept = frozen.map((one): StateSlot => ({ ...one, input: one.tensor, next: one.tensor }));
  const givesNorm = config.optimizer.clipNorm !== undefined || config.reportNorm || traced.lossScale;
  const replaced = applied.slots.filter((slot) => slot.next !== slot.input);
  return {
    slots: [...applied.slots, ...kept],
    scalars: applied.scalars,
    next: Object.fromEntries(replaced.map((slot) => [slot.name, slot.next])),
    norm: givesNorm ? { gradientNorm: globalNorm(gradients) } : {},
  };
}

/** The functions that take a step: in one piece, or its two halves for several ranks. */
function stepFunctions(
  objective: Objective,
  { stepsPerRun = 1, totalSteps = 0 }: TrainingConfig,
  { metrics, buckets, seed, lossScale }: TracedGradients,
  { scalars, next, norm }: TracedUpdate,
): Record<string, ProgramFunction> {
  const given = [...Object.values(objective.inputs), ...[seed, lossScale].filter((one) => one !== undefined)];
  const hostScalars = scalars.map((scalar) => scalar.input);
  if (buckets)
    return {
      gradient: { inputs: given, outputs: { ...metrics, ...buckets.sent } },
      update: { inputs: [...buckets.inputs, ...hostScalars], outputs: norm, next },
    };
  const singleStep = { inputs: [...given, ...hostScalars], outputs: { ...metrics, ...norm }, next };
  return defined({
    step: { ...singleStep, stepsPerRun },
    singleStep: totalSteps % stepsPerRun === 0 ? undefined : singleStep,
  });
}

/** Traces the evaluation of the parameters. `slots`: the state of the program. */
function traceEvaluation(
  { evaluation }: Objective,
  parameters: readonly Parameter[],
  slots: readonly StateSlot[],
): TracedEvaluation {
  const kept = new Set(slots.map(({ name }) => name));
  const average = ({ name }: Parameter) => (kept.has(averageName(name)) ? averageName(name) : name);
  const scope = Scope.root({ parameters, fixedWeights: true });
  return {
    evaluate: { inputs: evaluation.inputs, outputs: evaluation.outputs(scope) },
    weights: Object.fromEntries(parameters.map((one) => [one.name, average(one)])),
  };
}

/**
 * Divides the metrics of one rank's part, so that the sum over ranks is the mean; the gradients follow from the loss.
 */
function shareOf(metrics: StepMetrics, ranks: number): StepMetrics {
  if (ranks === 1) return metrics;
  const divided = Object.entries(metrics).map(([name, value]) => [name, scale(value, 1 / ranks)] as const);
  return Object.fromEntries(divided) as Record<string, Tensor> & { loss: Tensor };
}

/** The seed of one step's random draws; rank 0 draws the same numbers as a single process. */
function stepSeed(seed: number, step: number, rank: number): number {
  const random = keyedRandom(seed, rank === 0 ? `step ${step}` : `step ${step} rank ${rank}`);
  return Math.floor(random() * 2 ** 32) | 0;
}
