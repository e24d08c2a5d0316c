/** Symbolic tensors with static shapes, and the nodes that produce them: the vocabulary every other file speaks. */
import { append } from "../text/arrays.js";

/** float64 is for the host's own algebra: products on the CPU, without gradients. */
export type DType = "float32" | "float64" | "float16" | "int32" | "uint32" | "int64" | "uint8" | "bool";
export type Shape = readonly number[];

/** What is known of a value before it exists. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A value of the graph: one output of one node. */
export interface Tensor extends TensorType {
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
  /** The rematerialised block this node belongs to, if any (see rematerialise.ts). */
  readonly block: Block | undefined;
}

/** A marked stretch of the graph whose intermediates are computed again in the backward pass. */
export interface Block {
  readonly id: number;
}

/** Where an operation writes its ONNX nodes. */
export interface Emitter {
  /** The ONNX value name of a tensor of the graph. */
  name(tensor: Tensor): string;
  /** Is this tensor read by anything (or an output of the graph)? Lets an operation skip what nobody needs. */
  used(tensor: Tensor): boolean;
  /** Does the target run this type of node? Asked before using one for which there is a plainer form. */
  runs(type: string): boolean;
  /** A fresh name for an intermediate value. */
  temporary(): string;
  /** Adds one ONNX node and returns its output names. */
  node(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: Record<string, OnnxAttribute>,
    domain?: string,
  ): void;
  /** Name of a float constant (shared between uses). */
  float(value: number | readonly number[], dtype?: DType): string;
  /** Name of a 1-D int64 constant (shared between uses). */
  int64(values: readonly number[]): string;
  /** Adds a constant of any type and returns its name. */
  initializer(name: string, type: TensorType, bytes: Uint8Array): void;
}

/** An attribute of an ONNX node; the wrapper distinguishes integers from floats. */
export type OnnxAttribute = { int: number } | { float: number } | { ints: readonly number[] } | { string: string };

/** One kind of operation: its shape rule, the ONNX it writes, its gradient rule and its cost. */
export interface Operation<A = unknown> {
  readonly name: string;
  /** Shapes and types of the outputs; throws ShapeError when the inputs do not fit. */
  infer(inputs: readonly Tensor[], attributes: A): TensorType[];
  emit(node: Node<A>, emitter: Emitter): void;
  /** Gradients of the inputs from those of the outputs (undefined: not needed, or none flows). */
  gradient?(node: Node<A>, outputGradients: readonly (Tensor | undefined)[]): (Tensor | undefined)[];
  /** Outputs from this one on are kept for the backward pass alone; the gradient rule takes no gradient of them. */
  readonly keptFrom?: number;
  /** Multiply-adds times two spent in matrix products and convolutions. */
  flops?(node: Node<A>): number;
}

/** An operation was given shapes or types that do not fit; the message names the operation and what it got. */
export class ShapeError extends Error {
  override name = "ShapeError";
}

let nextId = 1;
const openBlocks: Block[] = [];

/** Applies an operation to tensors; every op function of this folder ends here. */
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

/** Runs `body` with every node it creates marked as belonging to `block`; the outermost block wins. */
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

/** `float32 [8, 197, 384]`, as error messages show a tensor. */
export const describe = (type: TensorType): string => `${type.dtype} [${type.shape.join(", ")}]`;

/** The axis counted from the front; throws ShapeError when the tensor has no such axis. */
export function resolveAxis(operation: string, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank) {
    throw new ShapeError(`${operation}: axis ${axis} does not exist in a tensor of rank ${rank}`);
  }
  return resolved;
}

/** The shape two operands broadcast to (numpy's rule); throws ShapeError naming both. */
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

/** Throws ShapeError unless all tensors have one and the same type. */
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

/** All nodes the given tensors depend on, in order of creation (which is a topological order). */
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
