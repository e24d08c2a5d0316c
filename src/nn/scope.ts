/**
 * Scopes name, shape and initialise parameters where they are used, so that the path of a parameter in code, in checkpoints and in logs is
 * the same string.
 */

import {
  type DType,
  describe,
  input,
  rematerialise,
  type Shape,
  ShapeError,
  sameShape,
  type Tensor,
} from "../graph/index.js";
import { keyedRandom } from "../random/named.js";
import type { Initializer } from "./initializers.js";

/** A parameter of a network. */
export interface Parameter {
  /** Its path in the scopes, the same in checkpoints and logs: `hidden/kernel`. */
  readonly name: string;
  readonly tensor: Tensor<"float32">;
  readonly initializer: Initializer;
  /** A running statistic: part of the weights, but without a gradient. Training steps compute its next value (`Scope.update`). */
  readonly isStatistic?: boolean;
}

/** Initial value of a parameter; it depends only on the seed and the parameter's name. */
export const initialValue = ({ name, tensor, initializer }: Parameter, seed: number): Float32Array =>
  initializer(tensor.shape, keyedRandom(seed, name));

/** Element types in which a network can compute. */
export type ComputeType = "float32" | "float16";

/** State shared by a whole model while it is traced. */
interface Trace {
  readonly parameters: Map<string, Parameter>;
  readonly intermediates: Map<string, Tensor>;
  readonly seed: Tensor | undefined;
  readonly compute: ComputeType;
  readonly fixedWeights: boolean;
  readonly updates: Map<string, Tensor<"float32">> | undefined;
  streams: number;
}

export interface ScopeOptions {
  /** An int32 scalar input that changes in each step. With it the model is in training mode and draws random numbers, as for dropout. */
  readonly seed?: Tensor;
  /** Type in which the network computes. Default: float32. Parameters are always float32 and are cast where they are used. */
  readonly compute?: ComputeType;
  /** Write parameters as constants of the graph, as in exported files, so that the runtime can optimise their layout. */
  readonly fixedWeights?: boolean;
  /**
   * Collects the next values of running statistics, by name. With it, batch norm uses the statistics of the batch; default: the running
   * statistics.
   */
  readonly updates?: Map<string, Tensor<"float32">>;
  /** Parameters of another trace to share. */
  readonly parameters?: readonly Parameter[];
}

/** A prefix in the tree of a model's parameter names. */
export class Scope {
  private constructor(
    readonly path: string,
    private readonly trace: Trace,
  ) {}

  /** Creates the root of a new model. Tracing a model again in the same root shares its parameters. */
  static root(options: ScopeOptions = {}): Scope {
    return new Scope("", {
      parameters: new Map(options.parameters?.map((parameter) => [parameter.name, parameter])),
      intermediates: new Map(),
      seed: options.seed,
      compute: options.compute ?? "float32",
      fixedWeights: options.fixedWeights ?? false,
      updates: options.updates,
      streams: 0,
    });
  }

  at(name: string): Scope {
    return new Scope(this.join(name), this.trace);
  }

  /** Type to which a network casts its images. */
  get compute(): ComputeType {
    return this.trace.compute;
  }

  /** Whether parameters are written as constants of the graph. */
  get fixedWeights(): boolean {
    return this.trace.fixedWeights;
  }

  /** Whether batch norm uses the statistics of the batch, and running statistics are updated. */
  get usesBatchStatistics(): boolean {
    return this.trace.updates !== undefined;
  }

  /** Whether dropout and stochastic depth are active. */
  get training(): boolean {
    return this.trace.seed !== undefined;
  }

  /** Returns the float32 parameter of this name; the first call creates it. Throws ShapeError if it exists with another shape. */
  parameter(name: string, shape: Shape, initializer: Initializer): Tensor<"float32"> {
    return this.weight(name, shape, { initializer });
  }

  /** Returns the float32 running statistic of this name; the first call creates it. Throws ShapeError if it exists with another shape. */
  statistic(name: string, shape: Shape, initializer: Initializer): Tensor<"float32"> {
    return this.weight(name, shape, { initializer, isStatistic: true });
  }

  /**
   * Replaces the running statistic of this name by `next` of its value at the end of the step; replacements in one step are composed in the order of the
   * calls. Does nothing where running statistics are not updated.
   */
  update(name: string, next: (current: Tensor<"float32">) => Tensor<"float32">): void {
    const path = this.join(name);
    const { updates, parameters } = this.trace;
    const statistic = parameters.get(path);
    if (!statistic?.isStatistic) throw new Error(`${path} is not a running statistic; create it with Scope.statistic`);
    updates?.set(path, next(updates.get(path) ?? statistic.tensor));
  }

  private weight(name: string, shape: Shape, rest: Omit<Parameter, "name" | "tensor">): Tensor<"float32"> {
    const path = this.join(name);
    const known = this.trace.parameters.get(path);
    if (known) {
      if (!sameShape(known.tensor.shape, shape)) {
        throw new ShapeError(`parameter ${path} is ${describe(known.tensor)} and cannot also be [${shape.join(", ")}]`);
      }
      return known.tensor;
    }
    const tensor = input(path, "float32", shape);
    this.trace.parameters.set(path, { name: path, tensor, ...rest });
    return tensor;
  }

  /** Records a tensor under a name for few-shot evaluation, analyses and tests; returns the tensor. */
  name<D extends DType>(name: string, tensor: Tensor<D>): Tensor<D> {
    this.trace.intermediates.set(this.join(name), tensor);
    return tensor;
  }

  /**
   * Applies one block of a network: computes `body` of `x` in the scope `name` and records the result as `output`. With `recompute`, the
   * block's intermediates are recomputed from `x` in the backward pass instead of kept (`rematerialise`).
   */
  block(name: string, x: Tensor, recompute: boolean, body: (scope: Scope, x: Tensor) => Tensor): Tensor {
    const scope = this.at(name);
    const output = recompute ? rematerialise(() => body(scope, x)) : body(scope, x);
    return scope.name("output", output);
  }

  /** Returns the seed of this step and a number that no other draw of the model has. Throws outside of training. */
  random(): { seed: Tensor; stream: number } {
    if (!this.trace.seed) throw new Error(`${this.path}: random numbers are drawn in training only`);
    return { seed: this.trace.seed, stream: ++this.trace.streams };
  }

  /**
   * Returns the same scope in a second trace that shares the parameters and repeats the random draws from here on. It is used for passes that
   * differ in their images but not in their dropout. It does not update running statistics.
   */
  again(): Scope {
    const updates = this.trace.updates && new Map<string, Tensor<"float32">>();
    return new Scope(this.path, { ...this.trace, intermediates: new Map(), updates });
  }

  /** The next values of running statistics so far, by name; undefined where they are not updated. */
  get updates(): ReadonlyMap<string, Tensor<"float32">> | undefined {
    return this.trace.updates;
  }

  /** Every parameter and running statistic of the model, in order of first use. */
  get parameters(): readonly Parameter[] {
    return [...this.trace.parameters.values()];
  }

  /** Every recorded intermediate of the model; if a name was traced repeatedly, the last one. */
  get intermediates(): Readonly<Record<string, Tensor>> {
    return Object.fromEntries(this.trace.intermediates);
  }

  private join(name: string): string {
    return this.path ? `${this.path}/${name}` : name;
  }
}
