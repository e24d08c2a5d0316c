/** `fovea fewshot`: few-shot accuracy of a backbone on a dataset, compared with raw pixels. */
import { z } from "zod";
import { formatDuration, inPercent, plural } from "../text/format.js";
import { columns } from "../text/table.js";
import { requireImages } from "./backbone.js";
import { command } from "./command.js";
import {
  count,
  device,
  evaluator,
  file,
  imageSize,
  imagesWith,
  leadingBackbone,
  list,
  option,
  text,
  threads,
} from "./options.js";
import * as json from "./results.js";

const setting = json.record(json.number);
const summary = z.object({
  shots: json.number,
  setting,
  mean: json.number,
  standardDeviation: json.number,
  confidence95: json.interval,
  standardErrors: z
    .object({ draws: json.number, images: json.number })
    .describe("parts of the standard error of the mean: from the draw of the examples and from the test images"),
});
const summaries = z.array(summary).readonly();

const result = z.object({
  checkpoint: json.text,
  backbone: json.text,
  source: json.text,
  splits: z.object({ train: json.text, test: json.text, heldOut: json.flag }),
  classNames: json.list(json.text),
  images: z.object({
    examples: json.number,
    named: json.number.describe("test images"),
    bad: json.unreadable,
  }),
  model: json.model,
  method: json.text,
  title: json.text,
  preprocessing: json.text,
  results: json.list(
    z.object({
      shots: json.number,
      seed: json.number,
      setting,
      accuracy: json.number,
      chosen: setting.optional().describe("what the fit chose by itself"),
    }),
  ),
  summary: summaries,
  rawPixels: summaries.describe("the same of the raw-pixel baseline"),
  withoutLeaked: z
    .object({
      list: json.text.describe("the file of --leaked"),
      removed: json.number.describe("test images removed"),
      named: json.number.describe("test images that are left"),
      summary: summaries,
      rawPixels: summaries,
    })
    .optional(),
  chance: json.number,
  warnings: json.list(json.text),
  seconds: json.number,
});

function summaryText(network: z.output<typeof summaries>, pixels: z.output<typeof summaries>): string[] {
  const rows = network.map(({ shots, mean, standardDeviation, confidence95 }, i) => [
    `${shots}`,
    inPercent(mean),
    inPercent(standardDeviation),
    `${inPercent(confidence95[0])} to ${inPercent(confidence95[1])}`,
    inPercent(pixels[i]?.mean ?? Number.NaN),
  ]);
  const head = ["shots", "accuracy %", "deviation", "95 % interval", "raw pixels %"];
  return columns([head, ...rows], () => false);
}

/** Settings that the method selected in each draw; a line for each number of shots. */
function chosenText({ results, summary }: z.output<typeof result>): string[] {
  return summary.flatMap(({ shots }) => {
    const chosen = results.flatMap((one) => (one.shots === shots && one.chosen ? [one.chosen] : []));
    const words = chosen.map((setting) =>
      Object.entries(setting).map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`),
    );
    return words.length === 0 ? [] : [`chosen at ${plural(shots, "shot")}: ${words.join("; ")}`];
  });
}

export default command({
  name: "fewshot",
  summary: "Measure few-shot accuracy: classifiers on frozen features of a few examples per class",
  options: {
    backbone: leadingBackbone,
    images: imagesWith("labelled"),
    imageSize,
    method: option(
      evaluator.default("ridge"),
      "Classifier on the features: ridge, ridge-loo, knn, prototypes, probe, logistic (docs/few-shot.md explains them)",
    ),
    setting: option(
      text.optional().meta({ hint: "NAME=NUMBER" }),
      "Setting of the method, such as k=10 or c=0.1 (default: as published)",
    ),
    preprocessing: option(
      text.optional().meta({ hint: "NAME|OPS" }),
      "protocol: resize(256)|central_crop(224), as in published results, in proportion for input sizes other than 224; network: the network's own; or preprocessing ops (default: protocol for published weights, else network)",
    ),
    shots: option(list(count).default([1, 5, 10]), "Examples per class"),
    seeds: option(
      count.default(5),
      "Number of draws of the examples (a count: the seeds are 0 to N - 1); the accuracy is the mean over them",
    ),
    classes: option(list(text).optional(), "Names of the classes (default: all)"),
    split: option(text.optional(), "Split of the examples (default: train, else the only one)"),
    testSplit: option(
      text.optional(),
      "Split of the test images (default: test, else validation; where there is one split, half of each class is held out)",
    ),
    testImages: option(count.optional(), "Approximate number of test images, stratified by class (default: all)"),
    leaked: option(
      file.optional(),
      "Test images that the backbone was trained on (fovea dedup --leaked): also measure without them",
    ),
    device,
    threads,
  },
  examples: [
    { run: "fovea fewshot embedded:sign-digits", does: "1, 5 and 10 shots, mean and 95 % interval" },
    { run: "fovea fewshot runs/one photos/ --shots 5 --seeds 20 --json", does: "on a folder of your own, as JSON" },
    { run: "fovea fewshot net.onnx photos/ --image-size 128", does: "features of any ONNX file" },
    { run: "fovea fewshot photos/ --method logistic", does: "logistic regression, its C chosen on held-out examples" },
    { run: "fovea fewshot B_16.npz photos/ --method knn --setting k=10", does: "DINO's nearest neighbours" },
    {
      run: "fovea fewshot runs/one photos/ --leaked leaked.txt",
      does: "with and without the test images that leaked into training",
    },
  ],
  result,
  async run(options, { note, progress }) {
    await requireImages(options, "fewshot");
    const { fewshot } = await import("../transfer/index.js");
    return await fewshot(options.images, { ...options, note, progress });
  },
  text: (found, { seeds, setting }) => {
    const { splits, images, withoutLeaked } = found;
    return [
      `${found.backbone} on ${found.source}: ${found.classNames.length} classes, ${images.named} test images (${splits.heldOut ? "held out" : splits.test}), ${plural(seeds, "draw")} of the examples`,
      `${found.title}; preprocessing ${found.preprocessing}`,
      ...summaryText(found.summary, found.rawPixels),
      ...(setting === undefined ? chosenText(found) : []),
      ...(withoutLeaked
        ? [
            `without the ${withoutLeaked.removed} that ${withoutLeaked.list} lists, ${withoutLeaked.named} test images`,
            ...summaryText(withoutLeaked.summary, withoutLeaked.rawPixels),
          ]
        : []),
      `chance ${inPercent(found.chance)} %; intervals are of other draws of examples and other test images; ${formatDuration(found.seconds)}`,
      ...found.warnings.map((warning) => `warning: ${warning}`),
    ];
  },
});
