/**
 * Adds nodes to a model file that somebody else wrote, without reading more of it than names: its weights are copied as they
 * are. Field numbers: onnx.proto3 of the ONNX project, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
 */
import { type ProtobufField, protobufFields } from "../../formats/protobuf-reader.js";
import { ProtobufWriter } from "../../formats/protobuf-writer.js";
import { append } from "../../text/arrays.js";
import { writeEntry, writeInitializer, writeNode, writeValueInfo } from "./encode.js";
import type { Initializer, NamedType, OnnxNode } from "./graph.js";

/** What comes before and after the nodes of a model. */
export interface OnnxAddition {
  /** The model's input that is replaced, its new form, and nodes that make the old one of it (none where they are one). */
  readonly input: { readonly replaces: string; readonly by: NamedType; readonly nodes: readonly OnnxNode[] };
  /** Nodes after the model's own, and what they read beside its values. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Initializer[];
  /** The outputs of the whole, in place of the model's own. */
  readonly outputs: readonly NamedType[];
  /** The value of the model that they follow from; what is computed for others is left away. */
  readonly reads: string;
  /** The lowest version of ONNX's operators that the nodes are written in. */
  readonly leastOpset: number;
  /** Entries of the model's metadata, in place of its own. */
  readonly metadata: Readonly<Record<string, string>>;
}

const decoder = new TextDecoder();
const text = ({ bytes }: ProtobufField): string => decoder.decode(bytes);

/** Numbers of the fields of ModelProto, GraphProto, NodeProto and AttributeProto that are looked at. */
const model = { graph: 7, opset: 8, metadata: 14 } as const;
const graph = { node: 1, initializer: 5, input: 11, output: 12, valueInfo: 13 } as const;
const node = { input: 1, output: 2, name: 3, attribute: 5 } as const;
const attribute = { graph: 6, graphs: 11 } as const;
const initializerName = 8;

/**
 * The model with an addition, as a file. Values of the model that have the name of a value that is added are renamed. `reads`
 * and `replaces` are names in the model as it is. Throws an Error when the model is not ONNX in a protobuf, lacks what is
 * read or replaced, is written in older operators, or keeps its weights in another file.
 */
export function withAddition(bytes: Uint8Array, addition: OnnxAddition): Uint8Array {
  const fields = [...protobufFields(bytes)];
  const whole = fields.find(({ number }) => number === model.graph);
  if (!whole) throw new Error("the model has no graph");
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

/** Throws unless the model is written in the given version of ONNX's own operators or a later one. */
function requireOpset(fields: readonly ProtobufField[], least: number): void {
  for (const { number, bytes } of fields) {
    if (number !== model.opset) continue;
    const entries = [...protobufFields(bytes)];
    const domain = entries.find((entry) => entry.number === 1);
    const version = entries.find((entry) => entry.number === 2)?.value ?? 0;
    if ((!domain || text(domain) === "" || text(domain) === "ai.onnx") && version < least) {
      throw new Error(`the model is written in version ${version} of ONNX's operators; ${least} or later is needed`);
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
  /** What it reads, what graphs inside it read from outside among it. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** The nodes that a value follows from. Throws when no node makes it. */
function neededNodes(fields: readonly ProtobufField[], value: string): Node[] {
  const all = fields.flatMap((field) => (field.number === graph.node ? [describeNode(field)] : []));
  if (!all.some(({ outputs }) => outputs.includes(value))) throw new Error(`the model computes no ${value}`);
  const wanted = new Set([value]);
  const needed: Node[] = [];
  // Nodes stand in an order in which every value is made before it is read.
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

/** A node with the names of values changed, in the graphs inside it too; its own name makes room for those that are added. */
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

/** A message with its name changed. */
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
