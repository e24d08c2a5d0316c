/** The vision towers of Hugging Face `siglip` and `clip`, alone or beside a text tower (papers.md 14). */
import { WeightsError } from "../../formats/error.js";
import type { ModelConfig, ViTConfig } from "../../models/index.js";
import { type FileContents, type Layout, positionName, type Reading, renamed } from "./layout.js";
import { type Row, turns } from "./table.js";
import {
  ourAttention,
  ourBlock,
  ourMlp,
  ourPool,
  ourPoolAttention,
  torchDense,
  torchNorm,
  torchOutput,
  torchProjections,
} from "./torch.js";

const tower = "vision_model";

/** What both towers share; the position embedding is a table [n, d]. */
function towerRows(position: string): Row[] {
  const block = `${tower}.encoder.layers.{l}`;
  return [
    { ours: position, theirs: `${tower}.embeddings.position_embedding.weight`, steps: turns.table },
    { ours: "embedding/kernel", theirs: `${tower}.embeddings.patch_embedding.weight`, steps: turns.patches },
    { ours: "embedding/bias", theirs: `${tower}.embeddings.patch_embedding.bias` },
    ...torchNorm(`${ourBlock}/LayerNorm_0`, `${block}.layer_norm1`),
    ...["query", "key", "value"].flatMap((name) =>
      torchProjections(ourAttention, [name], `${block}.self_attn.${name.charAt(0)}_proj`),
    ),
    ...torchOutput(ourAttention, `${block}.self_attn.out_proj`),
    ...torchNorm(`${ourBlock}/LayerNorm_1`, `${block}.layer_norm2`),
    ...torchDense(`${ourMlp}/Dense_0`, `${block}.mlp.fc1`),
    ...torchDense(`${ourMlp}/Dense_1`, `${block}.mlp.fc2`),
    ...torchNorm("Transformer/encoder_norm", `${tower}.post_layernorm`),
  ];
}

function siglipRows(): Row[] {
  const head = `${tower}.head`;
  return [
    ...towerRows("pos_embedding"),
    { ours: `${ourPool}/probe`, theirs: `${head}.probe` },
    ...torchProjections(ourPoolAttention, ["query", "key", "value"], `${head}.attention.in_proj`, "_"),
    ...torchOutput(ourPoolAttention, `${head}.attention.out_proj`),
    ...torchNorm(`${ourPool}/LayerNorm_0`, `${head}.layernorm`),
    ...torchDense(`${ourPool}/MlpBlock_0/Dense_0`, `${head}.mlp.fc1`),
    ...torchDense(`${ourPool}/MlpBlock_0/Dense_1`, `${head}.mlp.fc2`),
    ...torchDense("head", "classifier"),
  ];
}

function clipRows(): Row[] {
  return [
    { ours: "cls", theirs: `${tower}.embeddings.class_embedding`, steps: turns.token },
    ...towerRows(positionName("before")),
    // spelt like this in every file
    ...torchNorm("Transformer/input_norm", `${tower}.pre_layrnorm`),
    { ours: "projection/kernel", theirs: "visual_projection.weight", steps: turns.dense },
    ...torchDense("head", "classifier"),
  ];
}

/** Tensors beside the vision tower: the text tower, and what compares both. */
const beside = /^(text_model\.|text_projection\.|logit_(scale|bias)$|.*\.position_ids$)/;

function recognise({ entries }: FileContents, hasClassToken: boolean): Reading | undefined {
  const positions = entries.get(`${tower}.embeddings.position_embedding.weight`);
  if (!positions || entries.has(`${tower}.embeddings.class_embedding`) !== hasClassToken) return undefined;
  const inside = renamed(entries, (name) => (beside.test(name) ? undefined : name));
  const hasText = inside.left.some((name) => name.startsWith("text_"));
  return {
    family: "vit",
    rows: hasClassToken ? clipRows() : siglipRows(),
    entries: inside.entries,
    names: inside.names,
    config: hasClassToken
      ? { gelu: "quick", layerNormEpsilon: 1e-5, classTokenOrder: "before" }
      : { gelu: "tanh", layerNormEpsilon: 1e-6 },
    notes: hasText ? ["its text tower is ignored"] : [],
  };
}

function requireTower(config: ModelConfig, name: string, fits: (config: ViTConfig) => boolean): void {
  if (config.family === "vit" && fits(config) && isTower(config)) return;
  throw new WeightsError(
    `Hugging Face's ${name} cannot store this network: other tokens, norms, positions or layers; write the layout "fovea", or ONNX`,
  );
}

const isTower = (config: ViTConfig): boolean =>
  config.stem.kind === "patch" &&
  config.posEmbedding === "learn" &&
  config.posEmbeddingLayers === "input" &&
  config.poolNorm === "before" &&
  config.preLogits === false &&
  config.norm !== "rms" &&
  config.mlp !== "swiglu" &&
  (config.registers ?? 0) === 0 &&
  (config.innerNorms ?? []).length === 0 &&
  (config.poolHeads ?? config.heads) === config.heads &&
  [config.rotary, config.layerScale].every((option) => option === undefined) &&
  (config.withoutBias ?? []).every((part) => part === "patch");

export const huggingfaceSiglip: Layout = {
  name: "huggingface",
  format: "safetensors",
  families: ["vit"],
  recognise: (file) => recognise(file, false),
  rowsFor(config) {
    requireTower(
      config,
      "siglip",
      ({ pooling, inputNorm = "none", withoutBias = [], projection }) =>
        pooling === "map" && inputNorm === "none" && withoutBias.length === 0 && projection === undefined,
    );
    return siglipRows();
  },
  // the config.json beside it stores everything
  lost: () => [],
};

export const huggingfaceClip: Layout = {
  name: "huggingface",
  format: "safetensors",
  families: ["vit"],
  recognise: (file) => recognise(file, true),
  rowsFor(config) {
    requireTower(
      config,
      "clip",
      ({ pooling, inputNorm, withoutBias = [] }) =>
        pooling === "tok" && inputNorm === "tokens" && withoutBias.includes("patch"),
    );
    return clipRows();
  },
  lost: () => [],
};
