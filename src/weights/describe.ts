/** Derives the configuration of a network from the names and shapes of its weights and from hints. */

import { WeightsError } from "../formats/error.js";
import { elementCount, input } from "../graph/index.js";
import {
  type BiasPart,
  classTokenHasRow,
  type MixerConfig,
  type MobileNetConfig,
  type ModelConfig,
  mixerDefaults,
  mobilenetDefaults,
  mobilenetShapes,
  model,
  type PublishedConfig,
  type ResNetConfig,
  resnetDefaults,
  resnetStem,
  type Stem,
  type ViTConfig,
  type ViTShape,
  vitDefaults,
  vitVariants,
} from "../models/index.js";
import { Scope } from "../nn/index.js";
import { defined } from "../text/defined.js";
import { maxStages, requireSane } from "./descriptions/sane.js";
import type { Hints, Reading } from "./layouts/index.js";
import { type Named, type View, viewOf } from "./layouts/table.js";
import type { PatchGrid } from "./positions.js";

/** The size in pixels of the images that weights are for, and their channels. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** A network and its images, as described by a file. */
export interface Described {
  readonly config: PublishedConfig;
  readonly image: ImageSize;
  readonly notes: readonly string[];
}

/**
 * The largest accepted image side; a larger one is a damaged description. Published images have at most 1024 pixels per
 * side.
 */
const maxImageSide = 1 << 14;
/** The image size of a network that takes any size, if its training size is unknown (papers.md 2.1). */
const defaultImageSide = 224;

const missing = (name: string): never => {
  throw new WeightsError(`it has no ${name} (our name), which identifies the network`);
};

function shapeOf(view: View, name: string, rank: number): readonly number[] {
  const shape = view.get(name) ?? missing(name);
  if (shape.length !== rank) {
    throw new WeightsError(
      `the shape [${shape.join(", ")}] of ${name} (our name) is invalid; expected ${rank} dimensions`,
    );
  }
  return shape;
}

const sizeOf = (view: View, name: string): number | undefined => {
  const shape = view.get(name);
  return shape && elementCount(shape);
};

/** The number of different numbers in the first group of matching names. */
function countOf(view: View, expression: RegExp): number {
  const found = new Set<string>();
  for (const name of view.keys()) {
    const match = expression.exec(name);
    if (match) found.add(match[1]!);
  }
  return found.size;
}

function blocksOf(view: View): number[] {
  const units = new Map<number, Set<string>>();
  for (const name of view.keys()) {
    const [, stage, unit] = /^block(\d+)\/unit(\d+)\/conv1\/kernel$/.exec(name) ?? [];
    if (stage === undefined || unit === undefined) continue;
    const found = units.get(Number(stage)) ?? new Set();
    units.set(Number(stage), found.add(unit));
  }
  if (units.size > maxStages) throw new WeightsError(`it has ${units.size} stages, more than any network has`);
  return Array.from({ length: units.size }, (_, i) => units.get(i + 1)?.size ?? 0);
}

/**
 * The shape of a part of the first block that has it. A block that lacks it is reported later, with everything that is
 * missing.
 */
