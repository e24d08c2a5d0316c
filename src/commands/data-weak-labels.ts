/** `fovea data weak-labels`: derives labels of images from the text beside them and writes a file of labels. */

import { z } from "zod";
import { columns } from "../text/table.js";
import { command } from "./command.js";
import { argument, file, option, overwrite, seed, share, text } from "./options.js";
import * as json from "./results.js";

export default command({
  name: "data weak-labels",
  summary: "Label images by the class names in the text beside them",
  details:
    "An image gets every class whose name or synonym its text contains (weak labels). Train on the written file with IMAGES?labels=FILE.",
  options: {
    texts: argument(
      text,
      "Folder or .tar with a .txt or .json beside each image, or a .jsonl or .csv file of ids and texts",
    ),
    vocabulary: option(file, "Classes, one a line: name, or name: synonym, synonym"),
    output: option(file.default("labels.jsonl"), "File to write", { group: "output" }),
    noise: option(share.default(0), "Fraction of labels to corrupt"),
    noiseKind: option(
      z.enum(["uniform", "missing", "extra"]).default("uniform"),
      "Replace a label by another class, drop it, or add another class",
    ),
    seed,
    overwrite,
  },
  examples: [
    {
      run: "fovea data weak-labels photos/ --vocabulary classes.txt --output labels.jsonl",
      does: "counts of each class, and a file for photos/?labels=labels.jsonl",
    },
    {
      run: "fovea data weak-labels captions.csv --vocabulary classes.txt --noise 0.2",
      does: "a fifth of the labels replaced by other classes",
    },
  ],
  result: z.object({
    file: json.text,
    images: json.number,
    labelled: json.number.describe("images that have a label in the file"),
    withoutText: json.number,
    unmatched: json.number.describe("images whose text names no class"),
    emptied: json.number.describe("images whose labels noise has dropped"),
    labelsPerImage: json.number,
    classes: json.list(z.object({ name: json.text, images: json.number })),
  }),
  async run({ texts, vocabulary, output, noise, noiseKind, seed, overwrite }) {
    const [{ writeWeakLabels }, { refuseExisting }] = await Promise.all([
      import("../data/index.js"),
      import("../files/folder.js"),
    ]);
    refuseExisting(output, overwrite);
    return await writeWeakLabels(texts, vocabulary, output, { kind: noiseKind, rate: noise, seed });
  },
  text: ({ file, images, labelled, withoutText, unmatched, emptied, labelsPerImage, classes }) => {
    return [
      `${file}: ${labelled} of ${images} images have labels, ${labelsPerImage.toFixed(2)} each`,
      `  ${withoutText} have no text, the text of ${unmatched} names no class${emptied > 0 ? `, noise has left ${emptied} without` : ""}`,
      ...columns(
        classes.map(({ name, images: n }) => [name, `${n}`]),
        () => true,
      ).map((line) => `  ${line}`),
    ];
  },
});
