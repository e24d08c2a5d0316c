/** Adapts weights to images of another size and to another number of classes. */
import { WeightsError } from "../formats/error.js";
import { type ModelConfig, representationWidth } from "../models/index.js";
import { type ImageSize, patchGrid } from "./describe.js";
import { resizedPreprocessing, type WeightsMetadata } from "./descriptions/metadata.js";
import { enlargeMixer } from "./mixer-resolution.js";
import { type PositionResize, positionResizes, resizeLine, resizePositions } from "./positions.js";
import type { Weights, WeightTensor } from "./types.js";

/**
 * Adapts weights to images of another size: learned positions are resized to the new grid, and an MLP-Mixer's token
 * mixing is repeated for K times its size (see `enlargeMixer`); `note` reports both. Throws WeightsError for an
 * MLP-Mixer at any other size, for relative positions and for images that are too small.
 */
export function resizeImages(
  weights: Weights,
  size: { readonly height: number; readonly width: number },
  method: PositionResize = "original",
  note: (text: string) => void = () => {},
): Weights {
  const { config, image, tensors } = weights;
  const sides = [size.height, size.width];
  if (!sides.every((side) => Number.isInteger(side) && side > 0)) {
    throw new WeightsError(`images of ${sides.join(" x ")} pixels: the sides must be whole numbers above 0`);
  }
  const wanted: ImageSize = { ...size, channels: image.channels };
  const metadata = metadataFor(weights, wanted, note);
  const [from, to] = [patchGrid(config, image), patchGrid(config, wanted)];
  if (!from || !to || (from.rows === to.rows && from.columns === to.columns))
    return { ...weights, metadata, image: wanted };
  const grids = `${from.rows} x ${from.columns} to ${to.rows} x ${to.columns}`;
  if (to.rows < 1 || to.columns < 1)
    throw new WeightsError(`images of ${sides.join(" x ")} pixels are smaller than a patch`);
  if (config.family === "mixer") {
    if (from.rows * from.columns === to.rows * to.columns) return { ...weights, metadata, image: wanted };
    const larger = enlargeMixer(config, tensors, from, to);
    note(
      `token mixing repeated ${larger.factor}^2 times for ${grids} patches: block-diagonal, each copy processes every ${larger.factor}th patch along both sides (papers.md 3.2)`,
    );
    return { ...weights, config: larger.config, metadata, image: wanted, tensors: larger.tensors };
  }
  if (config.family === "vit" && config.posEmbedding === "relative") {
    throw new WeightsError(`relative position embeddings cannot be resized (from ${grids})`);
  }
  const resized = new Map<string, WeightTensor>();
  let changed = 0;
  for (const [name, tensor] of tensors) {
    const [, count = 0, width = 0] = tensor.shape;
    const last = name.slice(name.lastIndexOf("/") + 1);
    const [before, after] = last === "pos_embedding_x" ? [from.columns, to.columns] : [from.rows, to.rows];
    let data: Float32Array | undefined;
    if (last === "pos_embedding") data = resizePositions(tensor.data, count, from, to, method);
    else if (last === "pos_embedding_x" || last === "pos_embedding_y")
      data = resizeLine(tensor.data, before, after, method);
    if (data) changed++;
    resized.set(name, data ? { shape: [1, data.length / width, width], data } : tensor);
  }
  if (changed > 0)
    note(`position embedding resized from ${grids} patches with the method "${method}" (${positionResizes[method]})`);
  return { ...weights, metadata, image: wanted, tensors: resized };
}

/** The metadata for images of another size; a preprocessing that cannot be adapted is reported and dropped. */
export function metadataFor(
  { metadata, image }: Pick<Weights, "metadata" | "image">,
  wanted: ImageSize,
  note: (text: string) => void,
): WeightsMetadata {
  const { preprocessing, ...rest } = metadata;
  if (preprocessing === undefined || (image.height === wanted.height && image.width === wanted.width)) return metadata;
  const resized = resizedPreprocessing(preprocessing, image, wanted);
  if (resized !== undefined) return { ...rest, preprocessing: resized };
  note(`the preprocessing ${preprocessing} is not for images of ${image.height} x ${image.width} and is ignored`);
  return rest;
}

/** Weights with another number of classes (see `LoadOptions.classes`). Throws WeightsError for an invalid number. */
export function withClasses(weights: Weights, classes: number, note: (text: string) => void = () => {}): Weights {
  const { config } = weights;
  if (!Number.isInteger(classes) || classes < 0)
    throw new WeightsError(`classes is ${classes}; expected a whole number from 0`);
  if (classes === config.classes) return weights;
  const { classNames: _names, accuracies: _accuracies, ...metadata } = weights.metadata;
  const tensors = new Map([...weights.tensors].filter(([name]) => !name.startsWith("head/")));
  if (classes === 0) {
    note(`the head of ${config.classes} classes is removed`);
    return { ...weights, config: { ...config, classes }, tensors, metadata };
  }
  let changed = { ...config, classes } as ModelConfig;
  const hadPreLogits = changed.family === "vit" && changed.preLogits !== false;
  if (changed.family === "vit" && hadPreLogits) {
    // the ViT paper replaces the whole two-layer head by one zero-initialised linear layer (papers.md 1.6)
    for (const name of ["pre_logits/kernel", "pre_logits/bias"]) tensors.delete(name);
    changed = { ...changed, preLogits: false };
  }
  const width = representationWidth(changed, [weights.image.height, weights.image.width, weights.image.channels]);
  tensors.set("head/kernel", { shape: [width, classes], data: new Float32Array(width * classes) });
  tensors.set("head/bias", { shape: [classes], data: new Float32Array(classes) });
  const old = config.classes > 0 ? `the head of ${config.classes} classes` : "no head";
  note(
    `${old} is replaced by a zero-initialised one for ${classes} classes${hadPreLogits ? "; the pre-logits layer is removed too" : ""}`,
  );
  return { ...weights, config: changed, tensors, metadata };
}
