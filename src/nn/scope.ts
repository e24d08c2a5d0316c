/**
 * Scopes: a parameter is named, shaped and initialised where it is used, so its path in code, in checkpoints and in
 * logs is one string.
 */

import { describe, input, rematerialise, type Shape, ShapeError, sameShape, type Tensor } from "../graph/index.js";
import { keyedRandom } from "../random/named.js";
import type { Initializer } from "./initializers.js";

export interface Parameter {
  readonly name: string;
  readonly tensor: Tensor;
  readonly initializer: Initializer;
}

/** A parameter's first value; it follows from the seed and the parameter's name alone. */
export const initialValue = ({ name, tensor, initializer }: Parameter, seed: number): Float32Array =>
  initializer(tensor.shape, keyedRandom(seed, name));

/** Types a network can work in. */
export type ComputeType = "float32" | "float16";

/** What a whole model shares while it is traced. */
interface Trace {
  readonly parameters: Map<string, Parameter>;
  readonly intermediates: Map<string, Tensor>;
  readonly seed: Tensor | undefined;
  readonly compute: ComputeType;
  readonly fixedWeights: boolean;
  streams: number;
}

export interface ScopeOptions {
  /** One int32 input, given anew at every step. With it the model is in training mode: dropout and the like draw. */
  readonly seed?: Tensor;
  /** The type networks work in; default: float32. Parameters are float32 in any, and cast where they meet what they work on. */
  readonly compute?: ComputeType;
  /** Parameters become constants of the graph, as in a file that is exported: what a runtime lays out in advance is left to it. */
  readonly fixedWeights?: boolean;
  /** Parameters of another trace to share. */
  readonly parameters?: readonly Parameter[];
}

/** A place in the tree of a model's names. */
export class Scope {
  private constructor(
    readonly path: string,
    private readonly trace: Trace,
  ) {}

  /** The root of a new model. Trace a model again in the same root to share its parameters. */
  static root(options: ScopeOptions = {}): Scope {
    return new Scope("", {
      parameters: new Map(options.parameters?.map((parameter) => [parameter.name, parameter])),
      intermediates: new Map(),
      seed: options.seed,
      compute: options.compute ?? "float32",
      fixedWeights: options.fixedWeights ?? false,
      streams: 0,
    });
  }

  at(name: string): Scope {
    return new Scope(this.join(name), this.trace);
  }

  /** The type a network casts its images to. */
  get compute(): ComputeType {
    return this.trace.compute;
  }

  /** Are parameters going to be constants of the graph? */
  get fixedWeights(): boolean {
    return this.trace.fixedWeights;
  }

  /** True when dropout and stochastic depth draw. */
  get training(): boolean {
    return this.trace.seed !== undefined;
  }

  /** The float32 parameter of that name here; made at first use. Throws ShapeError when used again in another shape. */
  parameter(name: string, shape: Shape, initializer: Initializer): Tensor {
    const path = this.join(name);
    const known = this.trace.parameters.get(path);
    if (known) {
      if (!sameShape(known.tensor.shape, shape)) {
        throw new ShapeError(`parameter ${path} is ${describe(known.tensor)} and cannot also be [${shape.join(", ")}]`);
      }
      return known.tensor;
    }
    const tensor = input(path, "float32", shape);
    this.trace.parameters.set(path, { name: path, tensor, initializer });
    return tensor;
  }

  /** Gives a tensor a name by which few-shot, analyses and tests find it; returns the tensor. */
  name(name: string, tensor: Tensor): Tensor {
    this.trace.intermediates.set(this.join(name), tensor);
    return tensor;
  }

  /**
   * One block of a network: what `body` computes from `x` in the scope of that name, recorded there as `output`. With
   * `recompute` the block's intermediates are not kept for the backward pass but computed again there from `x` (`rematerialise`).
   */
  block(name: string, x: Tensor, recompute: boolean, body: (scope: Scope, x: Tensor) => Tensor): Tensor {
    const scope = this.at(name);
    const output = recompute ? rematerialise(() => body(scope, x)) : body(scope, x);
    return scope.name("output", output);
  }

  /** The seed of this step and a number no other draw of the model has. Throws outside training. */
  random(): { seed: Tensor; stream: number } {
    if (!this.trace.seed) throw new Error(`${this.path}: random numbers are drawn in training only`);
    return { seed: this.trace.seed, stream: ++this.trace.streams };
  }

  /**
   * The same place in a trace of its own that shares the parameters and draws from here on what this one is going to draw:
   * for passes that are to differ from another in their images and not in their dropout.
   */
  again(): Scope {
    return new Scope(this.path, { ...this.trace, intermediates: new Map() });
  }

  /** Every parameter of the model, in order of first use. */
  get parameters(): readonly Parameter[] {
    return [...this.trace.parameters.values()];
  }

  /** Every named intermediate of the model; of several traces the last. */
  get intermediates(): Readonly<Record<string, Tensor>> {
    return Object.fromEntries(this.trace.intermediates);
  }

  private join(name: string): string {
    return this.path ? `${this.path}/${name}` : name;
  }
}
