/** Defines symbolic tensors with static shapes and the nodes that produce them. */
import { append } from "../text/arrays.js";

/** float64 is used only for linear algebra on the host: products on the CPU, without gradients. */
export type DType = "float32" | "float64" | "float16" | "int32" | "uint32" | "int64" | "uint8" | "bool";
/** Sizes of the axes; the empty list is the shape of a scalar. */
export type Shape = readonly number[];

/** Static type of a tensor: element type and shape. */
export interface TensorType<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
}

/** A symbolic value: one output of one node. `D` is its element type, as far as it is known when the program is compiled. */
export interface Tensor<D extends DType = DType> extends TensorType<D> {
  readonly id: number;
  readonly producer: Node;
  readonly index: number;
}

/** One application of an operation. `id` grows with creation, so sorting by it is a topological order. */
export interface Node<A = unknown> {
  readonly id: number;
  readonly operation: Operation<A>;
  readonly inputs: readonly Tensor[];
  readonly attributes: A;
  readonly outputs: readonly Tensor[];
  /** The rematerialised block that this node belongs to, if any (see rematerialise.ts). */
  readonly block: Block | undefined;
}

/** A marked part of the graph whose intermediates are recomputed in the backward pass. */
export interface Block {
  readonly id: number;
}

/** Receives the ONNX nodes that operations emit. */
export interface Emitter {
  /** ONNX value name of a tensor. */
  name(tensor: Tensor): string;
  /** Whether the tensor has a consumer or is an output, so that an operation can skip unused outputs. */
  used(tensor: Tensor): boolean;
  /** Whether the target supports this node type; operations with a fallback check it. */
  runs(type: string): boolean;
  /** Returns a new name for an intermediate value. */
  temporary(): string;
  /** Adds one ONNX node and returns its output names. */
  node(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: Record<string, OnnxAttribute>,
    domain?: string,
  ): void;
  /** Name of a scalar or a 1-D constant of a type (default: float32); equal constants are shared. */
  float(value: number | readonly number[], dtype?: DType): string;
  /** Name of a 1-D int64 constant; equal constants are shared. */
  int64(values: readonly number[]): string;
  /** Adds a constant of any type and returns its name. */
  initializer(name: string, type: TensorType, bytes: Uint8Array): void;
}

/** An attribute of an ONNX node; the wrapper distinguishes integers from floats. */
export type OnnxAttribute = { int: number } | { float: number } | { ints: readonly number[] } | { string: string };

/** An operation: its shape rule, ONNX emission, gradient rule and cost. */
export interface Operation<A = unknown> {
  readonly name: string;
  /** Infers shapes and types of the outputs; throws ShapeError if the inputs do not fit. */
  infer(inputs: readonly Tensor[], attributes: A): TensorType[];
  emit(node: Node<A>, emitter: Emitter): void;
  /** Gradients of the inputs from those of the outputs; undefined if a gradient is not needed or does not exist. */
  gradient?(node: Node<A>, outputGradients: readonly (Tensor | undefined)[]): (Tensor | undefined)[];
  /** Outputs from this index on are kept only for the backward pass; the gradient rule ignores their gradients. */
  readonly keptFrom?: number;
  /** FLOPs of matrix products and convolutions: two for each multiply-add. */
  flops?(node: Node<A>): number;
  /**
   * Whether the outputs may share the memory of inputs: always, each that of one of the last inputs, or possibly, because the runtime may fold
   * the operation into its consumers (a transpose or a factor becomes an attribute of a product; casts to half precision and back vanish on
   * the CPU). Default: never.
   */
  readonly sharesMemory?: "always" | "possibly";
  /** Whether each entry of the output depends only on the same entry of operands of its shape, so that it may be written over one of them. */
  readonly isElementwise?: boolean;
  /** Whether a run can fail for some values of the inputs. Default: false. */
  readonly mayFail?: boolean;
}

/** Shapes or types do not fit an operation; the message has the operation and its inputs. */
export class ShapeError extends Error {
  override name = "ShapeError";
}

