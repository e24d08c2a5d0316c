// Writes a graph as an ONNX model (opset 21, IR 10), weights inside the file or as external data.
// Field numbers: onnx.proto3 of the ONNX project, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
import { reachable } from "../grad.js";
import { encodeNumbers } from "../numbers.js";
import { inputName } from "../ops/leaf.js";
import {
  byteSize,
  type DType,
  describe,
  type Emitter,
  type Node,
  type OnnxAttribute,
  ShapeError,
  type Tensor,
  type TensorType,
} from "../tensor.js";
import { ProtobufWriter } from "./protobuf.js";
import { onnxTypeCodes } from "./types.js";

export interface OnnxModel {
  /** The model file. */
  readonly bytes: Uint8Array;
  /** Weights kept outside the file, when it would pass the limit: the bytes of one file named in the model. */
  readonly external?: { readonly path: string; readonly pieces: readonly Uint8Array[]; readonly byteLength: number };
  readonly inputs: readonly { name: string; type: TensorType }[];
  readonly outputs: readonly { name: string; type: TensorType }[];
  readonly nodeCount: number;
}

export interface WriteOptions {
  readonly name?: string;
  /** Above this many bytes of weights they go into a file of their own; a protobuf cannot pass 2 GB. */
  readonly externalAbove?: number;
  /** Name of the file of external weights. */
  readonly externalPath?: string;
  /** Node types the target lacks or runs badly; operations that know a plainer form then write that. */
  readonly lacking?: readonly string[];
  /** Entries of the model's metadata. */
  readonly metadata?: Readonly<Record<string, string>>;
}

interface Initializer {
  readonly name: string;
  readonly type: TensorType;
  readonly bytes: Uint8Array;
}

const inlineLimit = 1024; // external data is for weights; small constants stay where shape inference sees them

/**
 * The ONNX model that computes `outputs` (by the names given) from the inputs they depend on.
 * `inputs` fixes the order of inputs and keeps ones nothing depends on; throws ShapeError when one is missing.
 */
export function writeOnnx(
  outputs: Readonly<Record<string, Tensor>>,
  inputs?: readonly Tensor[],
  options: WriteOptions = {},
): OnnxModel {
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
  const emission = emit(nodes, outputEntries, options);
  return finishModel(
    emission,
    declared.map((tensor) => ({ name: inputName(tensor)!, type: tensor })),
    outputEntries.map(([name, type]) => ({ name, type })),
    options,
  );
}

export interface LoopBody {
  /** How often the body runs in one run of the model. */
  readonly steps: number;
  /** Values carried from step to step: an input, its next value, and the name of the last one among the outputs. */
  readonly carried: readonly { readonly input: Tensor; readonly next: Tensor; readonly output: string }[];
  /** Inputs given anew at each step; the model takes them stacked, [steps, ...]. */
  readonly perStep: readonly Tensor[];
  /** Values of each step, returned stacked, [steps, ...]. */
  readonly results: Readonly<Record<string, Tensor>>;
}

/**
 * The ONNX model that runs a body several times, carrying values along: several training steps in one run, so that the
 * carried state is copied out of the runtime once and not at each step. Throws as `writeOnnx`.
 */
export function writeOnnxLoop(body: LoopBody, options: WriteOptions = {}): OnnxModel {
  const results = Object.entries(body.results);
  const nodes = reachable([...body.carried.map(({ next }) => next), ...results.map(([, tensor]) => tensor)]);
  const inputs = [...body.perStep, ...body.carried.map(({ input }) => input)];
  for (const tensor of nodes.flatMap((node) => node.outputs)) {
    if (inputName(tensor) !== undefined && !inputs.includes(tensor)) {
      throw new ShapeError(`writeOnnxLoop: input ${inputName(tensor)} is used but neither carried nor given per step`);
    }
  }
  const inside = new Map(inputs.map((tensor) => [tensor, `body:${inputName(tensor)}`]));
  const bodyOutputs: [string, Tensor][] = [
    ...body.carried.map(({ next, output }): [string, Tensor] => [`body:${output}`, next]),
    ...results.map(([name, tensor]): [string, Tensor] => [`body:${name}`, tensor]),
  ];
  const emission = emit(nodes, bodyOutputs, options, inside, (before) => {
    before.node("Identity", ["body:continue"], ["body:continues"]);
    for (const tensor of body.perStep) {
      before.node("Gather", [inputName(tensor)!, "body:step"], [inside.get(tensor)!], { axis: { int: 0 } });
    }
  });
  const carriedInputs = body.carried.map(({ input }) => ({ name: inside.get(input)!, type: input }));
  const graph = new ProtobufWriter();
  writeGraphBody(
    graph,
    "step",
    emission.nodes,
    [
      { name: "body:step", type: { dtype: "int64", shape: [] } },
      { name: "body:continue", type: { dtype: "bool", shape: [] } },
      ...carriedInputs,
    ],
    [
      { name: "body:continues", type: { dtype: "bool", shape: [] } },
      ...bodyOutputs.map(([name, type]) => ({ name, type })),
    ],
  );
  const bodyNodes = emission.nodes.splice(0);
  const times = emission.int64Scalar(body.steps);
  const stacked = (tensor: Tensor): TensorType => ({ dtype: tensor.dtype, shape: [body.steps, ...tensor.shape] });
  emission.subgraphNode(
    "Loop",
    [times, "", ...body.carried.map(({ input }) => inputName(input)!)],
    [...body.carried.map(({ output }) => output), ...results.map(([name]) => name)],
    "body",
    graph.finish(),
  );
  const model = finishModel(
    emission,
    [
      ...body.perStep.map((tensor) => ({ name: inputName(tensor)!, type: stacked(tensor) })),
      ...body.carried.map(({ input }) => ({ name: inputName(input)!, type: input })),
    ],
    [
      ...body.carried.map(({ output, next }) => ({ name: output, type: next })),
      ...results.map(([name, tensor]) => ({ name, type: stacked(tensor) })),
    ],
    options,
  );
  return { ...model, nodeCount: bodyNodes.length };
}

