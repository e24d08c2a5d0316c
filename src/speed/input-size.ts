/** Measures the speed of inference of exported networks over the size of images. */
import { exportedGraph } from "../export/index.js";
import { encodeOnnx, input } from "../graph/index.js";
import { type ModelConfig, model } from "../models/index.js";
import { initialValue, Scope } from "../nn/index.js";
import { openSession, type Session } from "../runtime/index.js";
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

/** A network and the images that it is measured on. */
export interface InferenceCase {
  readonly config: ModelConfig;
  /** Side of the images in pixels. */
  readonly side: number;
  readonly batchSize: number;
}

/** Options of `inferenceSeconds`. */
export interface InferenceSecondsOptions {
  /** Runs of each case after the first, of which the fastest counts. */
  readonly runs: number;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Seconds of an image in a run of each exported network: the fastest of several runs. The cases run in alternation, since the speed of a machine
 * varies from minute to minute; all are in memory together. Throws the reason of `signal` between two runs.
 */
export async function inferenceSeconds(
  cases: readonly InferenceCase[],
  { runs, threads, signal }: InferenceSecondsOptions,
): Promise<number[]> {
  const opened: { readonly session: Session; readonly feeds: { readonly pixel_values: Float32Array } }[] = [];
  const fastest = cases.map(() => Number.POSITIVE_INFINITY);
  try {
    for (const { config, side, batchSize } of cases) {
      const session = await openSession(encodeOnnx(await exportedGraph(initialWeights(config, side))), { threads });
      const pixels = Float32Array.from({ length: batchSize * 3 * side * side }, (_, i) => Math.sin(i));
      opened.push({ session, feeds: { pixel_values: pixels } });
    }
    for (const { session, feeds } of opened) await session.run(feeds);
    for (let run = 0; run < runs; run++) {
      for (const [i, { session, feeds }] of opened.entries()) {
        signal?.throwIfAborted();
        const started = performance.now();
        await session.run(feeds);
        fastest[i] = Math.min(fastest[i] ?? Number.POSITIVE_INFINITY, (performance.now() - started) / 1000);
      }
    }
  } finally {
    for (const { session } of opened) await session.close();
  }
  return cases.map(({ batchSize }, i) => (fastest[i] ?? Number.NaN) / batchSize);
}
