/**
 * Defines operations outside of the package. An operation that is defined here is the same kind of object as the package's own ones
 * (`src/graph/ops/`), with checks of what its definition returns.
 */
import {
  apply,
  bytesPerElement,
  describe,
  type Emitter,
  isFloat,
  type Node,
  type Operation,
  type Shape,
  ShapeError,
  sameShape,
  type Tensor,
  type TensorType,
} from "./tensor.js";

/** A tuple of N tensors; a list of any length if N is not one number. */
export type Tensors<N extends number, Found extends readonly Tensor[] = []> = number extends N
  ? readonly Tensor[]
  : Found["length"] extends N
    ? Found
    : Tensors<N, readonly [...Found, Tensor]>;

/** One use of a defined operation: its inputs, its outputs and its attributes. */
export interface OperationUse<Attributes, N extends number, Outputs extends readonly TensorType[]> {
  readonly inputs: Tensors<N>;
  readonly outputs: { readonly [K in keyof Outputs]: Tensor };
  readonly attributes: Attributes;
}

interface Definition<Attributes, N extends number, Outputs extends readonly TensorType[]> {
  /** For error messages. */
  readonly name: string;
  /** Number of inputs. Default: any. */
  readonly inputs?: N;
  /**
   * The gradients of the inputs, in their order and with their shapes and types, from the gradients of the outputs (undefined for an output
   * that the loss does not depend on): tensors that are computed with other operations. undefined stands for a gradient of zero.
   */
  readonly gradient?: (
    use: OperationUse<Attributes, N, Outputs>,
    outputGradients: { readonly [K in keyof Outputs]: Tensor | undefined },
  ) => readonly (Tensor | undefined)[];
}

/** An operation that is written as ONNX nodes. */
export interface EmittedDefinition<Attributes, N extends number, Outputs extends readonly TensorType[]>
  extends Definition<Attributes, N, Outputs> {
  /** The shape rule: element types and shapes of the outputs. It should throw ShapeError if the inputs do not fit. */
  readonly infer: (inputs: Tensors<N>, attributes: Attributes) => Outputs;
  /** Writes the ONNX nodes (opset 21, or a domain of the runtime) that compute every output under its name, `emitter.name(output)`. */
  readonly emit: (use: OperationUse<Attributes, N, Outputs>, emitter: Emitter) => void;
  /** FLOPs of a use, two for each multiply-add of matrix products and convolutions. Default: 0. */
  readonly flops?: (use: OperationUse<Attributes, N, Outputs>) => number;
  /**
   * Whether the nodes can fail for some values of the inputs, such as positions out of range. A program updates state in place only if no
   * such node can fail later. Default: true.
   */
  readonly mayFail?: boolean;
}

/** An operation that is composed of others, whose shapes, nodes and FLOPs it takes over. */
export interface ComposedDefinition<Attributes, N extends number, Outputs extends readonly Tensor[]>
  extends Definition<Attributes, N, Outputs> {
  /** Computes the outputs with other operations. Without a gradient rule, gradients flow through these. */
  readonly compose: (inputs: Tensors<N>, attributes: Attributes) => Outputs;
}

/** Applies a defined operation; attributes may be omitted if none is required. Throws ShapeError. */
export type DefinedOperation<Attributes, N extends number, Outputs extends readonly TensorType[]> = (
  inputs: Tensors<N>,
  ...attributes: Partial<Attributes> extends Attributes ? [Attributes?] : [Attributes]
) => { readonly [K in keyof Outputs]: Tensor<Outputs[K]["dtype"]> };

/**
 * Defines an operation: a shape rule with ONNX nodes (`infer` and `emit`), or a composition of other operations (`compose`), with a gradient
 * rule. Without `gradient`, an operation of ONNX nodes cannot be differentiated. Returns the function that applies it to tensors; the
 * errors of a definition that returns something else than it should have the operation's name.
 */
export function defineOperation<
  N extends number,
  const Outputs extends readonly [TensorType, ...TensorType[]],
  Attributes = object,
>(definition: EmittedDefinition<Attributes, N, Outputs>): DefinedOperation<Attributes, N, Outputs>;
export function defineOperation<
  N extends number,
  const Outputs extends readonly [Tensor, ...Tensor[]],
  Attributes = object,
>(definition: ComposedDefinition<Attributes, N, Outputs>): DefinedOperation<Attributes, N, Outputs>;
export function defineOperation(
  definition: AnyEmitted | AnyComposed,
): (inputs: readonly Tensor[], attributes?: unknown) => readonly Tensor[] {
  const applied = "compose" in definition ? composed(definition) : emitted(definition);
  return (inputs, attributes = {}) => {
    requireInputs(definition, inputs);
    return applied(inputs, attributes);
  };
}

type AnyEmitted = EmittedDefinition<unknown, number, readonly TensorType[]>;
type AnyComposed = ComposedDefinition<unknown, number, readonly Tensor[]>;
type Applied = (inputs: readonly Tensor[], attributes: unknown) => readonly Tensor[];
type Use = OperationUse<unknown, number, readonly TensorType[]>;

