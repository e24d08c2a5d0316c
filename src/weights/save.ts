/**
 * Writes a network's weights in any of the layouts that `loadWeights` reads.
 *
 *     await saveWeights("b16.safetensors", weights, "timm");   // or "huggingface", "fovea"
 *     await saveWeights("b16.npz", weights, "augreg");         // or "bit", "mixer"
 */

import { WeightsError } from "../formats/error.js";
import { writeNpz } from "../formats/npz.js";
import { writeSafetensors } from "../formats/safetensors.js";
import type { StoredTensor } from "../formats/stored.js";
import { hasClassToken, type ModelConfig, type ViTConfig } from "../models/index.js";
import { sincos2d } from "../nn/index.js";
import { parametersOf, patchGrid } from "./describe.js";
import { writtenMetadata } from "./descriptions/metadata.js";
import { type LayoutName, layoutFor } from "./layouts/index.js";
import { assign, toTheirs } from "./layouts/table.js";
import { requireFinite, toFloat16Tensor } from "./numbers.js";
import type { Weights, WeightTensor } from "./types.js";

const originalName = "Transformer/posembed_input/pos_embedding";

/**
 * The same network with its class token concatenated before, or after, the position embedding is added. Both
 * conversions are exact (papers.md 1.1): the class token's row of the table is added to the token, or is zero. Networks
 * other than Vision Transformers with a class token and a learned table are returned unchanged.
 */
export function withClassTokenOrder<W extends Pick<Weights, "config" | "tensors">>(
  weights: W,
  order: "before" | "after",
): W {
  const { config, tensors } = weights;
  if (config.family !== "vit" || !hasClassToken(config) || config.classTokenOrder === order) return weights;
  const [from, to] = order === "before" ? ["pos_embedding", originalName] : [originalName, "pos_embedding"];
  const table = tensors.get(from);
  const changed = new Map(tensors);
  if (table) {
    const [, count, width] = table.shape as [number, number, number];
    changed.delete(from);
    if (order === "before") {
      const data = new Float32Array((count + 1) * width);
      data.set(table.data, width);
      changed.set(to, { shape: [1, count + 1, width], data });
    } else {
      const token = tensors.get("cls")!;
      changed.set("cls", { ...token, data: token.data.map((value, i) => value + table.data[i]!) });
      changed.set(to, { shape: [1, count - 1, width], data: table.data.subarray(width) });
    }
  }
  return { ...weights, config: { ...config, classTokenOrder: order }, tensors: changed };
}

/**
 * Layouts whose own code always adds a table of positions from the file: fixed embeddings must be written as a table.
 */
const tableLayouts: readonly LayoutName[] = ["timm", "huggingface"];

/** Whether the position embedding is fixed, or there is none, not even a rotary one; otherwise the network has parameters for it, or needs none. */
const isFixed = (config: ModelConfig): boolean =>
  config.family === "vit" &&
  (config.posEmbedding === "sincos2d" || (config.posEmbedding === "none" && config.rotary === undefined));

/** The order in which a layout's own code adds positions. timm has no row for the class token where there are registers (`no_embed_class`). */
const orderIn = (config: ViTConfig, layout: LayoutName): "before" | "after" =>
  layout === "timm" && (config.registers ?? 0) > 0 ? "after" : "before";

/** The configuration of the network in a layout; the network's function is the same. */
function configIn(config: ModelConfig, layout: LayoutName): ModelConfig {
  if (config.family !== "vit" || layout === "fovea") return config;
  if (tableLayouts.includes(layout) && isFixed(config)) {
    return configIn({ ...config, posEmbedding: "learn", classTokenOrder: "after" }, layout);
  }
  const movesToken = hasClassToken(config) && config.posEmbedding === "learn";
  return movesToken ? { ...config, classTokenOrder: orderIn(config, layout) } : config;
}

/** The weights with their fixed position embedding as a table [1, patches, width], if the layout needs one. */
function withPositionTable<W extends Pick<Weights, "config" | "image" | "tensors">>(weights: W, layout: LayoutName): W {
  const { config, image, tensors } = weights;
  if (config.family !== "vit" || !tableLayouts.includes(layout) || !isFixed(config)) return weights;
  const grid = patchGrid(config, image);
  if (!grid) return weights;
  const { rows, columns } = grid;
  const data =
    config.posEmbedding === "none"
      ? new Float32Array(rows * columns * config.width)
      : sincos2d(rows, columns, config.width);
  const table = { shape: [1, rows * columns, config.width], data };
  return {
    ...weights,
    config: { ...config, posEmbedding: "learn", classTokenOrder: "after" },
    tensors: new Map(tensors).set("pos_embedding", table),
  };
}

