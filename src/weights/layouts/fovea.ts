/** Fovea's own safetensors files: our names for any network, with its full description in the metadata. */
import { type FileContents, type Layout, type Reading, renamed } from "./layout.js";
import type { Row } from "./table.js";

const rows: readonly Row[] = [{ ours: "{name...}", theirs: "{name...}" }];

/** Names that identify each family and occur in no other safetensors layout. */
const marks = {
  // the last norm has another name where it follows the mean
  vit: "Transformer/encoderblock_0/LayerNorm_0/scale",
  mixer: "pre_head_layer_norm/scale",
  resnet: "block1/unit1/conv1/kernel",
  mobilenet: "block1/depthwise/kernel",
} as const;

function recognise({ format, entries }: FileContents): Reading | undefined {
  if (format !== "safetensors") return undefined;
  const family = (Object.keys(marks) as (keyof typeof marks)[]).find((name) => entries.has(marks[name]));
  if (!family) return undefined;
  const plain = renamed(entries, (name) => name);
  const config: Record<string, unknown> = {};
  if (family === "resnet") config["version"] = entries.has("gn_root/scale") ? 1 : 2;
  if (family === "vit") {
    config["classTokenOrder"] = entries.has("Transformer/posembed_input/pos_embedding") ? "before" : "after";
  }
  return { family, rows, ...plain, config, notes: [] };
}

export const fovea: Layout = {
  name: "fovea",
  format: "safetensors",
  families: ["vit", "resnet", "mixer", "mobilenet"],
  recognise,
  rowsFor: () => rows,
  lost: () => [],
};