const shapeError = (name: string, problem: string): ShapeError => new ShapeError(`${name}: ${problem}`);

function requireInputs({ name, inputs: count }: AnyEmitted | AnyComposed, inputs: readonly Tensor[]): void {
  if (count === undefined || inputs.length === count) return;
  throw shapeError(
    name,
    `got ${inputs.length} tensors (${inputs.map(describe).join(" and ")}); expected ${count}, as its definition says`,
  );
}

function emitted(definition: AnyEmitted): Applied {
  const { name, infer, emit, flops, gradient, mayFail = true } = definition;
  const operation: Operation<unknown> = {
    name,
    // The nodes are not known here: they may return an input as it is.
    sharesMemory: "possibly",
    mayFail,
    infer: (inputs, attributes) => {
      const types = infer(inputs, attributes);
      for (const type of types) requireType(name, type);
      return types.map(({ dtype, shape }) => ({ dtype, shape }));
    },
    emit: (node, emitter) => {
      const written = new Set<string>();
      emit(node, recording(emitter, written));
      const missing = node.outputs.findIndex((output) => emitter.used(output) && !written.has(emitter.name(output)));
      if (missing < 0) return;
      throw new Error(
        `${name}: emit wrote no value of output ${missing}; pass emitter.name(outputs[${missing}]) to emitter.node as an output`,
      );
    },
    gradient: gradient && ((node, gradients) => checkedGradient(name, gradient(node, gradients), node)),
    flops,
  };
  return (inputs, attributes) => apply(operation, inputs, attributes);
}

/** An emitter that also collects the names of the values written. */
const recording = (emitter: Emitter, written: Set<string>): Emitter => ({
  name: (tensor) => emitter.name(tensor),
  used: (tensor) => emitter.used(tensor),
  runs: (type) => emitter.runs(type),
  temporary: () => emitter.temporary(),
  float: (value, dtype) => emitter.float(value, dtype),
  int64: (values) => emitter.int64(values),
  node: (type, inputs, outputs, attributes, domain) => {
    for (const output of outputs) written.add(output);
    emitter.node(type, inputs, outputs, attributes, domain);
  },
  initializer: (name, type, bytes) => {
    written.add(name);
    emitter.initializer(name, type, bytes);
  },
});

function composed({ name, compose, gradient }: AnyComposed): Applied {
  if (!gradient) return compose;
  // Passes the composed tensors through, behind the inputs, and takes its gradient from the rule instead of from the composition.
  const operation = (count: number): Operation<unknown> => ({
    name,
    sharesMemory: "always",
    infer: (tensors) => tensors.slice(count).map(({ dtype, shape }) => ({ dtype, shape })),
    emit: ({ inputs, outputs }, emitter) => {
      outputs.forEach((output, i) => {
        const value = inputs[count + i];
        if (value) emitter.node("Identity", [emitter.name(value)], [emitter.name(output)]);
      });
    },
    gradient: ({ inputs, outputs, attributes }, gradients) => {
      const use = { inputs: inputs.slice(0, count), outputs, attributes };
      return checkedGradient(name, gradient(use, gradients), use);
    },
  });
  return (inputs, attributes) =>
    apply(operation(inputs.length), [...inputs, ...compose(inputs, attributes)], attributes);
}

function requireType(name: string, type: TensorType): void {
  const isShape = (shape: Shape) => shape.every((side) => Number.isInteger(side) && side >= 0);
  if (type.dtype in bytesPerElement && Array.isArray(type.shape) && isShape(type.shape)) return;
  throw shapeError(
    name,
    `its shape rule returned ${JSON.stringify({ dtype: type.dtype, shape: type.shape })}; expected a dtype of ${Object.keys(bytesPerElement).join(", ")} and a shape of integers of at least 0`,
  );
}

/** Throws unless there is one gradient for each input, of its type. */
function checkedGradient(
  name: string,
  gradients: readonly (Tensor | undefined)[],
  { inputs }: Pick<Use, "inputs"> | Node,
): (Tensor | undefined)[] {
  if (gradients.length !== inputs.length) {
    throw shapeError(
      name,
      `its gradient rule returned ${gradients.length} gradients for ${inputs.length} inputs; return one for each, undefined for none`,
    );
  }
  inputs.forEach((input, i) => {
    const gradient = gradients[i];
    if (!gradient) return;
    if (isFloat(input.dtype) && gradient.dtype === input.dtype && sameShape(gradient.shape, input.shape)) return;
    throw shapeError(
      name,
      `its gradient rule returned ${describe(gradient)} for input ${i}, ${describe(input)}; ${
        isFloat(input.dtype)
          ? "return a tensor of the same type and shape (sumTo sums over broadcast axes)"
          : "return undefined for a tensor that is not float"
      }`,
    );
  });
  return [...gradients];
}
