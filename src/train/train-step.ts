/** Trains a graph from code, without a recipe: a loss, the parameters of a scope and an optimiser make a step. */
import { type Closable, closable, closeOnError } from "../files/closable.js";
import { cast, grad, inputName, reachable, type Tensor } from "../graph/index.js";
import { initialValue, type Scope } from "../nn/index.js";
import {
  applyOptimizer,
  type CustomOptimizerConfig,
  createOptimizer,
  type OptimizerConfig,
  type Schedule,
  type StateSlot,
  type Transformation,
} from "../optim/index.js";
import type { CompileOptions, Feeds, Program, ProgramSource } from "../runtime/index.js";

/** Options of `trainStep`. */
export interface TrainStepOptions extends Pick<CompileOptions, "device" | "threads" | "inThread"> {
  /** Seed of the initial values. Default: 0. */
  readonly seed?: number;
  /** Factor of the learning rate at a step (0 is the first); for a chain of transformations, it is part of the chain. Default: 1. */
  readonly schedule?: Schedule;
}

/** A step of training, with its parameters and optimiser state. */
/** A program of parameters and optimiser state, whose function `step` returns the loss. */
type StepProgram = Program<{
  readonly state: readonly StateSlot["input"][];
  readonly functions: {
    readonly step: { readonly inputs: readonly Tensor[]; readonly outputs: { readonly loss: Tensor<"float32"> } };
  };
}>;

export interface TrainStep extends Closable {
  /** Finished steps. */
  readonly finished: number;
  /** Takes a step on the inputs of the loss, by name, and returns the loss before it. An input `seed` is the number of the step by default. */
  step(inputs: Feeds): Promise<number>;
  /** The program: `readState` returns parameters and optimiser state by name, `writeState` replaces them. */
  readonly program: StepProgram;
}

/** `compile` of a platform. */
type Compile = <const S extends ProgramSource>(
  source: S,
  options: Pick<CompileOptions, "device" | "threads" | "inThread">,
) => Promise<Program<S>>;

/** Compiles a step of training as `trainStep` does, by `compile` of Node or of a browser. */
export async function trainStepBy(
  compile: Compile,
  loss: Tensor,
  scope: Scope,
  optimizer: OptimizerConfig | CustomOptimizerConfig | Transformation,
  options: TrainStepOptions = {},
): Promise<TrainStep> {
  const { seed = 0, schedule = () => 1, ...compileOptions } = options;
  const parameters = scope.parameters.filter(({ isStatistic }) => !isStatistic);
  const statistics = scope.parameters.filter(({ isStatistic }) => isStatistic);
  if (loss.dtype !== "float32" || loss.shape.length > 0) {
    throw new RangeError(`the loss is ${loss.dtype} [${loss.shape.join(", ")}]; expected float32 [], such as a mean`);
  }
  if (parameters.length === 0) throw new RangeError("the scope has no parameters; build the network in it first");
  const transformation = typeof optimizer === "function" ? optimizer : createOptimizer(optimizer, schedule);
  const gradients = grad(
    loss,
    parameters.map(({ tensor }) => tensor),
  );
  const { slots, scalars } = applyOptimizer(
    transformation,
    parameters.map((one) => ({ ...one, initial: () => initialValue(one, seed) })),
    gradients,
    {
      statistics: statistics.map((one) => ({
        ...one,
        next: scope.updates?.get(one.name) ?? one.tensor,
        initial: () => initialValue(one, seed),
      })),
    },
  );
  const own = new Set<Tensor>(scope.parameters.map(({ tensor }) => tensor));
  const leaves = reachable([loss]).flatMap(({ outputs }) => outputs);
  const inputs = leaves.filter((tensor) => inputName(tensor) !== undefined && !own.has(tensor));
  const drawn = inputs.find((tensor) => inputName(tensor) === "seed" && tensor.dtype === "int32");
  const replaced = slots.filter(({ input, next }) => next !== input);
  const program = await compile(
    {
      state: slots.map(({ input }) => input),
      functions: {
        step: {
          inputs: [...inputs, ...scalars.map(({ input }) => input)],
          outputs: { loss: cast(loss, "float32") },
          next: Object.fromEntries(replaced.map(({ name, next }) => [name, next])),
        },
      },
    },
    compileOptions,
  );
  await closeOnError(program, async () => {
    await program.writeState(Object.fromEntries(slots.map(({ name, initial }) => [name, initial()])));
  });
  let finished = 0;
  return closable<TrainStep>({
    get finished() {
      return finished;
    },
    program,
    step: async (given) => {
      const feeds = Object.fromEntries(scalars.map(({ name, at }) => [name, Float32Array.of(at(finished))]));
      const draws: Feeds = drawn ? { seed: Int32Array.of(finished) } : {};
      const results = await program.step({ ...draws, ...given, ...feeds });
      finished++;
      return results.loss[0] ?? Number.NaN;
    },
    close: () => program.close(),
  });
}