/** Writes the nodes of a graph, and one that gives each output its name. */
function emit(
  nodes: readonly Node[],
  outputs: readonly (readonly [string, Tensor])[],
  { lacking = [] }: WriteOptions,
  names: ReadonlyMap<Tensor, string> = new Map(),
  before?: (emission: Emission) => void,
): Emission {
  const used = new Set<Tensor>(outputs.map(([, tensor]) => tensor));
  for (const node of nodes) for (const tensor of node.inputs) used.add(tensor);
  const emission = new Emission(used, names, new Set(lacking));
  before?.(emission);
  // The runtime runs what the last node of the file needs first, then what the one before it needs, and so on. So the
  // nodes nobody reads stand last, the deepest before the shallowest: a layer's parameter gradients are then computed as
  // the backward pass goes by, and not after all of it with every activation still alive.
  const depths = depthsOf(nodes);
  const deepestFirst = (a: Node, b: Node) => depths.get(b)! - depths.get(a)!;
  const read = new Set(nodes.flatMap((node) => node.inputs.map((tensor) => tensor.producer)));
  const unread = nodes.filter((node) => !read.has(node)).sort(deepestFirst);
  for (const node of [...nodes.filter((node) => read.has(node)), ...unread]) node.operation.emit(node, emission);
  const results = [...outputs].sort(([, a], [, b]) => deepestFirst(a.producer, b.producer));
  for (const [name, tensor] of results) emission.node("Identity", [emission.name(tensor)], [name]);
  return emission;
}

/** The length of the longest way to each node from a leaf. */
function depthsOf(nodes: readonly Node[]): Map<Node, number> {
  const depths = new Map<Node, number>();
  for (const node of nodes) {
    depths.set(
      node,
      node.inputs.reduce((depth, { producer }) => Math.max(depth, depths.get(producer)! + 1), 0),
    );
  }
  return depths;
}

interface NamedType {
  readonly name: string;
  readonly type: TensorType;
}

function writeGraphBody(
  graph: ProtobufWriter,
  name: string,
  nodes: readonly Uint8Array[],
  inputs: readonly NamedType[],
  outputs: readonly NamedType[],
): void {
  for (const encoded of nodes) graph.bytes(1, encoded);
  graph.string(2, name);
  for (const { name, type } of inputs) graph.message(11, (info) => writeValueInfo(info, name, type));
  for (const { name, type } of outputs) graph.message(12, (info) => writeValueInfo(info, name, type));
}

/** Name and type alone: what is returned may travel to another thread, a tensor with its producer may not. */
const plain = ({ name, type }: NamedType): NamedType => ({ name, type: { dtype: type.dtype, shape: [...type.shape] } });

function finishModel(
  emission: Emission,
  inputs: readonly NamedType[],
  outputs: readonly NamedType[],
  options: WriteOptions,
): OnnxModel {
  const weightBytes = emission.initializers.reduce((total, { bytes }) => total + bytes.length, 0);
  const limit = options.externalAbove ?? 1_900_000_000;
  const externalPath = options.externalPath ?? "weights.bin";
  const pieces: Uint8Array[] = [];
  let externalLength = 0;

  const model = new ProtobufWriter();
  model.integer(1, 10); // ir_version
  model.string(2, "fovea");
  model.message(7, (graph) => {
    writeGraphBody(graph, options.name ?? "fovea", emission.nodes, inputs, outputs);
    for (const { name, type, bytes } of emission.initializers) {
      graph.message(5, (tensor) => {
        for (const side of type.shape) tensor.integer(1, side);
        tensor.integer(2, onnxTypeCodes[type.dtype]);
        tensor.string(8, name);
        if (weightBytes > limit && bytes.length > inlineLimit) {
          const entries = { location: externalPath, offset: `${externalLength}`, length: `${bytes.length}` };
          for (const [key, value] of Object.entries(entries)) {
            tensor.message(13, (entry) => {
              entry.string(1, key);
              entry.string(2, value);
            });
          }
          tensor.integer(14, 1); // data_location: EXTERNAL
          pieces.push(bytes);
          externalLength += bytes.length;
        } else tensor.bytes(9, bytes);
      });
    }
  });
  for (const [domain, version] of [
    ["", 21],
    ["com.microsoft", 1],
  ] as const) {
    model.message(8, (opset) => {
      opset.string(1, domain);
      opset.integer(2, version);
    });
  }
  for (const [key, value] of Object.entries(options.metadata ?? {})) {
    model.message(14, (entry) => {
      entry.string(1, key);
      entry.string(2, value);
    });
  }
  return {
    bytes: model.finish(),
    ...(pieces.length > 0 && { external: { path: externalPath, pieces, byteLength: externalLength } }),
    inputs: inputs.map(plain),
    outputs: outputs.map(plain),
    nodeCount: emission.nodes.length,
  };
}

