/** `fovea fit`: trains a classifier on a folder of labelled images, with the accuracy to expect of it. */

import { join } from "node:path";
import { z } from "zod";
import { formatBytes, formatDuration, percent, plural } from "../text/format.js";
import { columns } from "../text/table.js";
import { command } from "./command.js";
import {
  backbone,
  device,
  evaluator,
  folder,
  imageSize,
  imagesWith,
  list,
  metaOf,
  option,
  overwrite,
  seed,
  split,
  threads,
} from "./options.js";
import * as json from "./results.js";

const setting = json.record(json.number);
const candidate = z.object({ name: json.text, title: json.text, setting, accuracy: json.number });

const result = z.object({
  output: json.text,
  files: json.list(json.text),
  source: json.text,
  split: json.text,
  classNames: json.list(json.text),
  images: z.object({ count: json.number, bad: json.unreadable }),
  backbone: json.backbone,
  chosen: candidate,
  candidates: json.list(candidate),
  expected: json.accuracy.extend({
    method: z.enum(["nested cross-validation", "held out"]),
    folds: json.number,
    chance: json.number,
  }),
  measured: json.text.describe("how the expected accuracy was measured"),
  confusion: json.list(json.list(json.number)).describe("images of a class (row) by predicted class (column)"),
  confusedPairs: json.list(z.object({ classes: json.list(json.text), confused: json.number, images: json.number })),
  warnings: json.list(json.text),
  compared: json
    .list(
      z.object({
        backbone: json.text,
        accuracy: json.number,
        confidence95: json.list(json.number),
        imagesPerSecond: json.number,
        bytes: json.number.describe("size of its ONNX file"),
      }),
    )
    .optional()
    .describe("with several backbones: each with its accuracy and cost"),
  advice: json.text.optional().describe("with several backbones: which to take"),
  predict: json.text.describe("a command line that uses the classifier"),
  seconds: json.number,
});

export default command({
  name: "fit",
  summary: "Train a classifier on your own images, one folder per class, and estimate its accuracy",
  options: {
    images: imagesWith("one subfolder per class; only one split is used, see --split"),
    backbone: option(
      backbone,
      `${metaOf(backbone).description ?? ""}. Several, separated by commas, are compared, and the most accurate is used`,
    ),
    imageSize,
    methods: option(
      list(evaluator).optional(),
      "Candidate classifiers: ridge, ridge-loo, knn, prototypes, probe, logistic (docs/few-shot.md; default: the first four)",
    ),
    folds: option(z.int().min(2).default(5), "Folds of the cross-validation"),
    split,
    seed,
    output: option(folder.optional(), "Folder to write (default: models/ and the name of the images' folder)", {
      group: "output",
    }),
    overwrite,
    device,
    threads,
  },
  examples: [
    { run: "fovea fit photos/", does: "a classifier of the folders in photos/, in models/photos" },
    { run: "fovea fit photos/ --backbone net.onnx --output shoes", does: "on features of any ONNX file" },
    {
      run: "fovea fit photos/ --backbone embedded:bit,dinov2-small",
      does: "compare two backbones: accuracy, images a second, bytes",
    },
    { run: "fovea fit photos/ --methods ridge,knn --folds 10", does: "choose between two methods, in ten folds" },
  ],
  stopping: "stopping; nothing is written",
  result,
  async run({ images, ...options }, io) {
    const transfer = await import("../transfer/index.js");
    const output = options.output ?? transfer.classifierFolder(images);
    const { backbone: text, ...others } = { ...options, output, ...io };
    const backbones = text === undefined ? [] : transfer.splitBackbones(text);
    await using found =
      backbones.length > 1
        ? await transfer.fitBackbones(images, backbones, others)
        : await transfer.fit(images, { ...others, backbone: text });
    return { ...found, output, predict: `npx fovea predict ${output} photo.jpg` };
  },
  text: (found) => {
    const { source, classNames, images, backbone, expected, output, confusedPairs, candidates, warnings } = found;
    const [worst] = confusedPairs;
    const rows = candidates.map((one, i) => [one.title, percent(one.accuracy), i === 0 ? "chosen" : ""]);
    const [low, high] = expected.confidence95;
    const head = ["backbone", "expected accuracy", "95 % interval", "images/s", "ONNX file"];
    const compared = (found.compared ?? []).map((one) => [
      one.backbone,
      percent(one.accuracy),
      one.confidence95.map((bound) => percent(bound)).join(" to "),
      one.imagesPerSecond.toPrecision(3),
      formatBytes(one.bytes),
    ]);
    const comparison = found.advice === undefined ? [] : [...columns([head, ...compared]), "", found.advice, ""];
    return [
      ...comparison,
      `${source}: ${plural(classNames.length, "class", "classes")}, ${plural(images.count, "image")}; backbone ${backbone.spec} (${backbone.width} features)`,
      "",
      ...columns([["cross-validation", "accuracy", ""], ...rows]),
      "",
      `expected accuracy on new images like these: ${percent(expected.accuracy)}, 95 % interval ${percent(low)} to ${percent(high)} (chance ${percent(expected.chance)})`,
      `  ${found.measured}`,
      worst
        ? `most often confused: ${worst.classes.join(" and ")}, ${worst.confused} of ${worst.images} images`
        : "no two classes were confused",
      ...warnings.map((text) => `warning: ${text}`),
      "",
      `${output}: ${found.chosen.title} on all images, as ONNX for Node and the browser; mistakes in ${join(output, "report.html")}; ${formatDuration(found.seconds)}`,
      found.predict,
    ];
  },
});
