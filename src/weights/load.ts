/**
 * Loads weights from files, folders or downloads, in any published layout, as our parameters; and describes the
 * contents of a file.
 *
 *     const { config, tensors, image, metadata } = await loadWeights("augreg:B/16", { image: 224, classes: 10 });
 *     const program = ...; // a network of `config` for images of `image`; its parameters are `tensors`, by name
 *
 *     await loadWeights("model.safetensors");          // ours, timm's, Hugging Face's
 *     await loadWeights("BiT-M-R50x1.npz");            // BiT, AugReg, original ViT, hybrids, MLP-Mixer
 *     await loadWeights("hf:google/vit-base-patch16-224@main"); // fetched once, then offline from the cache
 *     await loadWeights("embedded:bit");             // comes with the package
 *     (await inspectWeights("checkpoint.npz")).config; // without reading the numbers
 *
 * `saveWeights` (save.ts) is the inverse.
 */

import { inFile, WeightsError } from "../formats/error.js";
import type { StoredDType, TensorEntry, TensorFile } from "../formats/stored.js";
import { elementCount } from "../graph/index.js";
import type { ModelConfig, PublishedConfig } from "../models/index.js";
import { isStatisticName } from "../nn/index.js";
import { metadataFor, resizeImages, withClasses } from "./adapt.js";
import { type Described, describeNetwork, type ImageSize, parametersOf } from "./describe.js";
import { defaultPreprocessing, describeOwn, type WeightsMetadata } from "./descriptions/metadata.js";
import type { HubOptions } from "./hub.js";
import { type FileContents, type Hints, type LayoutName, type Reading, recogniseLayout } from "./layouts/index.js";
import { type Assignment, assign, type Named, type Shape, toOurs } from "./layouts/table.js";
import { requireFinite, toFloat32, weightDTypes } from "./numbers.js";
import type { PositionResize } from "./positions.js";
import { openSource } from "./sources.js";
import { parseNetworkSpec } from "./spec.js";
import type { Weights, WeightTensor } from "./types.js";

/** Weights as they were loaded. */
export interface LoadedWeights extends Weights {
  /** The file, or the index of several. */
  readonly path: string;
  readonly layout: LayoutName;
  /** Messages about what was assumed, changed or ignored. */
  readonly notes: readonly string[];
}

/** Options of `loadWeights`. */
export interface LoadOptions {
  /**
   * Size of the images to use the network with, in pixels, [height, width] or one for both: positions are resized, a
   * Mixer's token mixing is repeated.
   */
  readonly image?: number | readonly [number, number];
  /** How position embeddings are resized; default: as in the code that the weights come from. */
  readonly positionResize?: PositionResize;
  /**
   * Number of classes. If it differs from the file's, the head is replaced by a zero-initialised one, and a pre-logits
   * layer of the old head is removed, as in the ViT paper. 0 removes the head.
   */
  readonly classes?: number;
  /** Settings that take precedence over those of the file and its layout, e.g. `{ gelu: "tanh" }`, `{ heads: 6 }`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /**
   * Size of the images the weights were trained on, needed if the file does not contain it: for grids that are not
   * square.
   */
  readonly sourceImage?: readonly [number, number];
  /** Cache, mirror and network (see `HubOptions`). */
  readonly hub?: Omit<HubOptions, "note">;
  /** Called with every message immediately. */
  readonly note?: (text: string) => void;
}

/** The contents of a file of weights. */
export interface InspectedWeights {
  readonly path: string;
  readonly format: "safetensors" | "npz";
  readonly layout: LayoutName;
  readonly config: ModelConfig;
  readonly image: ImageSize;
  readonly metadata: WeightsMetadata;
  readonly parameterCount: number;
  /** The file's own tensors. */
  readonly entries: ReadonlyMap<string, { readonly dtype: StoredDType; readonly shape: readonly number[] }>;
  readonly notes: readonly string[];
}

interface Opened extends Described {
  readonly file: TensorFile;
  readonly layout: LayoutName;
  readonly reading: Reading;
  readonly assignments: readonly Assignment[];
  readonly parameters: readonly Named[];
  readonly metadata: WeightsMetadata;
  /** Size of the images to use the network with, if it is not that of the weights. */
  readonly size: readonly [number, number] | undefined;
}

/**
 * Loads the weights with a name: a .safetensors or .npz file in any layout of `layouts`; a folder with
 * `model.safetensors` (or its index) and config.json; `hf:OWNER/NAME[@REVISION]`; `augreg:NAME` (see `augRegFile`);
 * `embedded:NAME`, a backbone of the package. Settings that files do not state may follow
 * (`?heads=4&layerNormEpsilon=1e-5`, see `networkOptions`); `options` take precedence over them. All numbers are
 * returned as float32.
 *
 * Throws WeightsError when there is nothing with that name, when it is damaged or in an unknown layout, contains NaN or
 * infinities, does not fit the network (the error lists every missing, extra and mis-shaped tensor), or cannot be
 * adapted to the requested image size.
 */
