/** `fovea models`: the published models with their parameters, cost and preprocessing, and the bundled backbones. */

import { z } from "zod";
import { groupDigits } from "../text/format.js";
import { columns } from "../text/table.js";
import { command, UsageError } from "./command.js";
import { argument, count, flag, list, natural, option, text } from "./options.js";
import * as json from "./results.js";

const published = z.object({
  name: json.text,
  upstream: json.text,
  fineTuned: json.text,
  top1: json.number,
  resolution: json.number,
  imagesPerSecond: json.number,
  mebibytes: json.number,
  load: json.text.describe("name that loads the fine-tuned checkpoint"),
  loadPretrained: json.text.describe("name that loads the pre-trained one"),
});

const row = z.object({
  name: json.text,
  family: json.text,
  series: json.text,
  config: json.modelConfig,
  imageSize: json.number,
  preprocessing: json.text,
  source: json.text,
  parameters: json.number,
  cost: json.list(z.object({ imageSize: json.number, flops: json.number })),
});

const bundled = z.object({
  name: json.text,
  summary: json.text,
  parameters: json.number,
  image: json.imageConfig,
  config: json.modelConfig,
});

const variants = z.object({ classes: json.number, models: json.list(row), embedded: json.list(bundled).optional() });

function publishedText(checkpoints: readonly z.output<typeof published>[]): string[] {
  const head = ["name", "top-1 %", "pixels", "images/s", "MiB", "load", "pre-trained only"];
  const cells = checkpoints.map((one) => [
    one.name,
    one.top1.toFixed(2),
    `${one.resolution}`,
    groupDigits(one.imagesPerSecond),
    groupDigits(one.mebibytes),
    one.load,
    one.loadPretrained,
  ]);
  return [
    "Recommended AugReg checkpoints (Steiner et al., 2021), pre-trained on ImageNet-21k, fine-tuned on ImageNet",
    "",
    ...columns([head, ...cells], (i) => i === 0 || i >= head.length - 2),
    "",
    "Top-1 is on ImageNet's validation images of that many pixels, images a second are on one V100 at that size, both as published; MiB are of the pre-trained file. Any command that takes a network takes the names: fovea predict augreg:S/16 photos/",
  ];
}

/** A table with a row for each model and a heading for each series. */
function variantsText({ classes, models, embedded }: z.output<typeof variants>, headings: ReadonlyMap<string, string>) {
  const sizes = models[0]?.cost.map(({ imageSize }) => imageSize) ?? [];
  const head = ["name", "parameters", ...sizes.map((size) => `GFLOPs ${size}`), "input", "preprocessing", "dimensions"];
  const lines = columns(
    [
      head,
      ...models.map((one) => [
        one.name,
        groupDigits(one.parameters),
        ...one.cost.map(({ flops }) => (flops / 1e9).toFixed(flops < 9.995e9 ? 2 : 1)),
        `${one.imageSize}`,
        one.preprocessing,
        headings.get(one.name) ?? "",
      ]),
    ],
    (i) => i === 0 || i >= head.length - 2,
  );
  const text = models.flatMap((one, i) => {
    const heading = one.series === models[i - 1]?.series ? [] : ["", headings.get(one.series) ?? one.series];
    return [...heading, lines[i + 1] ?? ""];
  });
  const settings = `${classes === 0 ? "No head" : `${classes} classes`}, parameters at ${sizes[0]} pixels; a GFLOP is 10^9 operations of one image's forward pass, a multiply-add counted as two.`;
  const trained = (embedded ?? []).map(({ name, parameters, image, summary }) => [
    name,
    groupDigits(parameters),
    `${image.height}`,
    summary,
  ]);
  const bundle =
    trained.length === 0
      ? []
      : ["", ...columns([["bundled backbones", "parameters", "input", ""], ...trained], (i) => i !== 1 && i !== 2)];
  return [lines[0] ?? "", ...text, "", settings, ...bundle];
}

const hubBackbone = z.object({
  name: json.text,
  spec: json.text.describe("what the name stands for"),
  millions: json.number.describe("parameters, in millions"),
  megabytes: json.number.describe("size of the download"),
  licence: json.text,
  published: json.text.describe("published accuracy"),
  gated: json.flag.optional().describe("its terms must be accepted on its page first"),
});

