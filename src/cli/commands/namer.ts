/** What names classes of images on the command line: a network of ours with its head, or a classifier that was fitted or exported. */
import type { ImageSource } from "../../data/index.js";
import {
  classifyImages,
  imageRows,
  type LossName,
  type Representations,
  type RepresentOptions,
} from "../../train/index.js";
import { isClassifierPath, openClassifier } from "../../transfer/index.js";
import { computing, networkDocument, openNetwork } from "./network.js";

export interface Namer {
  readonly loss: LossName;
  /** In the order of the logits; undefined where nothing names them. */
  readonly classNames: readonly string[] | undefined;
  readonly imageShape: readonly [number, number, number];
  readonly preprocessing: string;
  readonly document: unknown;
  /** Logits of the images of a source, by its own preprocessing unless another is given. */
  classify(source: ImageSource, options: Partial<RepresentOptions>): Promise<Representations>;
  close(): Promise<void>;
}

/** Opens it; throws what opening such a network throws, and where it has no head. */
export async function openNamer(
  args: { readonly checkpoint: string; readonly device: string; readonly threads?: string | undefined },
  note: (text: string) => void,
  batchSize: number,
): Promise<Namer> {
  if (!isClassifierPath(args.checkpoint)) {
    const model = await openNetwork(args, note, "classify", batchSize);
    const { loss, classNames, imageShape, preprocessing } = model;
    return {
      loss,
      classNames,
      imageShape,
      preprocessing,
      document: networkDocument(model),
      classify: (source, options) =>
        classifyImages(model.program, source, { batchSize: model.batchSize, preprocessing, ...options }),
      close: () => model.close(),
    };
  }
  const classifier = await openClassifier(args.checkpoint, { ...computing(args), batchSize, note });
  const { path, classNames, imageShape, preprocessing, details } = classifier;
  return {
    loss: "softmax",
    classNames,
    imageShape,
    preprocessing,
    document: { checkpoint: path, imageShape, preprocessing, ...details },
    classify: (source, options) =>
      imageRows(classifier.logits, source, { batchSize: classifier.batchSize, preprocessing, ...options }),
    close: () => classifier.close(),
  };
}
