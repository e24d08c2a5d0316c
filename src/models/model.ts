/** The common type of all model families, and the function that builds a network from a configuration. */
import { cast, input, type Shape, type Tensor } from "../graph/index.js";
import { Scope } from "../nn/index.js";
import { type CustomConfig, customModel } from "./custom.js";
import { type MixerConfig, mixer } from "./mixer.js";
import { type MobileNetConfig, mobilenet, mobilenetWidth } from "./mobilenet/index.js";
import { type ResNetConfig, resnet, resnetWidth } from "./resnet.js";
import { type ViTConfig, vit } from "./vit.js";

/** A network of one of the package's families. */
export type PublishedConfig =
  | ({ readonly family: "vit" } & ViTConfig)
  | ({ readonly family: "resnet" } & ResNetConfig)
  | ({ readonly family: "mixer" } & MixerConfig)
  | ({ readonly family: "mobilenet" } & MobileNetConfig);

/** Complete description of a network except for its image size: the family and the family's configuration. */
export type ModelConfig = PublishedConfig | ({ readonly family: "custom" } & CustomConfig);

export type ModelFamily = ModelConfig["family"];

/** Common outputs of all families. */
export interface ModelOutput {
  /** The features (pre-logits): [N, width]; [N, tokens, width] for a model without pooling. */
  readonly preLogits: Tensor;
  /** [N, classes], or [N, tokens, classes] without pooling; undefined without a head. */
  readonly logits: Tensor | undefined;
  /** All intermediates by name; the family's file lists them. */
  readonly intermediates: Readonly<Record<string, Tensor>>;
}

/**
 * Traces a network on images [N, H, W, C] (for published weights scaled to [-1, 1]). It computes in the scope's `compute` type; `preLogits`
 * and `logits` are always float32, so that losses are computed in float32. Throws ShapeError if the images do not fit the network.
 */
export function model(scope: Scope, image: Tensor, config: ModelConfig): ModelOutput {
  const output = traced(scope, cast(image, scope.compute), config);
  return {
    ...output,
    preLogits: cast(output.preLogits, "float32"),
    logits: output.logits && cast(output.logits, "float32"),
  };
}

function traced(scope: Scope, image: Tensor, config: ModelConfig): ModelOutput {
  switch (config.family) {
    case "vit":
      return vit(scope, image, config);
    case "resnet":
      return resnet(scope, image, config);
    case "mixer":
      return mixer(scope, image, config);
    case "mobilenet":
      return mobilenet(scope, image, config);
    case "custom":
      return customModel(scope, image, config);
  }
}

/** Width of the features (pre-logits) for images [height, width, channels]; for each token if the network does not pool. */
export function representationWidth(config: ModelConfig, image: Shape): number {
  if (config.family === "custom") {
    const { preLogits } = model(Scope.root(), input("image", "float32", [1, ...image]), config);
    return preLogits.shape.at(-1) ?? 0;
  }
  if (config.family === "resnet") return resnetWidth(config);
  if (config.family === "mobilenet") return mobilenetWidth(config);
  if (config.family !== "vit") return config.width;
  if (typeof config.preLogits === "number") return config.preLogits;
  return config.preLogits ? config.width : (config.projection ?? config.width);
}

/** Throws RangeError unless the network returns one row of logits for each image. */
export function requireClassifier(config: ModelConfig): void {
  if (config.classes < 1 || (config.family === "vit" && config.pooling === "none")) {
    throw new RangeError("a classifier needs a head and pooled tokens: classes of at least 1, pooling tok, gap or map");
  }
}

/** Whether the network may draw random numbers in training. */
export function drawsInTraining(config: ModelConfig): boolean {
  if (config.family === "custom") return true;
  const headDropout = config.family === "resnet" || config.family === "mobilenet" ? 0 : (config.headDropout ?? 0);
  return config.dropout > 0 || headDropout > 0 || config.stochasticDepth > 0;
}
