/** The image towers of CLIP's and OpenCLIP's own files, alone (names from `visual.`) or beside a text tower (papers.md 14). */
import { WeightsError } from "../../formats/error.js";
import { type FileContents, type Layout, positionName, type Reading, renamed } from "./layout.js";
import { type Row, turns } from "./table.js";
import { ourAttention, ourBlock, ourMlp, torchDense, torchNorm, torchOutput, torchProjections } from "./torch.js";

function rowsOf(position: string): Row[] {
  const block = "visual.transformer.resblocks.{l}";
  return [
    { ours: "cls", theirs: "visual.class_embedding", steps: turns.token },
    { ours: position, theirs: "visual.positional_embedding", steps: turns.table },
    { ours: "embedding/kernel", theirs: "visual.conv1.weight", steps: turns.patches },
    ...torchNorm("Transformer/input_norm", "visual.ln_pre"),
    ...torchNorm(`${ourBlock}/LayerNorm_0`, `${block}.ln_1`),
    ...torchProjections(ourAttention, ["query", "key", "value"], `${block}.attn.in_proj`, "_"),
    ...torchOutput(ourAttention, `${block}.attn.out_proj`),
    ...torchNorm(`${ourBlock}/LayerNorm_1`, `${block}.ln_2`),
    ...torchDense(`${ourMlp}/Dense_0`, `${block}.mlp.c_fc`),
    ...torchDense(`${ourMlp}/Dense_1`, `${block}.mlp.c_proj`),
    ...torchNorm("Transformer/encoder_norm", "visual.ln_post"),
    { ours: "projection/kernel", theirs: "visual.proj" },
  ];
}

function recognise({ entries }: FileContents): Reading | undefined {
  const positions = entries.get("visual.positional_embedding");
  if (!positions || !entries.has("visual.conv1.weight") || entries.has("visual.attn_pool.probe")) return undefined;
  const inside = renamed(entries, (name) => (name.startsWith("visual.") ? name : undefined));
  return {
    family: "vit",
    rows: rowsOf(positionName("before")),
    entries: inside.entries,
    names: inside.names,
    config: { gelu: "erf", layerNormEpsilon: 1e-5, classTokenOrder: "before" },
    notes: [
      "the file does not state its GELU; using the exact one, as OpenCLIP's own networks have: state ?gelu=quick for OpenAI's",
      ...(inside.left.length > 0 ? ["its text tower is ignored"] : []),
    ],
  };
}

export const openclip: Layout = {
  name: "openclip",
  format: "safetensors",
  families: ["vit"],
  recognise,
  rowsFor(config) {
    const fits =
      config.family === "vit" &&
      config.pooling === "tok" &&
      config.inputNorm === "tokens" &&
      config.withoutBias?.join() === "patch" &&
      config.projection !== undefined &&
      config.classes === 0;
    if (!fits) {
      throw new WeightsError(
        'the layout "openclip" stores image towers of CLIP only: a norm of the input, a projection, no head; write "fovea" or "timm", or ONNX',
      );
    }
    return rowsOf(positionName("before"));
  },
  lost: (config) =>
    config.family === "vit" && config.gelu !== "erf" ? [`its GELU (${config.gelu}; the file does not state it)`] : [],
};
