/** Counts parameters and matrix FLOPs of a model on its traced graph, without allocating weights. */
import { costOf, elementCount, input } from "../graph/index.js";
import { Scope } from "../nn/index.js";
import { type ModelConfig, model as network } from "./model.js";
import { parseModelName } from "./registry.js";

export interface ModelSize {
  readonly parameters: number;
  /** FLOPs of one image's forward pass including the head: two for each multiply-add. */
  readonly flops: number;
}

/**
 * Number of parameters and FLOPs of a model, given by its name or configuration, for square images (default: 224 pixels and 3
 * channels). Throws RangeError for an unknown name, ShapeError for an image that is too small.
 *
 *     modelSize("R50x1").parameters; // 25549352
 *     modelSize({ family: "vit", ...vitConfig("B/16", { pooling: "tok" }) }).parameters; // 86567656
 */
export function modelSize(
  model: string | ModelConfig,
  { size = 224, channels = 3 }: { readonly size?: number; readonly channels?: number } = {},
): ModelSize {
  const scope = Scope.root();
  const config = typeof model === "string" ? parseModelName(model) : model;
  const { logits, preLogits } = network(scope, input("image", "float32", [1, size, size, channels]), config);
  const parameters = scope.parameters.reduce((total, { tensor }) => total + elementCount(tensor.shape), 0);
  return { parameters, flops: costOf([logits ?? preLogits]).flops };
}
