/** timm's safetensors files of Vision Transformers and hybrids (papers.md 1.9; names as timm 1.0 has them). */

import { WeightsError } from "../../formats/error.js";
import { type BiasPart, hasClassToken, type ModelConfig, type ViTConfig } from "../../models/index.js";
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
import {
  ourAttention,
  ourBlock,
  ourGated,
  ourMlp,
  ourPool,
  ourPoolAttention,
  torchDense,
  torchNorm,
  torchOutput,
  torchPacked,
  torchProjections,
} from "./torch.js";

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

/** How the names of a file follow from the class that timm builds its network with. */
interface TimmNames {
  readonly position: string;
  /** The stem is a root without stages. */
  readonly rootAlone: boolean;
  /** `Eva` is the class of networks with rotary embeddings; DINOv2's own files are named as those of `VisionTransformer`. */
  readonly class: "VisionTransformer" | "Eva";
  /** Query, key and value in one matrix; with `biasesApart` their biases are not, and the key has none. */
  readonly attention: "fused" | "biasesApart" | "separate";
  /** The MLPs: GELU, or SwiGLU with gate and value in one matrix, or in two. */
  readonly mlp: "gelu" | "packed" | "separate";
}

function attentionRows({ attention }: TimmNames): Row[] {
  const theirs = "blocks.{l}.attn";
  if (attention === "separate") {
    return ["query", "key", "value"].flatMap((name) =>
      torchProjections(ourAttention, [name], `${theirs}.${name.charAt(0)}_proj`),
    );
  }
  const fused = torchProjections(ourAttention, ["query", "key", "value"], `${theirs}.qkv`);
  if (attention === "fused") return fused;
  const biases = ["query", "value"].map(
    (name): Row => ({
      ours: `${ourAttention}/${name}/bias`,
      theirs: `${theirs}.${name.charAt(0)}_bias`,
      steps: turns.headBias,
    }),
  );
  return [...fused.slice(0, 1), ...biases];
}

function mlpRows({ mlp }: TimmNames): Row[] {
  const theirs = "blocks.{l}.mlp";
  const inner = mlp === "gelu" ? ourMlp : ourGated;
  const [gate, up] = [`${ourGated}/gate`, `${ourGated}/up`];
  const hidden = {
    gelu: torchDense(`${ourMlp}/Dense_0`, `${theirs}.fc1`),
    packed: torchPacked([gate, up], `${theirs}.fc1`),
    separate: [...torchDense(gate, `${theirs}.fc1_g`), ...torchDense(up, `${theirs}.fc1_x`)],
  };
  const last = torchDense(`${inner}/${mlp === "gelu" ? "Dense_1" : "down"}`, `${theirs}.fc2`);
  return [...hidden[mlp], ...torchNorm(`${inner}/norm`, `${theirs}.norm`), ...last];
}

function rowsOf(names: TimmNames): Row[] {
  const scale = names.class === "Eva" ? "gamma_{i+1}" : "ls{i+1}.gamma";
  return [
    { ours: "cls", theirs: "cls_token" },
    { ours: "registers", theirs: "reg_token" },
    { ours: names.position, theirs: "pos_embed" },
    { ours: "embedding/kernel", theirs: "patch_embed.proj.weight", steps: turns.patches },
    { ours: "embedding/bias", theirs: "patch_embed.proj.bias" },
    ...torchNorm("embedding_norm", "patch_embed.norm"),
    ...torchNorm("Transformer/input_norm", "norm_pre"),
    ...torchNorm(`${ourBlock}/LayerNorm_0`, "blocks.{l}.norm1"),
    ...attentionRows(names),
    ...torchNorm(`${ourAttention}/norm`, "blocks.{l}.attn.norm"),
    ...torchOutput(ourAttention, "blocks.{l}.attn.proj"),
    ...[0, 1].map((i) => ({
      ours: `${ourBlock}/LayerScale_${i}/scale`,
      theirs: `blocks.{l}.${scale.replace("{i+1}", String(i + 1))}`,
    })),
    ...torchNorm(`${ourBlock}/LayerNorm_1`, "blocks.{l}.norm2"),
    ...mlpRows(names),
    ...torchNorm("Transformer/encoder_norm", "norm"),
    // replaces the previous norm if the mean over tokens is normalised (papers.md 1.5)
    ...torchNorm("fc_norm", "fc_norm"),
    ...torchDense("pre_logits", "pre_logits.fc"),
    ...torchDense("head", "head"),
    { ours: `${ourPool}/probe`, theirs: "attn_pool.latent" },
    ...torchProjections(ourPoolAttention, ["query"], "attn_pool.q"),
    ...torchProjections(ourPoolAttention, ["key", "value"], "attn_pool.kv"),
    ...torchOutput(ourPoolAttention, "attn_pool.proj"),
    ...torchNorm(`${ourPool}/LayerNorm_0`, "attn_pool.norm"),
    ...torchDense(`${ourPool}/MlpBlock_0/Dense_0`, "attn_pool.mlp.fc1"),
    ...torchDense(`${ourPool}/MlpBlock_0/Dense_1`, "attn_pool.mlp.fc2"),
    ...stemRows(names.rootAlone),
  ];
}