let nextId = 1;
const openBlocks: Block[] = [];

/** Applies an operation with one output. The caller states its element type, by the type of the result. */
export function applied<A, D extends DType = DType>(
  operation: Operation<A>,
  inputs: readonly Tensor[],
  attributes: A,
): Tensor<D> {
  return apply(operation, inputs, attributes)[0] as Tensor<D>;
}

/** Applies an operation to tensors; every op function calls it. */
export function apply<A>(operation: Operation<A>, inputs: readonly Tensor[], attributes: A): Tensor[] {
  const types = operation.infer(inputs, attributes);
  const outputs: Tensor[] = [];
  const node: Node<A> = {
    id: nextId++,
    operation,
    inputs,
    attributes,
    outputs,
    block: openBlocks.at(-1),
  };
  types.forEach((type, index) => {
    outputs.push({ id: nextId++, dtype: type.dtype, shape: type.shape, producer: node, index });
  });
  return outputs;
}

/** The input whose memory an output shares, or undefined if the operation is not always a view. */
export function viewed({ producer: { operation, inputs, outputs }, index }: Tensor): Tensor | undefined {
  return operation.sharesMemory === "always" ? inputs[inputs.length - outputs.length + index] : undefined;
}

/** Runs `body` and marks every node it creates as belonging to `block`; the outermost block takes precedence. */
export function insideBlock<T>(block: Block | undefined, body: () => T): T {
  if (block === undefined || openBlocks.length > 0) return body();
  openBlocks.push(block);
  try {
    return body();
  } finally {
    openBlocks.pop();
  }
}

/** Runs `body` so that its nodes belong to no block, even inside one. */
export function outsideBlocks<T>(body: () => T): T {
  const saved = openBlocks.splice(0);
  try {
    return body();
  } finally {
    append(openBlocks, saved);
  }
}

/** Number of elements of a shape. */
export const elementCount = (shape: Shape): number => shape.reduce((product, side) => product * side, 1);
export const bytesPerElement: Record<DType, number> = {
  float32: 4,
  float64: 8,
  float16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint8: 1,
  bool: 1,
};
export const byteSize = (type: TensorType): number => elementCount(type.shape) * bytesPerElement[type.dtype];
export const isFloat = (dtype: DType): boolean => dtype === "float32" || dtype === "float16";
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((side, i) => side === b[i]);

/** Formats a type for error messages, as in `float32 [8, 197, 384]`. */
export const describe = (type: TensorType): string => `${type.dtype} [${type.shape.join(", ")}]`;

/** Converts a negative axis to one counted from the front; throws ShapeError if the tensor has no such axis. */
export function resolveAxis(operation: string, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank) {
    throw new ShapeError(`${operation}: axis ${axis} does not exist in a tensor of rank ${rank}`);
  }
  return resolved;
}

/** Broadcast shape of two operands (NumPy's rule); throws ShapeError with both shapes. */
export function broadcastShapes(operation: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) {
    const left = a[a.length - rank + i] ?? 1;
    const right = b[b.length - rank + i] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new ShapeError(`${operation}: shapes [${a.join(", ")}] and [${b.join(", ")}] do not broadcast together`);
    }
    shape.push(left === 1 ? right : left);
  }
  return shape;
}

/** Returns the common element type; throws ShapeError if the types differ. */
export function requireSameDType(operation: string, tensors: readonly Tensor[]): DType {
  const first = tensors[0]!;
  for (const tensor of tensors) {
    if (tensor.dtype !== first.dtype) {
      throw new ShapeError(
        `${operation}: operands have different types, ${describe(first)} and ${describe(tensor)}; cast one of them`,
      );
    }
  }
  return first.dtype;
}

/** All nodes that the given tensors depend on, in order of creation, which is a topological order. */
export function reachable(outputs: readonly Tensor[]): Node[] {
  const seen = new Set<Node>();
  const stack = outputs.map((tensor) => tensor.producer);
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    for (const tensor of node.inputs) stack.push(tensor.producer);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
