/** What a network costs at other image sizes: counted on its graph, and measured. */
import { attentionFlops, byteSize, costOf, elementCount, input, type Tensor } from "../../graph/index.js";
import { type ModelConfig, model } from "../../models/index.js";
import { Scope } from "../../nn/index.js";
import { compile } from "../../runtime/index.js";

/** Counted cost of one square image, forward only. */
export interface SizeCost {
  readonly size: number;
  /** FLOPs: two for each multiply-add of matrix products and convolutions. */
  readonly flops: number;
  /** Those of the products of self-attention that grow with the square of the number of tokens. */
  readonly attentionFlops: number;
  /** Bytes that a batch needs whatever its size: the parameters, and what is computed from them. */
  readonly fixedBytes: number;
  /** Bytes that each image of a batch adds to the values that are alive together. */
  readonly bytesPerImage: number;
}

interface TracedSize {
  readonly image: Tensor;
  readonly parameters: readonly Tensor[];
  readonly end: Tensor;
  readonly weights: readonly Tensor[];
}

function traceSize(config: ModelConfig, size: number, channels: number, batch: number): TracedSize {
  const image = input("image", "float32", [batch, size, size, channels]);
  const scope = Scope.root();
  const { logits, preLogits, intermediates } = model(scope, image, config);
  const weights = Object.entries(intermediates).flatMap(([name, one]) =>
    name.endsWith("attentionWeights") ? [one] : [],
  );
  return { image, parameters: scope.parameters.map(({ tensor }) => tensor), end: logits ?? preLogits, weights };
}

/** Batches whose estimated peaks give the bytes of an image: large enough that their images, and not the parameters, make the peak. */
const compared = [32, 64] as const;

/**
 * Counts the cost at an image size. The bytes of an image are the slope of the estimated peak (`costOf`) between two batches, and the scores and
 * weights of the largest attention, which the estimate excludes where nothing else reads them. Throws ShapeError for an image that is too
 * small.
 */
export function costAtSize(config: ModelConfig, size: number, channels = 3): SizeCost {
  const one = traceSize(config, size, channels, 1);
  const [first, second] = compared.map((batch) => costOf([traceSize(config, size, channels, batch).end]).peakBytes) as [
    number,
    number,
  ];
  const slope = (second - first) / (compared[1] - compared[0]);
  const scores = one.weights.reduce((most, weight) => Math.max(most, 2 * byteSize(weight)), 0);
  return {
    size,
    flops: costOf([one.end]).flops,
    attentionFlops: attentionFlops([one.end], one.weights),
    fixedBytes: first - compared[0] * slope,
    bytesPerImage: slope + scores,
  };
}

/** Largest batch whose parameters and live values fit into a number of bytes; 0 if not even one image does. */
export const largestBatch = ({ fixedBytes, bytesPerImage }: SizeCost, bytes: number): number =>
  Math.max(0, Math.floor((bytes - fixedBytes) / bytesPerImage));

/**
 * The smallest multiple of `unit` at which attention's quadratic products reach a fraction of the FLOPs; undefined if they do not up to
 * `most` pixels.
 */
export function sizeOfShare(
  config: ModelConfig,
  share: number,
  unit: number,
  most: number,
  channels = 3,
): number | undefined {
  const reaches = (units: number) => {
    const { flops, attentionFlops: quadratic } = costAtSize(config, units * unit, channels);
    return quadratic >= share * flops;
  };
  let [low, high] = [0, Math.floor(most / unit)];
  if (high < 1 || !reaches(high)) return undefined;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (reaches(middle)) high = middle;
    else low = middle;
  }
  return high * unit;
}

/** Options of `imagesPerSecond`. */
export interface RateOptions {
  readonly batch: number;
  readonly channels?: number;
  readonly threads?: number | undefined;
  /** Time to measure, after one run to warm up; at least two runs are measured. */
  readonly seconds: number;
}

/** Images per second of the fastest run. The weights are constant, because the time does not depend on their values. */
export async function imagesPerSecond(config: ModelConfig, size: number, options: RateOptions): Promise<number> {
  const { batch, channels = 3, threads, seconds } = options;
  const { image, parameters, end } = traceSize(config, size, channels, batch);
  const functions = { run: { inputs: [image], outputs: { end } } };
  await using program = await compile({ state: [...parameters], functions }, threads === undefined ? {} : { threads });
  const names = Object.entries(program.state);
  const values = names.map(([name, { shape }]) => [name, new Float32Array(elementCount(shape)).fill(0.01)] as const);
  await program.writeState(Object.fromEntries(values), { transfer: true });
  const feeds = { image: Float32Array.from({ length: elementCount(image.shape) }, (_, i) => Math.sin(i)) };
  await program.run("run", feeds);
  let fastest = Number.POSITIVE_INFINITY;
  const started = performance.now();
  for (let runs = 0; runs < 2 || performance.now() - started < 1000 * seconds; runs++) {
    const at = performance.now();
    await program.run("run", feeds);
    fastest = Math.min(fastest, performance.now() - at);
  }
  return (1000 * batch) / fastest;
}
