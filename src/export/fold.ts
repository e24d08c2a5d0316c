/** Folds constants at export: evaluates what depends only on constants, such as reshaped kernels, standardised kernels and tables. */
import {
  bytesOf,
  encodeOnnx,
  type Initializer,
  type NumericArray,
  type OnnxGraph,
  type OnnxNode,
  onnxNode,
  Rewriter,
  type TensorType,
  withoutUnread,
} from "../graph/index.js";
import { openSession } from "../runtime/index.js";

/** Replaces nodes whose inputs are constants by constants, evaluated by the runtime. */
export async function withConstantsFolded(given: OnnxGraph): Promise<OnnxGraph> {
  const graph = withReshapedTypes(given);
  const constant = new Set(graph.initializers.map(({ name }) => name));
  const folded = new Set<OnnxNode>();
  for (const node of graph.nodes) {
    if (node.inputs.length === 0 || node.inputs.some((name) => name !== "" && !constant.has(name))) continue;
    folded.add(node);
    for (const name of node.outputs) constant.add(name);
  }
  // A value of unknown type (an operation's own intermediate) cannot become a constant; the node that computes it remains.
  for (const node of [...folded].reverse()) {
    const unknown = node.outputs.filter((name) => !graph.types?.has(name));
    if (unknown.length === 0) continue;
    const read = readBy(graph, (other) => !folded.has(other));
    if (unknown.some((name) => read.has(name))) folded.delete(node);
  }
  if (folded.size === 0) return graph;
  const rest = graph.nodes.filter((node) => !folded.has(node));
  const read = readBy(graph, (node) => !folded.has(node));
  const wanted = [...folded].flatMap(({ outputs }) => outputs).filter((name) => read.has(name));
  const results = await evaluated({ ...graph, nodes: [...folded] }, wanted);
  return withoutUnread({ ...graph, nodes: rest, initializers: [...graph.initializers, ...results] });
}

/** Adds types to intermediates that only reshape a constant; other intermediates of operations have no known type. */
function withReshapedTypes(graph: OnnxGraph): OnnxGraph {
  const rewriter = new Rewriter(graph);
  for (const { type, inputs, outputs } of graph.nodes) {
    const [output] = outputs as [string];
    if (type !== "Reshape" || rewriter.types.has(output)) continue;
    const from = rewriter.types.get(inputs[0]!);
    const shape = rewriter.int64Values(inputs[1]!);
    if (from && shape?.every((side) => side > 0)) rewriter.types.set(output, { dtype: from.dtype, shape });
  }
  return { ...graph, types: rewriter.types };
}

function readBy(graph: OnnxGraph, which: (node: OnnxNode) => boolean): Set<string> {
  const inside = graph.nodes.filter(which).flatMap(({ inputs }) => inputs);
  return new Set([...inside, ...graph.outputs.map(({ name }) => name)]);
}

async function evaluated(graph: OnnxGraph, wanted: readonly string[]): Promise<Initializer[]> {
  const types = wanted.map((name): TensorType => graph.types!.get(name)!);
  // Outputs need other names, because an output may not be a constant of the graph.
  const outputs = wanted.map((name, i) => ({ name: `folded:${name}`, type: types[i]! }));
  const identities = wanted.map((name, i) => onnxNode("Identity", [name], [outputs[i]!.name]));
  await using session = await openSession(
    encodeOnnx(withoutUnread({ ...graph, nodes: [...graph.nodes, ...identities], inputs: [], outputs })),
    { threads: 1 },
  );
  const results = await session.run({});
  return wanted.map((name, i) => ({
    name,
    type: { dtype: types[i]!.dtype, shape: types[i]!.shape },
    bytes: bytesOf(results[`folded:${name}`] as NumericArray),
  }));
}
