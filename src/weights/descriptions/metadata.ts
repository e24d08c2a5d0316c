/**
 * Reads and writes the metadata of weights (preprocessing, class names, licence, source, accuracies) in the forms of
 * each ecosystem.
 */
import { readFile, stat } from "node:fs/promises";
import { WeightsError } from "../../formats/error.js";
import { defined } from "../../text/defined.js";
import type { Hints } from "../layouts/index.js";
import { describeHuggingFace } from "./huggingface.js";
import {
  isObject,
  type Json,
  noRange,
  numbers,
  own,
  pillow,
  positive,
  sized,
  sizeOf,
  text,
  valueRangeStage,
} from "./json.js";
import { timmArguments } from "./timm-arguments.js";

/** Metadata of weights. Every property may be unknown. */
export interface WeightsMetadata {
  /** The preprocessing of images in its string form: `decode|resize(224)|value_range(-1,1)`. */
  readonly preprocessing?: string;
  /** One name per class, in the order of the logits. */
  readonly classNames?: readonly string[];
  /** An SPDX identifier if there is one. */
  readonly licence?: string;
  /** The origin of the weights: a name, an address, a paper. */
  readonly source?: string;
  /** Published accuracies in per cent, on images of `resolution` pixels per side. */
  readonly accuracies?: readonly PublishedAccuracy[];
}

export interface PublishedAccuracy {
  readonly dataset: string;
  readonly top1: number;
  readonly resolution: number;
}

/** The contents of a description: metadata, hints for reading the weights, and messages. */
export interface Description {
  readonly metadata: WeightsMetadata;
  readonly hints: Hints;
  readonly notes: readonly string[];
  /** Size of the images after the preprocessing, where it is another than that of pre-training: positions are resized to it. */
  readonly size?: { readonly height: number; readonly width: number };
}

/** The largest accepted description, in bytes; one of 21,843 classes has 2 MB. */
const maxJsonBytes = 16 * 2 ** 20;

/**
 * The JSON object in a file; undefined if there is no file. Throws WeightsError when it is too large or not an object.
 */
export async function readJson(path: string): Promise<Json | undefined> {
  try {
    const { size } = await stat(path);
    if (size > maxJsonBytes)
      throw new WeightsError(`${path}: the description has ${size} bytes; expected at most ${maxJsonBytes}`);
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (!isObject(value)) throw new WeightsError(`${path}: not a JSON object`);
    return value;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (error instanceof SyntaxError) throw new WeightsError(`${path}: not JSON: ${error.message}`, { cause: error });
    throw error;
  }
}

/** An image's two sides, in pixels. */
interface Sides {
  readonly height: number;
  readonly width: number;
}

/**
 * The preprocessing of the original code bases: resized directly to the model's size, scaled to [-1, 1] (papers.md 1.1,
 * 2.1).
 */
export const defaultPreprocessing = (image: Sides, scaling = "value_range(-1,1)"): string =>
  `decode|resize(${sized(image)})|${scaling}`;

/**
 * Adapts a preprocessing to images of another size: its sizes become the new ones, and the margin of `resize_small`
 * scales in proportion. Undefined if it contains a size that is not the old image's.
 */
export function resizedPreprocessing(given: string, from: Sides, to: Sides): string | undefined {
  const factor = Math.min(to.height, to.width) / Math.min(from.height, from.width);
  const ops = given.split("|").map((op) => {
    const call = /^(resize|decode_resize|central_crop|resize_small)\((\d+)(?:,(\d+))?(.*)\)$/.exec(op);
    if (!call) return /^(decode|value_range|to_rgb|grey)\b(?!_)/.test(op) ? op : undefined;
    const [, name, height, width = height, rest] = call;
    if (name === "resize_small") return `resize_small(${Math.round(Number(height) * factor)}${rest})`;
    return Number(height) === from.height && Number(width) === from.width ? `${name}(${sized(to)}${rest})` : undefined;
  });
  return ops.includes(undefined) ? undefined : ops.join("|");
}

/**
 * Reads the config.json that timm stores beside its weights. Throws WeightsError for unknown arguments of the network.
 */