/** Names of the original files of DINOv2 and DeiT III that timm renames when it reads them, and tensors of pre-training alone. */
const renames: readonly (readonly [RegExp, string])[] = [
  [/^register_tokens$/, "reg_token"],
  [/\.gamma_([12])$/, ".ls$1.gamma"],
  [/\.mlp\.w12\./, ".mlp.fc1."],
  [/\.mlp\.w3\./, ".mlp.fc2."],
];
const ofPreTraining = /^(mask_token$|decoder_|rope\.)/;

/** The first block, by which a class is recognised. */
const firstBlock = "blocks.0.";

/** The kind of the MLPs, by the tensors of the first block: a packed SwiGLU has twice as many rows as its last layer has columns. */
function mlpOf(entries: FileContents["entries"]): TimmNames["mlp"] {
  const shape = (name: string) => entries.get(`${firstBlock}mlp.${name}.weight`)?.shape;
  if (shape("fc1_g")) return "separate";
  const [rows, columns] = [shape("fc1")?.[0], shape("fc2")?.[1]];
  return rows !== undefined && rows === 2 * (columns ?? 0) ? "packed" : "gelu";
}

/** Networks with rotary embeddings; undefined for those without, such as the first EVA. */
function rotaryNetwork(has: (name: string) => boolean, mlp: TimmNames["mlp"]): "DINOv3" | "PE" | "EVA-02" | undefined {
  if (!has("pos_embed")) return "DINOv3";
  if (has("attn_pool.latent")) return "PE";
  return mlp === "gelu" ? undefined : "EVA-02";
}

/** Settings of networks with rotary embeddings (papers.md 14). */
function rotarySettings(
  network: ReturnType<typeof rotaryNetwork>,
  positions: number,
): Readonly<Record<string, unknown>> {
  if (network === undefined) return {};
  if (network === "DINOv3") {
    return {
      rotary: { kind: "centred", base: 100 },
      posEmbedding: "none",
      // timm's default; DINOv3's own code takes the class token
      pooling: "gap",
      layerNormEpsilon: 1e-5,
    };
  }
  if (network === "PE") {
    const side = Math.floor(Math.sqrt(positions));
    return {
      rotary: { kind: "cells", base: 10_000, reference: [side, side], offset: 1, order: "xy" },
      poolHeads: 8,
      layerNormEpsilon: 1e-5,
    };
  }
  return { rotary: { kind: "cells", base: 10_000, reference: [16, 16] } };
}

/** Whether timm's class `Eva` made a file: only its networks have rotary embeddings. Undefined where the file does not say it. */
function isEva(has: (name: string) => boolean): boolean {
  const noKeyBias = has(`${firstBlock}attn.q_bias`) || has(`${firstBlock}attn.q_proj.weight`);
  const isPE = has("norm_pre.weight") && has("attn_pool.latent");
  return noKeyBias || isPE || !has("pos_embed");
}

