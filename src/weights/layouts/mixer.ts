/** The .npz files of MLP-Mixer: the released names and the older ones before Linen (papers.md 3.2). */
import { WeightsError } from "../../formats/error.js";
import { type FileContents, type Layout, type Reading, renamed } from "./layout.js";
import type { Row } from "./table.js";

const same = (name: string): Row => ({ ours: name, theirs: name });

const releasedRows: readonly Row[] = [
  same("stem/kernel"),
  same("stem/bias"),
  same("MixerBlock_{i}/{rest...}"),
  same("pre_head_layer_norm/{rest...}"),
  same("head/kernel"),
  same("head/bias"),
];

const olderRows: readonly Row[] = [
  { ours: "stem/kernel", theirs: "embedding/kernel" },
  { ours: "stem/bias", theirs: "embedding/bias" },
  { ours: "MixerBlock_{i}/LayerNorm_{k}/{rest...}", theirs: "Mixer/encoderblock_{i}/LayerNorm_{k}/{rest...}" },
  ...["token_mixing", "channel_mixing"].flatMap((part) =>
    [0, 1].flatMap((layer) =>
      ["kernel", "bias"].map((name) => ({
        ours: `MixerBlock_{i}/${part}/Dense_${layer}/${name}`,
        theirs: `Mixer/encoderblock_{i}/${part}_phase_0/${name}${layer + 1}`,
      })),
    ),
  ),
  { ours: "pre_head_layer_norm/{rest...}", theirs: "Mixer/encoder_norm/{rest...}" },
  same("head/kernel"),
  same("head/bias"),
];

/** The counter of a block's second norm. Before Linen, one counter ran over all parts of a block. */
function secondNorm(names: Iterable<string>): number {
  let largest = 1;
  for (const name of names) {
    const counter = /^Mixer\/encoderblock_\d+\/LayerNorm_(\d{1,3})\//.exec(name)?.[1];
    largest = Math.max(largest, Number(counter ?? 0));
  }
  return largest;
}

function recognise({ format, entries }: FileContents): Reading | undefined {
  if (format !== "npz") return undefined;
  const config = { gelu: "tanh", layerNormEpsilon: 1e-6 };
  for (const prefix of ["opt/target/", "params/", ""]) {
    const older = entries.has(`${prefix}Mixer/encoder_norm/scale`);
    if (!older && !entries.has(`${prefix}pre_head_layer_norm/scale`)) continue;
    const second = secondNorm(entries.keys());
    const inside = renamed(entries, (name) => {
      if (!name.startsWith(prefix)) return undefined;
      const plain = name.slice(prefix.length);
      return older ? plain.replace(`/LayerNorm_${second}/`, "/LayerNorm_1/") : plain;
    });
    return { family: "mixer", rows: older ? olderRows : releasedRows, ...inside, config, notes: [] };
  }
  return undefined;
}

export const mixer: Layout = {
  name: "mixer",
  format: "npz",
  families: ["mixer"],
  recognise,
  rowsFor(config) {
    if (config.family !== "mixer")
      throw new WeightsError(`the Mixer layout can only store MLP-Mixers; given the family ${config.family}`);
    return releasedRows;
  },
  lost: (config) =>
    config.family === "mixer" && config.gelu !== "tanh" ? ["its erf GELU (this layout implies the tanh form)"] : [],
};
