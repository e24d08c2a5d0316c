/** The program of a network that is only evaluated: its weights are constants, as in an exported file. */
import { inferenceGraph, withParameters } from "../../export/index.js";
import { encodeOnnx, type NumericArray, onnxGraph, withScaledChannels } from "../../graph/index.js";
import type { Parameter } from "../../nn/index.js";
import {
  type CompileOptions,
  compileModel,
  lackingNodes,
  type Program,
  type ProgramFunction,
} from "../../runtime/index.js";

/**
 * Compiles one function of a network, traced with fixed weights, into a program with the function `run`. Graphs for the CPU use ONNX Runtime's own
 * operators, those for other devices standard ones. Throws ExportError where values are missing or do not fit.
 */
export async function compileInference(
  { inputs, outputs }: ProgramFunction,
  parameters: readonly Parameter[],
  values: Readonly<Record<string, NumericArray>>,
  options: CompileOptions,
): Promise<Program> {
  const { device = "cpu" } = options;
  const tensors = parameters.map(({ tensor }) => tensor);
  const graph = onnxGraph(outputs, [...inputs, ...tensors], { lacking: lackingNodes[device] });
  const weights = new Map(
    parameters.map(({ name, tensor }) => [name, { shape: tensor.shape, data: values[name] as Float32Array }]),
  );
  const fast = await inferenceGraph(
    withParameters(graph, weights, inputs.length),
    device === "cpu" ? "fused" : "plain",
  );
  return await compileModel(encodeOnnx(withScaledChannels(fast)), options);
}
