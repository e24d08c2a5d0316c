/** Defines the augmentations as preprocessing ops: names, parameters and transforms. */

import { drawPermutation, permutation, type Random } from "../../random/keyed.js";
import {
  type CorruptionName,
  corruption,
  corruptionNames,
  type Severity,
  type SeverityTable,
  severities,
  severityTables,
} from "../corruptions/index.js";
import { ExampleError, type PixelImage, type RawImage } from "../image.js";
import { augregSettings } from "./augreg.js";
import { drawHsvChange, hsvNoise, meanGrey } from "./colour.js";
import { type DataRecord, type InnerPipeline, type OpDefinition, onPixels, type Transform } from "./op.js";
import { patchGrid, permutePatches, rotate90, stackRows, standardise } from "./patches.js";
import type { ContrastTarget } from "./pointwise.js";
import { randaug } from "./randaug.js";

function onRaw(name: string, change: (image: RawImage, random: Random) => RawImage | Promise<RawImage>) {
  return onPixels(name, (image, random) => {
    if (image.kind !== "raw") {
      throw new Error(
        `${name} takes 8-bit pixels, and the image is floating-point; put it before value_range, hsvnoise and standardise`,
      );
    }
    return change(image, random);
  });
}

const contrastParameter = {
  name: "contrast",
  type: "choice",
  choices: ["pixel_count", "mean"],
  default: "pixel_count",
} as const;

