/** Joins a backbone and a head to one ONNX model, from pixels to logits, for backbone files from any exporter. */
import {
  bytesOf,
  freeSide,
  type Initializer,
  type OnnxNode,
  onnxNode,
  onnxTypeCodes,
  withAddition,
} from "../../graph/index.js";
import type { Network } from "../forward/network.js";
import type { Head, LinearHead, NeighbourHead } from "./head.js";
import { smallestShare } from "./scores.js";

/** TopK takes k as an input since version 11; no other operator here needs a later version. */
const leastOpset = 11;

/** Input and output names of a classifier's file, as transformers.js expects them. */
export const classifierPorts = { input: "pixel_values", output: "logits" } as const;

/**
 * The bytes of a model from `pixel_values` [batch, channels, H, W], in the backbone's value range, to `logits` [batch,
 * classes]. Throws an Error when the backbone's file cannot be extended.
 */
export async function classifierOnnx(
  backbone: Network,
  head: Head,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  const { bytes, input, features, layout, dtype } = await backbone.toOnnx();
  const [height, width, channels] = backbone.imageShape;
  const { nodes, initializers } = head.kind === "linear" ? linearNodes(head, features) : neighbourNodes(head, features);
  const asGiven = inputNodes(input, layout, dtype);
  try {
    return withAddition(bytes, {
      input: {
        replaces: input,
        by: { name: classifierPorts.input, type: { dtype: "float32", shape: [freeSide, channels, height, width] } },
        nodes: asGiven,
      },
      nodes,
      initializers,
      outputs: [{ name: classifierPorts.output, type: { dtype: "float32", shape: [freeSide, head.classes] } }],
      reads: features,
      leastOpset,
      metadata,
    });
  } catch (error) {
    throw new Error(`a classifier cannot be added to ${backbone.spec}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Nodes from `pixel_values` to the backbone's own input: transposed to NHWC and rounded to bytes if the input requires
 * it.
 */
function inputNodes(input: string, layout: "NHWC" | "NCHW", dtype: "float32" | "uint8"): OnnxNode[] {
  const given = classifierPorts.input;
  const rounds = dtype === "uint8";
  const transposed = rounds ? named("transposed") : input;
  const nodes: OnnxNode[] = [];
  if (layout === "NHWC") nodes.push(onnxNode("Transpose", [given], [transposed], { perm: { ints: [0, 2, 3, 1] } }));
  else if (!rounds && input !== given) nodes.push(onnxNode("Identity", [given], [input]));
  if (rounds) {
    nodes.push(onnxNode("Round", [layout === "NHWC" ? transposed : given], [named("rounded")]));
    nodes.push(onnxNode("Cast", [named("rounded")], [input], { to: { int: onnxTypeCodes.uint8 } }));
  }
  return nodes;
}

interface HeadNodes {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Initializer[];
}

const named = (name: string): string => `classifier/${name}`;

const floats = (name: string, shape: readonly number[], values: ArrayLike<number>): Initializer => ({
  name: named(name),
  type: { dtype: "float32", shape },
  bytes: bytesOf(Float32Array.from(values)),
});

const sides = (name: string, values: readonly number[]): Initializer => ({
  name: named(name),
  type: { dtype: "int64", shape: [values.length] },
  bytes: bytesOf(BigInt64Array.from(values, BigInt)),
});

/** Features may have trailing dimensions of 1: [batch, width, 1, 1]. */
const flat = (features: string) => onnxNode("Reshape", [features, named("rows")], [named("features")]);

function linearNodes({ kernel, bias, width, classes }: LinearHead, features: string): HeadNodes {
  return {
    nodes: [flat(features), onnxNode("Gemm", ["features", "kernel", "bias"].map(named), [classifierPorts.output])],
    initializers: [
      sides("rows", [-1, width]),
      floats("kernel", [width, classes], kernel),
      floats("bias", [classes], bias),
    ],
  };
}

function neighbourNodes(head: NeighbourHead, features: string): HeadNodes {
  const { bank, labels, width, classes, k, temperature, sharpness } = head;
  const rows = labels.length;
  // stored features as columns: the product with them is the similarity
  const columns = new Float32Array(bank.length);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < width; j++) columns[j * rows + row] = bank[row * width + j]!;
  }
  const classOf = new Float32Array(rows * classes);
  for (let row = 0; row < rows; row++) classOf[row * classes + labels[row]!] = 1;
  const step = (type: string, inputs: readonly string[], outputs: readonly string[], attributes = {}) =>
    onnxNode(type, inputs.map(named), outputs.map(named), attributes);
  return {
    nodes: [
      flat(features),
      step("Mul", ["features", "features"], ["squares"]),
      step("MatMul", ["squares", "ones"], ["sum"]),
      step("Add", ["sum", "tiny"], ["positive"]),
      step("Sqrt", ["positive"], ["length"]),
      step("Div", ["features", "length"], ["unit"]),
      step("MatMul", ["unit", "bank"], ["similarities"]),
      step("TopK", ["similarities", "k"], ["nearest", "which"]),
      step("Div", ["nearest", "temperature"], ["scaled"]),
      step("Exp", ["scaled"], ["votes"]),
      step("MatMul", ["votes", "onesOfVotes"], ["total"]),
      step("Reshape", ["votes", "asRow"], ["voteRow"]),
      step("Gather", ["classOf", "which"], ["votedFor"]),
      step("MatMul", ["voteRow", "votedFor"], ["sumsInRow"]),
      step("Reshape", ["sumsInRow", "asClasses"], ["sums"]),
      step("Div", ["sums", "total"], ["shares"]),
      step("Add", ["shares", "smallest"], ["positiveShares"]),
      step("Log", ["positiveShares"], ["logShares"]),
      onnxNode("Mul", [named("logShares"), named("sharpness")], [classifierPorts.output]),
    ],
    initializers: [
      sides("rows", [-1, width]),
      sides("k", [k]),
      sides("asRow", [-1, 1, k]),
      sides("asClasses", [-1, classes]),
      floats("ones", [width, 1], new Float32Array(width).fill(1)),
      floats("onesOfVotes", [k, 1], new Float32Array(k).fill(1)),
      // far below the square of any feature, so that a row of zeros is not divided by zero and remains zero
      floats("tiny", [1], [1e-30]),
      floats("bank", [width, rows], columns),
      floats("temperature", [1], [temperature]),
      floats("classOf", [rows, classes], classOf),
      floats("smallest", [1], [smallestShare]),
      floats("sharpness", [1], [sharpness]),
    ],
  };
}
