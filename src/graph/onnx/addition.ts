/**
 * Adds nodes to an ONNX file written by another program. Only names are parsed; the weights are copied unchanged.
 * Field numbers: onnx.proto3 of the ONNX project, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
 */
import { type ProtobufField, protobufFields } from "../../formats/protobuf-reader.js";
import { ProtobufWriter } from "../../formats/protobuf-writer.js";
import { append } from "../../text/arrays.js";
import { writeEntry, writeInitializer, writeNode, writeValueInfo } from "./encode.js";
import type { Initializer, NamedType, OnnxNode } from "./graph.js";

/** Nodes to add before and after those of a model. */
export interface OnnxAddition {
  /** The model's input to replace, the new input, and nodes that compute the old one from it (none if both are the same). */
  readonly input: { readonly replaces: string; readonly by: NamedType; readonly nodes: readonly OnnxNode[] };
  /** Nodes appended to the model, and the initializers that they use. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Initializer[];
  /** Outputs of the resulting model, which replace the model's own. */
  readonly outputs: readonly NamedType[];
  /** The model's value that the outputs are computed from; nodes needed only for other values are removed. */
  readonly reads: string;
  /** Minimum opset version of the added nodes. */
  readonly leastOpset: number;
  /** Metadata entries, which replace the model's own. */
  readonly metadata: Readonly<Record<string, string>>;
}

const decoder = new TextDecoder();
const text = ({ bytes }: ProtobufField): string => decoder.decode(bytes);

/** Field numbers of ModelProto, GraphProto, NodeProto and AttributeProto that are parsed. */
const model = { graph: 7, opset: 8, metadata: 14 } as const;
const graph = { node: 1, initializer: 5, input: 11, output: 12, valueInfo: 13 } as const;
const node = { input: 1, output: 2, name: 3, attribute: 5 } as const;
const attribute = { graph: 6, graphs: 11 } as const;
const initializerName = 8;

/**
 * Returns the file of the model with the addition. Values of the model whose names collide with added values are renamed; `reads` and
 * `replaces` are names in the original model. Throws an Error if the model is not ONNX in a protobuf, lacks the value or input, has an older
 * opset, or stores its weights in another file.
 */
export function withAddition(bytes: Uint8Array, addition: OnnxAddition): Uint8Array {
  const fields = [...protobufFields(bytes)];
  const whole = fields.find(({ number }) => number === model.graph);
  if (!whole) throw new Error("the model has no graph; expected an ONNX file");
  requireOpset(fields, addition.leastOpset);
  const own = new Set([
    ...addition.outputs.map(({ name }) => name),
    ...addition.initializers.map(({ name }) => name),
    ...addition.nodes.flatMap(({ outputs }) => outputs),
    ...(addition.input.by.name === addition.input.replaces ? [] : [addition.input.by.name]),
  ]);
  const renamed = (name: string): string => (own.has(name) ? `backbone/${name}` : name);
  const out = new ProtobufWriter();
  for (const field of fields) {
    if (field.number === model.graph)
      out.message(model.graph, (inner) => writeGraph(inner, field.bytes, addition, renamed));
    else if (field.number !== model.metadata) out.raw(field.raw);
  }
  for (const [key, value] of Object.entries(addition.metadata)) writeEntry(out, model.metadata, key, value);
  return out.finish();
}

/** Throws if the model's version of the default operator set is below `least`. */
function requireOpset(fields: readonly ProtobufField[], least: number): void {
  for (const { number, bytes } of fields) {
    if (number !== model.opset) continue;
    const entries = [...protobufFields(bytes)];
    const domain = entries.find((entry) => entry.number === 1);
    const version = entries.find((entry) => entry.number === 2)?.value ?? 0;
    if ((!domain || text(domain) === "" || text(domain) === "ai.onnx") && version < least) {
      throw new Error(`the model has opset version ${version}; expected version ${least} or later`);
    }
  }
}

function writeGraph(
  out: ProtobufWriter,
  bytes: Uint8Array,
  addition: OnnxAddition,
  renamed: (name: string) => string,
): void {
  const { input, reads } = addition;
  const fields = [...protobufFields(bytes)];
  const named = (number: number, key: number) =>
    fields.flatMap((field) => (field.number === number ? [nameOf(field, key)] : []));
  if (!named(graph.input, 1).includes(input.replaces)) throw new Error(`the model has no input ${input.replaces}`);
  const needed = neededNodes(fields, reads);
  const read = new Set([reads, ...needed.flatMap(({ inputs }) => inputs)]);
  const kept = new Set(needed.map(({ field }) => field));
  let nodes = 0;
  for (const one of input.nodes) writeOwn(out, one, nodes++);
  for (const field of fields) {
    if (field.number === graph.node) {
      if (kept.has(field)) writeRenamed(out, graph.node, field, renamed);
    } else if (field.number === graph.initializer) {
      if (read.has(nameOf(field, initializerName))) writeRenamedField(out, field, initializerName, renamed);
    } else if (field.number === graph.input) {
      const name = nameOf(field, 1);
      if (name === input.replaces)
        out.message(graph.input, (info) => writeValueInfo(info, input.by.name, input.by.type));
      else if (read.has(name)) writeRenamedField(out, field, 1, renamed);
    } else if (field.number !== graph.output && field.number !== graph.valueInfo) out.raw(field.raw);
  }
  for (const initializer of addition.initializers) writeInitializer(out, initializer);
  for (const one of addition.nodes) {
    writeOwn(out, { ...one, inputs: one.inputs.map((name) => (name === reads ? renamed(name) : name)) }, nodes++);
  }
  for (const { name, type } of addition.outputs) out.message(graph.output, (info) => writeValueInfo(info, name, type));
}

