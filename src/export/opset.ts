/** Converts an exported graph to an older opset version, if it has the operators used. */
import { bytesOf, type Initializer, type OnnxGraph, type OnnxNode, onnxNode, onnxOpsets } from "../graph/index.js";
import { ExportError } from "./error.js";

/**
 * First opset version in which an operator supports what exports use of it (onnx/docs/Changelog.md). Later versions of these only add types, or
 * attributes that are not used. Exports are written for 21.
 */
const since: Readonly<Record<string, number>> = {
  Abs: 13,
  Add: 14,
  And: 7,
  ArgMax: 13,
  AveragePool: 11,
  Cast: 13,
  Clip: 13,
  Concat: 13,
  Conv: 11,
  ConvTranspose: 11,
  Cos: 7,
  CumSum: 14,
  DequantizeLinear: 13,
  Div: 14,
  DynamicQuantizeLinear: 11,
  Equal: 13,
  Erf: 13,
  Exp: 13,
  Expand: 13,
  Floor: 13,
  Gather: 13,
  GatherElements: 13,
  Gemm: 13,
  Greater: 13,
  Identity: 16,
  LayerNormalization: 17,
  Less: 13,
  Log: 13,
  LogSoftmax: 13,
  MatMul: 13,
  MatMulInteger: 10,
  Max: 13,
  MaxPool: 12,
  Min: 13,
  Mul: 14,
  Neg: 13,
  Not: 1,
  Or: 7,
  Pad: 13,
  Pow: 15,
  QuantizeLinear: 13,
  Reciprocal: 13,
  ReduceSum: 13,
  Relu: 14,
  Resize: 18,
  Reshape: 14,
  Shape: 15,
  Round: 11,
  ScatterElements: 16,
  Sigmoid: 13,
  Sign: 13,
  Sin: 7,
  Slice: 13,
  Softmax: 13,
  Softplus: 1,
  Split: 13,
  Sqrt: 13,
  Sub: 14,
  Tanh: 13,
  TopK: 11,
  Transpose: 13,
  Where: 16,
};
/** Reductions have their axes as an attribute until version 17, and as an input since 18. */
const axesByInput = ["ReduceMax", "ReduceMean", "ReduceMin"];
const axesByInputSince = 18;
/** GELU is an operator since 20; for older versions it is decomposed. */
const geluSince = 20;

/**
 * Converts a graph to an opset version from 17 on. The runtime's own operators do not depend on this version and are unchanged.
 *
 * Throws ExportError for an unsupported version, and for operators that the version does not have, with their names.
 */
export function withOpset(graph: OnnxGraph, opset: number): OnnxGraph {
  const versions = Object.keys(onnxOpsets).map(Number);
  if (!versions.includes(opset)) {
    throw new ExportError(`version ${opset} of ONNX's operators is not written; ${versions.join(", ")} are`);
  }
  const initializers = new Map(graph.initializers.map((one) => [one.name, one]));
  const missing = new Set<string>();
  const nodes = graph.nodes.flatMap((node): OnnxNode[] => {
    if (node.domain !== "") return [node];
    if (axesByInput.includes(node.type)) return [opset >= axesByInputSince ? node : withAxes(node, initializers)];
    if (node.type === "Gelu") {
      if (opset >= geluSince) return [node];
      for (const one of geluNumbers) initializers.set(one.name, one);
      return geluNodes(node);
    }
    const least = since[node.type];
    if (least === undefined || least > opset) missing.add(node.type);
    return [node];
  });
  if (missing.size > 0 && opset < (versions.at(-1) ?? 0)) {
    throw new ExportError(
      `version ${opset} of ONNX's operators does not have ${[...missing].join(", ")} as this network uses it; export for a later one, up to ${versions.at(-1)}`,
    );
  }
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  return {
    ...graph,
    nodes,
    initializers: [...initializers.values()].filter(({ name }) => read.has(name) || outputs.has(name)),
  };
}

const number = (name: string, value: number): Initializer => ({
  name: `gelu/${name}`,
  type: { dtype: "float32", shape: [] },
  bytes: bytesOf(Float32Array.of(value)),
});
/** GELU(x) = x / 2 (1 + erf(x / sqrt 2)), or with tanh(sqrt(2 / pi) (x + 0.044715 x^3)) for erf (Hendrycks and Gimpel, 2016). */
const geluNumbers = [
  number("one", 1),
  number("half", 0.5),
  number("inverse_root_two", Math.SQRT1_2),
  number("root_two_over_pi", Math.sqrt(2 / Math.PI)),
  number("cubic", 0.044715),
];

/** The nodes of a GELU, in its erf or tanh form. */
function geluNodes({ inputs: [x = ""], outputs: [y = ""], attributes }: OnnxNode): OnnxNode[] {
  const nodes: OnnxNode[] = [];
  const node = (type: string, inputs: readonly string[], output = `${y}/gelu_${nodes.length}`): string => {
    nodes.push(onnxNode(type, inputs, [output]));
    return output;
  };
  const { approximate } = attributes;
  let curve: string;
  if (approximate && "string" in approximate && approximate.string === "tanh") {
    const cube = node("Mul", [node("Mul", [x, x]), x]);
    const sum = node("Add", [x, node("Mul", [cube, "gelu/cubic"])]);
    curve = node("Tanh", [node("Mul", [sum, "gelu/root_two_over_pi"])]);
  } else curve = node("Erf", [node("Mul", [x, "gelu/inverse_root_two"])]);
  node("Mul", [node("Mul", [node("Add", [curve, "gelu/one"]), x]), "gelu/half"], y);
  return nodes;
}

/** Converts a reduction with axes as second input to one with an attribute. */
function withAxes(node: OnnxNode, initializers: ReadonlyMap<string, Initializer>): OnnxNode {
  const [data = "", axes] = node.inputs;
  if (axes === undefined) return node;
  const value = initializers.get(axes);
  if (value?.type.dtype !== "int64") throw new ExportError(`the axes of a ${node.type} are not constant`);
  const { bytes } = value;
  const ints = [...new BigInt64Array(bytes.slice().buffer)].map(Number);
  return { ...node, inputs: [data], attributes: { ...node.attributes, axes: { ints } } };
}
