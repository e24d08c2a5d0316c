/** Fits a classifier on each of several backbones, and says which one to take. */
import { open } from "../networks/index.js";
import { percent } from "../text/format.js";
import { requireClassifierFolder } from "./classifier/index.js";
import { type Classifier, type FitImagesOptions, fit as fitClassifier } from "./fit.js";

/** A backbone with the accuracy of the classifier on its features, and what it costs to run. */
export interface ComparedBackbone {
  readonly backbone: string;
  /** Expected accuracy on new images, from 0 to 1, and its 95 % interval. */
  readonly accuracy: number;
  readonly confidence95: readonly [number, number];
  /** Images whose features are computed in a second, decoding not counted. */
  readonly imagesPerSecond: number;
  /** Size of its ONNX file in bytes. */
  readonly bytes: number;
}

/** The names of several backbones, separated by commas. A comma before a number belongs to an option, such as `?size=96,128`. */
export const splitBackbones = (text: string): string[] => text.split(/,(?!\s*[-+]?\.?\d)/).map((name) => name.trim());

/** Batches that are run to measure the speed, after one that is not counted; the fastest counts. */
const timedBatches = 3;

async function costOf(backbone: string, { device, threads, imageSize, note }: FitImagesOptions) {
  await using network = await open(backbone, { device, threads, imageSize, note });
  const values = network.imageShape.reduce((product, side) => product * side, network.batchSize);
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= timedBatches; i++) {
    const image = new Float32Array(values);
    const start = performance.now();
    await network.run({ image });
    if (i > 0) fastest = Math.min(fastest, performance.now() - start);
  }
  const { bytes } = await network.toOnnx();
  return { imagesPerSecond: (1000 * network.batchSize) / fastest, bytes: bytes.byteLength };
}

/**
 * Which backbone to take: the most accurate, and the fastest of those whose accuracy lies within its 95 % interval, where that is another one.
 */
export function adviceOf(compared: readonly ComparedBackbone[]): { readonly best: number; readonly text: string } {
  const order = compared.map((_, i) => i).sort((a, b) => (compared[b]?.accuracy ?? 0) - (compared[a]?.accuracy ?? 0));
  const best = order[0] ?? 0;
  const first = compared[best];
  if (!first) throw new Error("there is no backbone to compare");
  const [low] = first.confidence95;
  const alike = compared.filter((one) => one !== first && one.accuracy >= low);
  const fastest = alike.reduce((a, b) => (b.imagesPerSecond > a.imagesPerSecond ? b : a), first);
  const taken = `${first.backbone} is the most accurate (${percent(first.accuracy)})`;
  if (fastest === first) return { best, text: `take ${first.backbone}: ${taken}` };
  const times = Number((fastest.imagesPerSecond / first.imagesPerSecond).toPrecision(2));
  return {
    best,
    text: `${taken}; ${fastest.backbone} is ${times} times as fast, and its accuracy (${percent(fastest.accuracy)}) is within the 95 % interval of the first: take it where speed counts`,
  };
}

/**
 * Fits a classifier on each different backbone, as `fit` does, and writes the most accurate to `output`. Returns it with the comparison, in the order given.
 * Throws what `fit` throws.
 */
export async function fitBackbones(
  images: string,
  backbones: readonly string[],
  options: Omit<FitImagesOptions, "backbone"> = {},
): Promise<Classifier & { readonly compared: readonly ComparedBackbone[]; readonly advice: string }> {
  const { output, overwrite } = options;
  if (output !== undefined) requireClassifierFolder(output, overwrite);
  const fitted: Classifier[] = [];
  const compared: ComparedBackbone[] = [];
  try {
    // all are opened before the first fit, so that a wrong name does not cost the time of the others
    const costs = new Map<string, Awaited<ReturnType<typeof costOf>>>();
    for (const backbone of backbones) costs.set(backbone, await costOf(backbone, options));
    for (const [backbone, cost] of costs) {
      options.note?.(`fitting on the features of ${backbone}`);
      const one = await fitClassifier(images, { ...options, backbone, output: undefined });
      fitted.push(one);
      const { accuracy, confidence95 } = one.expected;
      compared.push({ backbone, accuracy, confidence95, ...cost });
    }
  } catch (error) {
    await Promise.all(fitted.map((one) => one.close()));
    throw error;
  }
  const { best, text: advice } = adviceOf(compared);
  await Promise.all(fitted.filter((_, i) => i !== best).map((one) => one.close()));
  const chosen = fitted[best];
  if (!chosen) throw new Error("there is no backbone to fit on");
  const files = output === undefined ? [] : await chosen.save(output, { overwrite });
  return { ...chosen, files, compared, advice };
}
