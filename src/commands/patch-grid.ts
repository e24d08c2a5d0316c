/** `fovea patch-grid`: measures the accuracy of objects inside patches and on the border between patches. */

import { z } from "zod";
import { formatDuration, inPercent } from "../text/format.js";
import { columns } from "../text/table.js";
import { command } from "./command.js";
import { anyNetwork, count, device, evaluator, file, imageSize, option, threads } from "./options.js";
import * as json from "./results.js";

const mean = z.object({ mean: json.number, confidence95: json.interval });
const measures = {
  accuracy: mean,
  agreement: mean.describe("share of objects classified as in the middle of a patch"),
  cosine: mean.describe("cosine of the features with those in the middle of a patch"),
};

const share = (one: z.output<typeof mean>): string =>
  `${inPercent(one.mean)} (${one.confidence95.map((share) => inPercent(share)).join(" to ")})`;

export default command({
  name: "patch-grid",
  summary: "Measure whether an object on the border between patches costs accuracy",
  details:
    "Objects are rendered at every offset relative to the patch grid; the classifier is fitted to different objects.",
  options: {
    network: anyNetwork,
    patchSize: option(
      z.int().min(2).optional(),
      "Patch size in pixels (default: that of the Vision Transformer or Mixer; hybrids and other networks need it)",
    ),
    objects: option(count.default(8), "Test objects of each of six classes, at every offset"),
    head: option(evaluator.default("ridge"), "Classifier that is fitted to the features"),
    imageSize,
    chart: option(file.optional(), "Also write a chart, as SVG", { group: "output" }),
    device,
    threads,
  },
  renamed: { patch: "--patch-size" },
  examples: [
    { run: "fovea patch-grid runs/vit --chart grid.svg", does: "accuracy by the distance to the border" },
    { run: "fovea patch-grid embedded:small --patch-size 16 --json", does: "a hybrid, whose patch size must be given" },
  ],
  result: z.object({
    network: json.text,
    model: json.model,
    head: json.text,
    patchSize: json.number,
    objectSide: json.number,
    classes: json.number,
    objects: json.number.describe("test objects"),
    trained: json.number.describe("images that the classifier was fitted to"),
    images: json.number,
    chance: json.number,
    distances: json
      .list(
        z.object({
          distance: json.number.describe("pixels from the object's centre to the nearest border of patches"),
          offsets: json.number.describe("offsets with this distance"),
          ...measures,
        }),
      )
      .describe("by the distance to the border"),
    borderCost: mean.describe(
      "accuracy on the border minus accuracy in the middle of a patch: negative where the border costs accuracy",
    ),
    wholePatch: z.object(measures).describe("in the middle, moved by a whole patch"),
    seconds: json.number,
  }),
  async run({ network, chart, ...options }, { note, progress }) {
    const { networkPatchGrid } = await import("../benchmarks/index.js");
    const report = await networkPatchGrid(network, { ...options, note, progress });
    if (chart !== undefined) {
      const [{ writeFile }, { patchGridChart }] = await Promise.all([
        import("node:fs/promises"),
        import("../benchmarks/robustness/index.js"),
      ]);
      await writeFile(chart, patchGridChart(report));
    }
    return report;
  },
  text: (found, { chart }) => {
    const { distances, wholePatch, borderCost, chance } = found;
    const row = ({ accuracy, agreement, cosine }: typeof wholePatch) => [
      share(accuracy),
      share(agreement),
      cosine.mean.toFixed(3),
    ];
    return [
      `${found.network}: ${found.objects} objects of ${found.objectSide} pixels, patches of ${found.patchSize}; ${found.head} fitted to ${found.trained} others anywhere; intervals (95 %) are over objects`,
      ...columns([
        ["pixels to the nearest border", "offsets", "accuracy %", "as in the middle %", "cosine"],
        ...distances.map((one) => [`${one.distance}`, `${one.offsets}`, ...row(one)]),
        ["in the middle, a patch away", "4", ...row(wholePatch)],
      ]),
      `on the border less in the middle: ${inPercent(borderCost.mean)} points (${borderCost.confidence95.map((share) => inPercent(share)).join(" to ")}); chance ${inPercent(chance)} %`,
      ...(chart === undefined ? [] : [`${chart}: the chart`]),
      formatDuration(found.seconds),
    ];
  },
});
