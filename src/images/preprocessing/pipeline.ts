/** Builds preprocessing pipelines from ops or from the string form, and converts them back to it. */

import { createRandom, type Random } from "../../random/keyed.js";
import { didYouMean } from "../../text/nearest.js";
import { type Arguments, bindArguments, type Call, type Literal, parseCalls, showCall } from "../augment/arguments.js";
import type { AugregName } from "../augment/augreg.js";
import { type DataRecord, type InnerPipeline, onPixels, type Transform } from "../augment/op.js";
import type { CorruptionName, Severity, SeverityTable } from "../corruptions/index.js";
import type { EncodedImage, PixelImage } from "../image.js";
import { customStage, customText } from "./custom.js";
import { opDefinitions, valueScales } from "./ops.js";

/** One step of a pipeline with its arguments; `text` is its string form. */
export interface PreprocessingOp {
  readonly name: string;
  readonly text: string;
  readonly args: Arguments;
  readonly random: boolean;
  readonly changesImage: boolean;
  readonly apply: Transform;
  /** True for ops of the registry, whose string form can be sent to another thread. */
  readonly registered: boolean;
}

/** A pipeline: a list of ops, applied in order. */
export type Preprocessing = readonly PreprocessingOp[];

/**
 * Creates a pipeline from big_vision's string form or from ops.
 *
 * @throws for an unknown op (with the nearest and all known ones), a wrong argument, or a syntax error.
 * @example preprocessing("decode|inception_crop(64)|flip_lr|value_range(-1,1)")
 */
export function preprocessing(...parts: readonly (string | PreprocessingOp | Preprocessing)[]): Preprocessing {
  return parts.flatMap((part) => {
    if (typeof part === "string") return part.trim() === "" ? [] : parseCalls(part).map((call) => makeOp(call, part));
    return "apply" in part ? [part] : [...part];
  });
}

/** Returns the string form of a pipeline: `preprocessing(describePreprocessing(p))` is equivalent to `p`. */
export function describePreprocessing(pipeline: string | Preprocessing): string {
  return (typeof pipeline === "string" ? preprocessing(pipeline) : pipeline).map((op) => op.text).join("|");
}

/** Applies a pipeline to one record with the given random generator. */
export async function applyPreprocessing(
  pipeline: Preprocessing,
  record: DataRecord,
  random: Random,
): Promise<DataRecord> {
  let current = record;
  for (const op of pipeline) {
    const result = op.apply(current, random);
    // Only decoding is asynchronous; awaiting other ops would cost a turn of the event loop each.
    current = result instanceof Promise ? await result : result;
  }
  return current;
}

/** Applies a pipeline to one image outside a loader: for evaluation, embedding and single images; random ops draw from `seed`. */
export async function preprocessImage(
  pipeline: string | Preprocessing,
  image: EncodedImage | PixelImage,
  { id = "image", seed = 0 }: { readonly id?: string; readonly seed?: number } = {},
): Promise<PixelImage> {
  const ops = typeof pipeline === "string" ? preprocessing(pipeline) : pipeline;
  const record = await applyPreprocessing(ops, { id, image, label: 0 }, createRandom("image", seed));
  if (record.image.kind === "encoded")
    throw new Error(`the preprocessing "${describePreprocessing(ops)}" does not decode; put decode first`);
  return record.image;
}

/** Random generator for the preprocessing of one example in one epoch; `attempt` counts the bad examples it replaces. */
export function exampleRandom(seed: number, epoch: number, index: number, attempt = 0): Random {
  return createRandom("example", seed, epoch, index, attempt);
}

/** Creates a custom op from a function; pipelines with one run only in the calling thread (loader option `workers: 0`). */
export function customOp(
  name: string,
  apply: Transform,
  { random = true }: { readonly random?: boolean } = {},
): PreprocessingOp {
  return { name, text: name, args: {}, random, changesImage: true, apply, registered: false };
}

/** Lists the known ops: name, signature and summary. */
export function listOps(): { name: string; signature: string; summary: string }[] {
  return Object.entries(opDefinitions).map(([name, { parameters, summary }]) => ({
    name,
    signature: `${name}(${parameters.map((p) => (p.default === undefined ? p.name : `${p.name}=${p.default ?? "None"}`)).join(", ")})`,
    summary,
  }));
}

