// Optimisers as chains of transformations of gradients, written into the graph.
//
// Between transformations an update is kept as `value * factor + parameter * decay` with scalar factor and decay:
// every elementwise node is a pass over all parameters, a scalar product is none, so scalars are multiplied together
// and applied once, at the end.
import { add, input, multiply, type NumericArray, type Shape, scalar, subtract, type Tensor } from "../graph/index.js";

/** What will be subtracted from one parameter. */
export interface Update {
  /** The parameter's path. */
  readonly name: string;
  readonly parameter: Tensor;
  readonly value: Tensor;
  /** Scalar. */
  readonly factor: Tensor;
  /** Scalar; undefined for none. */
  readonly decay: Tensor | undefined;
}

/** A value that lives from step to step: read as `input`, replaced by `next`. */
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

  /** A state tensor that starts at zero and becomes `next(current)`; returns the next value. */
  state(name: string, shape: Shape, next: (current: Tensor) => Tensor): Tensor {
    const current = input(name, "float32", shape);
    const replaced = next(current);
    const size = shape.reduce((product, side) => product * side, 1);
    this.slots.push({ name, input: current, next: replaced, initial: () => new Float32Array(size) });
    return replaced;
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

/**
 * The next value of every parameter: p - (value * factor + p * decay) after the chain. `initial` gives the first value
 * of a parameter; optimiser state starts at zero.
 */
export function applyOptimizer(
  optimizer: Transformation,
  parameters: readonly { readonly name: string; readonly tensor: Tensor; readonly initial: () => NumericArray }[],
  gradients: readonly Tensor[],
): OptimizerGraph {
  const context = new OptimizerContext();
  const start = parameters.map(({ name, tensor }, i) => ({
    name,
    parameter: tensor,
    value: gradients[i]!,
    factor: scalar(1),
    decay: undefined,
  }));
  const updates = new Map(optimizer(start, context).map((update) => [update.name, update]));
  const slots = parameters.map(({ name, tensor, initial }): StateSlot => {
    const update = updates.get(name);
    return { name, input: tensor, next: update ? subtracted(update) : tensor, initial };
  });
  return { slots: [...slots, ...context.slots], scalars: [...context.scalars.values()] };
}

function subtracted({ parameter, value, factor, decay }: Update): Tensor {
  const kept = decay ? multiply(parameter, subtract(1, decay)) : parameter;
  return subtract(kept, multiply(value, factor));
}

/** value * factor as one tensor, for a transformation that needs the update itself. */
export const materialised = ({ value, factor, parameter, decay }: Update): Tensor =>
  decay ? add(multiply(value, factor), multiply(parameter, decay)) : multiply(value, factor);
