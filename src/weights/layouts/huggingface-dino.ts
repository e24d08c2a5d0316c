/** The safetensors files of Hugging Face `dinov2`, `dinov2_with_registers` and `dinov3_vit` (papers.md 14). */
import { WeightsError } from "../../formats/error.js";
import type { ModelConfig, ViTConfig } from "../../models/index.js";
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
  torchDense,
  torchNorm,
  torchOutput,
  torchPacked,
  torchProjections,
} from "./torch.js";

const projections = ["query", "key", "value"] as const;

/** Factors of both branches. */
const scaleRows = (block: string): Row[] =>
  [0, 1].map((i) => ({ ours: `${ourBlock}/LayerScale_${i}/scale`, theirs: `${block}.layer_scale${i + 1}.lambda1` }));

function dinov2Rows(prefix: string, position: string): Row[] {
  const embeddings = `${prefix}embeddings`;
  const block = `${prefix}encoder.layer.{l}`;
  return [
    { ours: "cls", theirs: `${embeddings}.cls_token` },
    { ours: "registers", theirs: `${embeddings}.register_tokens` },
    { ours: position, theirs: `${embeddings}.position_embeddings` },
    { ours: "embedding/kernel", theirs: `${embeddings}.patch_embeddings.projection.weight`, steps: turns.patches },
    { ours: "embedding/bias", theirs: `${embeddings}.patch_embeddings.projection.bias` },
    ...torchNorm(`${ourBlock}/LayerNorm_0`, `${block}.norm1`),
    ...projections.flatMap((name) => torchProjections(ourAttention, [name], `${block}.attention.attention.${name}`)),
    ...torchOutput(ourAttention, `${block}.attention.output.dense`),
    ...scaleRows(block),
    ...torchNorm(`${ourBlock}/LayerNorm_1`, `${block}.norm2`),
    ...torchDense(`${ourMlp}/Dense_0`, `${block}.mlp.fc1`),
    ...torchDense(`${ourMlp}/Dense_1`, `${block}.mlp.fc2`),
    ...torchPacked([`${ourGated}/gate`, `${ourGated}/up`], `${block}.mlp.weights_in`),
    ...torchDense(`${ourGated}/down`, `${block}.mlp.weights_out`),
    ...torchNorm("Transformer/encoder_norm", `${prefix}layernorm`),
  ];
}

function dinov3Rows(prefix: string, gated: boolean): Row[] {
  const block = `${prefix}layer.{l}`;
  const mlp = gated
    ? [
        ...torchDense(`${ourGated}/gate`, `${block}.mlp.gate_proj`),
        ...torchDense(`${ourGated}/up`, `${block}.mlp.up_proj`),
        ...torchDense(`${ourGated}/down`, `${block}.mlp.down_proj`),
      ]
    : [
        ...torchDense(`${ourMlp}/Dense_0`, `${block}.mlp.up_proj`),
        ...torchDense(`${ourMlp}/Dense_1`, `${block}.mlp.down_proj`),
      ];
  return [
    { ours: "cls", theirs: `${prefix}embeddings.cls_token` },
    { ours: "registers", theirs: `${prefix}embeddings.register_tokens` },
    { ours: "embedding/kernel", theirs: `${prefix}embeddings.patch_embeddings.weight`, steps: turns.patches },
    { ours: "embedding/bias", theirs: `${prefix}embeddings.patch_embeddings.bias` },
    ...torchNorm(`${ourBlock}/LayerNorm_0`, `${block}.norm1`),
    ...projections.flatMap((name) =>
      torchProjections(ourAttention, [name], `${block}.attention.${name.charAt(0)}_proj`),
    ),
    ...torchOutput(ourAttention, `${block}.attention.o_proj`),
    ...scaleRows(block),
    ...torchNorm(`${ourBlock}/LayerNorm_1`, `${block}.norm2`),
    ...mlp,
    ...torchNorm("Transformer/encoder_norm", `${prefix}norm`),
  ];
}

/** Tensors that the features do not need: of pre-training, and a classifier on class token and mean patches together. */
const ignored = /(^|\.)(mask_token$|classifier\.)/;