/** All augmentations by name. */
export const augmentDefinitions: Readonly<Record<string, OpDefinition>> = {
  randaug: {
    summary: "RandAugment: `layers` times one of sixteen ops, at `magnitude` (10 is nominally the greatest, 20 in use)",
    random: true,
    changesImage: true,
    parameters: [
      { name: "layers", type: "integer", minimum: 0, maximum: 100 },
      { name: "magnitude", type: "number", minimum: 0, maximum: 100 },
      contrastParameter,
    ],
    create: (args) => {
      const change = randaug(args["layers"] as number, args["magnitude"] as number, args["contrast"] as ContrastTarget);
      return onRaw("randaug", change);
    },
  },
  augreg: {
    summary: "the RandAugment of an AugReg setting by name (its mixup is the recipe's: augregSettings)",
    random: true,
    changesImage: true,
    parameters: [{ name: "name", type: "choice", choices: Object.keys(augregSettings) }, contrastParameter],
    create: (args) => {
      const { layers, magnitude } = augregSettings[args["name"] as keyof typeof augregSettings];
      return onRaw("augreg", randaug(layers, magnitude, args["contrast"] as ContrastTarget));
    },
  },
  hsvnoise: {
    summary: "random hue shift, and random power, factor and shift of saturation and value; the result is not rounded",
    random: true,
    changesImage: true,
    parameters: [],
    create: () => onPixels("hsvnoise", (image, random) => hsvNoise(image, drawHsvChange(random))),
  },
  grey_random: {
    summary: "with `probability`, put the mean of red, green and blue into all three channels",
    random: true,
    changesImage: true,
    // 0.66: papers.md 10.2, 10.3.
    parameters: [{ name: "probability", type: "number", minimum: 0, maximum: 1, default: 0.66, written: "byPlace" }],
    create: (args) => {
      const probability = args["probability"] as number;
      return onPixels("grey_random", (image, random) =>
        random.uniform() < probability ? meanGrey<PixelImage>(image) : image,
      );
    },
  },
  corrupt: {
    summary:
      "one of fifteen common corruptions at a severity from 1 to 5; constants by image size (224, 64, 32 pixels)",
    random: true,
    changesImage: true,
    parameters: [
      { name: "name", type: "choice", choices: corruptionNames },
      { name: "severity", type: "choice", choices: severities },
      { name: "table", type: "choice", choices: Object.keys(severityTables), default: "imagenet" },
    ],
    create: (args) => {
      const name = args["name"] as CorruptionName;
      return onRaw(`corrupt(${name})`, corruption(name, args["severity"] as Severity, args["table"] as SeverityTable));
    },
  },
  rotate90: {
    summary: "turn by k quarter turns counter-clockwise, exactly",
    random: false,
    changesImage: true,
    parameters: [{ name: "k", type: "choice", choices: [0, 1, 2, 3] }],
    create: (args) => onPixels("rotate90", (image) => rotate90(image, args["k"] as number)),
  },
  patch_grid: {
    summary: "cut a square of cells x cells cells and a patch out of each, stacked; place=centre for evaluation",
    random: true,
    changesImage: true,
    parameters: [
      { name: "cells", type: "integer", minimum: 1, maximum: 1000, default: 3, written: "byPlace" },
      { name: "cell", type: "size", default: 85, written: "byPlace" },
      { name: "patch", type: "size", default: 64, written: "byPlace" },
      { name: "place", type: "choice", choices: ["random", "centre"], default: "random" },
    ],
    create: (args) => {
      const [cells, cell, patch] = ["cells", "cell", "patch"].map((name) => args[name] as number) as [
        number,
        number,
        number,
      ];
      if (patch > cell) throw new Error(`patch_grid: a patch of ${patch} does not fit into a cell of ${cell}`);
      const random = args["place"] === "random";
      return onPixels("patch_grid", (image, draws) => patchGrid(image, cells, cell, patch, random ? draws : undefined));
    },
  },
  permute_patches: {
    summary: "put the patch x patch patches of every image into the same random order, which `seed` determines",
    random: false,
    changesImage: true,
    parameters: [
      { name: "patch", type: "size" },
      { name: "seed", type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0 },
    ],
    create: (args) => {
      const [patch, seed] = [args["patch"] as number, args["seed"] as number];
      const order = (patches: number) => permutation(patches, "patches", seed);
      return onPixels("permute_patches", (image) => permutePatches(image, patch, order));
    },
  },
  shuffle_patches: {
    summary: "put the patch x patch patches of each image into a random order of its own",
    random: true,
    changesImage: true,
    parameters: [{ name: "patch", type: "size" }],
    create: (args) =>
      onPixels("shuffle_patches", (image, random) =>
        permutePatches(image, args["patch"] as number, (patches) => drawPermutation(patches, random)),
      ),
  },
  standardise: {
    summary: "to mean 0 and deviation 1 (floored at 1/sqrt(n)), the whole image or every `patch` rows of a stack",
    random: false,
    changesImage: true,
    parameters: [{ name: "patch", type: "size", default: null, written: "byPlace" }],
    create: (args) => {
      const patch = args["patch"] as number | null;
      return onPixels("standardise", (image) => standardise(image, patch ?? image.height));
    },
  },
  views: {
    summary: "apply the inner ops `count` times with different draws and stack the results: an image of count*H x W",
    random: true,
    changesImage: true,
    parameters: [
      { name: "count", type: "integer", minimum: 1, maximum: 1000 },
      { name: "ops", type: "text" },
    ],
    create: (args, pipeline) => {
      const count = args["count"] as number;
      const text = args["ops"] as string;
      return stacked(`views(${count},"${text}")`, Array(count).fill(text), pipeline);
    },
  },
  branches: {
    summary: "apply each of the inner pipelines and stack the two results: an image of 2*H x W, the first above",
    random: true,
    changesImage: true,
    parameters: [
      { name: "first", type: "text" },
      { name: "second", type: "text" },
    ],
    create: (args, pipeline) => {
      const texts = [args["first"] as string, args["second"] as string];
      return stacked(`branches(${texts.map((text) => `"${text}"`).join(",")})`, texts, pipeline);
    },
  },
};

/** Stacks the results of several inner pipelines vertically; error messages refer to `written`. */
function stacked(written: string, texts: readonly string[], pipeline: InnerPipeline): Transform {
  const within = `in ${written}`;
  const parsed = new Map<string, ReturnType<InnerPipeline>>();
  try {
    for (const text of texts) if (!parsed.has(text)) parsed.set(text, pipeline(text));
  } catch (error) {
    throw new Error(`${within}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const other = [...parsed.values()].flatMap(({ ops }) => ops).find((op) => !op.changesImage);
  if (other) throw new Error(`${within}: ${other.name} is not about the image; put it after ${written.split("(")[0]}`);
  return async (record, random) => {
    const images: PixelImage[] = [];
    try {
      for (const text of texts) images.push(requirePixels(await parsed.get(text)!.apply(record, random)));
      return { ...record, image: stackRows(images) };
    } catch (error) {
      const reason =
        error instanceof ExampleError ? error.reason : error instanceof Error ? error.message : String(error);
      throw new ExampleError(record.id, `${within}: ${reason}`, error);
    }
  };
}

function requirePixels({ image }: DataRecord): PixelImage {
  if (image.kind === "encoded") throw new Error("the inner ops leave the image an encoded file; put decode before it");
  return image;
}
