/** timm's safetensors files of MLP-Mixer (`mixer_*`; names as timm 1.0 has them). */
import { WeightsError } from "../../formats/error.js";
import { type FileContents, type Layout, type Reading, renamed } from "./layout.js";
import { type Row, turns } from "./table.js";
import { torchDense, torchNorm } from "./torch.js";

const rows: readonly Row[] = [
  { ours: "stem/kernel", theirs: "stem.proj.weight", steps: turns.patches },
  { ours: "stem/bias", theirs: "stem.proj.bias" },
  ...torchNorm("MixerBlock_{i}/LayerNorm_0", "blocks.{i}.norm1"),
  ...torchDense("MixerBlock_{i}/token_mixing/Dense_0", "blocks.{i}.mlp_tokens.fc1"),
  ...torchDense("MixerBlock_{i}/token_mixing/Dense_1", "blocks.{i}.mlp_tokens.fc2"),
  ...torchNorm("MixerBlock_{i}/LayerNorm_1", "blocks.{i}.norm2"),
  ...torchDense("MixerBlock_{i}/channel_mixing/Dense_0", "blocks.{i}.mlp_channels.fc1"),
  ...torchDense("MixerBlock_{i}/channel_mixing/Dense_1", "blocks.{i}.mlp_channels.fc2"),
  ...torchNorm("pre_head_layer_norm", "norm"),
  ...torchDense("head", "head"),
];

function recognise({ entries }: FileContents): Reading | undefined {
  if (!entries.has("stem.proj.weight") || !entries.has("blocks.0.mlp_tokens.fc1.weight")) return undefined;
  return {
    family: "mixer",
    rows,
    ...renamed(entries, (name) => name),
    config: { gelu: "erf", layerNormEpsilon: 1e-6 },
    notes: [],
  };
}

export const timmMixer: Layout = {
  name: "timm",
  format: "safetensors",
  families: ["mixer"],
  recognise,
  rowsFor(config) {
    if (config.family !== "mixer")
      throw new WeightsError(`this layout can only store MLP-Mixers; given the family ${config.family}`);
    return rows;
  },
  lost: (config) =>
    config.family === "mixer" && config.gelu !== "erf" ? ['its tanh GELU (pass act_layer="gelu_tanh" to timm)'] : [],
};