export async function loadWeights(name: string, options: LoadOptions = {}): Promise<LoadedWeights> {
  const opened = await openWeights(name, options);
  try {
    const tensors = await readTensors(opened);
    const { config, image, metadata, layout, file } = opened;
    const notes = [...opened.notes];
    const report = (text: string) => {
      notes.push(text);
      options.note?.(text);
    };
    let weights: Weights = { config, image, metadata, tensors };
    const wanted = options.image ?? parseNetworkSpec(name).size ?? opened.size;
    if (wanted !== undefined) {
      const [height, width] = typeof wanted === "number" ? [wanted, wanted] : wanted;
      const method = options.positionResize ?? defaultResize(layout, file.format, config);
      const size = { height, width, channels: image.channels };
      // the preprocessing may be for another size than the weights
      const stated = opened.size ? { height: opened.size[0], width: opened.size[1], channels: image.channels } : image;
      const resized = metadataFor({ metadata, image: stated }, size, report);
      weights = { ...resizeImages({ ...weights, metadata: {} }, size, method, report), metadata: resized };
    }
    if (options.classes !== undefined) weights = withClasses(weights, options.classes, report);
    return { ...weights, path: file.path, layout, notes };
  } catch (error) {
    throw inFile(opened.file.path, error);
  } finally {
    await opened.file.close();
  }
}

/**
 * Describes the contents of a file of weights, without reading its numbers. `name` and the errors are those of
 * `loadWeights`.
 */
export async function inspectWeights(
  name: string,
  options: Pick<LoadOptions, "config" | "sourceImage" | "hub" | "note"> = {},
): Promise<InspectedWeights> {
  const { file, layout, config, image, metadata, parameters, notes } = await openWeights(name, options);
  await file.close();
  const parameterCount = parameters
    .filter(({ name }) => !isStatisticName(name))
    .reduce((total, { shape }) => total + elementCount(shape), 0);
  return {
    path: file.path,
    format: file.format,
    layout,
    config,
    image,
    metadata,
    parameterCount,
    entries: file.entries,
    notes,
  };
}

async function openWeights(spec: string, options: LoadOptions): Promise<Opened> {
  const { name, ...stated } = parseNetworkSpec(spec);
  const { file, description } = await openSource(name, { ...options.hub, note: options.note });
  try {
    const ours = describeOwn(file.metadata);
    const sides = options.sourceImage ?? stated.sourceImage;
    const given = sides && { image: { height: sides[0], width: sides[1] } };
    const config = { ...description.hints.config, ...ours.hints.config };
    const hints: Hints = { ...description.hints, ...ours.hints, ...given, config };
    const { contents, scalars } = withoutScalars(file);
    const { layout, reading } = recogniseLayout(contents, hints);
    if (ours.family !== undefined && ours.family !== reading.family) {
      throw new WeightsError(`its metadata says it is a ${ours.family}; its tensors are those of a ${reading.family}`);
    }
    const described = describeNetwork(reading, hints, { ...stated.config, ...options.config });
    const parameters = parametersOf(described.config, described.image);
    const { assignments, unplaced } = assign(parameters, reading.rows);
    requireMatch(reading, layout.name, described.config, assignments, unplaced);
    const original = file.format === "npz" && { preprocessing: defaultPreprocessing(described.image) };
    const metadata = { ...original, ...description.metadata, ...ours.metadata };
    const notes = [...description.notes, ...scalarNotes(scalars), ...described.notes];
    const named = withFittingNames(metadata, described.config.classes, notes);
    for (const text of notes) options.note?.(text);
    const { size } = description;
    const { image } = described;
    const isOther = size !== undefined && (size.height !== image.height || size.width !== image.width);
    const used = isOther ? ([size.height, size.width] as const) : undefined;
    const opened = { file, layout: layout.name, reading, assignments, parameters, metadata: named, notes };
    return { ...described, ...opened, size: used };
  } catch (error) {
    await file.close();
    throw inFile(file.path, error);
  }
}

/**
 * Separates weights from the scalars that training stores beside them in an .npz file, such as a step; no layout has
 * scalars.
 */
function withoutScalars({ format, entries }: TensorFile): { contents: FileContents; scalars: readonly string[] } {
  const [kept, scalars] = [new Map<string, TensorEntry>(), [] as string[]];
  for (const [name, entry] of entries) {
    if (format === "npz" && entry.shape.length === 0) scalars.push(name);
    else kept.set(name, entry);
  }
  // the error for an unknown layout lists the names of a file with scalars only
  return kept.size === 0
    ? { contents: { format, entries }, scalars: [] }
    : { contents: { format, entries: kept }, scalars };
}

