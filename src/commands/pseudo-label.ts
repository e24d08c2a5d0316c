/** `fovea pseudo-label`: labels images by a trained network, for training on them. */
import { z } from "zod";
import { percent } from "../text/format.js";
import { columns } from "../text/table.js";
import { command } from "./command.js";
import { device, file, flag, images, option, overwrite, share, split, threads, trainedClassifier } from "./options.js";
import * as json from "./results.js";

export default command({
  name: "pseudo-label",
  summary: "Label images by a trained network, as a file of labels to train on",
  details: "Train on the labels with IMAGES?labels=FILE.",
  options: {
    network: trainedClassifier,
    images,
    split,
    soft: option(flag, "Write the probability of every class, not the most probable class"),
    confidence: option(share.default(0), "Skip images whose most probable class has a probability below X"),
    crops: option(
      z.literal([1, 5]).default(5),
      "Crops of each image whose logits are averaged: the centre, or centre and corners",
    ),
    rotations: option(
      z.literal([1, 4]).default(4),
      "Rotations of each crop by quarter turns; 1 where a rotated image has another class, as a digit may",
    ),
    output: option(
      file.default("labels.jsonl"),
      "File to write: .jsonl, or .csv where the dataset has the classes of the network",
      { group: "output" },
    ),
    overwrite,
    device,
    threads,
  },
  renamed: { turns: "--rotations" },
  examples: [
    { run: "fovea pseudo-label runs/few photos/ --output labels.jsonl", does: "the class of every image" },
    { run: "fovea pseudo-label runs/few photos/ --confidence 0.9", does: "of those with a probable class" },
    { run: "fovea pseudo-label runs/few photos/ --soft --rotations 1", does: "probabilities, without rotations" },
  ],
  result: z.object({
    file: json.text,
    source: json.text,
    split: json.text,
    images: json.number,
    labelled: json.number.describe("images that have a label in the file"),
    agreement: json.number.optional().describe("share of the labels that are those of the dataset"),
    views: json.number.describe("crops times rotations of each image"),
    classes: json.list(z.object({ name: json.text, images: json.number })),
    bad: json.unreadable,
    model: json.model,
  }),
  async run({ network, images, crops, rotations, ...options }, { note, progress }) {
    const { pseudoLabel } = await import("../transfer/index.js");
    const views = { crops, rotations };
    return await pseudoLabel(network, images, { ...options, views, note, progress });
  },
  text: ({ file, source, split, images, labelled, agreement, views, classes }) => {
    const counts = columns(
      classes.map(({ name, images: n }) => [name, `${n}`]),
      () => true,
    );
    return [
      `${file}: ${labelled} of ${images} images of ${source} (${split}) labelled, ${views} views each`,
      ...(agreement === undefined ? [] : [`  ${percent(agreement)} of them as in the dataset`]),
      ...counts.map((line) => `  ${line}`),
      `train on them with "${source}${source.includes("?") ? "&" : "?"}labels=${file}"`,
    ];
  },
});
