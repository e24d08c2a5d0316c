/**
 * Reads and writes the description of the network in a checkpoint, so that opening one does not need its training
 * recipe.
 */
import type { ModelConfig } from "../../models/index.js";
import type { LossName } from "../../nn/index.js";
import { CheckpointError, type Json, type LoadedCheckpoint } from "./checkpoint.js";

export interface StoredDescription {
  readonly config: ModelConfig;
  /** [height, width, channels] of its images. */
  readonly imageShape: readonly [number, number, number];
  /** The preprocessing to this shape for images of any source, in its string form. */
  readonly preprocessing: string;
  /** How its logits become probabilities. */
  readonly loss: LossName;
}

/** The key of the description in a checkpoint's metadata. */
export const descriptionKey = "network";

/** The description in the form that a checkpoint stores. */
export const storedDescription = ({ config, imageShape, preprocessing, loss }: StoredDescription): Json =>
  JSON.parse(JSON.stringify({ config, image: imageShape, preprocessing, loss })) as Json;

/**
 * Reads the description from a checkpoint; undefined for old checkpoints without one. Throws CheckpointError when it is
 * damaged.
 */
export function readDescription({ meta, path }: LoadedCheckpoint): StoredDescription | undefined {
  const value = meta[descriptionKey] as
    | { config?: Json; image?: Json; preprocessing?: Json; loss?: Json }
    | null
    | undefined;
  if (value === undefined || value === null) return undefined;
  const { config, image, preprocessing, loss } = value;
  const isImage = Array.isArray(image) && image.length === 3 && image.every((side) => Number.isInteger(side));
  const isConfig = typeof config === "object" && config !== null && "family" in config;
  if (!isImage || !isConfig || typeof preprocessing !== "string" || (loss !== "softmax" && loss !== "sigmoid")) {
    throw new CheckpointError(
      `${path} does not describe its network; expected config, image, preprocessing and loss under "${descriptionKey}" of its metadata`,
    );
  }
  return {
    config: config as unknown as ModelConfig,
    imageShape: image as unknown as StoredDescription["imageShape"],
    preprocessing,
    loss,
  };
}

/** The names of its classes in the order of its logits; undefined if unknown. */
export function readClassNames({ meta }: LoadedCheckpoint): readonly string[] | undefined {
  const names = meta["classNames"];
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) return undefined;
  return names;
}
