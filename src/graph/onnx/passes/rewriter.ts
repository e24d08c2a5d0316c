/** Shared helpers of passes over ONNX graphs: lookup of values by name, new values, and removal of unused nodes. */
import { encodeNumbers, type NumericArray, viewNumbers } from "../../numbers.js";
import type { TensorType } from "../../tensor.js";
import type { Initializer, OnnxGraph, OnnxNode } from "../graph.js";

/** Creates a node of the default ONNX domain, or of another domain. */
export const onnxNode = (
  type: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: OnnxNode["attributes"] = {},
  domain = "",
): OnnxNode => ({ type, inputs, outputs, attributes, domain });

/** Views an array's memory as bytes without a copy. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: NumericArray | Int8Array): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/** Numeric value of an integer or float attribute; undefined if it is not set. */
export function numberAttribute({ attributes }: OnnxNode, name: string): number | undefined {
  const value = attributes[name];
  if (value === undefined) return undefined;
  return "int" in value ? value.int : "float" in value ? value.float : undefined;
}

/** State of a rewrite of one graph: its values by name, and new names, constants and types. */
export class Rewriter {
  readonly types: Map<string, TensorType>;
  readonly constants: Map<string, Initializer>;
  private readonly taken: Set<string>;
  private readonly shared = new Map<string, string>();

  constructor(readonly graph: OnnxGraph) {
    this.types = new Map(graph.types);
    this.constants = new Map(graph.initializers.map((initializer) => [initializer.name, initializer]));
    for (const { name, type } of graph.inputs) this.types.set(name, type);
    this.taken = new Set([
      ...graph.nodes.flatMap(({ outputs }) => outputs),
      ...[...graph.initializers, ...graph.inputs].map(({ name }) => name),
    ]);
  }

  /** Returns an unused value name. */
  fresh(stem: string, type?: TensorType): string {
    let name = stem;
    for (let i = 1; this.taken.has(name); i++) name = `${stem}_${i}`;
    this.taken.add(name);
    if (type) this.types.set(name, type);
    return name;
  }

  /** Shape of a value, or undefined if it is unknown. */
  shape(name: string): readonly number[] | undefined {
    return (this.types.get(name) ?? this.constants.get(name)?.type)?.shape;
  }

  /** Whether the value is a constant scalar or vector, such as a parameter, which is the same for the whole batch. */
  isVector(name: string): boolean {
    const shape = this.shape(name);
    return shape !== undefined && (shape.length === 0 || (shape.length === 1 && shape[0]! >= 0));
  }

  int64Values(name: string): number[] | undefined {
    const found = this.constants.get(name);
    return found?.type.dtype === "int64" ? Array.from(viewNumbers(found.bytes, "int64"), Number) : undefined;
  }

  floatValues(name: string): Float32Array | undefined {
    const found = this.constants.get(name);
    return found?.type.dtype === "float32" ? (viewNumbers(found.bytes, "float32") as Float32Array) : undefined;
  }

  /** Name of a constant list of sizes or positions; equal lists share one constant. */
  int64(values: readonly number[]): string {
    const key = values.join();
    let name = this.shared.get(key);
    if (name === undefined) {
      name = this.fresh("_sizes");
      this.shared.set(key, name);
      const type = { dtype: "int64", shape: [values.length] } as const;
      this.constants.set(name, { name, type, bytes: encodeNumbers(values, "int64") });
    }
    return name;
  }

  constant(stem: string, type: Initializer["type"], bytes: Uint8Array): string {
    const name = this.fresh(stem);
    this.constants.set(name, { name, type, bytes });
    if (type.dtype !== "int8") this.types.set(name, { dtype: type.dtype, shape: type.shape });
    return name;
  }

  /** Returns the graph with the given nodes and with values replaced by `names`; removes unused nodes and constants. */
  finish(nodes: readonly OnnxNode[], names: ReadonlyMap<string, string> = new Map()): OnnxGraph {
    const last = (name: string): string => {
      const next = names.get(name);
      return next === undefined ? name : last(next);
    };
    return withoutUnread({
      ...this.graph,
      nodes: names.size === 0 ? nodes : nodes.map((node) => ({ ...node, inputs: node.inputs.map(last) })),
      initializers: [...this.constants.values()],
      types: this.types,
    });
  }
}

/** Producing node of each value. */
export function producersOf(nodes: readonly OnnxNode[]): Map<string, OnnxNode> {
  return new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
}

export function readersOf({ nodes, outputs }: OnnxGraph): Map<string, (OnnxNode | "output")[]> {
  const readers = new Map<string, (OnnxNode | "output")[]>();
  const read = (name: string, by: OnnxNode | "output") => {
    const known = readers.get(name);
    if (known) known.push(by);
    else readers.set(name, [by]);
  };
  for (const node of nodes) for (const name of node.inputs) read(name, node);
  for (const { name } of outputs) read(name, "output");
  return readers;
}

/** Removes nodes and constants that the outputs do not depend on. */
export function withoutUnread(graph: OnnxGraph): OnnxGraph {
  const wanted = new Set(graph.outputs.map(({ name }) => name));
  const nodes: OnnxNode[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    for (const name of node.inputs) wanted.add(name);
    nodes.push(node);
  }
  return {
    ...graph,
    nodes: nodes.reverse(),
    initializers: graph.initializers.filter(({ name }) => wanted.has(name)),
  };
}
