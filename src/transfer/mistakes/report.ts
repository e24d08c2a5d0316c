/** Writes report sections on a classifier's mistakes: per-class table, confusions, images. */

import type { ImageSource } from "../../data/index.js";
import { decodeResize } from "../../images/index.js";
import {
  type Markup,
  type Picture,
  paragraph,
  pictureGrid,
  pixelUri,
  type Section,
  table,
} from "../../report/index.js";
import { percent } from "../../text/format.js";
import type { ConfusedPair, ConfusionEntry } from "./confusion.js";

/** Number of mistakes shown, most confident first; mislabelled images tend to be among them. */
const shownMistakes = 24;
/** Side of a shown image, in pixels. */
const side = 96;
const shownPairs = 10;
/** The largest number of classes for which a confusion matrix is readable. */
const largestMatrix = 20;

/** A class and the predictions for its images. */
export interface ClassRow {
  readonly name: string;
  readonly images: number;
  readonly right: number;
}

/** The section "Class by class": a table of the classes, the confused pairs, and the matrix if it is small. */
export function classSection(
  classes: readonly ClassRow[],
  classNames: readonly string[],
  entries: readonly ConfusionEntry[],
  pairs: readonly ConfusedPair[],
): Section {
  const content: Markup[] = [
    table(
      [{ title: "class" }, { title: "images", numeric: true }, { title: "right", numeric: true }],
      classes.map(({ name, images, right }) => [name, `${images}`, images === 0 ? "-" : percent(right / images)]),
    ),
  ];
  if (pairs.length === 0) content.push(paragraph("No two classes were confused."));
  else {
    content.push(
      table(
        [{ title: "confused" }, { title: "images", numeric: true }, { title: "of", numeric: true }],
        pairs
          .slice(0, shownPairs)
          .map(({ classes: [a, b], confused, images }) => [
            `${classNames[a]} and ${classNames[b]}`,
            `${confused}`,
            `${images}`,
          ]),
      ),
    );
  }
  const count = classNames.length;
  if (count <= largestMatrix && pairs.length > 0) {
    content.push(
      table(
        [{ title: "true \\ predicted" }, ...classNames.map((title) => ({ title, numeric: true }))],
        classNames.map((name, truth) => [
          name,
          ...classNames.map((_, guess) => {
            const found = entries.find(([row, column]) => row === truth && column === guess);
            return found ? `${found[2]}` : "";
          }),
        ]),
        "Confusion matrix: images of each class (row) by predicted class (column)",
      ),
    );
  }
  return { title: "Class by class", content };
}

/** A mistake: index of the image in its source, the confidence of the classifier, and both class names. */
export interface Mistake {
  readonly index: number;
  readonly probability: number;
  readonly named: string;
  readonly is: string;
}

/** The section of the most confident mistakes. Images that can no longer be read are omitted. */
export async function mistakesSection(source: ImageSource, mistakes: readonly Mistake[]): Promise<Section> {
  const surest = [...mistakes].sort((a, b) => b.probability - a.probability).slice(0, shownMistakes);
  const pictures: (Picture & { caption: string })[] = [];
  for (const mistake of surest) {
    const picture = await pictureOf(source, mistake);
    if (picture) pictures.push(picture);
  }
  const shown = paragraph("Each image with its predicted class and its label. Wrong labels show up here.");
  return {
    title: "Most confident mistakes",
    content: pictures.length === 0 ? [paragraph("There are no mistakes.")] : [shown, pictureGrid(pictures)],
  };
}

async function pictureOf(
  source: ImageSource,
  { index, probability, named, is }: Mistake,
): Promise<(Picture & { caption: string }) | undefined> {
  try {
    const { id, image } = await source.get(index);
    const { data } = await decodeResize(image, id, side, side, "cover", 3);
    const pixels = { data: Uint8Array.from(data), height: side, width: side, channels: 3 as const };
    return { source: pixelUri(pixels), alt: id, caption: `${named} ${percent(probability, 0)} (${is})` };
  } catch {
    return undefined;
  }
}
