/** `fovea corruptions`: accuracy on corrupted images. */

import { z } from "zod";
import type { CorruptionName } from "../images/index.js";
import { formatDuration, inPercent, plural } from "../text/format.js";
import { columns } from "../text/table.js";
import { command } from "./command.js";
import {
  anyNetwork,
  count,
  device,
  evaluatorNames,
  imageSize,
  images,
  list,
  option,
  text,
  threads,
} from "./options.js";
import * as json from "./results.js";

const names = [
  "gaussian_noise",
  "shot_noise",
  "impulse_noise",
  "defocus_blur",
  "glass_blur",
  "motion_blur",
  "zoom_blur",
  "snow",
  "frost",
  "fog",
  "brightness",
  "contrast",
  "elastic_transform",
  "pixelate",
  "jpeg_compression",
] as const satisfies readonly CorruptionName[];
const tables = ["imagenet", "tiny-imagenet", "cifar"] as const;
const severity = z.literal([1, 2, 3, 4, 5]);

const result = z.object({
  network: json.text,
  source: json.text,
  splits: z.object({ train: json.text, test: json.text, heldOut: json.flag }),
  head: json.text,
  fitted: json.number.describe("images that the head was fitted to; 0 for the network's own"),
  model: json.model,
  table: z.enum(tables),
  clean: json.accuracy,
  results: json.list(json.accuracy.extend({ corruption: json.text, severity: json.number })),
  families: json
    .list(z.object({ corruption: json.text, accuracy: json.number, error: json.number }))
    .describe("means over the severities"),
  meanAccuracy: json.number,
  meanError: json.number,
  seconds: json.number,
});

function tableText(report: z.output<typeof result>, severities: readonly number[]): string[] {
  const rows = report.families.map(({ corruption, accuracy }) => [
    corruption,
    ...severities.map((severity) => {
      const one = report.results.find((found) => found.corruption === corruption && found.severity === severity);
      return inPercent(one?.accuracy ?? Number.NaN);
    }),
    inPercent(accuracy),
  ]);
  const { clean, meanAccuracy, meanError, families } = report;
  return [
    `clean ${inPercent(clean.accuracy)} % (${clean.confidence95.map((share) => inPercent(share)).join(" to ")})`,
    ...columns([["accuracy %, severity", ...severities.map(String), "mean"], ...rows]),
    `mean over ${plural(families.length, "family", "families")}: accuracy ${inPercent(meanAccuracy)} %, error ${inPercent(meanError)} %, ${clean.right === 0 ? "" : `${(meanAccuracy / clean.accuracy).toFixed(2)} of clean`}`,
    ...(families.some(({ corruption }) => corruption === "frost")
      ? ["frost is drawn here, not photographed as in the published sets"]
      : []),
  ];
}

export default command({
  name: "corruptions",
  summary: "Measure the accuracy of a network on images with common corruptions",
  options: {
    network: anyNetwork,
    images,
    corruptions: option(
      list(z.enum(names))
        .default([...names])
        .meta({ hint: "NAME,..." }),
      "Families of corruptions",
    ),
    severities: option(
      list(severity).default([1, 2, 3, 4, 5]).meta({ hint: "1-5|N,..." }),
      "Severities, from 1 (mild) to 5",
    ),
    table: option(
      z.enum(tables).optional(),
      "Constants of the severities, made for 224, 64 and 32 pixels (default: by the image size)",
    ),
    head: option(
      z
        .enum(["own", ...evaluatorNames])
        .optional()
        .meta({ hint: "NAME" }),
      "own, or one fitted to clean training images: ridge, ridge-loo, knn, prototypes, probe, logistic (default: own where the network has the classes of the images, else ridge)",
    ),
    split: option(text.optional(), "Split that a head is fitted to (default: train, else the only one)"),
    testSplit: option(
      text.optional(),
      "Split of the test images (default: test, else validation; where there is one split, half of each class is held out)",
    ),
    trainImages: option(count.optional(), "Approximate number of images to fit to, stratified by class (default: all)"),
    testImages: option(count.optional(), "Approximate number of test images, stratified by class (default: all)"),
    imageSize,
    device,
    threads,
  },
  examples: [
    {
      run: "fovea corruptions runs/one photos/ --test-images 200",
      does: "accuracy clean, under fifteen corruptions at five severities, and their mean",
    },
    {
      run: "fovea corruptions net.onnx photos/ --corruptions fog,snow --severities 3,5 --json",
      does: "frozen features of any backbone with a ridge fitted to clean images",
    },
  ],
  result,
  async run({ network, images, ...options }, { note, progress }) {
    const { networkCorruptions } = await import("../benchmarks/index.js");
    return await networkCorruptions(network, images, { ...options, note, progress });
  },
  text: (found, { severities }) => [
    `${found.network} on ${found.source}: ${found.head === "own" ? "its own head" : `${found.head} fitted to ${found.fitted} clean images (${found.splits.train})`}, ${found.clean.images} images (${found.splits.heldOut ? "held out" : found.splits.test}), constants of ${found.table}`,
    ...tableText(found, severities),
    formatDuration(found.seconds),
  ],
});
