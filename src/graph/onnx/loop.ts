/** Writes a graph as the body of an ONNX Loop, which runs several training steps in one call. */
import { inputName } from "../ops/leaf.js";
import { reachable, ShapeError, type Tensor, type TensorType } from "../tensor.js";
import { emit } from "./emission.js";
import { encodeOnnx, type OnnxModel } from "./encode.js";
import type { OnnxGraph } from "./graph.js";
import type { WriteOptions } from "./writer.js";

export interface LoopBody {
  /** Number of iterations of the body in one run of the model. */
  readonly steps: number;
  /** Loop-carried values: an input, its next value, and the output name of the final value. */
  readonly carried: readonly { readonly input: Tensor; readonly next: Tensor; readonly output: string }[];
  /** Inputs that differ in each step; the model takes them stacked, [steps, ...]. */
  readonly perStep: readonly Tensor[];
  /** Outputs of each step; the model returns them stacked, [steps, ...]. */
  readonly results: Readonly<Record<string, Tensor>>;
}

/**
 * Writes the ONNX model that runs a body several times with loop-carried values. Several training steps in one run copy the carried state
 * out of the runtime only once, and not in each step. Throws the same errors as `writeOnnx`.
 */
export function writeOnnxLoop(body: LoopBody, options: WriteOptions = {}): OnnxModel {
  const results = Object.entries(body.results);
  const nodes = reachable([...body.carried.map(({ next }) => next), ...results.map(([, tensor]) => tensor)]);
  const inputs = [...body.perStep, ...body.carried.map(({ input }) => input)];
  for (const tensor of nodes.flatMap((node) => node.outputs)) {
    if (inputName(tensor) !== undefined && !inputs.includes(tensor)) {
      throw new ShapeError(`writeOnnxLoop: input ${inputName(tensor)} is used; add it to carried or perStep`);
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
  // Constants stay in the outer graph, whose values the body can use.
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