function inAnyBlock(view: View, part: string): readonly number[] | undefined {
  for (const [name, shape] of view) {
    if (name.endsWith(part) && /^(Transformer\/encoderblock|MixerBlock)_\d+\//.test(name)) return shape;
  }
  return undefined;
}

const sizeInAnyBlock = (view: View, part: string): number => {
  const shape = inAnyBlock(view, `/${part}`);
  return shape ? elementCount(shape) : missing(`${part} of any block`);
};

/**
 * The number of attention heads: as the tensors show; otherwise as stated in the hints; otherwise as in the published
 * model with the same width, depth and MLP (papers.md 1.4). Throws WeightsError if it is unknown, because the network
 * runs with any number and would silently compute something else.
 */
function headsOf(view: View, shape: Omit<ViTShape, "heads">, hints: Hints, notes: string[]): number {
  const query = inAnyBlock(view, "/MultiHeadDotProductAttention_0/query/kernel");
  if (query?.length === 3) return query[1] ?? missing("heads");
  if (hints.heads !== undefined) return hints.heads;
  const { width, depth, mlpDim } = shape;
  const published = Object.entries(vitVariants).find(
    ([, one]) => one.width === width && one.depth === depth && one.mlpDim === mlpDim,
  );
  const described = `width ${width}, depth ${depth}, MLP ${mlpDim}`;
  if (!published) {
    throw new WeightsError(
      `the number of attention heads is unknown, and no published model has its shape (${described}); put the model's config.json beside it, or state the number after its name: ?heads=NUMBER`,
    );
  }
  const [name, { heads }] = published;
  notes.push(`the file does not state the number of attention heads; using ${heads}, as in ViT-${name} (${described})`);
  return heads;
}

function stemOf(view: View): Stem {
  if (view.has("conv_root/kernel")) {
    return { ...resnetStem(blocksOf(view)), widthFactor: shapeOf(view, "conv_root/kernel", 4)[0]! / 64 };
  }
  return { kind: "patch" };
}

function vitOf(view: View, hints: Hints, notes: string[]): ViTConfig {
  const [patchSize, , , width] = shapeOf(view, "embedding/kernel", 4) as [number, number, number, number];
  const preLogits = sizeOf(view, "pre_logits/bias");
  const hasTable = ["Transformer/posembed_input/pos_embedding", "pos_embedding"].some((name) => view.has(name));
  if (!hasTable) notes.push("there is no learned position embedding; using the fixed sine/cosine one (papers.md 1.7)");
  const shape = {
    width,
    depth: countOf(view, /^Transformer\/encoderblock_(\d+)\/LayerNorm_0\/scale$/),
    mlpDim: hiddenWidth(view, width),
  };
  const hasClass = view.has("cls");
  const normLast = view.has("fc_norm/scale");
  return {
    ...vitDefaults,
    ...shape,
    stem: stemOf(view),
    patchSize,
    heads: headsOf(view, shape, hints, notes),
    classes: sizeOf(view, "head/bias") ?? 0,
    poolNorm: normLast ? "after" : "before",
    pooling: view.has("MAPHead_0/probe") ? "map" : hasClass && !normLast ? "tok" : "gap",
    posEmbedding: hasTable ? "learn" : "sincos2d",
    preLogits: preLogits === undefined ? false : preLogits === width ? true : preLogits,
    ...successorOptions(view),
  };
}

/** Hidden width of the MLPs: the size of a bias of theirs or, without one, of the kernel of their last layer. */
function hiddenWidth(view: View, width: number): number {
  for (const bias of ["MlpBlock_0/Dense_0/bias", "SwiGLU_0/gate/bias"]) {
    const shape = inAnyBlock(view, `/${bias}`);
    if (shape) return elementCount(shape);
  }
  const last = inAnyBlock(view, "/SwiGLU_0/down/kernel");
  return last ? elementCount(last) / width : missing("MlpBlock_0/Dense_0/bias of any block");
}

/** Options of the Vision Transformer's successors, by the tensors that are there. */
function successorOptions(view: View): Partial<ViTConfig> {
  const inBlock = (part: string) => inAnyBlock(view, `/${part}`) !== undefined;
  const attention = "MultiHeadDotProductAttention_0";
  const biases: readonly (readonly [BiasPart, boolean])[] = [
    ...(["query", "key", "value", "out"] as const).map((part) => [part, inBlock(`${attention}/${part}/bias`)] as const),
    ["mlp", inBlock("MlpBlock_0/Dense_0/bias") || inBlock("SwiGLU_0/gate/bias")],
    ["patch", view.has("embedding/bias")],
  ];
  const withoutBias = biases.flatMap(([part, isThere]) => (isThere ? [] : [part]));
  const innerNorms = [
    ...(inBlock(`${attention}/norm/scale`) ? (["attention"] as const) : []),
    ...(inBlock("MlpBlock_0/norm/scale") || inBlock("SwiGLU_0/norm/scale") ? (["mlp"] as const) : []),
  ];
  const normedTokens = view.has("Transformer/input_norm/scale") ? ("tokens" as const) : undefined;
  return defined({
    registers: view.get("registers")?.[1],
    projection: view.get("projection/kernel")?.[1],
    mlp: inBlock("SwiGLU_0/down/kernel") ? ("swiglu" as const) : undefined,
    layerScale: inBlock("LayerScale_0/scale") ? 1 : undefined,
    inputNorm: view.has("embedding_norm/scale") ? ("patches" as const) : normedTokens,
    norm: inBlock("LayerNorm_0/bias") ? undefined : ("rms" as const),
    withoutBias: withoutBias.length > 0 ? withoutBias : undefined,
    innerNorms: innerNorms.length > 0 ? innerNorms : undefined,
  });
}

function mixerOf(view: View): MixerConfig {
  const [patchSize, , , width] = shapeOf(view, "stem/kernel", 4) as [number, number, number, number];
  return {
    ...mixerDefaults,
    patchSize,
    width,
    depth: countOf(view, /^MixerBlock_(\d+)\/LayerNorm_0\/scale$/),
    tokensMlpDim: sizeInAnyBlock(view, "token_mixing/Dense_0/bias"),
    channelsMlpDim: sizeInAnyBlock(view, "channel_mixing/Dense_0/bias"),
    classes: sizeOf(view, "head/bias") ?? 0,
  };
}

function resnetOf(view: View): ResNetConfig {
  return {
    ...resnetDefaults,
    blocks: blocksOf(view),
    widthFactor: shapeOf(view, "conv_root/kernel", 4)[0]! / 64,
    classes: sizeOf(view, "head/bias") ?? 0,
  };
}

/**
 * The settings that the shapes determine. The width factor is that of the last block, which rounding to multiples of 8 may have changed; the
 * description of the package's own files states the exact one.
 */
function mobilenetOf(view: View): MobileNetConfig {
  const isThird = view.has("hidden/kernel");
  const architecture = !isThird ? "V2" : view.has("block12/depthwise/kernel") ? "V3-large" : "V3-small";
  const { blocks } = mobilenetShapes[architecture];
  const last = shapeOf(view, `block${blocks.length}/project/kernel`, 4)[0] ?? 0;
  return {
    ...mobilenetDefaults,
    architecture,
    widthFactor: last / (blocks.at(-1)?.channels ?? 1),
    featureWidth: sizeOf(view, isThird ? "hidden/bias" : "last/norm/bias"),
    classes: sizeOf(view, "head/bias") ?? 0,
  };
}

/** The number of patches that a learned table or a token MLP requires; undefined if any image fits. */
function fixedPatches(view: View, config: ModelConfig): { readonly count: number; readonly what: string } | undefined {
  if (config.family === "mixer") {
    const count = sizeOf(view, "MixerBlock_0/token_mixing/Dense_1/bias");
    return count === undefined ? undefined : { count, what: "its token mixing" };
  }
  if (config.family !== "vit" || config.posEmbedding !== "learn") return undefined;
  const hasRow = classTokenHasRow(config);
  const shape = view.get(hasRow ? "Transformer/posembed_input/pos_embedding" : "pos_embedding");
  const count = (shape?.at(-2) ?? 0) - (hasRow ? 1 : 0);
  return count > 0 ? { count, what: "its position embedding" } : undefined;
}

/** The grid of patches that a network divides an image into; undefined for one without patches. */
export function patchGrid(config: ModelConfig, image: { height: number; width: number }): PatchGrid | undefined {
  if (config.family !== "vit" && config.family !== "mixer") return undefined;
  const strides = config.family === "vit" ? stridesOf(config.stem) : [];
  const side = (pixels: number) =>
    Math.floor(strides.reduce((rest, stride) => Math.ceil(rest / stride), pixels) / config.patchSize);
  return { rows: side(image.height), columns: side(image.width) };
}

/** The factors by which the stem divides the sides, rounding up each time: all its layers pad. */
function stridesOf(stem: Stem): readonly number[] {
  if (stem.kind === "patch") return [];
  return stem.kind === "convolutions" ? stem.strides : [2, 2, ...stem.blocks.slice(1).map(() => 2)];
}

function imageOf(view: View, config: PublishedConfig, hints: Hints, channels: number): ImageSize {
  const patches = fixedPatches(view, config);
  if (!patches) {
    const { height = defaultImageSide, width = defaultImageSide } = hints.image ?? {};
    return { height, width, channels };
  }
  const fits = (image: { height: number; width: number }) => {
    const grid = patchGrid(config, image)!;
    return grid.rows * grid.columns === patches.count;
  };
  if (hints.image && fits(hints.image)) return { ...hints.image, channels };
  const patch = config.family === "vit" || config.family === "mixer" ? config.patchSize : 1;
  const perPatch =
    patch * (config.family === "vit" ? stridesOf(config.stem).reduce((product, s) => product * s, 1) : 1);
  const side = Math.round(Math.sqrt(patches.count)) * perPatch;
  if (side > 0 && side <= maxImageSide && fits({ height: side, width: side }))
    return { height: side, width: side, channels };
  throw new WeightsError(
    `${patches.what} has ${patches.count} patches, which do not form a square${hints.image ? ` and are not those of ${hints.image.height} x ${hints.image.width} pixels` : ""}; give sourceImage: [height, width] they were trained on`,
  );
}

/**
 * Describes the network in a file. `changes` are settings that take precedence over those in the file. Throws
 * WeightsError.
 */
export function describeNetwork(
  reading: Reading,
  hints: Hints,
  changes: Readonly<Record<string, unknown>> = {},
): Described {
  const view = viewOf(reading.entries, reading.rows);
  const notes = [...reading.notes];
  const heads = [changes, hints.config]
    .map((settings) => settings?.["heads"])
    .find((value) => typeof value === "number");
  const given = heads === undefined ? hints : { ...hints, heads };
  const { family } = reading;
  const shapes = {
    vit: () => vitOf(view, given, notes),
    mixer: () => mixerOf(view),
    resnet: () => resnetOf(view),
    mobilenet: () => mobilenetOf(view),
  }[family]();
  const settings: Readonly<Record<string, unknown>> = { ...shapes, ...reading.config, ...hints.config };
  for (const [name, value] of Object.entries(changes)) {
    if (!(name in settings)) throw new WeightsError(`a network of the family ${family} has no setting ${name}`);
    const other = name === "heads" ? hints.heads : hints.config?.[name];
    if (other !== undefined && other !== value)
      notes.push(`${name} is ${value}, as requested; its description says ${other}`);
  }
  const merged = { ...settings, ...changes, family } as PublishedConfig;
  const config =
    merged.family === "vit" && view.has("cls") && merged.pooling !== "tok" ? { ...merged, classToken: true } : merged;
  // settings in a file may have any type
  sensibly(() => requireSane(config));
  const first =
    family === "mixer" || family === "mobilenet"
      ? "stem/kernel"
      : view.has("conv_root/kernel")
        ? "conv_root/kernel"
        : "embedding/kernel";
  const channels =
    config.family === "vit" && config.stem.kind === "convolutions"
      ? shapeOf(view, "stem/conv1/kernel", 4)[1]!
      : shapeOf(view, first, 4)[first === "conv_root/kernel" || family === "mobilenet" ? 1 : 2]!;
  return { config, image: sensibly(() => imageOf(view, config, hints, channels)), notes };
}

/** Sides of the images with which a network of any size is traced: enough for at least one pixel in every stage. */
const traceSide = 64;

/** Returns the result of `make`; attributes its errors to the settings. */
function sensibly<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof WeightsError) throw error;
    throw new WeightsError(`its description is not that of a network: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * The parameters of a network for images of a size, in order of first use. Throws WeightsError when it cannot be built.
 */
export function parametersOf(config: ModelConfig, image: ImageSize): Named[] {
  return sensibly(() => {
    const fixed = config.family === "vit" && ["sincos2d", "none"].includes(config.posEmbedding);
    // a fixed table has no parameters, and it may be large
    const traced = fixed ? ({ ...config, posEmbedding: "none" } as ModelConfig) : config;
    const side = config.family === "vit" ? Math.max(traceSide, config.patchSize * 64) : traceSide;
    const { height, width } =
      config.family === "mixer" || (config.family === "vit" && !fixed) ? image : { height: side, width: side };
    const scope = Scope.root();
    model(scope, input("image", "float32", [1, height, width, image.channels]), traced);
    return scope.parameters.map(({ name, tensor }) => ({ name, shape: tensor.shape }));
  });
}
