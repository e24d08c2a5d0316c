/**
 * Optimisers as chains of transformations of gradients, written into the graph.
 *
 * Between transformations an update is kept as `value * factor + parameter * decay` with scalar factor and decay:
 * every elementwise node is a pass over all parameters, a scalar product is none, so scalars are multiplied together
 * and applied once, at the end.
 */
import {
  add,
  allocate,
  type DType,
  elementCount,
  input,
  multiply,
  type NumericArray,
  type Shape,
  scalar,
  subtract,
  type Tensor,
} from "../graph/index.js";
import { type AverageConfig, averaged, averageName } from "./average.js";

/** What will be subtracted from one parameter. */
export interface Update {
  /** The parameter's path. */
  readonly name: string;
  readonly parameter: Tensor;
  /** The parameter's first value. */
  readonly initial: () => NumericArray;
  readonly value: Tensor;
  /** Scalar. */
  readonly factor: Tensor;
  /** Scalar; undefined for none. */
  readonly decay: Tensor | undefined;
}

/**
 * A value that lives from step to step: read as `input`, replaced by `next`, of the same type (float16 as its bits); it stays as
 * it is where `next` is `input` itself.
 */
export interface StateSlot {
  readonly name: string;
  readonly input: Tensor;
  readonly next: Tensor;
  readonly initial: () => NumericArray;
}

/** A number given anew at each step, worked out in float64 on the host from the step (0 before the first update). */
export interface HostScalar {
  readonly name: string;
  readonly input: Tensor;
  readonly at: (step: number) => number;
}

/** Collects what the transformations of a chain need from step to step. */
export class OptimizerContext {
  readonly slots: StateSlot[] = [];
  readonly scalars = new Map<string, HostScalar>();

  /** A float32 state tensor that starts at zero and becomes `next(current)`; returns the next value. */
  state(name: string, shape: Shape, next: (current: Tensor) => Tensor): Tensor {
    return this.slot(name, shape, "float32", next).next;
  }

  /** A state tensor of any type that starts at zero and becomes `next(current)`. */
  slot(name: string, shape: Shape, dtype: DType, next: (current: Tensor) => Tensor): StateSlot {
    const current = input(name, dtype, shape);
    const made = { name, input: current, next: next(current), initial: () => allocate(dtype, elementCount(shape)) };
    this.slots.push(made);
    return made;
  }

  /** The value a parameter had before the first step, kept as state `initial/{parameter}` that no step changes. */
  initialOf({ name, parameter, initial }: Update): Tensor {
    const kept = input(initialName(name), parameter.dtype, parameter.shape);
    this.slots.push({ name: initialName(name), input: kept, next: kept, initial });
    return kept;
  }

  /** The scalar of that name; made at first use. */
  scalar(name: string, at: (step: number) => number): Tensor {
    const known = this.scalars.get(name);
    if (known) return known.input;
    const made = { name, input: input(name, "float32", []), at };
    this.scalars.set(name, made);
    return made.input;
  }
}

/** Where the first value of a parameter is kept. */
export const initialName = (parameter: string): string => `initial/${parameter}`;

export type Transformation = (updates: readonly Update[], context: OptimizerContext) => readonly Update[];

/** Transformations applied left to right. */
export const chain =
  (...transformations: readonly Transformation[]): Transformation =>
  (updates, context) =>
    transformations.reduce((current, transformation) => transformation(current, context), updates);

export interface OptimizerGraph {
  /** Parameters and optimiser state, each with its next value. */
  readonly slots: readonly StateSlot[];
  readonly scalars: readonly HostScalar[];
}

export interface ApplyOptions {
  /** Keep an average of every parameter that is trained, as state `average/{parameter}`. */
  readonly average?: AverageConfig;
}

/**
 * The next value of every parameter: p - (value * factor + p * decay) after the chain. `initial` gives the first value
 * of a parameter, and of its average; optimiser state starts at zero.
 */
export function applyOptimizer(
  optimizer: Transformation,
  parameters: readonly { readonly name: string; readonly tensor: Tensor; readonly initial: () => NumericArray }[],
  gradients: readonly Tensor[],
  { average }: ApplyOptions = {},
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
  const averages = average ? slots.filter(({ name }) => updates.has(name)).map(averageOf(average, context)) : [];
  return { slots: [...slots, ...averages, ...context.slots], scalars: [...context.scalars.values()] };
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

/** value * factor as one tensor, for a transformation that needs the update itself. */
export const materialised = ({ value, factor, parameter, decay }: Update): Tensor =>
  decay ? add(multiply(value, factor), multiply(parameter, decay)) : multiply(value, factor);
