/** The safetensors files of Hugging Face `vit`: ViTForImageClassification, and ViTModel without the prefix (papers.md 1.10). */
import { WeightsError } from "../../formats/error.js";
import { isPlainViT } from "../../models/index.js";
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

function rowsOf(prefix: string, ourPosition: string): Row[] {
  const ours = "Transformer/encoderblock_{l}";
  const theirs = `${prefix}encoder.layer.{l}`;
  const attention = `${ours}/MultiHeadDotProductAttention_0`;
  return [
    { ours: "cls", theirs: `${prefix}embeddings.cls_token` },
    { ours: ourPosition, theirs: `${prefix}embeddings.position_embeddings` },
    {
      ours: "embedding/kernel",
      theirs: `${prefix}embeddings.patch_embeddings.projection.weight`,
      steps: turns.patches,
    },
    { ours: "embedding/bias", theirs: `${prefix}embeddings.patch_embeddings.projection.bias` },
    ...torchNorm(`${ours}/LayerNorm_0`, `${theirs}.layernorm_before`),
    ...["query", "key", "value"].flatMap((name): Row[] => [
      {
        ours: `${attention}/${name}/kernel`,
        theirs: `${theirs}.attention.attention.${name}.weight`,
        steps: turns.intoHeads,
      },
      {
        ours: `${attention}/${name}/bias`,
        theirs: `${theirs}.attention.attention.${name}.bias`,
        steps: turns.headBias,
      },
    ]),
    { ours: `${attention}/out/kernel`, theirs: `${theirs}.attention.output.dense.weight`, steps: turns.outOfHeads },
    { ours: `${attention}/out/bias`, theirs: `${theirs}.attention.output.dense.bias` },
    ...torchNorm(`${ours}/LayerNorm_1`, `${theirs}.layernorm_after`),
    ...torchDense(`${ours}/MlpBlock_0/Dense_0`, `${theirs}.intermediate.dense`),
    ...torchDense(`${ours}/MlpBlock_0/Dense_1`, `${theirs}.output.dense`),
    ...torchNorm("Transformer/encoder_norm", `${prefix}layernorm`),
    ...torchDense("pre_logits", `${prefix}pooler.dense`),
    ...torchDense("head", "classifier"),
  ];
}

function recognise({ entries }: FileContents, hints: Hints): Reading | undefined {
  const prefix = ["vit.", ""].find((candidate) => entries.has(`${candidate}embeddings.cls_token`));
  if (prefix === undefined || !entries.has(`${prefix}embeddings.patch_embeddings.projection.weight`)) return undefined;
  // the classifier takes the class token directly; only the bare model passes it through the pooler
  const spare = entries.has("classifier.weight") ? [`${prefix}pooler.dense.weight`, `${prefix}pooler.dense.bias`] : [];
  // very old uploads have the last norm without the prefix (papers.md 1.10)
  const inside = renamed(entries, (name) => {
    // the decoder of vit_mae is for pre-training
    if (spare.includes(name) || name.startsWith("decoder.")) return undefined;
    return name.startsWith("layernorm.") ? `${prefix}${name}` : name;
  });
  const length = entries.get(`${prefix}embeddings.position_embeddings`)?.shape.at(-2) ?? 0;
  const patch = entries.get(`${prefix}embeddings.patch_embeddings.projection.weight`)?.shape.at(-1);
  const order = classTokenOrder(length, "before", hintedPatches(hints, patch));
  return {
    family: "vit",
    rows: rowsOf(prefix, positionName(order)),
    entries: inside.entries,
    names: inside.names,
    // papers.md 1.2; a config.json overrides these defaults
    config: { gelu: "erf", layerNormEpsilon: 1e-12, classTokenOrder: order, pooling: "tok" },
    notes: [
      ...(spare.some((name) => entries.has(name)) ? ["the pooler is ignored: the classifier does not use it"] : []),
      ...(inside.left.some((name) => name.startsWith("decoder.")) ? ["its decoder is ignored"] : []),
    ],
  };
}

export const huggingface: Layout = {
  name: "huggingface",
  format: "safetensors",
  families: ["vit"],
  recognise,
  rowsFor(config) {
    const problem =
      config.family !== "vit"
        ? `a ${config.family}`
        : config.pooling !== "tok"
          ? `pooling "${config.pooling}"`
          : config.stem.kind !== "patch"
            ? "a convolutional stem"
            : config.preLogits !== false && config.classes > 0
              ? "a pre-logits layer under a head"
              : isPlainViT(config)
                ? undefined
                : "the options of its successors";
    if (problem) {
      throw new WeightsError(
        `Hugging Face's vit has a class token, a plain patch embedding and one linear head; it cannot store ${problem}; write the layout "fovea" or "timm", or ONNX`,
      );
    }
    return rowsOf(config.classes > 0 ? "vit." : "", positionName("before"));
  },
  // the config.json beside it stores everything
  lost: () => [],
};
