/** Opens any network that classifies: a trained network with its head, a classifier of `fit`, or an ONNX file with logits. */
import type { ImageSource } from "../data/index.js";
import { type Closable, closable } from "../files/closable.js";
import type { LossName } from "../nn/index.js";
import type { Device } from "../runtime/index.js";
import {
  classifyImages,
  imageRows,
  type OpenedModel,
  openModel,
  type Representations,
  type RepresentOptions,
  requireFiniteRows,
} from "../train/index.js";
import { isClassifierPath, openClassifier } from "./classifier/index.js";

/** A network that classifies images, open. */
export interface ImageClassifier extends Closable {
  /** What its head was trained with: it decides how logits become probabilities. */
  readonly loss: LossName;
  /** In the order of the logits; undefined where they have no names. */
  readonly classNames: readonly string[] | undefined;
  /** Numbers in a row of logits. */
  readonly classes: number;
  /** [height, width, channels] */
  readonly imageShape: readonly [number, number, number];
  readonly preprocessing: string;
  /** What is known of it, for JSON documents. */
  readonly description: NetworkDescription;
  /** Logits of the images of a source, by its own preprocessing unless another is given. Throws an Error for NaN and infinities. */
  classify(source: ImageSource, options?: Partial<RepresentOptions>): Promise<Representations>;
}

/** A network in JSON documents. */
export interface NetworkDescription {
  /** Where it was opened from. */
  readonly checkpoint: string;
  readonly imageShape: readonly [number, number, number];
  readonly preprocessing: string;
  readonly [more: string]: unknown;
}

/** What JSON documents say of a trained network. */
export function describeNetwork(model: OpenedModel): NetworkDescription {
  const { path, step, config, imageShape, preprocessing, width, parameterCount } = model;
  return {
    checkpoint: path,
    step,
    name: config.family,
    parameters: parameterCount,
    width,
    imageShape,
    preprocessing,
    config,
  };
}

/** Where and with how many threads a network runs. */
export interface ComputeOptions {
  /** Default: the CPU. */
  readonly device?: Device | undefined;
  /** Threads of ONNX Runtime. Default: the cores, or the CPU quota, of this process. */
  readonly threads?: number | undefined;
}

async function finite(rows: Representations, source: ImageSource): Promise<Representations> {
  await requireFiniteRows(rows, source, "logits");
  return rows;
}

/**
 * Opens a network that classifies; `batchSize` images are run at once.
 *
 * Throws what opening such a network throws, and CheckpointError where it has no head.
 */
export async function openImageClassifier(
  spec: string,
  {
    device,
    threads,
    note,
    batchSize = 32,
  }: ComputeOptions & { note?: ((text: string) => void) | undefined; batchSize?: number },
): Promise<ImageClassifier> {
  const compute = { device, threads, batchSize, note };
  if (!isClassifierPath(spec)) {
    const model = await openModel(spec, { ...compute, functions: ["classify"] });
    const { loss, classNames, imageShape, preprocessing } = model;
    return closable<ImageClassifier>({
      loss,
      classNames,
      classes: model.config.classes,
      imageShape,
      preprocessing,
      description: describeNetwork(model),
      classify: async (source, options) => {
        const rows = { batchSize: model.batchSize, preprocessing, ...options };
        return await finite(await classifyImages(model.program, source, rows), source);
      },
      close: () => model.close(),
    });
  }
  const classifier = await openClassifier(spec, compute);
  const { path, classNames, classes, imageShape, preprocessing, details } = classifier;
  return closable<ImageClassifier>({
    loss: "softmax",
    classNames,
    classes,
    imageShape,
    preprocessing,
    description: { checkpoint: path, imageShape, preprocessing, ...details },
    classify: async (source, options) => {
      const rows = { batchSize: classifier.batchSize, preprocessing, ...options };
      return await finite(await imageRows(classifier.logits, source, rows), source);
    },
    close: () => classifier.close(),
  });
}
