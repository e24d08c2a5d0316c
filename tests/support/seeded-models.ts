/** Tiny networks of every family with seeded weights, for tests of files and layouts. */
import { elementCount, input } from "../../src/graph/index.js";
import { type ModelConfig, mixerConfig, model, resnetConfig, resnetStem, vitConfig } from "../../src/models/index.js";
import { Scope } from "../../src/nn/index.js";
import { evaluate } from "../../src/runtime/index.js";
import type { Weights, WeightTensor } from "../../src/weights/index.js";
import { parameterValues, uniform } from "./vit-cases.js";

const image = { height: 8, width: 8, channels: 3 };
const small = { width: 8, depth: 2, heads: 2, mlpDim: 12, classes: 5, pooling: "tok" } as const;
const stem = { ...resnetStem([1, 2]), widthFactor: 0.125, groups: 4 };

/** Patches of 4 on images of 8: a grid of 2 x 2. */
export const vit: ModelConfig = { family: "vit", ...vitConfig("Ti/4", small) };
/** Root and two stages divide by 8: images of 16 make a grid of 2 x 2 with patches of 1. */
export const hybrid: ModelConfig = { family: "vit", ...vitConfig("Ti/1", { ...small, stem }) };
export const rootHybrid: ModelConfig = {
  family: "vit",
  ...vitConfig("Ti/2", { ...small, stem: { ...stem, blocks: [] } }),
};
export const mixer: ModelConfig = {
  family: "mixer",
  ...mixerConfig("Mixer-S/4", { width: 8, depth: 2, tokensMlpDim: 6, channelsMlpDim: 10, classes: 5 }),
};
/** Two units in the second stage, so that one has no projection. */
export const resnet: ModelConfig = {
  family: "resnet",
  ...resnetConfig("R50x1", { blocks: [1, 2], widthFactor: 0.125, groups: 4, classes: 5 }),
};

/** Images that a tiny network is for. */
export const imageOf = (config: ModelConfig) =>
  config.family === "resnet" || (config.family === "vit" && config.stem.kind !== "patch")
    ? { height: 16, width: 16, channels: 3 }
    : image;

/** A network with a value for every parameter, the same for the same name. */
export function weightsOf(config: ModelConfig, size = imageOf(config)): Weights {
  const scope = Scope.root();
  model(scope, input("image", "float32", [1, size.height, size.width, size.channels]), config);
  const values = parameterValues(scope.parameters);
  const tensors = new Map<string, WeightTensor>(
    scope.parameters.map(({ name, tensor }) => [name, { shape: tensor.shape, data: values[name]! }]),
  );
  return { config, image: size, tensors, metadata: {} };
}

/** The logits (or the representation) of two seeded images. */
export async function forward({ config, image: size, tensors }: Pick<Weights, "config" | "image" | "tensors">) {
  const scope = Scope.root();
  const shape = [2, size.height, size.width, size.channels];
  const output = model(scope, input("image", "float32", shape), config);
  const feeds: Record<string, Float32Array> = { image: uniform(elementCount(shape), "image") };
  for (const { name } of scope.parameters) feeds[name] = tensors.get(name)!.data;
  const { y } = await evaluate({ y: output.logits ?? output.preLogits }, feeds);
  return y as Float32Array;
}
