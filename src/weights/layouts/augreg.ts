/**
 * The .npz files of "An image is worth 16x16 words" and "How to train your ViT" (AugReg), their hybrids, and those of
 * big_vision, with all naming variants (papers.md 1.9, 3.1).
 */

import { WeightsError } from "../../formats/error.js";
import { isPlainViT, type ModelConfig } from "../../models/index.js";
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

/** The naming variant of a file. */
export interface AugRegNames {
  /**
   * Counters of the attention, MLP and second norm in a block: 1, 3, 2 in the published files, 0, 0, 1 in newer ones.
   */
  readonly attention: number;
  readonly mlp: number;
  readonly secondNorm: number;
  /** Whether all blocks are stacked in one array, along a first axis. */
  readonly stacked: boolean;
  /** Prefix of the attention pooling's names. */
  readonly pool: string;
  /** The name of the position embedding in the file, and ours. */
  readonly position: string;
  readonly ourPosition: string;
}

const published = { attention: 1, mlp: 3, secondNorm: 2, stacked: false, pool: "MAPHead_0/" } as const;
const newest = { attention: 0, mlp: 0, secondNorm: 1, stacked: false, pool: "MAPHead_0/" } as const;
const originalPosition = "Transformer/posembed_input/pos_embedding";
const positionNames = [originalPosition, "Transformer/pos_embedding", "pos_embedding"];
/** Prefixes of very old trainer states, big_vision, and big_vision's two towers (papers.md 1.9); the longest first. */
const prefixes = ["opt/target/", "params/img/", "params/", ""];

/** The convolutional stem of hybrids. */
export const hybridRows: readonly Row[] = [
  { ours: "conv_root/kernel", theirs: "conv_root/kernel", steps: turns.convolution },
  { ours: "gn_root/{rest...}", theirs: "gn_root/{rest...}" },
  { ours: "block{i}/unit{j}/conv{k}/kernel", theirs: "block{i}/unit{j}/conv{k}/kernel", steps: turns.convolution },
  { ours: "block{i}/unit{j}/conv_proj/kernel", theirs: "block{i}/unit{j}/conv_proj/kernel", steps: turns.convolution },
  { ours: "block{i}/unit{j}/gn{k}/{rest...}", theirs: "block{i}/unit{j}/gn{k}/{rest...}" },
  { ours: "block{i}/unit{j}/gn_proj/{rest...}", theirs: "block{i}/unit{j}/gn_proj/{rest...}" },
];

function rowsOf(names: AugRegNames): Row[] {
  const block = names.stacked ? "Transformer/encoderblock" : "Transformer/encoderblock_{l}";
  const inBlock = (ours: string, theirs: string): Row => ({
    ours: `Transformer/encoderblock_{l}/${ours}/{rest...}`,
    theirs: `${block}/${theirs}/{rest...}`,
    stacked: names.stacked,
  });
  const same = (name: string): Row => ({ ours: name, theirs: name });
  return [
    same("cls"),
    same("embedding/kernel"),
    same("embedding/bias"),
    { ours: names.ourPosition, theirs: names.position },
    inBlock("LayerNorm_0", "LayerNorm_0"),
    inBlock("MultiHeadDotProductAttention_0", `MultiHeadDotProductAttention_${names.attention}`),
    inBlock("LayerNorm_1", `LayerNorm_${names.secondNorm}`),
    inBlock("MlpBlock_0", `MlpBlock_${names.mlp}`),
    same("Transformer/encoder_norm/scale"),
    same("Transformer/encoder_norm/bias"),
    same("pre_logits/kernel"),
    same("pre_logits/bias"),
    same("head/kernel"),
    same("head/bias"),
    { ours: "MAPHead_0/probe", theirs: `${names.pool}probe` },
    ...["MultiHeadDotProductAttention_0", "LayerNorm_0", "MlpBlock_0"].map((name) => ({
      ours: `MAPHead_0/${name}/{rest...}`,
      theirs: `${names.pool}${name}/{rest...}`,
    })),
    ...hybridRows,
  ];
}

/** The counters of a block's parts. The layer norm that is not the first is the second. */
function countersOf(names: Iterable<string>): Pick<AugRegNames, "attention" | "mlp" | "secondNorm" | "stacked"> {
  const seen = { attention: 0, mlp: 0, secondNorm: 1, stacked: false };
  for (const name of names) {
    const match =
      /^Transformer\/encoderblock(_\d+)?\/(MultiHeadDotProductAttention|MlpBlock|LayerNorm)_(\d{1,3})\//.exec(name);
    if (!match) continue;
    const counter = Number(match[3]);
    seen.stacked = match[1] === undefined;
    if (match[2] === "MlpBlock") seen.mlp = counter;
    else if (match[2] === "LayerNorm") seen.secondNorm = counter > 0 ? counter : seen.secondNorm;
    else seen.attention = counter;
  }
  return seen;
}

function recognise({ format, entries }: FileContents, hints: Hints): Reading | undefined {
  const prefix = prefixes.find((candidate) => entries.has(`${candidate}Transformer/encoder_norm/scale`));
  if (format !== "npz" || prefix === undefined) return undefined;
  const inside = renamed(entries, (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : undefined));
  const has = (name: string) => inside.entries.has(name);
  const position = positionNames.find(has) ?? "pos_embedding";
  const length = inside.entries.get(position)?.shape.at(-2) ?? 0;
  const patch = inside.entries.get("embedding/kernel")?.shape[0];
  const fallback = position === "pos_embedding" ? "after" : "before";
  // a stem divides the image further, so only a file without one can be checked against it
  const patches = has("conv_root/kernel") ? undefined : hintedPatches(hints, patch);
  const order = has("cls") ? classTokenOrder(length, fallback, patches) : undefined;
  const pool = has("probe") ? "" : "MAPHead_0/";
  const names = { ...countersOf(inside.entries.keys()), pool, position, ourPosition: positionName(order) };
  const notes =
    inside.left.length > 0
      ? [`${inside.left.length} arrays outside "${prefix}" are not part of the network and are ignored`]
      : [];
  return {
    family: "vit",
    rows: rowsOf(names),
    entries: inside.entries,
    names: inside.names,
    // papers.md 1.2: flax's tanh GELU and epsilon
    config: defined({ gelu: "tanh", layerNormEpsilon: 1e-6, classTokenOrder: order }),
    notes,
  };
}

export const augreg: Layout = {
  name: "augreg",
  format: "npz",
  families: ["vit"],
  recognise,
  rowsFor(config: ModelConfig) {
    if (config.family !== "vit")
      throw new WeightsError(`the AugReg layout holds Vision Transformers, not a ${config.family}`);
    if (!isPlainViT(config)) {
      throw new WeightsError(
        "the AugReg layout holds plain Vision Transformers; this one has options of their successors",
      );
    }
    if (config.pooling === "tok") {
      return rowsOf({ ...published, position: originalPosition, ourPosition: originalPosition });
    }
    // without a class token the file is big_vision's, which uses this prefix
    return rowsOf({ ...newest, position: "pos_embedding", ourPosition: "pos_embedding" }).map((row) => ({
      ...row,
      theirs: `params/${row.theirs}`,
    }));
  },
  lost(config) {
    if (config.family !== "vit") return [];
    const lost: string[] = [];
    if (config.gelu !== "tanh") lost.push("its erf GELU (this layout implies the tanh form)");
    if (config.layerNormEpsilon !== 1e-6)
      lost.push(`its layer-norm epsilon of ${config.layerNormEpsilon} (this layout implies 1e-6)`);
    return lost;
  },
};