/**
 * The names and shapes in a layout, in the order in which they are written, without reading numbers. Throws
 * WeightsError.
 */
export function layoutShapes(
  weights: Pick<Weights, "config" | "image">,
  layout: LayoutName,
): Map<string, readonly number[]> {
  return new Map(placed(weights.config, weights, layout).map(({ theirs, shape }) => [theirs, shape]));
}

function placed(config: ModelConfig, { image }: Pick<Weights, "image">, name: LayoutName) {
  const written = configIn(config, name);
  const rows = layoutFor(name, written).rowsFor(written);
  const { assignments, unplaced } = assign(parametersOf(written, image), rows);
  if (unplaced.length > 0) {
    throw new WeightsError(
      `the layout "${name}" cannot store ${unplaced.join(", ")}; write "fovea", which can store every network, or ONNX`,
    );
  }
  return assignments;
}

/** The weights in the order in which a layout's own code adds positions. */
const inOrderOf = (weights: Weights, layout: LayoutName): Weights =>
  weights.config.family === "vit" ? withClassTokenOrder(weights, orderIn(weights.config, layout)) : weights;

/** A network's tensors under the names and in the shapes of a layout. Throws WeightsError as `saveWeights` does. */
export function layoutTensors(weights: Weights, layout: LayoutName): Map<string, StoredTensor> {
  const { config, tensors } = layout === "fovea" ? weights : inOrderOf(withPositionTable(weights, layout), layout);
  const numbers = (name: string): Float32Array => {
    const tensor: WeightTensor | undefined = tensors.get(name);
    if (!tensor) throw new WeightsError(`the weights lack ${name}, which their network has`);
    requireFinite(tensor.data, name);
    return tensor.data;
  };
  return new Map(
    placed(config, weights, layout).map((assignment) => [
      assignment.theirs,
      { dtype: "float32", shape: assignment.shape, data: toTheirs(assignment, numbers) },
    ]),
  );
}

/** Options of `saveWeights`. */
export interface SaveOptions {
  /** Number type in the file: float16 halves its size and keeps three digits of each number; default: float32. */
  readonly dtype?: "float32" | "float16";
}

/**
 * Writes weights to a file atomically; returns the properties that the layout cannot store. Safetensors files also
 * contain the whole description in their metadata, which `loadWeights` reads and others ignore.
 *
 * Throws WeightsError when the layout cannot store the network, the file's extension is not that of its format, a
 * parameter is missing, or a number is NaN, infinite or too large for the dtype.
 */
export async function saveWeights(
  path: string,
  weights: Weights,
  layoutName: LayoutName,
  { dtype = "float32" }: SaveOptions = {},
): Promise<{ lost: readonly string[] }> {
  const layout = layoutFor(layoutName, configIn(weights.config, layoutName));
  if (!path.endsWith(`.${layout.format}`)) {
    throw new WeightsError(`${path}: the layout "${layoutName}" is written as .${layout.format}`);
  }
  const wide = layoutTensors(weights, layoutName);
  const tensors =
    dtype === "float32" ? wide : new Map([...wide].map(([name, one]) => [name, toFloat16Tensor(one, name)]));
  if (layout.format === "npz") {
    await writeNpz(path, tensors);
    const described = Object.keys(weights.metadata);
    const lost = described.length > 0 ? [`its description (${described.join(", ")}): .npz files cannot store it`] : [];
    return { lost: [...layout.lost(weights.config), ...lost] };
  }
  const config = configIn(weights.config, layoutName);
  const format = layoutName === "fovea" ? "fovea" : "pt";
  await writeSafetensors(path, tensors, writtenMetadata({ ...config }, weights.image, weights.metadata, format));
  const fixed = tableLayouts.includes(layoutName) && isFixed(weights.config);
  return {
    lost: [
      ...layout.lost(weights.config),
      ...(fixed ? ["that its position embedding is not learned (it is written as a table)"] : []),
    ],
  };
}
