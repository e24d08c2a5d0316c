/** Measures the few-shot accuracy of networks on images that are decoded once for all networks of one input. */
import { type ImageSource, openSource, select, stratifiedSample } from "../../data/index.js";
import { imageRows, type Network, pixelRows } from "../../networks/index.js";
import { largest } from "../../text/arrays.js";
import { drawnExamples, type Features, fewShotOnFeatures } from "../../transfer/index.js";

/** The protocol; it is part of the settings of every job that measures. The test images are those of the split `test`. */
export const fewShotProtocol = { evaluator: "ridge", shots: [5, 10, 25], draws: 5, testImages: 400 } as const;

const seeds = Array.from({ length: fewShotProtocol.draws }, (_, seed) => seed);

/** Images in the input format of a network. */
interface PreparedImages {
  /** [rows, height * width * channels]. */
  readonly pixels: Features<Float32Array>;
  readonly labels: Int32Array;
  /** The row that each image has in the features; the other rows are zeros, which no classifier uses. */
  readonly rows: readonly number[];
  readonly all: number;
}

interface PreparedDataset {
  readonly name: string;
  readonly classes: number;
  readonly train: PreparedImages;
  readonly test: PreparedImages;
}

async function prepareImages(source: ImageSource, rows: readonly number[], preprocessing: string) {
  const chosen = select(source, rows, "drawn");
  const { features, bad } = await imageRows(pixelRows, chosen, { batchSize: 32, preprocessing, workers: 0 });
  const [first] = bad;
  if (first) throw new Error(`${first.id} of ${source.name} cannot be read: ${first.reason}; repair or remove it`);
  return { pixels: features, labels: Int32Array.from(source.labels), rows, all: source.length };
}

async function prepareDataset(spec: string, preprocessing: string): Promise<PreparedDataset> {
  await using train = await openSource(spec, { split: "train" });
  await using whole = await openSource(spec, { split: "test" });
  const test = stratifiedSample(whole, fewShotProtocol.testImages);
  const everyRow = Array.from({ length: test.length }, (_, row) => row);
  return {
    name: spec.replace(/^.*[:/]/, ""),
    classes: train.classNames.length,
    train: await prepareImages(train, drawnExamples(train, seeds, largest(fewShotProtocol.shots)), preprocessing),
    test: await prepareImages(test, everyRow, preprocessing),
  };
}

const prepared = new Map<string, Promise<PreparedDataset>>();

/** A prepared dataset; the same one for the same spec and preprocessing in this process. */
async function preparedDataset(spec: string, preprocessing: string): Promise<PreparedDataset> {
  const key = `${preprocessing} ${spec}`;
  const found = prepared.get(key) ?? prepareDataset(spec, preprocessing);
  prepared.set(key, found);
  return await found;
}

/** Features of prepared images. */
async function featuresOf(network: Network, { pixels, rows, all }: PreparedImages): Promise<Features<Float32Array>> {
  const { width, batchSize } = network;
  const size = pixels.columns;
  const data = new Float32Array(all * width);
  for (let from = 0; from < rows.length; from += batchSize) {
    const count = Math.min(batchSize, rows.length - from);
    const image = new Float32Array(batchSize * size);
    image.set(pixels.data.subarray(from * size, (from + count) * size));
    const found = await network.run({ image });
    for (let i = 0; i < count; i++) data.set(found.subarray(i * width, (i + 1) * width), (rows[from + i] ?? 0) * width);
  }
  return { data, rows: all, columns: width };
}

/** Features of one downstream dataset: the training images that few-shot classifiers draw, and the test images. */
export interface DownstreamFeatures {
  /** The name of the dataset without its kind and folder. */
  readonly name: string;
  readonly classes: number;
  /** One row for each training image; rows of images that no draw needs are zeros. */
  readonly trainFeatures: Features<Float32Array>;
  readonly trainLabels: Int32Array;
  readonly testFeatures: Features<Float32Array>;
  readonly testLabels: Int32Array;
}

/** Features of the downstream datasets; the default preprocessing is the network's. Throws for images that cannot be read. */
export async function downstreamFeatures(
  network: Network,
  datasets: readonly string[],
  preprocessing = network.preprocessing,
): Promise<readonly DownstreamFeatures[]> {
  const found: DownstreamFeatures[] = [];
  for (const spec of datasets) {
    const { name, classes, train, test } = await preparedDataset(spec, preprocessing);
    found.push({
      name,
      classes,
      trainFeatures: await featuresOf(network, train),
      trainLabels: train.labels,
      testFeatures: await featuresOf(network, test),
      testLabels: test.labels,
    });
  }
  return found;
}

/**
 * Mean few-shot accuracy over the draws: `fewshot5`, `fewshot10` and `fewshot25`, means over the datasets, and `fewshot10:NAME` of each. The
 * default preprocessing is the network's. Throws for features that are not finite and for images that cannot be read.
 */
export async function fewShotAccuracy(
  network: Network,
  datasets: readonly string[],
  threads?: number,
  preprocessing = network.preprocessing,
): Promise<Record<string, number>> {
  const values: Record<string, number> = {};
  for (const { name, ...features } of await downstreamFeatures(network, datasets, preprocessing)) {
    const { summary } = await fewShotOnFeatures({ ...features, shots: fewShotProtocol.shots, seeds, threads });
    for (const { shots, mean } of summary) {
      values[`fewshot${shots}`] = (values[`fewshot${shots}`] ?? 0) + mean / datasets.length;
      values[`fewshot${shots}:${name}`] = mean;
    }
  }
  return values;
}
