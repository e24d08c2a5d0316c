/** What names classes of images on the command line: a network of ours with its head, or a classifier that was fitted or exported. */

import type { ImageSource } from "../../data/index.js";
import {
  describeNetwork,
  imageLogits,
  open,
  type Representations,
  type RepresentOptions,
} from "../../networks/index.js";
import type { LossName } from "../../nn/index.js";
import { computing } from "./network.js";

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

/** Opens it; throws what opening such a network throws, and where it has no head. */
export async function openNamer(
  args: { readonly network: string; readonly device: string; readonly threads?: string | undefined },
  note: (text: string) => void,
  batchSize: number,
): Promise<Namer> {
  const network = await open(args.network, { ...computing(args), output: "logits", batchSize, note });
  const { loss, classNames, width: classes, imageShape, preprocessing } = network;
  return {
    loss,
    classNames,
    classes,
    imageShape,
    preprocessing,
    document: describeNetwork(network),
    classify: (source, options) => imageLogits(network, source, options),
    close: () => network.close(),
  };
}