/** A pipeline split for the loader: a fixed part to cache across epochs, the rest, and the value range left to the batch writer. */
export interface SplitPreprocessing {
  readonly fixed: Preprocessing;
  readonly rest: Preprocessing;
  /**
   * Set if the last change of the image is `value_range`: a table of its 256 results, or of those of each channel in turn, which is applied
   * while the batch is written.
   */
  readonly lookup?: Float32Array;
  /** The functions tabulated in `lookup`, for floating-point images. */
  readonly scales?: readonly ((x: number) => number)[];
}

/** Splits a pipeline before its first random op, and extracts a final `value_range`, which a table of 256 values computes faster. */
export function splitPreprocessing(pipeline: Preprocessing): SplitPreprocessing {
  const last = pipeline.findLastIndex((op) => op.changesImage);
  const scaled = pipeline[last];
  let ops = pipeline;
  let lookup: Float32Array | undefined;
  let scales: readonly ((x: number) => number)[] | undefined;
  const scaledOnce = pipeline.filter((op) => op.name === "value_range").length === 1;
  if (scaled?.name === "value_range" && scaled.registered && scaledOnce && pipeline.every((op) => op.registered)) {
    ops = pipeline.filter((op) => op !== scaled);
    const functions = valueScales(scaled.args);
    lookup = Float32Array.from({ length: 256 * functions.length }, (_, i) => functions[i >> 8]!(i & 255));
    scales = functions;
  }
  const firstRandom = ops.findIndex((op) => op.random);
  const at = firstRandom < 0 ? ops.length : firstRandom;
  return { fixed: ops.slice(0, at), rest: ops.slice(at), lookup, scales };
}

/** The stage `custom("NAME","VERSION")` of a `definePreprocessing`. */
function customOpOf({ positional: [name, version], named }: Call, text: string): PreprocessingOp {
  if (typeof name !== "string" || typeof version !== "string" || Object.keys(named).length > 0) {
    throw new Error(`"${text}": expected custom("NAME","VERSION"), as definePreprocessing returns it`);
  }
  const { apply, random = true } = customStage(name, version);
  const op = customOp(
    "custom",
    onPixels(name, (image, draws) => apply(image, draws)),
    { random },
  );
  return { ...op, text: customText(name, version) };
}

