/** Defines test sets for the classes of ImageNet, which evaluate a network's own 1,000 logits, and their scores. */
import { rowOf } from "../../../algebra/features.js";
import type { ImageSource } from "../../../data/index.js";
import { type Share, shareOf } from "../corruptions.js";
import type { ImageClassifier } from "../image-classifier.js";

/** Logits of networks for ImageNet-1k, in the standard order: sorted WordNet ids. */
export const imagenetClasses = 1000;

export interface ImagenetSet {
  readonly name: string;
  readonly title: string;
  readonly source: ImageSource;
  /** The correct ImageNet classes of an image; empty: the image does not count. */
  accepted(index: number): readonly number[];
  /** The preprocessing of its images for a network, given the network's own preprocessing. */
  preprocessing(classifier: Pick<ImageClassifier, "imageShape" | "preprocessing">): string;
  /** Remarks for readers of the results. */
  readonly notes: readonly string[];
}

/** Where to download a set. */
export interface SetOrigin {
  readonly title: string;
  readonly where: string;
  readonly licence: string;
  /** The expected contents of the folder. */
  readonly layout: string;
}

export const setOrigins = {
  objectnet: {
    title: "ObjectNet",
    where: "https://objectnet.dev (objectnet-1.0.zip, 50,000 images)",
    licence:
      "derived from CC BY 4.0 with two more clauses: no parameters of any model may be tuned on it, and images may be shown with their red border only",
    layout: "images/FOLDER/*.png and mappings/*.json beside each other",
  },
  "imagenet-v2": {
    title: "ImageNet-v2",
    where:
      "https://github.com/modestyachts/ImageNetV2 (matched-frequency, threshold-0.7 or top-images, 10,000 images each)",
    licence: "MIT for what the authors made; the photographs are their owners'",
    layout: "folders 0 to 999 with images, as the archive holds them",
  },
  real: {
    title: "ReaL",
    where:
      "https://github.com/google-research/reassessed-imagenet (real.json); the images are ILSVRC2012's validation set, from https://image-net.org",
    licence: "Apache-2.0 for the labels; ImageNet's terms for the images",
    layout: "real.json and ILSVRC2012_val_*.JPEG, in one folder or in folders below it",
  },
} as const satisfies Readonly<Record<string, SetOrigin>>;

export type ImagenetSetName = keyof typeof setOrigins;

/** The message that a set is missing, and where to download it. */
export function missingSet(name: ImagenetSetName, folder: string, what: string): string {
  const { title, where, licence, layout } = setOrigins[name];
  return `${title} is not in ${folder}: ${what}; expected ${layout}; get it from ${where} (licence: ${licence})`;
}

export interface ImagenetSetReport {
  readonly set: string;
  readonly top1: Share;
  readonly top5: Share;
  /** Readable images that do not count because they have no correct class. */
  readonly ignored: number;
  readonly bad: number;
  readonly notes: readonly string[];
}

/**
 * Measures a network with 1,000 logits: the top-1 and top-5 predictions are correct if the set accepts one of their
 * classes.
 */
export async function measureImagenetSet(
  classifier: ImageClassifier,
  set: ImagenetSet,
  onProgress?: (done: number) => void,
): Promise<ImagenetSetReport> {
  const { features, indices, bad } = await classifier.scores(set.source, {
    preprocessing: set.preprocessing(classifier),
    onProgress,
  });
  if (features.columns !== imagenetClasses) {
    throw new Error(
      `${set.title} is for networks with the ${imagenetClasses} classes of ImageNet-1k; this one has ${features.columns}; fine-tune it on ImageNet-1k, or give a network for it`,
    );
  }
  let [first, amongFive, counted] = [0, 0, 0];
  for (const [row, index] of indices.entries()) {
    const accepted = set.accepted(index);
    if (accepted.length === 0) continue;
    counted++;
    const logits = rowOf(features, row);
    // rank = number of classes above the best accepted one; among equals the lower index comes first, as in argmax
    const best = accepted.reduce((a, b) => (logits[b]! > logits[a]! || (logits[b] === logits[a] && b < a) ? b : a));
    let above = 0;
    for (let c = 0; c < logits.length; c++)
      if (logits[c]! > logits[best]! || (logits[c] === logits[best] && c < best)) above++;
    if (above === 0) first++;
    if (above < 5) amongFive++;
  }
  if (counted === 0) throw new Error(`${set.title}: no image counts: none has a correct class`);
  return {
    set: set.name,
    top1: shareOf(first, counted),
    top5: shareOf(amongFive, counted),
    ignored: indices.length - counted,
    bad: bad.length,
    notes: set.notes,
  };
}
