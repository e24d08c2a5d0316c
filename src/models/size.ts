/** Counts parameters, matrix FLOPs and memory of a model on its traced graph, without allocating weights. */
import { attentionFlops, byteSize, costOf, elementCount, input } from "../graph/index.js";
import { Scope } from "../nn/index.js";
import { type ModelConfig, model as network } from "./model.js";
import { parseModelName } from "./registry.js";

export interface ModelSize {
  /** Number of parameters, without running statistics. */
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
  const parameters = scope.parameters
    .filter(({ isStatistic }) => !isStatistic)
    .reduce((total, { tensor }) => total + elementCount(tensor.shape), 0);
  return { parameters, flops: costOf([logits ?? preLogits]).flops };
}

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

/** The end of the graph of a batch, and the weights of attention. */
function traceSize(config: ModelConfig, size: number, channels: number, batch: number) {
  const image = input("image", "float32", [batch, size, size, channels]);
  const { logits, preLogits, intermediates } = network(Scope.root(), image, config);
  const weights = Object.entries(intermediates).flatMap(([name, one]) =>
    name.endsWith("attentionWeights") ? [one] : [],
  );
  return { image, end: logits ?? preLogits, weights };
}

/** Batches whose estimated peaks give the bytes of an image: large enough that their images, and not the parameters, make the peak. */
const compared = [32, 64] as const;

/**
 * Counts the cost at an image size. The bytes of an image are the slope of the estimated peak (`costOf`) between two batches, the scores and
 * weights of the largest attention, which the estimate excludes where nothing else reads them, and the caller's copy of the image. Throws
 * ShapeError for an image that is too small.
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
    bytesPerImage: slope + scores + byteSize(one.image),
  };
}

/**
 * Resident memory that an image of a batch was measured to add to a process, divided by `bytesPerImage`: 0.9 for Ti/16 at 448 pixels, where the
 * runtime reuses the scores; 1.2 for Ti/16 (4.1 MB), 1.3 for S/16 (7.3 MB) and B/32 (3.5 MB) at 224 pixels; 2.2 for R50x1 (24 MB). The excess is what the
 * runtime's allocator leaves between values, and temporary values inside its convolutions, which the graph does not show.
 */
export const memoryRatio = { least: 0.9, most: 2.2 } as const;

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
