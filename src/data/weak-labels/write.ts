/** Writes a file of weak labels from files of texts. */
import { readFileSync, writeFileSync } from "node:fs";
import { type LabelNoise, weakLabelLines, weakLabels } from "./labels.js";
import { readTexts } from "./texts.js";
import { parseVocabulary } from "./vocabulary.js";

/** Summary of the written labels, and the numbers of the other images. */
export interface WrittenWeakLabels {
  readonly file: string;
  /** Number of all images. */
  readonly images: number;
  /** Number of images with at least one label. */
  readonly labelled: number;
  readonly withoutText: number;
  readonly unmatched: number;
  /** Number of images whose only labels were dropped by noise. */
  readonly emptied: number;
  /** Mean number of labels of the labelled images. */
  readonly labelsPerImage: number;
  readonly classes: readonly { readonly name: string; readonly images: number }[];
}

/**
 * Labels the images of `texts` (a folder or .tar with a text beside each image, or a .jsonl or .csv file) by the classes in the file
 * `vocabulary`. Writes the labels to `output`, which is overwritten; `?labels=FILE` reads them.
 *
 * @throws if a file cannot be read, or if no image has a label; nothing is written then.
 */
export async function writeWeakLabels(
  texts: string,
  vocabulary: string,
  output: string,
  noise?: LabelNoise,
): Promise<WrittenWeakLabels> {
  const classes = parseVocabulary(readFileSync(vocabulary, "utf8"));
  const read = await readTexts(texts);
  const found = weakLabels(read, classes, noise && noise.rate > 0 ? noise : undefined);
  const { classNames, images, withoutText, unmatched, emptied, histogram } = found;
  if (images.length === 0) {
    throw new Error(
      `none of the ${read.length} images of "${texts}" has a label: ${withoutText} have no text, the text of ${unmatched} mentions no class; extend the vocabulary`,
    );
  }
  writeFileSync(output, `${weakLabelLines(found).join("\n")}\n`);
  return {
    file: output,
    images: read.length,
    labelled: images.length,
    withoutText,
    unmatched,
    emptied,
    labelsPerImage: images.reduce((sum, image) => sum + image.labels.length, 0) / images.length,
    classes: classNames.map((name, i) => ({ name, images: histogram[i] ?? 0 })),
  };
}
