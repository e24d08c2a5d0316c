/** Stores weights in fewer bits: as float16, or as 8-bit integers, which the large products also compute with. */
import {
  bytesOf,
  encodeNumbers,
  numberAttribute,
  type OnnxGraph,
  type OnnxNode,
  onnxNode,
  Rewriter,
} from "../graph/index.js";
import { append } from "../text/arrays.js";

/** Constants with fewer elements stay float32: they are small, and norms and biases need the precision. */
const smallest = 1024;
const largestFloat16 = 65_504;
/** ONNX's code of float32 (TensorProto.DataType). */
const toFloat32 = { to: { int: 1 } } as const;

/**
 * Stores large weights as float16 and casts them to float32. The file is half as large, and it runs wherever the float32 one runs, at the same
 * speed (the runtime folds the cast once, when it opens the file). Tensors with numbers too large for float16 stay float32.
 */
export function withFloat16Weights(graph: OnnxGraph): OnnxGraph {
  const rewriter = new Rewriter(graph);
  const casts: OnnxNode[] = [];
  const names = new Map<string, string>();
  for (const { name, type, bytes } of graph.initializers) {
    const values = type.dtype === "float32" && bytes.length >= 4 * smallest ? rewriter.floatValues(name) : undefined;
    if (!values || values.some((value) => Math.abs(value) > largestFloat16)) continue;
    const half = rewriter.constant(
      `${name}:float16`,
      { dtype: "float16", shape: type.shape },
      encodeNumbers(values, "float16"),
    );
    const back = rewriter.fresh(`${name}:float32`, { dtype: "float32", shape: type.shape });
    casts.push(onnxNode("Cast", [half], [back], toFloat32));
    names.set(name, back);
  }
  return rewriter.finish([...casts, ...graph.nodes], names);
}

/**
 * Maximum magnitude of weights in integer products. Processors without VNNI add two products of an unsigned and a signed byte in 16 bits:
 * 2 * 255 * 64 = 32,640 fits, 2 * 255 * 127 does not (measured: errors of 18 % instead of 0.9 %).
 */
export const largestMultiplied = 64;
/** Maximum magnitude of weights that are only stored as integers. */
const largestStored = 127;

/** Integers with a scale for each channel: value = integer * scale[channel]. */
export interface Quantised {
  readonly integers: Int8Array;
  readonly scales: Float32Array;
}

/** Quantises [before, channels, after] symmetrically, with the scale of each channel given by its maximum magnitude. */
export function quantised(values: Float32Array, channels: number, after: number, limit: number): Quantised {
  const largest = new Float32Array(channels);
  const channelOf = (i: number): number => Math.floor(i / after) % channels;
  for (let i = 0; i < values.length; i++) {
    const channel = channelOf(i);
    largest[channel] = Math.max(largest[channel]!, Math.abs(values[i]!));
  }
  const scales = largest.map((value) => (value === 0 ? 1 : value / limit));
  const integers = Int8Array.from(values, (value, i) => Math.round(value / scales[channelOf(i)]!));
  return { integers, scales };
}

/**
 * Stores kernels as 8-bit integers with a scale for each output channel.
 *
 * Products of whole sequences of tokens are also computed in integers, with dynamically quantised activations (`DynamicQuantizeLinear`,
 * `MatMulInteger`: standard ONNX operators, which the runtime fuses). Other kernels (patches, the head, token mixing, convolutions without known
 * ranges) are only stored as integers and computed in float32: a product of one row for each image is cheap, and the runtime's ConvInteger is no
 * faster than its float32 convolution.
 */
export function withInt8Weights(graph: OnnxGraph): OnnxGraph {
  const rewriter = new Rewriter(graph);
  const stored = new Map<string, string>();
  const inputs = new Map<string, QuantisedInput>();
  const nodes: OnnxNode[] = [];
  for (const node of graph.nodes) {
    const place = kernelPlace(node, rewriter);
    if (!place) {
      nodes.push(node);
      continue;
    }
    const { position, channels, after, multiplied } = place;
    const name = node.inputs[position]!;
    const { type } = rewriter.constants.get(name)!;
    if (multiplied) {
      append(nodes, tokenProduct(node, rewriter, inputs));
      continue;
    }
    let back = stored.get(name);
    if (back === undefined) {
      const { integers, scales } = quantised(rewriter.floatValues(name)!, channels, after, largestStored);
      const kernel = rewriter.constant(`${name}:int8`, { dtype: "int8", shape: type.shape }, bytesOf(integers));
      const scaleShape = type.shape.map((_, axis) => (axis === place.axis ? channels : 1));
      const scale = rewriter.constant(`${name}:scale`, { dtype: "float32", shape: scaleShape }, bytesOf(scales));
      const cast = rewriter.fresh(`${name}:integers`);
      back = rewriter.fresh(`${name}:float32`, { dtype: "float32", shape: type.shape });
      nodes.push(onnxNode("Cast", [kernel], [cast], toFloat32), onnxNode("Mul", [cast, scale], [back]));
      stored.set(name, back);
    }
    nodes.push({ ...node, inputs: node.inputs.map((input, i) => (i === position ? back : input)) });
  }
  return rewriter.finish(nodes);
}

