/** timm's safetensors files of BiT (`resnetv2_*_bit`; names as timm 1.0 has them). */
import { WeightsError } from "../../formats/error.js";
import { type FileContents, type Layout, type Reading, renamed } from "./layout.js";
import { type Row, turns } from "./table.js";
import { torchNorm } from "./torch.js";

const unit = "stages.{i-1}.blocks.{j-1}";

const rows: readonly Row[] = [
  { ours: "conv_root/kernel", theirs: "stem.conv.weight" },
  { ours: "block{i}/unit{j}/conv{k}/kernel", theirs: `${unit}.conv{k}.weight` },
  { ours: "block{i}/unit{j}/conv_proj/kernel", theirs: `${unit}.downsample.conv.weight` },
  ...torchNorm("block{i}/unit{j}/gn{k}", `${unit}.norm{k}`),
  ...torchNorm("norm", "norm"),
  { ours: "head/kernel", theirs: "head.fc.weight", steps: turns.pointwiseOIHW },
  { ours: "head/bias", theirs: "head.fc.bias" },
];

function recognise({ entries }: FileContents): Reading | undefined {
  if (!entries.has("stem.conv.weight") || !entries.has("stages.0.blocks.0.conv1.weight")) return undefined;
  if (entries.has("norm.running_mean") || entries.has("stages.0.blocks.0.norm1.running_mean")) {
    throw new WeightsError("its norms are batch norms; BiT's are group norms (timm's resnetv2_*_bit)");
  }
  return {
    family: "resnet",
    rows,
    ...renamed(entries, (name) => name),
    config: { version: 2 },
    notes: [
      "weights are standardised with 1e-10 under the root as in the original (papers.md 2.1); timm has 1e-8, which is below the rounding of float32 for trained kernels",
    ],
  };
}

export const timmResNet: Layout = {
  name: "timm",
  format: "safetensors",
  families: ["resnet"],
  recognise,
  rowsFor(config) {
    if (config.family !== "resnet" || config.version !== 2 || config.pooledStages || config.whitening) {
      throw new WeightsError(
        "timm's resnetv2_*_bit store ResNets of version 2 (pre-activation) that only pool their last stage, without whitening",
      );
    }
    return rows;
  },
  lost: () => [],
};