/** How many names of scalars a message lists. */
const listedScalars = 8;

function scalarNotes(scalars: readonly string[]): string[] {
  if (scalars.length === 0) return [];
  const more = scalars.length > listedScalars ? ` and ${scalars.length - listedScalars} more` : "";
  return [`ignored scalars, which are not weights: ${scalars.slice(0, listedScalars).join(", ")}${more}`];
}

/** Class names, if there is one for each class; otherwise they are reported and dropped. */
function withFittingNames(metadata: WeightsMetadata, classes: number, notes: string[]): WeightsMetadata {
  const { classNames, ...rest } = metadata;
  if (!classNames || classNames.length === classes) return metadata;
  if (classes > 0) {
    notes.push(
      `${classNames.length} class names came with weights of ${classes} classes; they do not match and are ignored`,
    );
  }
  return rest;
}

const withoutOnes = (shape: Shape) => shape.filter((side) => side !== 1);
/**
 * Compares shapes without dimensions of 1: old files have group norms of [1, 1, 1, C] and biases of [1, 1, C]
 * (papers.md 1.9, 3.2).
 */
const sameButOnes = (a: Shape, b: Shape) => {
  const [left, right] = [withoutOnes(a), withoutOnes(b)];
  return left.length === right.length && left.every((side, axis) => side === right[axis]);
};

const shown = (shape: Shape) => `[${shape.join(", ")}]`;

/** Throws one error that lists everything that does not match. */
function requireMatch(
  { entries, names }: Reading,
  layout: LayoutName,
  config: PublishedConfig,
  assignments: readonly Assignment[],
  unplaced: readonly string[],
): void {
  const wanted = new Map(assignments.map((assignment) => [assignment.theirs, assignment]));
  const missing = [...wanted.keys()]
    .filter((name) => !entries.has(name))
    .concat(unplaced.map((name) => `${name} (our name)`));
  const extra = [...entries.keys()].filter((name) => !wanted.has(name)).map((name) => names.get(name)!);
  const wrong: string[] = [];
  for (const [name, { shape }] of wanted) {
    const entry = entries.get(name);
    if (!entry) continue;
    if (!sameButOnes(entry.shape, shape))
      wrong.push(`${names.get(name)} is ${shown(entry.shape)}, expected ${shown(shape)}`);
    if (!weightDTypes.includes(entry.dtype))
      wrong.push(`${names.get(name)} holds ${entry.dtype}, expected ${weightDTypes.join(", ")}`);
  }
  if (missing.length + extra.length + wrong.length === 0) return;
  const list = (title: string, items: readonly string[]) =>
    items.length === 0 ? "" : `\n  ${title} (${items.length}): ${items.join("; ")}`;
  throw new WeightsError(
    `its tensors (layout "${layout}") do not match the recognised ${config.family} (${summary(config)}):${list("missing", missing)}${list("extra", extra)}${list("mis-shaped", wrong)}`,
  );
}

function summary(config: PublishedConfig): string {
  if (config.family === "resnet")
    return `blocks ${config.blocks.join(", ")}, width x${config.widthFactor}, ${config.classes} classes`;
  if (config.family === "mobilenet")
    return `${config.architecture}, width x${config.widthFactor}, ${config.classes} classes`;
  return `width ${config.width}, depth ${config.depth}, patch ${config.patchSize}, ${config.classes} classes`;
}

/** Reads every tensor once; copies only what is transposed. */
async function readTensors({ file, reading, assignments, parameters }: Opened): Promise<Map<string, WeightTensor>> {
  const read = new Map<string, Float32Array>();
  for (const assignment of assignments) {
    const name = reading.names.get(assignment.theirs)!;
    const data = toFloat32(await file.read(name), name);
    requireFinite(data, name);
    for (const [ours, values] of toOurs(assignment, data)) read.set(ours, values);
  }
  return new Map(parameters.map(({ name, shape }) => [name, { shape, data: read.get(name)! }]));
}

/** The convention of the code a layout comes from (papers.md 1.8). */
function defaultResize(layout: LayoutName, format: "safetensors" | "npz", config: ModelConfig): PositionResize {
  if (format === "npz" || layout === "fovea") return "original";
  // transformers antialiases in dinov2_with_registers alone, as timm does
  const hasRegisters = config.family === "vit" && (config.registers ?? 0) > 0;
  return layout === "huggingface" && !hasRegisters ? "huggingface" : "timm";
}