function makeOp(call: Call, text: string): PreprocessingOp {
  if (call.name === "custom") return customOpOf(call, text);
  const definition = opDefinitions[call.name];
  if (!definition || !Object.hasOwn(opDefinitions, call.name)) {
    const known = Object.keys(opDefinitions);
    throw new Error(
      `unknown preprocessing op "${call.name}" in "${text}"${didYouMean(call.name, known) || ";"} known ops: ${known.join(", ")}`,
    );
  }
  const args = bindArguments(call, definition.parameters);
  return {
    name: call.name,
    text: showCall(call.name, definition.parameters, args),
    args,
    random: definition.random,
    changesImage: definition.changesImage,
    apply: definition.create(args, innerPipeline),
    // an inner pipeline may have user-defined stages
    registered: !Object.values(args).some((value) => typeof value === "string" && /\bcustom\(/.test(value)),
  };
}

const innerPipeline: InnerPipeline = (inner) => {
  const ops = preprocessing(inner);
  if (ops.length === 0) throw new Error("there is no op");
  return { ops, apply: (record, random) => applyPreprocessing(ops, record, random) };
};

function op(
  name: string,
  positional: readonly (Literal | undefined)[],
  named: Readonly<Record<string, Literal | undefined>> = {},
): PreprocessingOp {
  const given = Object.fromEntries(
    Object.entries(named).filter((entry): entry is [string, Literal] => entry[1] !== undefined),
  );
  return makeOp({ name, positional: positional.filter((x): x is Literal => x !== undefined), named: given }, name);
}

/** `decode`: decodes the file to upright 8-bit pixels. */
export const decode = (channels?: 0 | 1 | 3): PreprocessingOp => op("decode", [channels]);
/** `decode_resize`: decodes and resizes in one step, antialiased. */
export const decodeAndResize = (
  size: number,
  options: { width?: number; fit?: "cover" | "fill"; channels?: 1 | 3 } = {},
): PreprocessingOp => op("decode_resize", [size], { ...options });
/** Resize methods: TensorFlow's bilinear and area; bicubic, and all methods with antialias, are Pillow's (and timm's). */
export type ResizeMethod = "bilinear" | "area" | "bicubic";
/** `resize`: resizes to height x width, bilinear without antialias; without half-pixel centres like TensorFlow 1. */
export const resize = (
  height: number,
  width?: number,
  method?: ResizeMethod,
  antialias?: boolean,
  halfPixelCenters?: boolean,
): PreprocessingOp => op("resize", [height, width], { method, antialias, half_pixel_centers: halfPixelCenters });
/** `resize_small`: resizes the smaller side to `size` by the area method. */
export const resizeSmall = (size: number, method?: ResizeMethod, antialias?: boolean): PreprocessingOp =>
  op("resize_small", [size], { method, antialias });
/** `central_crop`: crops the centre. */
export const centralCrop = (height?: number, width?: number): PreprocessingOp => op("central_crop", [height, width]);
/** `random_crop`: crops at a random position. */
export const randomCrop = (height: number, width?: number): PreprocessingOp => op("random_crop", [height, width]);
/** `inception_crop`: crops a random area and aspect ratio, and resizes to size x size. */
export const inceptionCrop = (
  size?: number,
  options: { areaMin?: number; areaMax?: number; ratioMin?: number; ratioMax?: number } = {},
): PreprocessingOp =>
  op("inception_crop", [size], {
    area_min: options.areaMin,
    area_max: options.areaMax,
    ratio_min: options.ratioMin,
    ratio_max: options.ratioMax,
  });
/** `flip_lr`: mirrors horizontally with probability one half, or another one. */
export const flipLr = (probability?: number): PreprocessingOp => op("flip_lr", [probability]);
/** `value_range`: scales 0..255 to vmin..vmax, each one number or one for each channel. */
export const valueRange = (vmin?: number | readonly number[], vmax?: number | readonly number[]): PreprocessingOp =>
  op("value_range", [vmin, vmax]);
/** `onehot`: converts the label to a vector. */
export const onehot = (depth: number, on?: number, off?: number): PreprocessingOp => op("onehot", [depth], { on, off });
/** `to_rgb`: converts to three channels. */
export const toRgbOp = (): PreprocessingOp => op("to_rgb", []);
/** `grey`: converts to one channel. */
export const greyOp = (): PreprocessingOp => op("grey", []);
/** `randaug`: RandAugment of `layers` ops at `magnitude`. */
export const randaugOp = (layers: number, magnitude: number, contrast?: "pixel_count" | "mean"): PreprocessingOp =>
  op("randaug", [layers, magnitude], { contrast });
/** `augreg`: the RandAugment of an AugReg setting. */
export const augreg = (name: AugregName): PreprocessingOp => op("augreg", [name]);
/** `hsvnoise`: changes hue, saturation and value randomly. */
export const hsvnoise = (): PreprocessingOp => op("hsvnoise", []);
/** `grey_random`: converts to grey in three channels with a probability. */
export const greyRandom = (probability?: number): PreprocessingOp => op("grey_random", [probability]);
/** `corrupt`: applies a common corruption at a severity. */
export const corrupt = (name: CorruptionName, severity: Severity, table?: SeverityTable): PreprocessingOp =>
  op("corrupt", [name, severity], { table });
/** `rotate90`: rotates by exact quarter turns counter-clockwise. */
export const quarterTurns = (k: 0 | 1 | 2 | 3): PreprocessingOp => op("rotate90", [k]);
/** `patch_grid`: stacks one patch from each cell of a square grid. */
export const patchGridOp = (
  cells?: number,
  cell?: number,
  patch?: number,
  place?: "random" | "centre",
): PreprocessingOp => op("patch_grid", [cells, cell, patch], { place });
/** `permute_patches`: puts the patches of every image into the same random order. */
export const permutePatchesOp = (patch: number, seed?: number): PreprocessingOp =>
  op("permute_patches", [patch], { seed });
/** `shuffle_patches`: puts the patches of each image into a random order of its own. */
export const shufflePatches = (patch: number): PreprocessingOp => op("shuffle_patches", [patch]);
/** `standardise`: standardises the image, or every `patch` rows of it, to mean 0 and deviation 1. */
export const standardiseOp = (patch?: number): PreprocessingOp => op("standardise", [patch]);
/** `views`: stacks several random results of the same ops. */
export const views = (count: number, ops: string | Preprocessing): PreprocessingOp =>
  op("views", [count, describePreprocessing(ops)]);
/** `keep`: keeps only the named fields. */
export const keep = (...names: string[]): PreprocessingOp => op("keep", names);
