/** Weak labels from files of texts to a file of labels. */
import { readFileSync, writeFileSync } from "node:fs";
import { type LabelNoise, weakLabelLines, weakLabels } from "./labels.js";
import { readTexts } from "./texts.js";
import { parseVocabulary } from "./vocabulary.js";

/** What was written, and what became of the other images. */
export interface WrittenWeakLabels {
  readonly file: string;
  /** All images. */
  readonly images: number;
  /** Those that have a label. */
  readonly labelled: number;
  readonly withoutText: number;
  readonly unmatched: number;
  /** Images whose only labels noise has dropped. */
  readonly emptied: number;
  /** Mean number of labels of an image that has some. */
  readonly labelsPerImage: number;
  readonly classes: readonly { readonly name: string; readonly images: number }[];
}

/**
 * Labels the images of `texts` (a folder or .tar with a text beside each image, or a .jsonl or .csv file) by the classes of the file
 * `vocabulary` and writes the labels to `output`, which is replaced; `?labels=FILE` reads them.
 *
 * @throws where a file cannot be read, and where no image has a label; nothing is written then.
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
      `none of the ${read.length} images of "${texts}" has a label: ${withoutText} have no text, the text of ${unmatched} names no class`,
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
