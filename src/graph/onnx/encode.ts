/**
 * Encodes an ONNX graph as a model file (default: opset 21 and IR 10), with weights inside the file or as external data.
 * Field numbers: onnx.proto3 of the ONNX project, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
 */
import { ProtobufWriter } from "../../formats/protobuf-writer.js";
import { onnxTypeCodes } from "../element-types.js";
import type { OnnxAttribute, TensorType } from "../tensor.js";
import { freeSideNames, type Initializer, type NamedType, type OnnxGraph, type OnnxNode } from "./graph.js";

export interface OnnxModel {
  /** Contents of the model file. */
  readonly bytes: Uint8Array;
  /** External weights, if they exceed the limit: the contents of one file whose path the model refers to. */
  readonly external?: { readonly path: string; readonly pieces: readonly Uint8Array[]; readonly byteLength: number };
  /** Path of the model file, if it must be opened from there because its weights are stored beside it. */
  readonly file?: string;
  readonly inputs: readonly { name: string; type: TensorType }[];
  readonly outputs: readonly { name: string; type: TensorType }[];
  /** Expected size of the first axis of outputs, by name; checked in each run. */
  readonly rows?: Readonly<Record<string, number>>;
  readonly nodeCount: number;
}

export interface EncodeOptions {
  /** Total weight bytes above which they are stored in a separate file; a protobuf is limited to 2 GB. */
  readonly externalAbove?: number;
  /** Path of the file of external weights. */
  readonly externalPath?: string;
  /** Opset version, one of `onnxOpsets`. Default: 21. */
  readonly opset?: number;
  /** Metadata entries of the model. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const inlineLimit = 1024; // Bytes. Smaller constants stay inside the file, where shape inference can read them.

/** Supported opset versions, and the file format (IR) version released with each (onnx/docs/Versioning.md). */
export const onnxOpsets: Readonly<Record<number, number>> = { 17: 8, 18: 8, 19: 9, 20: 9, 21: 10 };
const newestOpset = 21;

/** Encodes a graph as a model file. Throws a RangeError for an unsupported opset version. */
export function encodeOnnx(graph: OnnxGraph, options: EncodeOptions = {}): OnnxModel {
  const weightBytes = graph.initializers.reduce((total, { bytes }) => total + bytes.length, 0);
  const limit = options.externalAbove ?? 1_900_000_000;
  const externalPath = options.externalPath ?? "weights.bin";
  const pieces: Uint8Array[] = [];
  let externalLength = 0;

  const { opset: version = newestOpset } = options;
  const format = onnxOpsets[version];
  if (format === undefined)
    throw new RangeError(`unsupported opset version ${version}; expected one of ${Object.keys(onnxOpsets).join(", ")}`);
  const model = new ProtobufWriter();
  model.integer(1, format); // ir_version
  model.string(2, "fovea");
  model.message(7, (encoded) => {
    writeGraphBody(encoded, graph);
    for (const { name, type, bytes } of graph.initializers) {
      encoded.message(5, (tensor) => {
        writeTensorType(tensor, name, type);
        if (weightBytes > limit && bytes.length > inlineLimit) {
          const entries = { location: externalPath, offset: `${externalLength}`, length: `${bytes.length}` };
          for (const [key, value] of Object.entries(entries)) writeEntry(tensor, 13, key, value);
          tensor.integer(14, 1); // data_location: EXTERNAL
          pieces.push(bytes);
          externalLength += bytes.length;
        } else tensor.bytes(9, bytes);
      });
    }
  });
  // The runtime's own operator domain is declared only if it is used: other runtimes may not know it.
  const domains = new Set(["", ...graph.nodes.map(({ domain }) => domain)]);
  for (const node of graph.nodes.flatMap(nodesInside)) domains.add(node.domain);
  for (const domain of domains) {
    model.message(8, (opset) => {
      opset.string(1, domain);
      opset.integer(2, domain === "" ? version : 1);
    });
  }
  for (const [key, value] of Object.entries(options.metadata ?? {})) writeEntry(model, 14, key, value);
  return {
    bytes: model.finish(),
    external: pieces.length > 0 ? { path: externalPath, pieces, byteLength: externalLength } : undefined,
    inputs: graph.inputs.map(plain),
    outputs: graph.outputs.map(plain),
    nodeCount: graph.nodes.reduce((count, node) => count + 1 + nodesInside(node).length, 0),
  };
}

/** Copies only name and type: the result may be sent to another thread, which a tensor with its producer cannot. */
const plain = ({ name, type }: NamedType): NamedType => ({ name, type: { dtype: type.dtype, shape: [...type.shape] } });

/** Nodes of a node's subgraphs. */
const nodesInside = ({ attributes }: OnnxNode): OnnxNode[] =>
  Object.values(attributes).flatMap((value) => ("graph" in value ? [...value.graph.nodes] : []));

function writeTensorType(tensor: ProtobufWriter, name: string, type: Initializer["type"]): void {
  for (const side of type.shape) tensor.integer(1, side);
  tensor.integer(2, onnxTypeCodes[type.dtype]);
  tensor.string(8, name);
}

/** Writes a value and its bytes into a graph. */
export function writeInitializer(graph: ProtobufWriter, { name, type, bytes }: Initializer): void {
  graph.message(5, (tensor) => {
    writeTensorType(tensor, name, type);
    tensor.bytes(9, bytes);
  });
}

export function writeEntry(writer: ProtobufWriter, field: number, key: string, value: string): void {
  writer.message(field, (entry) => {
    entry.string(1, key);
    entry.string(2, value);
  });
}

function writeGraphBody(writer: ProtobufWriter, graph: OnnxGraph): void {
  graph.nodes.forEach((node, index) => {
    writer.message(1, (encoded) => writeNode(encoded, node, index));
  });
  writer.string(2, graph.name);
  for (const { name, type } of graph.inputs) writer.message(11, (info) => writeValueInfo(info, name, type));
  for (const { name, type } of graph.outputs) writer.message(12, (info) => writeValueInfo(info, name, type));
}

export function writeNode(writer: ProtobufWriter, node: OnnxNode, index: number): void {
  for (const name of node.inputs) writer.string(1, name);
  for (const name of node.outputs) writer.string(2, name);
  writer.string(3, `${node.type}_${index}`);
  writer.string(4, node.type);
  for (const [key, value] of Object.entries(node.attributes)) {
    writer.message(5, (attribute) => {
      attribute.string(1, key);
      writeAttributeValue(attribute, value);
    });
  }
  if (node.domain) writer.string(7, node.domain);
}

function writeAttributeValue(attribute: ProtobufWriter, value: OnnxAttribute | { readonly graph: OnnxGraph }): void {
  if ("float" in value) {
    attribute.float(2, value.float);
    attribute.integer(20, 1);
  } else if ("int" in value) {
    attribute.integer(3, value.int);
    attribute.integer(20, 2);
  } else if ("string" in value) {
    attribute.string(4, value.string);
    attribute.integer(20, 3);
  } else if ("graph" in value) {
    attribute.message(6, (inner) => writeGraphBody(inner, value.graph));
    attribute.integer(20, 5);
  } else {
    for (const item of value.ints) attribute.integer(8, item);
    attribute.integer(20, 7);
  }
}

export function writeValueInfo(info: ProtobufWriter, name: string, type: TensorType): void {
  info.string(1, name);
  info.message(2, (typeProto) => {
    typeProto.message(1, (tensor) => {
      tensor.integer(1, onnxTypeCodes[type.dtype]);
      tensor.message(2, (shape) => {
        for (const side of type.shape) {
          shape.message(1, (dimension) => {
            const name = freeSideNames[side];
            if (name !== undefined) dimension.string(2, name);
            else dimension.integer(1, side);
          });
        }
      });
    });
  });
}
