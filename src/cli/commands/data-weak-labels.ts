/** `fovea data weak-labels`: several labels an image from the text around it, written as a file of labels. */
import { readFileSync, writeFileSync } from "node:fs";
import { noiseKinds, parseVocabulary, readTexts, weakLabelLines, weakLabels } from "../../data/index.js";
import { largest } from "../../text/arrays.js";
import { defineCommand } from "../command.js";
import { dataWeakLabels } from "../definitions.js";
import { UsageError, wholeNumber } from "../words.js";
import { refuseExisting } from "./network.js";

export const command = defineCommand(dataWeakLabels, async ({ args }) => {
  const rate = Number(args.noise);
  if (!(rate >= 0 && rate <= 1)) throw new UsageError(`--noise: "${args.noise}" is not a probability from 0 to 1`);
  const kind = noiseKinds.find((one) => one === args["noise-kind"]);
  if (!kind) throw new UsageError(`--noise-kind: "${args["noise-kind"]}" is none of ${noiseKinds.join(", ")}`);
  const seed = wholeNumber(args.seed, "seed");
  refuseExisting(args.output, args.overwrite);
  const vocabulary = parseVocabulary(readFileSync(args.vocabulary, "utf8"));
  const texts = await readTexts(args.texts);
  const found = weakLabels(texts, vocabulary, rate > 0 ? { kind, rate, seed } : undefined);
  const { classNames, images, withoutText, unmatched, emptied, histogram } = found;
  if (images.length === 0)
    throw new Error(
      `None of the ${texts.length} images of "${args.texts}" has a label: ${withoutText} have no text, the text of ${unmatched} names no class.`,
    );
  writeFileSync(args.output, `${weakLabelLines(found).join("\n")}\n`);
  const labels = images.reduce((sum, image) => sum + image.labels.length, 0);
  const classes = classNames.map((name, i) => ({ name, images: histogram[i]! }));
  const document = {
    file: args.output,
    images: texts.length,
    labelled: images.length,
    withoutText,
    unmatched,
    emptied,
    labelsPerImage: labels / images.length,
    classes,
  };
  const width = largest(classNames.map((name) => name.length));
  const text = [
    `${args.output}: ${images.length} of ${texts.length} images have labels, ${document.labelsPerImage.toFixed(2)} each`,
    `  ${withoutText} have no text, the text of ${unmatched} names no class${emptied > 0 ? `, noise has left ${emptied} without` : ""}`,
    ...classes.map(({ name, images: n }) => `  ${name.padEnd(width)}  ${n}`),
  ].join("\n");
  return { document, text };
});