const writeOwn = (out: ProtobufWriter, one: OnnxNode, index: number): void =>
  out.message(graph.node, (encoded) => writeNode(encoded, one, index));

const nameOf = ({ bytes }: ProtobufField, key: number): string => {
  for (const field of protobufFields(bytes)) if (field.number === key && field.wire === 2) return text(field);
  return "";
};

interface Node {
  readonly field: ProtobufField;
  /** Inputs of the node, including outer values used by its subgraphs. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Selects the nodes that a value depends on. Throws if no node computes it. */
function neededNodes(fields: readonly ProtobufField[], value: string): Node[] {
  const all = fields.flatMap((field) => (field.number === graph.node ? [describeNode(field)] : []));
  if (!all.some(({ outputs }) => outputs.includes(value))) throw new Error(`the model computes no ${value}`);
  const wanted = new Set([value]);
  const needed: Node[] = [];
  // Nodes are sorted topologically: every value is computed before it is used.
  for (const one of all.reverse()) {
    if (!one.outputs.some((name) => wanted.has(name))) continue;
    needed.push(one);
    for (const name of one.inputs) wanted.add(name);
  }
  return needed;
}

function describeNode(field: ProtobufField): Node {
  const inputs: string[] = [];
  const outputs: string[] = [];
  for (const part of protobufFields(field.bytes)) {
    if (part.number === node.input) inputs.push(text(part));
    else if (part.number === node.output) outputs.push(text(part));
    else if (part.number === node.attribute) {
      for (const inner of graphsIn(part)) {
        for (const one of protobufFields(inner.bytes)) {
          if (one.number === graph.node) append(inputs, describeNode(one).inputs);
          else if (one.number === graph.output) inputs.push(nameOf(one, 1));
        }
      }
    }
  }
  return { field, inputs, outputs };
}

const graphsIn = (field: ProtobufField): ProtobufField[] =>
  [...protobufFields(field.bytes)].filter(
    ({ number, wire }) => wire === 2 && (number === attribute.graph || number === attribute.graphs),
  );

/** Writes a node with renamed values, also in its subgraphs; its own name gets a prefix so that it cannot collide with an added one. */
function writeRenamed(
  out: ProtobufWriter,
  number: number,
  field: ProtobufField,
  renamed: (name: string) => string,
): void {
  out.message(number, (encoded) => {
    for (const part of protobufFields(field.bytes)) {
      if (part.number === node.input || part.number === node.output) encoded.string(part.number, renamed(text(part)));
      else if (part.number === node.name) encoded.string(node.name, `backbone/${text(part)}`);
      else if (part.number === node.attribute && graphsIn(part).length > 0) {
        encoded.message(node.attribute, (inner) => writeRenamedAttribute(inner, part, renamed));
      } else encoded.raw(part.raw);
    }
  });
}

function writeRenamedAttribute(out: ProtobufWriter, field: ProtobufField, renamed: (name: string) => string): void {
  for (const part of protobufFields(field.bytes)) {
    if (part.wire !== 2 || (part.number !== attribute.graph && part.number !== attribute.graphs)) {
      out.raw(part.raw);
      continue;
    }
    out.message(part.number, (inner) => {
      for (const one of protobufFields(part.bytes)) {
        if (one.number === graph.node) writeRenamed(inner, graph.node, one, renamed);
        else if (one.number === graph.initializer) writeRenamedField(inner, one, initializerName, renamed);
        else if (one.number === graph.input || one.number === graph.output) writeRenamedField(inner, one, 1, renamed);
        else inner.raw(one.raw);
      }
    });
  }
}

/** Writes a message with its name field changed. */
function writeRenamedField(
  out: ProtobufWriter,
  field: ProtobufField,
  key: number,
  renamed: (name: string) => string,
): void {
  const name = nameOf(field, key);
  if (renamed(name) === name) {
    out.raw(field.raw);
    return;
  }
  out.message(field.number, (inner) => {
    for (const part of protobufFields(field.bytes)) {
      if (part.number === key) inner.string(key, renamed(name));
      else inner.raw(part.raw);
    }
  });
}