export function describeTimm(config: Json): Description {
  const pretrained = own(config, "pretrained_cfg");
  const from = (key: string): unknown => own(isObject(pretrained) ? pretrained : undefined, key) ?? own(config, key);
  const notes: string[] = [];
  const modelArguments = own(config, "model_args");
  const settings = isObject(modelArguments) ? modelArguments : {};
  const image = sizeOf(own(settings, "img_size")) ?? sizeOf(from("input_size"));
  const mean = numbers(from("mean")) ?? [0.5];
  const deviation = numbers(from("std")) ?? [0.5];
  const crop = positive(from("crop_pct")) ?? 1;
  const range = valueRangeStage(mean, deviation);
  let preprocessing: string | undefined;
  if (image && range && image.height === image.width) {
    const resized = Math.floor(image.height / crop);
    const named = text(from("interpolation")) ?? "bicubic";
    const method = ["bicubic", "bilinear"].includes(named) ? named : "bicubic";
    if (method !== named) notes.push(`timm resizes its images by the method "${named}"; bicubic is used instead`);
    // to the pixel as in torchvision, which timm uses for evaluation
    preprocessing = `decode|resize_small(${resized},${pillow(method)},rounding=floor)|central_crop(${image.height},rounding=even)|${range}`;
  } else if (!range) notes.push(noRange(mean, deviation));
  const names = from("label_names");
  const architecture = text(from("architecture"));
  const tag = text(from("tag"));
  const licence = text(from("license"));
  return {
    metadata: defined({
      preprocessing,
      classNames: stringsOf(names),
      licence,
      source: architecture === undefined ? undefined : `timm/${architecture}${tag === undefined ? "" : `.${tag}`}`,
    }),
    hints: defined({ image, ...timmArguments(architecture ?? "", settings) }),
    notes,
  };
}

/** Whether a config.json is Hugging Face's or timm's, by its contents. */
export const isModelConfig = (config: Json): boolean =>
  ["architecture", "model_type"].some((key) => Object.hasOwn(config, key));

/** Reads the descriptions in a folder beside weights: those of Hugging Face or of timm. */
export function describeFolder(config: Json | undefined, preprocessor: Json | undefined): Description {
  if (!config) return { metadata: {}, hints: {}, notes: [] };
  const isTimm = own(config, "architecture") !== undefined && own(config, "model_type") === undefined;
  return isTimm ? describeTimm(config) : describeHuggingFace(config, preprocessor);
}

/** The key of Fovea's entry in a safetensors file's metadata. */
export const metadataKey = "fovea";

/** Reads what `writtenMetadata` wrote. Throws WeightsError for invalid contents. */
export function describeOwn(metadata: ReadonlyMap<string, string>): Description & { readonly family?: string } {
  const written = metadata.get(metadataKey);
  if (written === undefined) return { metadata: {}, hints: {}, notes: [] };
  if (written.length > maxJsonBytes)
    throw new WeightsError(`its metadata has ${written.length} characters; expected at most ${maxJsonBytes}`);
  let value: unknown;
  try {
    value = JSON.parse(written);
  } catch (error) {
    throw new WeightsError(`its metadata "${metadataKey}" is not JSON: ${(error as Error).message}`, { cause: error });
  }
  if (!isObject(value)) throw new WeightsError(`its metadata "${metadataKey}" is not an object`);
  const config = own(value, "config");
  const given = own(value, "metadata");
  const image = sizeOf(own(value, "image"));
  const family = text(own(isObject(config) ? config : undefined, "family"));
  return {
    metadata: isObject(given) ? checkedMetadata(given) : {},
    hints: defined({ image, config: isObject(config) ? checkedSettings(config) : undefined }),
    notes: [],
    family,
  };
}

function checkedMetadata(given: Json): WeightsMetadata {
  const accuracies = own(given, "accuracies");
  const isAccuracy = (entry: unknown): entry is PublishedAccuracy =>
    isObject(entry) &&
    typeof entry["dataset"] === "string" &&
    typeof entry["top1"] === "number" &&
    typeof entry["resolution"] === "number";
  return defined({
    preprocessing: text(own(given, "preprocessing")),
    licence: text(own(given, "licence")),
    source: text(own(given, "source")),
    classNames: stringsOf(own(given, "classNames")),
    accuracies: Array.isArray(accuracies) && accuracies.every(isAccuracy) ? accuracies : undefined,
  });
}

const stringsOf = (value: unknown): string[] | undefined =>
  Array.isArray(value) && value.every((one) => typeof one === "string") ? value : undefined;

/** Settings as plain values. They contain no functions; building the graph validates them later. */
function checkedSettings(config: Json): Json {
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== "family" && key !== "__proto__"));
}

/**
 * The metadata of a safetensors file that describes a network completely; `format` is what readers of the layout
 * expect.
 */
export function writtenMetadata(
  config: Json,
  image: { readonly height: number; readonly width: number },
  metadata: WeightsMetadata,
  format: "fovea" | "pt",
): Map<string, string> {
  const settings = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
  return new Map([
    ["format", format],
    [metadataKey, JSON.stringify({ config: settings, image: { height: image.height, width: image.width }, metadata })],
  ]);
}