/** Prefix of the names, where a file has this tensor behind one. */
const prefixOf = ({ entries }: FileContents, candidates: readonly string[], name: string): string | undefined =>
  candidates.find((candidate) => entries.has(`${candidate}${name}`));

function withoutIgnored(file: FileContents) {
  const inside = renamed(file.entries, (name) => (ignored.test(name) ? undefined : name));
  const hasClassifier = inside.left.some((name) => name.includes("classifier."));
  const notes = hasClassifier
    ? ["its classifier, which reads the class token and the mean of the patches together, is ignored"]
    : [];
  return { entries: inside.entries, names: inside.names, notes };
}

function recogniseDinov2(file: FileContents, hints: Hints): Reading | undefined {
  const prefix = prefixOf(file, ["", "dinov2.", "dinov2_with_registers."], "encoder.layer.0.layer_scale1.lambda1");
  if (prefix === undefined) return undefined;
  const tensor = (name: string) => file.entries.get(`${prefix}embeddings.${name}`)?.shape;
  const length = tensor("position_embeddings")?.at(-2) ?? 0;
  const order = classTokenOrder(
    length,
    "before",
    hintedPatches(hints, tensor("patch_embeddings.projection.weight")?.at(-1)),
  );
  return {
    family: "vit",
    rows: dinov2Rows(prefix, positionName(order)),
    ...withoutIgnored(file),
    config: { gelu: "erf", layerNormEpsilon: 1e-6, classTokenOrder: order, pooling: "tok" },
  };
}

function recogniseDinov3(file: FileContents): Reading | undefined {
  const prefix = prefixOf(file, ["", "model."], "layer.0.attention.q_proj.weight");
  if (prefix === undefined || !file.entries.has(`${prefix}embeddings.patch_embeddings.weight`)) return undefined;
  return {
    family: "vit",
    rows: dinov3Rows(prefix, file.entries.has(`${prefix}layer.0.mlp.gate_proj.weight`)),
    ...withoutIgnored(file),
    config: {
      gelu: "erf",
      layerNormEpsilon: 1e-5,
      pooling: "tok",
      posEmbedding: "none",
      rotary: { kind: "centred", base: 100 },
    },
  };
}

/** Why a network is not one of DINO; undefined if it may be. */
function differsFromDino(config: ViTConfig): string | undefined {
  if (config.pooling !== "tok") return `pooling "${config.pooling}"`;
  if (config.stem.kind !== "patch") return "a convolutional stem";
  if (config.classes > 0 || config.preLogits !== false) return "a head";
  if (config.layerScale === undefined) return "blocks without LayerScale";
  if (config.norm === "rms" || (config.inputNorm ?? "none") !== "none" || (config.innerNorms ?? []).length > 0)
    return "other norms than those before attention and MLP";
  return config.projection === undefined ? undefined : "a projection";
}

function requireDino(config: ModelConfig, name: string, also: (config: ViTConfig) => string | undefined): ViTConfig {
  const problem = config.family === "vit" ? (differsFromDino(config) ?? also(config)) : `a ${config.family}`;
  if (config.family !== "vit" || problem)
    throw new WeightsError(`Hugging Face's ${name} cannot store ${problem}; write the layout "fovea", or ONNX`);
  return config;
}

export const huggingfaceDinov2: Layout = {
  name: "huggingface",
  format: "safetensors",
  families: ["vit"],
  recognise: recogniseDinov2,
  rowsFor(config) {
    requireDino(config, "dinov2", ({ rotary, posEmbedding, withoutBias = [] }) =>
      rotary || posEmbedding !== "learn" || withoutBias.length > 0 ? "these positions or missing biases" : undefined,
    );
    return dinov2Rows("", positionName("before"));
  },
  // the config.json beside it stores everything
  lost: () => [],
};

export const huggingfaceDinov3: Layout = {
  name: "huggingface",
  format: "safetensors",
  families: ["vit"],
  recognise: recogniseDinov3,
  rowsFor(config) {
    const { mlp } = requireDino(config, "dinov3_vit", ({ rotary, posEmbedding }) =>
      rotary?.kind !== "centred" || posEmbedding !== "none" ? "other positions than rotary ones" : undefined,
    );
    return dinov3Rows("", mlp === "swiglu");
  },
  lost: () => [],
};
