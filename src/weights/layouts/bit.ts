/** The .npz files of Big Transfer, as published and as big_vision writes them (papers.md 2.2). */
import { WeightsError } from "../../formats/error.js";
import { type FileContents, type Layout, type Reading, renamed } from "./layout.js";
import { type Row, turns } from "./table.js";

const groups = ["a", "b", "c"] as const;

const publishedRows: readonly Row[] = [
  { ours: "conv_root/kernel", theirs: "resnet/root_block/standardized_conv2d/kernel", steps: turns.convolution },
  ...groups.flatMap((group, i): Row[] => {
    const theirs = `resnet/block{i}/unit{j:2}/${group}`;
    const ours = "block{i}/unit{j}";
    return [
      { ours: `${ours}/conv${i + 1}/kernel`, theirs: `${theirs}/standardized_conv2d/kernel`, steps: turns.convolution },
      { ours: `${ours}/gn${i + 1}/scale`, theirs: `${theirs}/group_norm/gamma` },
      { ours: `${ours}/gn${i + 1}/bias`, theirs: `${theirs}/group_norm/beta` },
    ];
  }),
  {
    ours: "block{i}/unit{j}/conv_proj/kernel",
    theirs: "resnet/block{i}/unit{j:2}/a/proj/standardized_conv2d/kernel",
    steps: turns.convolution,
  },
  { ours: "norm/scale", theirs: "resnet/group_norm/gamma" },
  { ours: "norm/bias", theirs: "resnet/group_norm/beta" },
  { ours: "head/kernel", theirs: "resnet/head/conv2d/kernel", steps: turns.pointwise },
  { ours: "head/bias", theirs: "resnet/head/conv2d/bias" },
];

const bigVisionRows: readonly Row[] = [
  { ours: "conv_root/kernel", theirs: "root_block/conv_root/kernel", steps: turns.convolution },
  { ours: "block{i}/unit{j}/conv{k}/kernel", theirs: "block{i}/unit{j:2}/conv{k}/kernel", steps: turns.convolution },
  {
    ours: "block{i}/unit{j}/conv_proj/kernel",
    theirs: "block{i}/unit{j:2}/conv_proj/kernel",
    steps: turns.convolution,
  },
  { ours: "block{i}/unit{j}/gn{k}/{rest...}", theirs: "block{i}/unit{j:2}/gn{k}/{rest...}" },
  { ours: "norm/{rest...}", theirs: "norm-pre-head/{rest...}" },
  { ours: "head/kernel", theirs: "head/kernel" },
  { ours: "head/bias", theirs: "head/bias" },
];

/**
 * Removes TensorFlow's counters of variables with the same name, which some files have: `standardized_conv2d_17`
 * (papers.md 2.2).
 */
const withoutCounters = (name: string) => name.replace(/(standardized_conv2d|group_norm|conv2d)_\d+(?=\/)/g, "$1");

function recognise({ format, entries }: FileContents): Reading | undefined {
  if (format !== "npz") return undefined;
  const plain = renamed(entries, withoutCounters);
  if (plain.entries.has("resnet/root_block/standardized_conv2d/kernel")) {
    return { family: "resnet", rows: publishedRows, ...plain, config: { version: 2 }, notes: [] };
  }
  const prefix = ["params/", ""].find((candidate) => entries.has(`${candidate}root_block/conv_root/kernel`));
  if (prefix === undefined) return undefined;
  const inside = renamed(entries, (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : undefined));
  // big_vision's root pool does not pad the image with zeros (papers.md 2.1)
  return {
    family: "resnet",
    rows: bigVisionRows,
    ...inside,
    config: { version: 2, rootPoolPadding: "none" },
    notes: [],
  };
}

export const bit: Layout = {
  name: "bit",
  format: "npz",
  families: ["resnet"],
  recognise,
  rowsFor(config) {
    if (config.family !== "resnet" || config.version !== 2 || config.pooledStages || config.whitening) {
      throw new WeightsError(
        "the BiT layout can only store ResNets of version 2 (pre-activation) that only pool their last stage, without whitening",
      );
    }
    return publishedRows;
  },
  lost: (config) =>
    config.family === "resnet" && config.rootPoolPadding === "none"
      ? ["that its root pool has no zero padding (this layout implies it)"]
      : [],
};
