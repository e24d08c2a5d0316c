/** Writes a graph as the body of an ONNX Loop: several training steps in one run. */
import { inputName } from "../ops/leaf.js";
import { reachable, ShapeError, type Tensor, type TensorType } from "../tensor.js";
import { emit } from "./emission.js";
import { encodeOnnx, type OnnxModel } from "./encode.js";
import type { OnnxGraph } from "./graph.js";
import type { WriteOptions } from "./writer.js";

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
  const emission = emit(nodes, bodyOutputs, options.lacking, inside, (before) => {
    before.node("Identity", ["body:continue"], ["body:continues"]);
    for (const tensor of body.perStep) {
      before.node("Gather", [inputName(tensor)!, "body:step"], [inside.get(tensor)!], { axis: { int: 0 } });
    }
  });
  // Constants stay outside: the body reads them from the graph around it.
  const step: OnnxGraph = {
    name: "step",
    nodes: emission.nodes,
    initializers: [],
    inputs: [
      { name: "body:step", type: { dtype: "int64", shape: [] } },
      { name: "body:continue", type: { dtype: "bool", shape: [] } },
      ...body.carried.map(({ input }) => ({ name: inside.get(input)!, type: input })),
    ],
    outputs: [
      { name: "body:continues", type: { dtype: "bool", shape: [] } },
      ...bodyOutputs.map(([name, type]) => ({ name, type })),
    ],
  };
  const times = emission.int64Scalar(body.steps);
  const stacked = (tensor: Tensor): TensorType => ({ dtype: tensor.dtype, shape: [body.steps, ...tensor.shape] });
  const model = encodeOnnx(
    {
      name: options.name ?? "fovea",
      nodes: [
        {
          type: "Loop",
          inputs: [times, "", ...body.carried.map(({ input }) => inputName(input)!)],
          outputs: [...body.carried.map(({ output }) => output), ...results.map(([name]) => name)],
          attributes: { body: { graph: step } },
          domain: "",
        },
      ],
      initializers: emission.initializers,
      inputs: [
        ...body.perStep.map((tensor) => ({ name: inputName(tensor)!, type: stacked(tensor) })),
        ...body.carried.map(({ input }) => ({ name: inputName(input)!, type: input })),
      ],
      outputs: [
        ...body.carried.map(({ output, next }) => ({ name: output, type: next })),
        ...results.map(([name, tensor]) => ({ name, type: stacked(tensor) })),
      ],
    },
    options,
  );
  return { ...model, nodeCount: step.nodes.length };
}
