/** timm's safetensors files of Vision Transformers and hybrids (papers.md 1.9; names as timm 1.0 has them). */

import { WeightsError } from "../../formats/error.js";
import type { ModelConfig } from "../../models/index.js";
import { defined } from "../../text/defined.js";
import {
  classTokenOrder,
  type FileContents,
  type Hints,
  hintedPatches,
  type Layout,
  positionName,
  type Reading,
  renamed,
} from "./layout.js";
import { type Row, turns } from "./table.js";
import { torchDense, torchNorm } from "./torch.js";

/** Several projections of an attention layer in one tensor, concatenated along its rows. */
const projections = (attention: string, names: readonly string[], theirs: string): Row[] => [
  { ours: names.map((name) => `${attention}/${name}/kernel`), theirs: `${theirs}.weight`, steps: turns.intoHeads },
  { ours: names.map((name) => `${attention}/${name}/bias`), theirs: `${theirs}.bias`, steps: turns.headBias },
];
const output = (attention: string, theirs: string): Row[] => [
  { ours: `${attention}/out/kernel`, theirs: `${theirs}.weight`, steps: turns.outOfHeads },
  { ours: `${attention}/out/bias`, theirs: `${theirs}.bias` },
];

/** The convolutional stem. A root without stages (R+Ti/16) is the backbone itself; one with stages is its `stem`. */
function stemRows(rootAlone: boolean): Row[] {
  const backbone = "patch_embed.backbone";
  const root = rootAlone ? backbone : `${backbone}.stem`;
  const unit = `${backbone}.stages.{i-1}.blocks.{j-1}`;
  return [
    { ours: "conv_root/kernel", theirs: `${root}.conv.weight` },
    ...torchNorm("gn_root", `${root}.norm`),
    { ours: "block{i}/unit{j}/conv{k}/kernel", theirs: `${unit}.conv{k}.weight` },
    ...torchNorm("block{i}/unit{j}/gn{k}", `${unit}.norm{k}`),
    { ours: "block{i}/unit{j}/conv_proj/kernel", theirs: `${unit}.downsample.conv.weight` },
    ...torchNorm("block{i}/unit{j}/gn_proj", `${unit}.downsample.norm`),
  ];
}

function rowsOf(ourPosition: string, rootAlone: boolean): Row[] {
  const block = "Transformer/encoderblock_{l}";
  const attention = `${block}/MultiHeadDotProductAttention_0`;
  const pool = "MAPHead_0/MultiHeadDotProductAttention_0";
  return [
    { ours: "cls", theirs: "cls_token" },
    { ours: ourPosition, theirs: "pos_embed" },
    { ours: "embedding/kernel", theirs: "patch_embed.proj.weight", steps: turns.patches },
    { ours: "embedding/bias", theirs: "patch_embed.proj.bias" },
    ...torchNorm(`${block}/LayerNorm_0`, "blocks.{l}.norm1"),
    ...projections(attention, ["query", "key", "value"], "blocks.{l}.attn.qkv"),
    ...output(attention, "blocks.{l}.attn.proj"),
    ...torchNorm(`${block}/LayerNorm_1`, "blocks.{l}.norm2"),
    ...torchDense(`${block}/MlpBlock_0/Dense_0`, "blocks.{l}.mlp.fc1"),
    ...torchDense(`${block}/MlpBlock_0/Dense_1`, "blocks.{l}.mlp.fc2"),
    ...torchNorm("Transformer/encoder_norm", "norm"),
    // replaces the previous norm if the mean over tokens is normalised (papers.md 1.5)
    ...torchNorm("fc_norm", "fc_norm"),
    ...torchDense("pre_logits", "pre_logits.fc"),
    ...torchDense("head", "head"),
    { ours: "MAPHead_0/probe", theirs: "attn_pool.latent" },
    ...projections(pool, ["query"], "attn_pool.q"),
    ...projections(pool, ["key", "value"], "attn_pool.kv"),
    ...output(pool, "attn_pool.proj"),
    ...torchNorm("MAPHead_0/LayerNorm_0", "attn_pool.norm"),
    ...torchDense("MAPHead_0/MlpBlock_0/Dense_0", "attn_pool.mlp.fc1"),
    ...torchDense("MAPHead_0/MlpBlock_0/Dense_1", "attn_pool.mlp.fc2"),
    ...stemRows(rootAlone),
  ];
}

function recognise({ entries }: FileContents, hints: Hints): Reading | undefined {
  if (!entries.has("patch_embed.proj.weight") || !entries.has("pos_embed")) return undefined;
  if (entries.has("fc_norm.weight") && entries.has("cls_token")) {
    throw new WeightsError(
      'it has fc_norm and a class token: timm then averages the patches beside the class token, which is not supported; use weights with global_pool "token" or "map", or with class_token=False',
    );
  }
  const rootAlone = entries.has("patch_embed.backbone.conv.weight");
  const isHybrid = rootAlone || entries.has("patch_embed.backbone.stem.conv.weight");
  const length = entries.get("pos_embed")!.shape.at(-2) ?? 0;
  const patch = entries.get("patch_embed.proj.weight")!.shape.at(-1);
  const patches = isHybrid ? undefined : hintedPatches(hints, patch);
  const order = entries.has("cls_token") ? classTokenOrder(length, "before", patches) : undefined;
  return {
    family: "vit",
    rows: rowsOf(positionName(order), rootAlone),
    ...renamed(entries, (name) => name),
    config: defined({ gelu: "erf", layerNormEpsilon: 1e-6, classTokenOrder: order }),
    notes: isHybrid
      ? [
          "the stem computes as in the original (papers.md 3.1); timm's own differs in its epsilons (1e-8 under the root, 1e-5 in the norms)",
        ]
      : [],
  };
}

export const timmViT: Layout = {
  name: "timm",
  format: "safetensors",
  families: ["vit"],
  recognise,
  rowsFor(config: ModelConfig) {
    if (config.family !== "vit")
      throw new WeightsError(`this layout can only store Vision Transformers; given the family ${config.family}`);
    const rootAlone = config.stem.kind === "resnet" && config.stem.blocks.length === 0;
    return rowsOf(positionName(config.pooling === "tok" ? "before" : undefined), rootAlone);
  },
  lost(config) {
    if (config.family !== "vit") return [];
    const lost: string[] = [];
    if (config.gelu !== "erf") lost.push('its tanh GELU (pass act_layer="gelu_tanh" to timm)');
    if (config.layerNormEpsilon !== 1e-6)
      lost.push(`its layer-norm epsilon of ${config.layerNormEpsilon} (timm has 1e-6)`);
    if (config.pooling === "gap") {
      const norm = config.poolNorm === "before" ? ", fc_norm=False" : "";
      lost.push(`its pooling (pass class_token=False, global_pool="avg"${norm} to timm)`);
    }
    if (config.pooling === "map") lost.push('its pooling (pass class_token=False, global_pool="map" to timm)');
    return lost;
  },
};
