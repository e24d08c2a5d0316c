/** Quantises convolutions to 8-bit integers, which requires the ranges of their inputs and outputs. */
import {
  bytesOf,
  encodeNumbers,
  encodeOnnx,
  type NumericArray,
  type OnnxGraph,
  type OnnxNode,
  onnxNode,
  Rewriter,
  type TensorType,
} from "../graph/index.js";
import { openSession } from "../runtime/index.js";
import { ExportError } from "./error.js";
import { largestMultiplied, quantised } from "./small-weights.js";

/** Minimum and maximum of each value, by name. */
export type Ranges = ReadonlyMap<string, readonly [number, number]>;

/** With fewer input channels (the pixels) a convolution is cheap and needs its precision; so do depthwise kernels. */
const fewestChannels = 16;

/** Whether quantising a convolution pays off: dense, with a constant kernel and without bias. */
function isWorthIt(node: OnnxNode, rewriter: Rewriter): boolean {
  if (node.type !== "Conv" || node.inputs.length !== 2) return false;
  const kernel = rewriter.constants.get(node.inputs[1]!);
  return kernel?.type.dtype === "float32" && kernel.type.shape[1]! >= fewestChannels && !("group" in node.attributes);
}

/** Number of calibration images per run. */
const imagesAtOnce = 8;

/**
 * Measures the input and output ranges of each such convolution on images in the graph's input format. Throws ExportError if the array does not
 * contain whole images.
 */
export async function convolutionRanges(graph: OnnxGraph, images: NumericArray): Promise<Ranges> {
  const rewriter = new Rewriter(graph);
  const values = new Set(
    graph.nodes.flatMap((node) => (isWorthIt(node, rewriter) ? [node.inputs[0]!, node.outputs[0]!] : [])),
  );
  if (values.size === 0) return new Map();
  const [pixels] = graph.inputs;
  const size = pixels!.type.shape.slice(1).reduce((product, side) => product * side, 1);
  if (images.length === 0 || images.length % size !== 0) {
    throw new ExportError(
      `calibration takes whole images of ${size} numbers, as ${pixels!.name} has them; got ${images.length} numbers`,
    );
  }
  const names = [...values];
  const extremes = names.flatMap((name, i) => [
    onnxNode("ReduceMin", [name], [`least:${i}`], { keepdims: { int: 0 } }),
    onnxNode("ReduceMax", [name], [`greatest:${i}`], { keepdims: { int: 0 } }),
  ]);
  const scalar: TensorType = { dtype: "float32", shape: [] };
  const outputs = extremes.map((node) => ({ name: node.outputs[0]!, type: scalar }));
  await using session = await openSession(encodeOnnx({ ...graph, nodes: [...graph.nodes, ...extremes], outputs }));
  const ranges = new Map<string, [number, number]>();
  const fixed = pixels!.type.shape[0]!;
  const step = size * (fixed > 0 ? fixed : imagesAtOnce);
  for (let start = 0; start < images.length; start += step) {
    if (fixed > 0 && start + step > images.length) break;
    const results = await session.run({ [pixels!.name]: images.slice(start, start + step) });
    names.forEach((name, i) => {
      const [least, greatest] = [Number(results[`least:${i}`]![0]), Number(results[`greatest:${i}`]![0])];
      const [low, high] = ranges.get(name) ?? [0, 0];
      ranges.set(name, [Math.min(low, least), Math.max(high, greatest)]);
    });
  }
  return ranges;
}

/**
 * Quantises convolutions whose ranges are known, by `QuantizeLinear` and `DequantizeLinear` around them. All runtimes support this form, and ONNX
 * Runtime converts it to one integer convolution. Values outside their range are clipped.
 */
export function withQuantisedConvolutions(graph: OnnxGraph, ranges: Ranges): OnnxGraph {
  const rewriter = new Rewriter(graph);
  const bytes = new Map<string, string>();
  const nodes: OnnxNode[] = [];
  // Quantises and dequantises a value, the pattern that runtimes recognise.
  const throughBytes = (name: string, output?: string): string => {
    const known = bytes.get(name);
    if (known !== undefined && output === undefined) return known;
    const [low, high] = ranges.get(name)!;
    const scale = high > low ? (high - low) / 255 : 1;
    const constants = [
      rewriter.constant(`${name}:scale`, { dtype: "float32", shape: [] }, encodeNumbers([scale], "float32")),
      rewriter.constant(`${name}:zero`, { dtype: "uint8", shape: [] }, Uint8Array.of(Math.round(-low / scale))),
    ];
    const made = output === undefined ? name : rewriter.fresh(`${name}:exact`);
    const [integers, back] = [rewriter.fresh(`${name}:bytes`), output ?? rewriter.fresh(`${name}:rounded`)];
    nodes.push(
      onnxNode("QuantizeLinear", [made, ...constants], [integers]),
      onnxNode("DequantizeLinear", [integers, ...constants], [back]),
    );
    bytes.set(name, back);
    return back;
  };
  for (const node of graph.nodes) {
    const [x, name] = node.inputs as [string, string];
    const [output] = node.outputs as [string];
    if (!isWorthIt(node, rewriter) || !ranges.has(x) || !ranges.has(output)) {
      nodes.push(node);
      continue;
    }
    const { type } = rewriter.constants.get(name)!;
    const channels = type.shape[0]!;
    const values = rewriter.floatValues(name)!;
    const { integers, scales } = quantised(values, channels, values.length / channels, largestMultiplied);
    const kernel = rewriter.constant(`${name}:int8`, { dtype: "int8", shape: type.shape }, bytesOf(integers));
    const scale = rewriter.constant(`${name}:scale`, { dtype: "float32", shape: [channels] }, bytesOf(scales));
    const zeros = rewriter.constant(`${name}:zero`, { dtype: "int8", shape: [channels] }, new Uint8Array(channels));
    const back = rewriter.fresh(`${name}:float32`);
    const rounded = throughBytes(x);
    nodes.push(onnxNode("DequantizeLinear", [kernel, scale, zeros], [back], { axis: { int: 0 } }));
    const at = nodes.length;
    throughBytes(output, output);
    const exact = nodes[at]!.inputs[0]!;
    nodes.splice(at, 0, { ...node, inputs: [rounded, back], outputs: [exact] });
  }
  return rewriter.finish(nodes);
}
