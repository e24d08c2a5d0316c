/** Writes a traced graph as an ONNX model. */
import { inputName } from "../ops/leaf.js";
import { describe, type Node, reachable, ShapeError, type Tensor } from "../tensor.js";
import { emit } from "./emission.js";
import { type EncodeOptions, encodeOnnx, type OnnxModel } from "./encode.js";
import type { OnnxGraph } from "./graph.js";

export interface WriteOptions extends EncodeOptions {
  readonly name?: string;
  /** Node types that the target lacks or runs slowly; operations with a fallback then emit that. */
  readonly lacking?: readonly string[];
  /** Name outputs that other nodes use directly at their producer. Default: an Identity node at the end copies each. */
  readonly namesOutputs?: boolean;
}

/**
 * Writes the ONNX model that computes `outputs`, with the given names, from the inputs they depend on.
 * `inputs` fixes the order of the inputs and keeps unused ones. Throws ShapeError if `inputs` lacks one that is used.
 */
export function writeOnnx(
  outputs: Readonly<Record<string, Tensor>>,
  inputs?: readonly Tensor[],
  options: WriteOptions = {},
): OnnxModel {
  return encodeOnnx(onnxGraph(outputs, inputs, options), options);
}

/** Builds the same model as plain data, for passes before encoding. Throws the same errors as `writeOnnx`. */
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
      throw new ShapeError(`writeOnnx: input ${inputName(tensor)} is used but not declared; add it to inputs`);
  }
  for (const tensor of declared) {
    if (inputName(tensor) === undefined) {
      throw new ShapeError(`writeOnnx: ${describe(tensor)} is not an input and cannot be declared as one`);
    }
  }
  const names = declared.map((tensor) => inputName(tensor)!);
  if (new Set(names).size < names.length) {
    throw new ShapeError(`writeOnnx: input names must be unique; got ${names.join(", ")}`);
  }
  for (const name of Object.keys(outputs)) {
    if (names.includes(name))
      throw new ShapeError(`writeOnnx: ${name} is the name of both an input and an output; rename one`);
  }
  for (const name of [...names, ...Object.keys(outputs)]) {
    if (/^_[tvc]\d+$/.test(name))
      throw new ShapeError(`writeOnnx: the name ${name} is reserved for intermediate values; choose another`);
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

/** Names of outputs that other nodes use: tensors that an operation produces and that are only one output. */
function readOutputs(nodes: readonly Node[], outputs: readonly (readonly [string, Tensor])[]): Map<Tensor, string> {
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const once = outputs.filter(([, tensor]) => outputs.filter(([, other]) => other === tensor).length === 1);
  const made = once.filter(([, tensor]) => read.has(tensor) && tensor.producer.inputs.length > 0);
  return new Map(made.map(([name, tensor]) => [tensor, name]));
}
