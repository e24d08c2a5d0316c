/** Writes a traced graph as an ONNX model. */
import { inputName } from "../ops/leaf.js";
import { describe, type Node, reachable, ShapeError, type Tensor } from "../tensor.js";
import { emit } from "./emission.js";
import { type EncodeOptions, encodeOnnx, type OnnxModel } from "./encode.js";
import type { OnnxGraph } from "./graph.js";

export interface WriteOptions extends EncodeOptions {
  readonly name?: string;
  /** Node types the target lacks or runs badly; operations that know a plainer form then write that. */
  readonly lacking?: readonly string[];
  /** Give outputs that other nodes read too their names where they are made; by default a node at the end copies each. */
  readonly namesOutputs?: boolean;
}

/**
 * The ONNX model that computes `outputs` (by the names given) from the inputs they depend on.
 * `inputs` fixes the order of inputs and keeps ones nothing depends on; throws ShapeError when one is missing.
 */
export function writeOnnx(
  outputs: Readonly<Record<string, Tensor>>,
  inputs?: readonly Tensor[],
  options: WriteOptions = {},
): OnnxModel {
  return encodeOnnx(onnxGraph(outputs, inputs, options), options);
}

/** The same as plain data, for passes over it before it is encoded. Throws as `writeOnnx`. */
export function onnxGraph(
  outputs: Readonly<Record<string, Tensor>>,
  inputs?: readonly Tensor[],
  options: Pick<WriteOptions, "name" | "lacking" | "namesOutputs"> = {},
): OnnxGraph {
  const outputEntries = Object.entries(outputs);
  const nodes = reachable(outputEntries.map(([, tensor]) => tensor));
  const found = nodes.flatMap((node) => node.outputs.filter((tensor) => inputName(tensor) !== undefined));
  const declared = inputs ?? found;
  for (const tensor of found) {
    if (!declared.includes(tensor))
      throw new ShapeError(`writeOnnx: input ${inputName(tensor)} is used but not declared`);
  }
  for (const tensor of declared) {
    if (inputName(tensor) === undefined) {
      throw new ShapeError(`writeOnnx: ${describe(tensor)} is not an input and cannot be declared as one`);
    }
  }
  const names = declared.map((tensor) => inputName(tensor)!);
  if (new Set(names).size < names.length) {
    throw new ShapeError(`writeOnnx: two inputs have one name: ${names.join(", ")}`);
  }
  for (const name of Object.keys(outputs)) {
    if (names.includes(name)) throw new ShapeError(`writeOnnx: an input and an output are both named ${name}`);
  }
  for (const name of [...names, ...Object.keys(outputs)]) {
    if (/^_[tvc]\d+$/.test(name)) throw new ShapeError(`writeOnnx: names like ${name} are taken by the writer`);
  }
  const named = options.namesOutputs ? readOutputs(nodes, outputEntries) : undefined;
  const emission = emit(nodes, outputEntries, options.lacking, named);
  return {
    name: options.name ?? "fovea",
    nodes: emission.nodes,
    initializers: emission.initializers,
    inputs: declared.map((tensor) => ({ name: inputName(tensor)!, type: tensor })),
    outputs: outputEntries.map(([name, type]) => ({ name, type })),
    types: new Map(nodes.flatMap((node) => node.outputs.map((tensor) => [emission.name(tensor), tensor] as const))),
  };
}

/** The names of outputs that nodes read: of each tensor that an operation makes, and that is one output only. */
function readOutputs(nodes: readonly Node[], outputs: readonly (readonly [string, Tensor])[]): Map<Tensor, string> {
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const once = outputs.filter(([, tensor]) => outputs.filter(([, other]) => other === tensor).length === 1);
  const made = once.filter(([, tensor]) => read.has(tensor) && tensor.producer.inputs.length > 0);
  return new Map(made.map(([name, tensor]) => [tensor, name]));
}
