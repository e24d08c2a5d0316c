/** What names classes of images on the command line: a network of ours with its head, or a classifier that was fitted or exported. */
import type { ImageSource } from "../../data/index.js";
import type { LossName } from "../../nn/index.js";
import {
  classifyImages,
  imageRows,
  type Representations,
  type RepresentOptions,
  requireFiniteRows,
} from "../../train/index.js";
import { isClassifierPath, openClassifier } from "../../transfer/index.js";
import { computing, networkDocument, openNetwork } from "./network.js";

export interface Namer {
  readonly loss: LossName;
  /** In the order of the logits; undefined where nothing names them. */
  readonly classNames: readonly string[] | undefined;
  /** Numbers in a row of logits. */
  readonly classes: number;
  readonly imageShape: readonly [number, number, number];
  readonly preprocessing: string;
  readonly document: unknown;
  /** Logits of the images of a source, by its own preprocessing unless another is given. Throws an Error for NaN and infinities. */
  classify(source: ImageSource, options: Partial<RepresentOptions>): Promise<Representations>;
  close(): Promise<void>;
}

async function finite(rows: Representations, source: ImageSource): Promise<Representations> {
  await requireFiniteRows(rows, source, "logits");
  return rows;
}

/** Opens it; throws what opening such a network throws, and where it has no head. */
export async function openNamer(
  args: { readonly network: string; readonly device: string; readonly threads?: string | undefined },
  note: (text: string) => void,
  batchSize: number,
): Promise<Namer> {
  if (!isClassifierPath(args.network)) {
    const model = await openNetwork(args, note, "classify", batchSize);
    const { loss, classNames, imageShape, preprocessing } = model;
    return {
      loss,
      classNames,
      classes: model.config.classes,
      imageShape,
      preprocessing,
      document: networkDocument(model),
      classify: async (source, options) => {
        const rows = { batchSize: model.batchSize, preprocessing, ...options };
        return await finite(await classifyImages(model.program, source, rows), source);
      },
      close: () => model.close(),
    };
  }
  const classifier = await openClassifier(args.network, { ...computing(args), batchSize, note });
  const { path, classNames, classes, imageShape, preprocessing, details } = classifier;
  return {
    loss: "softmax",
    classNames,
    classes,
    imageShape,
    preprocessing,
    document: { checkpoint: path, imageShape, preprocessing, ...details },
    classify: async (source, options) => {
      const rows = { batchSize: classifier.batchSize, preprocessing, ...options };
      return await finite(await imageRows(classifier.logits, source, rows), source);
    },
    close: () => classifier.close(),
  };
}