function backbonesText(backbones: readonly z.output<typeof hubBackbone>[]): string[] {
  const head = ["name", "parameters", "download", "published", "licence", "stands for"];
  const cells = backbones.map((one) => [
    one.name,
    `${one.millions.toFixed(1)} M`,
    `${one.megabytes} MB`,
    one.published,
    `${one.licence}${one.gated ? " (gated)" : ""}`,
    one.spec,
  ]);
  return [
    "Backbones of the Hugging Face hub by short names, downloaded once at first use; accuracies as published",
    "",
    ...columns([head, ...cells], (i) => i === 0 || i > 2),
    "",
    "Any command that takes a network takes the names: fovea fit photos/ --backbone dinov2-small. For a gated one, accept the terms on its page at the hub, create an access token there, and set HF_TOKEN.",
  ];
}

const result = z.union([
  variants,
  z.object({ checkpoints: json.list(published) }).describe("with `--published`"),
  z.object({ backbones: json.list(hubBackbone) }).describe("with `--backbones`"),
]);

interface Listed {
  readonly document: z.output<typeof result>;
  /** Titles of the series and dimensions of the models, by name. */
  readonly headings: ReadonlyMap<string, string>;
}

export default command({
  name: "models",
  summary: "List the published models with parameters and cost, and the bundled backbones",
  options: {
    model: argument(
      text.optional(),
      "Only these: a series (vit, hybrid, earlyConvolutions, mixer, bit, resnet, mobilenet, successors), a variant (S, Mixer-B, DINOv2) or a model (S/16, R50x1)",
    ),
    imageSize: option(list(count).default([224, 384]), "Input image sizes in pixels at which the cost is counted"),
    pooling: option(
      z.enum(["gap", "tok", "map", "none"]).optional(),
      "Pooling of Vision Transformers: gap (global average), tok (class token), map (attention pooling) or none (default: as published)",
    ),
    classes: option(natural.default(1000), "Classes of the head; 0 for none"),
    published: option(
      flag,
      "Instead, list the recommended AugReg checkpoints: accuracy, speed and the name that loads them",
    ),
    backbones: option(flag, "Instead, list modern backbones of the Hugging Face hub by their short names"),
  },
  examples: [
    { run: "fovea models", does: "list every published model, and the bundled backbones" },
    {
      run: "fovea models --published",
      does: "list checkpoints with their ImageNet accuracy and the name that loads them",
    },
    { run: "fovea models --backbones", does: "list DINOv2, DINOv3, SigLIP 2 and others with size and licence" },
    {
      run: "fovea models hybrid",
      does: "list one series: vit, hybrid, earlyConvolutions, mixer, bit, resnet, mobilenet or successors",
    },
    { run: "fovea models S", does: "list one variant, at each patch size it was published with" },
    { run: "fovea models B/4 --image-size 32 --classes 10", does: "compute the cost for any patch and image size" },
    {
      run: "fovea models vit --pooling tok --classes 21843 --json",
      does: "list Vision Transformers as they were for ImageNet-21k, as JSON",
    },
  ],
  result,
  async run({ model, imageSize, published, backbones, ...counted }): Promise<Listed> {
    const { bundledBackbones, headings, hubBackbones, modelRows, publishedCheckpoints } = await import(
      "../weights/index.js"
    );
    if (backbones) return { document: { backbones: [...hubBackbones] }, headings: new Map() };
    try {
      if (published) return { document: { checkpoints: publishedCheckpoints(model) }, headings: new Map() };
      const models = modelRows(model, { ...counted, sizes: imageSize });
      const embedded = model === undefined ? await bundledBackbones() : undefined;
      return { document: { classes: counted.classes, models, embedded }, headings: headings(models) };
    } catch (error) {
      throw error instanceof RangeError ? new UsageError(error.message) : error;
    }
  },
  document: ({ document }) => document,
  text: ({ document, headings }) =>
    "backbones" in document
      ? backbonesText(document.backbones)
      : "checkpoints" in document
        ? publishedText(document.checkpoints)
        : variantsText(document, headings),
});
