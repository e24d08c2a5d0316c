/** Measures inference over the size of images: images per second, FLOPs, and how many images fit into memory. */
import { exportedGraph } from "../export/index.js";
import { costOf, encodeOnnx, input } from "../graph/index.js";
import { type ModelConfig, model, modelSize } from "../models/index.js";
import { initialValue, Scope } from "../nn/index.js";
import { openSession } from "../runtime/index.js";
import { smallest } from "../text/arrays.js";
import type { Weights } from "../weights/index.js";

/** A network before training, for square images: its parameters have their initial values of a seed. */
export function initialWeights(config: ModelConfig, side: number, seed = 0): Weights {
  const scope = Scope.root();
  model(scope, input("image", "float32", [1, side, side, 3]), config);
  const tensors = scope.parameters.map(
    (one) => [one.name, { shape: one.tensor.shape, data: initialValue(one, seed) }] as const,
  );
  return { config, image: { height: side, width: side, channels: 3 }, tensors: new Map(tensors), metadata: {} };
}

/** Options of `inferenceSeconds`. */
export interface InferenceSecondsOptions {
  readonly config: ModelConfig;
  /** Side of the images in pixels. */
  readonly side: number;
  readonly batchSize: number;
  /** Runs after the first, of which the fastest counts. */
  readonly runs: number;
  readonly threads?: number | undefined;
}

/** Seconds of an image in a run of the exported network: the fastest of several runs. */
export async function inferenceSeconds(options: InferenceSecondsOptions): Promise<number> {
  const { config, side, batchSize, runs, threads } = options;
  const graph = await exportedGraph(initialWeights(config, side));
  await using session = await openSession(encodeOnnx(graph), { threads });
  const feeds = { pixel_values: Float32Array.from({ length: batchSize * 3 * side * side }, (_, i) => Math.sin(i)) };
  await session.run(feeds);
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const started = performance.now();
    await session.run(feeds);
    times.push((performance.now() - started) / 1000);
  }
  return smallest(times) / batchSize;
}

/**
 * Fraction of the FLOPs of a Vision Transformer with a patch stem that grows with the square of the number of tokens: the products of queries with
 * keys and of weights with values, 2 x 2 tokens^2 width in each block. 0 for other networks.
 */
export function attentionShare(config: ModelConfig, side: number): number {
  if (config.family !== "vit" || config.stem.kind !== "patch") return 0;
  const tokens = Math.floor(side / config.patchSize) ** 2 + (config.pooling === "tok" ? 1 : 0);
  return (4 * config.depth * tokens ** 2 * config.width) / modelSize(config, { size: side }).flops;
}

/**
 * Largest batch whose inference fits into `bytes` of memory, counted on the graph: parameters, and the values that live together at the peak
 * (`costOf`). 0 where one image does not fit.
 */
export function largestBatch(config: ModelConfig, side: number, bytes: number): number {
  const peak = (batch: number): number => {
    const { logits, preLogits } = model(Scope.root(), input("image", "float32", [batch, side, side, 3]), config);
    return costOf([logits ?? preLogits]).peakBytes;
  };
  // the peak is not linear in the batch: convolutions of large batches run image by image
  let [fits, fails] = [0, 1];
  while (peak(fails) <= bytes) [fits, fails] = [fails, 2 * fails];
  while (fails - fits > 1) {
    const middle = Math.floor((fits + fails) / 2);
    if (peak(middle) <= bytes) fits = middle;
    else fails = middle;
  }
  return fits;
}
