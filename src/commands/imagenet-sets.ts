/** `fovea imagenet-sets`: a network of ImageNet's classes on ObjectNet, ImageNet-v2 or with ReaL labels. */

import { z } from "zod";
import type { ImagenetSetName } from "../benchmarks/robustness/index.js";
import { formatDuration, inPercent } from "../text/format.js";
import { columns } from "../text/table.js";
import { command, UsageError } from "./command.js";
import { device, file, folder, imagenetClassifier, option, threads } from "./options.js";
import * as json from "./results.js";

const sets = ["objectnet", "imagenet-v2", "real"] as const satisfies readonly ImagenetSetName[];

export default command({
  name: "imagenet-sets",
  summary: "Measure a network of ImageNet's 1,000 classes on other test sets of these classes",
  options: {
    network: imagenetClassifier,
    set: option(z.enum(sets), "Published test set"),
    folder: option(folder, "Folder of the test set, as its publisher distributes it"),
    boxes: option(
      file.optional(),
      "For objectnet: lines FOLDER/FILE.png,left,top,right,bottom as CSV; only the box is classified",
    ),
    device,
    threads,
  },
  examples: [
    {
      run: "fovea imagenet-sets hf:google/vit-base-patch16-224 --set real --folder imagenet/",
      does: "accuracy by the ReaL labels beside published values; prints where to get a missing dataset",
    },
    {
      run: "fovea imagenet-sets augreg:S/16 --set objectnet --folder objectnet/ --json",
      does: "ObjectNet, as JSON",
    },
  ],
  result: z.object({
    checkpoint: json.text,
    folder: json.text,
    title: json.text,
    set: json.text,
    top1: json.accuracy,
    top5: json.accuracy,
    ignored: json.number.describe("images that no ImageNet class is right for"),
    bad: json.number.describe("images that could not be read"),
    notes: json.list(json.text),
    published: json.list(
      z.object({
        set: json.text,
        model: json.text,
        upstream: json.text.describe("dataset that the published model was pre-trained on"),
        top1: json.number,
        top5: json.number.optional(),
      }),
    ),
    model: json.model,
    seconds: json.number,
  }),
  async run({ network, set, folder, boxes, device, threads }, { note, progress }) {
    if (boxes !== undefined && set !== "objectnet") throw new UsageError("--boxes is for --set objectnet");
    const { networkImagenetSet } = await import("../benchmarks/index.js");
    return await networkImagenetSet(network, set, folder, { boxes, device, threads, note, progress });
  },
  text: ({ checkpoint, title, top1, top5, ignored, bad, published, notes, seconds }) => {
    const cell = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(1));
    return [
      `${title}: ${top1.images} images counted, ${ignored} without a true class, ${bad} unreadable; top-1 ${top1.confidence95.map((share) => inPercent(share)).join(" to ")} % (95 %)`,
      ...columns([
        ["", "upstream", "top-1 %", "top-5 %"],
        [checkpoint, "", inPercent(top1.accuracy), inPercent(top5.accuracy)],
        ...published.map(({ model, upstream, ...one }) => [model, upstream, cell(one.top1), cell(one.top5)]),
      ]),
      ...notes.map((text) => `note: ${text}`),
      formatDuration(seconds),
    ];
  },
});
