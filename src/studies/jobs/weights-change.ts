/** Start weights that keep a part of what a trained network has: its statistics, its values without their places, or some of its blocks. */
import { input } from "../../graph/index.js";
import { type ModelConfig, mobilenetShapes, model } from "../../models/index.js";
import { initialValue, normal, Scope } from "../../nn/index.js";
import { permutation } from "../../random/keyed.js";
import { keyedRandom } from "../../random/named.js";
import { resizeImages, type Weights, type WeightTensor } from "../../weights/index.js";

/** What is kept of trained weights. */
export const keptParts = ["nothing", "moments", "values", "stem", "first half", "all", "all but positions"] as const;

/**
 * - `nothing`: every tensor has its default initial values;
 * - `moments`: every tensor is drawn from a normal distribution with the mean and variance of the trained tensor;
 * - `values`: the numbers of every trained tensor in random order;
 * - `stem`: what comes before the first block is trained, the rest has default initial values;
 * - `first half`: the stem and the first half of the blocks are trained, the rest has default initial values;
 * - `all`: the trained weights;
 * - `all but positions`: the trained weights with learned positions at their default initial values.
 */
export type KeptPart = (typeof keptParts)[number];

/** A change of weights. */
export interface WeightsChange {
  readonly keeps: KeptPart;
  /** Side of the images that the network takes afterwards; learned positions are interpolated first. Default: its own. */
  readonly imageSize?: number;
  /** Determines all random draws. */
  readonly seed: number;
}

/**
 * The weights after a change. Random draws depend on the seed and the names of the tensors alone. Throws WeightsError for an image size that the
 * network cannot be adapted to.
 */
export function changedWeights(weights: Weights, { keeps, imageSize, seed }: WeightsChange): Weights {
  const resized =
    imageSize === undefined ? weights : resizeImages(weights, { height: imageSize, width: imageSize }, "original");
  const initial = initialTensors(resized, seed);
  const tensors = new Map(
    [...resized.tensors].map(([name, tensor]) => [
      name,
      { shape: tensor.shape, data: kept(name, tensor, keeps, resized.config, seed) ?? initial(name) },
    ]),
  );
  return { ...resized, tensors };
}

/** The values that are kept of a tensor; undefined where it gets its default initial values. */
function kept(
  name: string,
  { data, shape }: WeightTensor,
  keeps: KeptPart,
  config: ModelConfig,
  seed: number,
): Float32Array | undefined {
  switch (keeps) {
    case "nothing":
      return undefined;
    case "moments": {
      const { mean, deviation } = momentsOf(data);
      return normal(deviation)(shape, keyedRandom(seed, `moments ${name}`)).map((value) => value + mean);
    }
    case "values":
      return Float32Array.from(permutation(data.length, "values", seed, name), (from) => data[from] ?? 0);
    case "stem":
      return depthOf(name, config) === 0 ? data : undefined;
    case "first half":
      return depthOf(name, config) <= 0.5 ? data : undefined;
    case "all":
      return data;
    case "all but positions":
      return /(^|\/)pos_embedding/.test(name) ? undefined : data;
  }
}

/** Mean and standard deviation of all numbers. */
export function momentsOf(data: Float32Array): { readonly mean: number; readonly deviation: number } {
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  return { mean, deviation: Math.sqrt(variance) };
}

/** What comes after the last block: the last norm and the head. */
const afterBlocks =
  /^(head|pre_logits|MAPHead|last|hidden|Transformer\/encoder_norm|pre_head_layer_norm|norm)(_\d+)?\//;

/**
 * Where a tensor of a network lies: 0 in the stem (with positions and the class token), k / blocks in the k-th block, 2 after the blocks.
 */
export function depthOf(name: string, config: ModelConfig): number {
  if (afterBlocks.test(name)) return 2;
  if (config.family === "resnet") {
    const [, stage, unit] = /^block(\d+)\/unit(\d+)\//.exec(name) ?? [];
    if (stage === undefined) return 0;
    const before = config.blocks.slice(0, Number(stage) - 1).reduce((sum, units) => sum + units, 0);
    return (before + Number(unit)) / config.blocks.reduce((sum, units) => sum + units, 0);
  }
  if (config.family === "mobilenet") {
    const [, block] = /^block(\d+)\//.exec(name) ?? [];
    return block === undefined ? 0 : Number(block) / mobilenetShapes[config.architecture].blocks.length;
  }
  if (config.family === "custom")
    throw new RangeError("a user-defined model has no known depth; expected a published family");
  const [, block] = /^(?:Transformer\/encoderblock_|MixerBlock_)(\d+)\//.exec(name) ?? [];
  return block === undefined ? 0 : (Number(block) + 1) / config.depth;
}

/** Default initial values by name. */
function initialTensors({ config, image }: Weights, seed: number): (name: string) => Float32Array {
  const scope = Scope.root();
  model(scope, input("image", "float32", [1, image.height, image.width, image.channels]), config);
  const parameters = new Map(scope.parameters.map((one) => [one.name, one]));
  return (name) => {
    const parameter = parameters.get(name);
    if (!parameter) throw new Error(`the network has no parameter ${name}; the weights belong to another network`);
    return initialValue(parameter, seed);
  };
}
