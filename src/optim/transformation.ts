/**
 * Optimisers as chains of gradient transformations, which are written into the graph.
 *
 * Between transformations, an update has the form `value * factor + parameter * decay` with scalar factor and decay. Every elementwise node
 * is a pass over all parameters, but a product of scalars is not, so scalars are multiplied together and applied once at the end.
 */
import {
  type ArrayOf,
  add,
  allocate,
  type DType,
  elementCount,
  input,
  multiply,
  type Shape,
  scalar,
  subtract,
  type Tensor,
} from "../graph/index.js";
import { type AverageConfig, averaged, averageName } from "./average.js";

/** The update of one parameter, which is subtracted from it. */
export interface Update {
  /** Path of the parameter. */
  readonly name: string;
  readonly parameter: Tensor<StateType>;
  /** Initial value of the parameter. */
  readonly initial: () => ArrayOf<StateType>;
  readonly value: Tensor;
  /** A scalar. */
  readonly factor: Tensor;
  /** A scalar, or undefined without decay. */
  readonly decay: Tensor | undefined;
}

/** Element types of state: its values are numbers. */
export type StateType = Exclude<DType, "int64">;

/**
 * A state tensor of the optimiser: `input` is its current value, `next` the next one, of the same type (float16 as bits). It is constant if
 * `next` is `input` itself.
 */
export interface StateSlot {
  readonly name: string;
  readonly input: Tensor<StateType>;
  readonly next: Tensor;
  readonly initial: () => ArrayOf<StateType>;
}

/** A number that the host computes in float64 from the step (0 is the first update) and passes in each step. */
export interface HostScalar {
  readonly name: string;
  readonly input: Tensor;
  readonly at: (step: number) => number;
}

/** Collects the state and host scalars of a chain's transformations. */
export class OptimizerContext {
  readonly slots: StateSlot[] = [];
  readonly scalars = new Map<string, HostScalar>();

  /** Adds a float32 state tensor with initial value zero and update `next(current)`; returns the next value. */
  state(name: string, shape: Shape, next: (current: Tensor) => Tensor): Tensor {
    return this.slot(name, shape, "float32", next).next;
  }

  /** Adds a state tensor of any type with initial value zero and update `next(current)`. */
  slot(name: string, shape: Shape, dtype: StateType, next: (current: Tensor) => Tensor): StateSlot {
    const current = input(name, dtype, shape);
    const made = { name, input: current, next: next(current), initial: () => allocate(dtype, elementCount(shape)) };
    this.slots.push(made);
    return made;
  }

  /** Initial value of a parameter, stored as constant state `initial/{parameter}`. */
  initialOf({ name, parameter, initial }: Update): Tensor {
    const kept = input(initialName(name), parameter.dtype, parameter.shape);
    this.slots.push({ name: initialName(name), input: kept, next: kept, initial });
    return kept;
  }

  /** Returns the host scalar of this name; the first call creates it. */
  scalar(name: string, at: (step: number) => number): Tensor {
    const known = this.scalars.get(name);
    if (known) return known.input;
    const made = { name, input: input(name, "float32", []), at };
    this.scalars.set(name, made);
    return made.input;
  }
}

/** State name of the initial value of a parameter. */
export const initialName = (parameter: string): string => `initial/${parameter}`;

/** A step of an optimiser: turns updates (at first the gradients) of all parameters into others, with state from the context. */
export type Transformation = (updates: readonly Update[], context: OptimizerContext) => readonly Update[];

/** Applies transformations from left to right. */
export const chain =
  (...transformations: readonly Transformation[]): Transformation =>
  (updates, context) =>
    transformations.reduce((current, transformation) => transformation(current, context), updates);

export interface OptimizerGraph {
  /** Parameters, statistics and optimiser state, each with its next value. */
  readonly slots: readonly StateSlot[];
  readonly scalars: readonly HostScalar[];
}

/** State that a step computes without the optimiser, such as the running statistics of batch norm. */
export interface Statistic {
  readonly name: string;
  readonly tensor: Tensor<StateType>;
  readonly next: Tensor;
  readonly initial: () => ArrayOf<StateType>;
}

export interface ApplyOptions {
  /** State whose next values are given; it is averaged like parameters. */
  readonly statistics?: readonly Statistic[];
  /** Keep an average of every trainable parameter and of every statistic, as state `average/{parameter}`. */
  readonly average?: AverageConfig;
}

/**
 * Computes the next value of every parameter, p - (value * factor + p * decay) after the chain. `initial` returns the initial value of a
 * parameter and of its average; optimiser state starts at zero.
 */
export function applyOptimizer(
  optimizer: Transformation,
  parameters: readonly {
    readonly name: string;
    readonly tensor: Tensor<StateType>;
    readonly initial: () => ArrayOf<StateType>;
  }[],
  gradients: readonly Tensor[],
  { average, statistics = [] }: ApplyOptions = {},
): OptimizerGraph {
  const context = new OptimizerContext();
  const start = parameters.map(({ name, tensor, initial }, i) => ({
    name,
    parameter: tensor,
    initial,
    value: gradients[i]!,
    factor: scalar(1),
    decay: undefined,
  }));
  const updates = new Map(optimizer(start, context).map((update) => [update.name, update]));
  const slots = parameters.map(({ name, tensor, initial }): StateSlot => {
    const update = updates.get(name);
    return { name, input: tensor, next: update ? subtracted(update) : tensor, initial };
  });
  const given = statistics.map(({ tensor, ...rest }): StateSlot => ({ ...rest, input: tensor }));
  const moving = [
    ...slots.filter(({ name }) => updates.has(name)),
    ...given.filter(({ input, next }) => next !== input),
  ];
  const averages = average ? moving.map(averageOf(average, context)) : [];
  return { slots: [...slots, ...given, ...averages, ...context.slots], scalars: [...context.scalars.values()] };
}

const averageOf =
  (config: AverageConfig, context: OptimizerContext) =>
  ({ name, input: { shape }, next, initial }: StateSlot): StateSlot => {
    const average = input(averageName(name), "float32", shape);
    return { name: averageName(name), input: average, next: averaged(context, config, average, next), initial };
  };

function subtracted({ parameter, value, factor, decay }: Update): Tensor {
  const kept = decay ? multiply(parameter, subtract(1, decay)) : parameter;
  return subtract(kept, multiply(value, factor));
}

/** value * factor as one tensor, for transformations that need the update itself. */
export const materialised = ({ value, factor, parameter, decay }: Update): Tensor =>
  decay ? add(multiply(value, factor), multiply(parameter, decay)) : multiply(value, factor);
