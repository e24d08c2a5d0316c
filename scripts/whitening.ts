/**
 * Fits the whitening of a ResNet's features (`ResNetConfig.whitening`): the principal components of each stage's features
 * are divided by a power of their deviations, relative to that of the first one that is left as it is.
 *
 * Few-shot ridge regression standardises every feature. Features as they are pooled correlate, so that their common
 * directions get most of the weight.
 *
 * Mean few-shot accuracy of embedded:bit in % over the seven datasets of docs/results.md, 5 / 10 shots, all test images,
 * 8 draws, and in brackets over three datasets on which nothing was chosen: pooled means 49.7 / 58.1 (49.5 / 60.0), their
 * square roots rotated 52.0 / 60.0 (50.1 / 60.5), whitened with a power of 0.6 along 64 directions (not rotated, power
 * 0.8) 53.3 / 61.1 (51.2 / 61.3), 96 54.4 / 62.0 (51.8 / 62.0), 128 54.5 / 62.1 (51.9 / 62.1), 128 not rotated 53.4 / 61.4
 * (51.5 / 61.7), all directions 54.4 / 62.2 (51.9 / 62.1).
 */

import { type Features, joinFeatures, rowOf } from "../src/algebra/features.js";
import { principalComponents } from "../src/analysis/index.js";
import { openSource } from "../src/data/index.js";
import { allPooledStages, stageWidth, whiteningEpsilon } from "../src/models/index.js";
import { imageFeatures, open } from "../src/networks/index.js";
import type { Weights, WeightTensor } from "../src/weights/index.js";

/** Exponent of the components' deviations; 1 would make them equal. */
const power = 0.6;

/** Parameters of `whitened`. */
export interface Whitening {
  readonly mean: Float32Array;
  readonly components: Float32Array;
  readonly scales: Float32Array;
}

/**
 * Fits the whitening along some directions to pooled means, rows [N, width]. Throws RangeError unless there are fewer directions than the means vary
 * in, which is at most their width.
 */
export async function fitWhitening(means: Float32Array, width: number, directions: number): Promise<Whitening> {
  const data = Float64Array.from(means, (value) => Math.sqrt(value + whiteningEpsilon));
  const roots = { data, rows: means.length / width, columns: width };
  const { mean, components: found, explained } = await principalComponents(roots, directions + 1);
  const kept = explained[directions];
  if (kept === undefined) {
    throw new RangeError(`${directions} directions; expected fewer than the ${explained.length} features that vary`);
  }
  const components = Float32Array.from(
    { length: width * directions },
    (_, at) => found.data[(at % directions) * width + Math.floor(at / directions)]!,
  );
  const scales = Float32Array.from(explained.slice(0, directions), (share) => (share / kept) ** (-power / 2) - 1);
  return { mean: Float32Array.from(mean), components, scales };
}

/**
 * A ResNet, which the file holds without whitening, with whitening fitted to the images of the datasets.
 * Throws for another family.
 */
export async function withWhitening(
  weights: Weights,
  file: string,
  datasets: readonly string[],
  directions: number,
): Promise<Weights> {
  const { config } = weights;
  if (config.family !== "resnet") throw new Error("only a ResNet has stages to whiten");
  const network = await open(file);
  const parts: Features[] = [];
  for (const spec of datasets) {
    const source = await openSource(spec);
    parts.push((await imageFeatures(network, source)).features);
    await source.close?.();
  }
  await network.close();
  const features = joinFeatures(parts);
  const tensors = new Map<string, WeightTensor>(weights.tensors);
  let first = 0;
  for (const stage of allPooledStages(config)) {
    const width = stageWidth(config, stage);
    const own = new Float32Array(features.rows * width);
    for (let row = 0; row < features.rows; row++)
      own.set(rowOf(features, row).subarray(first, first + width), row * width);
    const { mean, components, scales } = await fitWhitening(own, width, directions);
    tensors.set(`whitening/block${stage}/mean`, { shape: [width], data: mean });
    tensors.set(`whitening/block${stage}/components`, { shape: [width, directions], data: components });
    tensors.set(`whitening/block${stage}/scales`, { shape: [directions], data: scales });
    first += width;
  }
  return { ...weights, config: { ...config, whitening: directions }, tensors };
}
