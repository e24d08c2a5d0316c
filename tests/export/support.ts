/** Tiny networks with drawn weights, images, and running a model and the program it was exported from. */

import { type ExportOptions, exportOnnx } from "../../src/export/index.js";
import { input, type NumericArray, type OnnxModel } from "../../src/graph/index.js";
import {
  type ModelConfig,
  mixerConfig,
  model,
  type ResNetConfig,
  resnetConfig,
  type ViTConfig,
  vitConfig,
} from "../../src/models/index.js";
import { Scope } from "../../src/nn/index.js";
import { keyedRandom } from "../../src/random/named.js";
import { evaluate, openSession } from "../../src/runtime/index.js";
import { defined } from "../../src/text/defined.js";
import type { Weights, WeightsMetadata } from "../../src/weights/index.js";

export const tinyViT = (changes: Partial<ViTConfig> = {}): ModelConfig => ({
  family: "vit",
  ...vitConfig("mu/8", { width: 32, depth: 2, heads: 2, mlpDim: 64, classes: 7, pooling: "tok", ...changes }),
});
export const tinyResNet = (changes: Partial<ResNetConfig> = {}): ModelConfig => ({
  family: "resnet",
  ...resnetConfig("R50x1", { blocks: [1, 1], widthFactor: 0.5, groups: 4, classes: 7, ...changes }),
});
export const tinyMixer = (): ModelConfig => ({
  family: "mixer",
  ...mixerConfig("Mixer-S/16", {
    patchSize: 8,
    width: 32,
    depth: 2,
    tokensMlpDim: 16,
    channelsMlpDim: 64,
    classes: 7,
  }),
});

/** Weights of a configuration, drawn from a seed: the initialisers', with the zero heads and biases filled too. */
export function drawnWeights(
  config: ModelConfig,
  [height, width, channels]: readonly [number, number, number],
  metadata: WeightsMetadata = {},
): Weights {
  const scope = Scope.root();
  model(scope, input("image", "float32", [1, height, width, channels]), config);
  const tensors = scope.parameters.map(({ name, tensor, initializer }) => {
    const drawn = initializer(tensor.shape, keyedRandom(1, name));
    const noise = keyedRandom(2, name);
    const constant = drawn.every((value) => value === drawn[0]);
    const data = constant ? drawn.map((value) => value + 0.4 * (noise() - 0.5)) : drawn;
    return [name, { shape: tensor.shape, data }] as const;
  });
  return { config, image: { height, width, channels }, tensors: new Map(tensors), metadata };
}

/** Smooth images of whole pixel values, as bytes [count, height, width, channels]. */
export function drawnPixels(count: number, { height, width, channels }: Weights["image"], seed = 3): Uint8Array {
  const random = keyedRandom(seed, "pixels");
  const pixels = new Uint8Array(count * height * width * channels);
  for (let n = 0; n < count; n++) {
    const waves = Array.from({ length: 4 * channels }, () => 6 * random());
    for (let i = 0; i < height * width * channels; i++) {
      const [c, x, y] = [i % channels, Math.floor(i / channels) % width, Math.floor(i / channels / width)];
      const [a, b, d, e] = waves.slice(4 * c) as [number, number, number, number];
      const value = Math.sin((a * x) / width + b) + Math.cos((d * y) / height + e) + 0.3 * (random() - 0.5);
      pixels[n * height * width * channels + i] = Math.max(0, Math.min(255, Math.round(127.5 + 60 * value)));
    }
  }
  return pixels;
}

/** Bytes in the range -1 to 1, as networks see them. */
export const scaled = (pixels: Uint8Array): Float32Array => Float32Array.from(pixels, (value) => value / 127.5 - 1);

/** [N, H, W, C] as [N, C, H, W]. */
export function channelsFirst(images: Float32Array, { height, width, channels }: Weights["image"]): Float32Array {
  const out = new Float32Array(images.length);
  const area = height * width;
  for (let i = 0; i < images.length; i++) {
    const [c, at, n] = [i % channels, Math.floor(i / channels) % area, Math.floor(i / channels / area)];
    out[(n * channels + c) * area + at] = images[i]!;
  }
  return out;
}

/** What our own program gives for images in the range -1 to 1, [N, H, W, C]. */
export async function ownResults(weights: Weights, images: Float32Array) {
  const { height, width, channels } = weights.image;
  const count = images.length / (height * width * channels);
  const scope = Scope.root();
  const traced = model(scope, input("image", "float32", [count, height, width, channels]), weights.config);
  const outputs = defined({ features: traced.preLogits, logits: traced.logits });
  const tensors = [...weights.tensors].map(([name, { data }]) => [name, data] as const);
  const read = new Set(scope.parameters.map(({ name }) => name));
  const results = await evaluate(outputs, {
    ...Object.fromEntries(tensors.filter(([name]) => read.has(name))),
    image: images,
  });
  return results as { features: Float32Array; logits: Float32Array };
}

export async function run(
  exported: OnnxModel,
  feeds: Readonly<Record<string, NumericArray>>,
): Promise<Record<string, Float32Array>> {
  await using session = await openSession(exported, { threads: 1 });
  return (await session.run(feeds)) as Record<string, Float32Array>;
}

export const exportAndRun = async (
  weights: Weights,
  feeds: Readonly<Record<string, NumericArray>>,
  options: ExportOptions = {},
) => run(await exportOnnx(weights, options), feeds);

/** The largest difference over the largest magnitude. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers against ${b.length}`);
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < a.length; i++) {
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!));
    magnitude = Math.max(magnitude, Math.abs(b[i]!));
  }
  return difference / magnitude;
}