function writeValueInfo(info: ProtobufWriter, name: string, type: TensorType): void {
  info.string(1, name);
  info.message(2, (typeProto) => {
    typeProto.message(1, (tensor) => {
      tensor.integer(1, onnxTypeCodes[type.dtype]);
      tensor.message(2, (shape) => {
        for (const side of type.shape) shape.message(1, (dimension) => dimension.integer(1, side));
      });
    });
  });
}

/** What operations write into: nodes already encoded, and constants shared by value. */
class Emission implements Emitter {
  readonly nodes: Uint8Array[] = [];
  readonly initializers: Initializer[] = [];
  private readonly shared = new Map<string, string>();
  private temporaries = 0;

  constructor(
    private readonly usedTensors: ReadonlySet<Tensor>,
    private readonly names: ReadonlyMap<Tensor, string>,
    private readonly lacking: ReadonlySet<string>,
  ) {}

  readonly name = (tensor: Tensor): string => this.names.get(tensor) ?? inputName(tensor) ?? `_t${tensor.id}`;
  readonly runs = (type: string): boolean => !this.lacking.has(type);
  readonly used = (tensor: Tensor): boolean => this.usedTensors.has(tensor);
  readonly temporary = (): string => `_v${this.temporaries++}`;

  node(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Record<string, OnnxAttribute> = {},
    domain = "",
  ): void {
    const writer = new ProtobufWriter();
    for (const name of inputs) writer.string(1, name);
    for (const name of outputs) writer.string(2, name);
    writer.string(3, `${type}_${this.nodes.length}`);
    writer.string(4, type);
    for (const [key, value] of Object.entries(attributes)) {
      writer.message(5, (attribute) => {
        attribute.string(1, key);
        if ("float" in value) {
          attribute.float(2, value.float);
          attribute.integer(20, 1);
        } else if ("int" in value) {
          attribute.integer(3, value.int);
          attribute.integer(20, 2);
        } else if ("string" in value) {
          attribute.string(4, value.string);
          attribute.integer(20, 3);
        } else {
          for (const item of value.ints) attribute.integer(8, item);
          attribute.integer(20, 7);
        }
      });
    }
    if (domain) writer.string(7, domain);
    this.nodes.push(writer.finish());
  }

  /** A node with one attribute, a graph already encoded. */
  subgraphNode(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attribute: string,
    graph: Uint8Array,
  ): void {
    const writer = new ProtobufWriter();
    for (const name of inputs) writer.string(1, name);
    for (const name of outputs) writer.string(2, name);
    writer.string(3, type);
    writer.string(4, type);
    writer.message(5, (encoded) => {
      encoded.string(1, attribute);
      encoded.bytes(6, graph);
      encoded.integer(20, 5);
    });
    this.nodes.push(writer.finish());
  }

  float(value: number | readonly number[], dtype: DType = "float32"): string {
    const values = typeof value === "number" ? [value] : value;
    const shape = typeof value === "number" ? [] : [value.length];
    return this.sharedConstant(values, { dtype, shape });
  }

  int64(values: readonly number[]): string {
    return this.sharedConstant(values, { dtype: "int64", shape: [values.length] });
  }

  int64Scalar(value: number): string {
    return this.sharedConstant([value], { dtype: "int64", shape: [] });
  }

  initializer(name: string, type: TensorType, bytes: Uint8Array): void {
    if (bytes.length !== byteSize(type)) {
      throw new ShapeError(`initializer ${name}: ${bytes.length} bytes for ${type.dtype} [${type.shape.join(", ")}]`);
    }
    this.initializers.push({ name, type, bytes });
  }

  private sharedConstant(values: readonly number[], type: TensorType): string {
    const key = `${type.dtype}[${type.shape}]${values.map((value) => (Object.is(value, -0) ? "-0" : value)).join()}`;
    let name = this.shared.get(key);
    if (name === undefined) {
      name = `_c${this.shared.size}`;
      this.shared.set(key, name);
      this.initializer(name, type, encodeNumbers(values, type.dtype));
    }
    return name;
  }
}