function recognise(file: FileContents, hints: Hints): Reading | undefined {
  if (!file.entries.has("patch_embed.proj.weight") || !file.entries.has(`${firstBlock}norm1.weight`)) return undefined;
  const eva = isEva((name) => file.entries.has(name));
  const inside = renamed(file.entries, (name) => {
    if (ofPreTraining.test(name)) return undefined;
    return eva ? name : renames.reduce((current, [from, to]) => current.replace(from, to), name);
  });
  const { entries } = inside;
  const has = (name: string) => entries.has(name);
  if (eva && !has("pos_embed") && !(has("reg_token") && has(`${firstBlock}gamma_1`))) {
    throw new WeightsError(
      "it has neither a position embedding nor the tensors of DINOv3 (reg_token, gamma_1); its kind of rotary embedding is not supported",
    );
  }
  const rootAlone = has("patch_embed.backbone.conv.weight");
  const isHybrid = rootAlone || has("patch_embed.backbone.stem.conv.weight");
  const length = entries.get("pos_embed")?.shape.at(-2) ?? 0;
  const patch = entries.get("patch_embed.proj.weight")!.shape.at(-1);
  const patches = isHybrid ? undefined : hintedPatches(hints, patch);
  const order = has("cls_token") ? classTokenOrder(length, "before", patches) : undefined;
  const mlp = mlpOf(entries);
  const network = eva ? rotaryNetwork(has, mlp) : undefined;
  const isCLIP = !eva && has("norm_pre.weight");
  return {
    family: "vit",
    rows: rowsOf({
      position: positionName(order),
      rootAlone,
      class: eva ? "Eva" : "VisionTransformer",
      attention: has(`${firstBlock}attn.q_proj.weight`)
        ? "separate"
        : eva && !has(`${firstBlock}attn.qkv.bias`)
          ? "biasesApart"
          : "fused",
      mlp,
    }),
    entries,
    names: inside.names,
    config: defined({
      gelu: "erf",
      layerNormEpsilon: isCLIP || has("patch_embed.norm.weight") ? 1e-5 : 1e-6,
      classTokenOrder: order,
      ...rotarySettings(network, order === "before" ? length - 1 : length),
    }),
    notes: [
      ...(isHybrid
        ? [
            "the stem computes as in the original (papers.md 3.1); timm's own differs in its epsilons (1e-8 under the root, 1e-5 in the norms)",
          ]
        : []),
      ...(network ? [`the file does not state its rotary embedding; using that of ${network} (papers.md 14.2)`] : []),
      ...(inside.left.length > 0
        ? [`${inside.left.length} tensors of pre-training are ignored: ${inside.left.slice(0, 3).join(", ")}`]
        : []),
    ],
  };
}

/** The names that timm reads a network by. Throws WeightsError for one that none of its classes can be. */
function namesOf(config: ViTConfig): TimmNames {
  const { withoutBias = [], mlp, innerNorms = [], rotary, projection } = config;
  const isEvaClass = rotary !== undefined;
  const lacks = (part: BiasPart) => withoutBias.includes(part);
  const problem =
    projection !== undefined
      ? "a projection of the pooled features"
      : lacks("query") !== lacks("value") || (lacks("query") && !lacks("key"))
        ? "an attention of which some projections have biases"
        : lacks("key") && !lacks("query") && !isEvaClass
          ? "an attention whose keys alone have no bias, without rotary embeddings"
          : undefined;
  if (problem) throw new WeightsError(`timm cannot store ${problem}; write the layout "fovea", or ONNX`);
  const rootAlone = config.stem.kind === "resnet" && config.stem.blocks.length === 0;
  const withRow = hasClassToken(config) && config.posEmbedding === "learn";
  return {
    position: positionName(withRow && config.classTokenOrder === "before" ? "before" : undefined),
    rootAlone,
    class: isEvaClass ? "Eva" : "VisionTransformer",
    attention: isEvaClass && lacks("key") ? "biasesApart" : "fused",
    // timm packs SwiGLU except where its hidden layer has a norm, in AIMv2 and in DINOv3
    mlp:
      mlp !== "swiglu"
        ? "gelu"
        : innerNorms.includes("mlp") || config.norm === "rms" || rotary?.kind === "centred"
          ? "separate"
          : "packed",
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
    return rowsOf(namesOf(config));
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