interface KernelPlace {
  /** Index of the input that is the kernel. */
  readonly position: number;
  /** The axis of the output channels, their number, and the number of consecutive elements of each. */
  readonly axis: number;
  readonly channels: number;
  readonly after: number;
  readonly multiplied: boolean;
}

/** Finds a large constant kernel of a node; undefined if it has none. */
function kernelPlace(node: OnnxNode, rewriter: Rewriter): KernelPlace | undefined {
  const large = (position: number): readonly number[] | undefined => {
    const found = rewriter.constants.get(node.inputs[position] ?? "");
    return found?.type.dtype === "float32" && found.bytes.length >= 4 * smallest ? found.type.shape : undefined;
  };
  if (node.type === "Conv") {
    const shape = large(1);
    if (!shape) return undefined;
    const after = shape.slice(1).reduce((product, side) => product * side, 1);
    return { position: 1, axis: 0, channels: shape[0]!, after, multiplied: false };
  }
  if (node.type !== "MatMul" && node.type !== "Gemm" && node.type !== "FusedMatMul") return undefined;
  const right = large(1);
  if (right?.length === 2) {
    const transposed = numberAttribute(node, "transB") === 1;
    const multiplied = node.type === "MatMul" && rewriter.shape(node.inputs[0]!)?.length === 3;
    const axis = transposed ? 0 : 1;
    return { position: 1, axis, channels: right[axis]!, after: transposed ? right[1]! : 1, multiplied };
  }
  const left = large(0);
  if (left?.length !== 2) return undefined;
  const axis = numberAttribute(node, "transA") === 1 ? 1 : 0;
  return { position: 0, axis, channels: left[axis]!, after: axis === 0 ? left[1]! : 1, multiplied: false };
}

/** A value as unsigned bytes, with its scale and zero point; shared by all products that use it. */
interface QuantisedInput {
  readonly integers: string;
  readonly scale: string;
  readonly zero: string;
}

function quantisedInput(
  name: string,
  rewriter: Rewriter,
  known: Map<string, QuantisedInput>,
  nodes: OnnxNode[],
): QuantisedInput {
  let found = known.get(name);
  if (!found) {
    const [integers, scale, zero] = ["integers", "scale", "zero"].map((what) => rewriter.fresh(`${name}:${what}`));
    found = { integers: integers!, scale: scale!, zero: zero! };
    nodes.push(onnxNode("DynamicQuantizeLinear", [name], [integers!, scale!, zero!]));
    known.set(name, found);
  }
  return found;
}

/** Product of integers with a kernel [in, out], converted back to float32, in the form that the runtime fuses into one node. */
function integerProduct(
  { integers, scale, zero }: QuantisedInput,
  kernelName: string,
  kernel: Quantised,
  shape: readonly number[],
  output: string,
  rewriter: Rewriter,
): OnnxNode[] {
  const int8 = rewriter.constant(`${kernelName}:int8`, { dtype: "int8", shape }, bytesOf(kernel.integers));
  const scales = rewriter.constant(
    `${kernelName}:scale`,
    { dtype: "float32", shape: [kernel.scales.length] },
    bytesOf(kernel.scales),
  );
  const [sums, floats, factor] = ["sums", "floats", "factor"].map((what) => rewriter.fresh(`${output}:${what}`));
  return [
    onnxNode("MatMulInteger", [integers, int8, zero], [sums!]),
    onnxNode("Cast", [sums!], [floats!], toFloat32),
    onnxNode("Mul", [scale, scales], [factor!]),
    onnxNode("Mul", [floats!, factor!], [output]),
  ];
}

function tokenProduct(node: OnnxNode, rewriter: Rewriter, known: Map<string, QuantisedInput>): OnnxNode[] {
  const [x, name] = node.inputs as [string, string];
  const nodes: OnnxNode[] = [];
  const { type } = rewriter.constants.get(name)!;
  const input = quantisedInput(x, rewriter, known, nodes);
  const kernel = quantised(rewriter.floatValues(name)!, type.shape[1]!, 1, largestMultiplied);
  return [...nodes, ...integerProduct(input, name, kernel, type.shape, node.outputs[0]!, rewriter)];
}
