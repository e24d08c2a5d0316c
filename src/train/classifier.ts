// The program of a classifier in training: one optimiser step, the evaluation pass and the representation, all over the
// same parameters.
import {
  accumulateGradients,
  costOf,
  elementCount,
  type GraphCost,
  input,
  type NumericArray,
  reduceMean,
  type Tensor,
} from "../graph/index.js";
import { drawsInTraining, type ModelConfig, model as network, requireClassifier } from "../models/index.js";
import { initialValue, keyedRandom, type Parameter, Scope } from "../nn/index.js";
import {
  applyOptimizer,
  createOptimizer,
  globalNorm,
  type HostScalar,
  isFrozen,
  type OptimizerConfig,
  type Schedule,
  type StateSlot,
} from "../optim/index.js";
import type { ProgramSource } from "../runtime/index.js";
import { forwardFunctions } from "./forward.js";
import { type LossName, losses, targetsOf } from "./losses.js";

export interface ClassifierConfig {
  readonly model: ModelConfig;
  /** [height, width, channels] of the images. */
  readonly image: readonly [number, number, number];
  readonly batchSize: number;
  readonly microbatches: number;
  /** Images a run of `evaluate` and `represent` takes; as `batchSize` when left out. */
  readonly evaluationBatchSize?: number;
  readonly loss: LossName;
  readonly labelSmoothing: number;
  readonly optimizer: OptimizerConfig;
  readonly schedule: Schedule;
  /** Steps in one run of the program (see ProgramFunction); 1 when left out. */
  readonly stepsPerRun?: number;
}

export interface Classifier {
  /**
   * Functions `step` (image, label, seed, scalars; gives loss and, when clipping, gradientNorm), `evaluate` (image,
   * label; gives logits and loss an example) and `represent` (image; gives preLogits).
   */
  readonly source: ProgramSource;
  readonly parameters: readonly Parameter[];
  readonly parameterCount: number;
  readonly slots: readonly StateSlot[];
  readonly scalars: readonly HostScalar[];
  readonly cost: { readonly step: GraphCost; readonly evaluate: GraphCost };
  /** First values of parameters and optimiser state. */
  initialState(): Record<string, NumericArray>;
  /** The inputs of `step` that follow from the step alone. */
  stepInputs(step: number, seed: number): Record<string, NumericArray>;
}

/** Builds the graphs. `seed` decides the first values. Throws ShapeError when the model does not fit the images. */
export function buildClassifier(config: ClassifierConfig, seed: number): Classifier {
  const { model, batchSize } = config;
  requireClassifier(model);
  const seedInput = input("seed", "int32", [1]);
  const draws = drawsInTraining(model);
  const training = Scope.root(draws ? { seed: seedInput } : {});
  const image = input("image", "float32", [batchSize, ...config.image]);
  const label = input("label", "int32", [batchSize]);
  const lossOf = (part: Readonly<Record<string, Tensor>>) => {
    const { logits } = network(training, part["image"]!, model);
    const targets = targetsOf(part["label"]!, model.classes, config.labelSmoothing);
    return { loss: reduceMean(losses[config.loss](logits!, targets)) };
  };
  declareParameters(training, config);
  const parameters = training.parameters;
  const trained = parameters.filter(({ name }) => !isFrozen(config.optimizer, name));
  const tensors = trained.map((parameter) => parameter.tensor);
  if (tensors.length === 0)
    throw new RangeError("every parameter is frozen: no learning rate pattern leaves one to train");
  const { metrics, gradients } = accumulateGradients({ image, label }, config.microbatches, tensors, lossOf);
  const optimizer = createOptimizer(config.optimizer, config.schedule);
  const withInitial = (parameter: Parameter) => ({ ...parameter, initial: () => initialValue(parameter, seed) });
  const { slots: changing, scalars } = applyOptimizer(optimizer, trained.map(withInitial), gradients);
  const frozen = parameters.filter((parameter) => !trained.includes(parameter)).map(withInitial);
  const slots = [...changing, ...frozen.map((one): StateSlot => ({ ...one, input: one.tensor, next: one.tensor }))];
  const outputs: Record<string, Tensor> = { loss: metrics.loss };
  if (config.optimizer.clipNorm !== undefined) outputs["gradientNorm"] = globalNorm(gradients);

  const size = config.evaluationBatchSize ?? batchSize;
  const { evaluate, represent } = forwardFunctions({ ...config, batchSize: size }, parameters);
  return {
    source: {
      state: slots.map((slot) => slot.input),
      functions: {
        step: {
          inputs: [image, label, ...(draws ? [seedInput] : []), ...scalars.map((scalar) => scalar.input)],
          outputs,
          next: Object.fromEntries(changing.map((slot) => [slot.name, slot.next])),
          ...(config.stepsPerRun && { stepsPerRun: config.stepsPerRun }),
        },
        evaluate,
        represent,
      },
    },
    parameters,
    parameterCount: parameters.reduce((total, { tensor }) => total + elementCount(tensor.shape), 0),
    slots,
    scalars,
    cost: {
      step: costOf([...Object.values(outputs), ...changing.map((slot) => slot.next)]),
      evaluate: costOf(Object.values(evaluate.outputs)),
    },
    initialState: () => Object.fromEntries(slots.map((slot) => [slot.name, slot.initial()])),
    stepInputs: (step, runSeed) => ({
      ...(draws && { seed: Int32Array.of(stepSeed(runSeed, step)) }),
      ...Object.fromEntries(scalars.map(({ name, at }) => [name, Float32Array.of(at(step))])),
    }),
  };
}

/** Traces the model once on one image, so that its parameters exist before gradients with respect to them are asked for. */
function declareParameters(scope: Scope, { model, image }: ClassifierConfig): void {
  network(scope, input("declare", "float32", [1, ...image]), model);
}

/** The seed of one step's random draws. */
function stepSeed(seed: number, step: number): number {
  const random = keyedRandom(seed, `step ${step}`);
  return Math.floor(random() * 2 ** 32) | 0;
}
