/**
 * The published layouts once more, written down from papers.md 1.9, 1.10, 2.2, 3.1 and 3.2 number by number and not from
 * src/: for each tensor of theirs its shape, and for each of its numbers the one of ours that it is.
 */

import type { StoredTensor } from "../../src/formats/stored.js";
import type { Weights } from "../../src/weights/index.js";
import { indexAt, offset } from "../support/arrays.js";

/** One number of ours. */
type Place = readonly [name: string, index: readonly number[]];

export interface TheirTensor {
  readonly shape: readonly number[];
  readonly place: (index: readonly number[]) => Place;
}

export type Table = Readonly<Record<string, TheirTensor>>;

export const direct = (ours: string, shape: readonly number[]): TheirTensor => ({
  shape,
  place: (index) => [ours, index],
});
/** PyTorch's dense [out, in] of our [in, out]. */
export const dense = (ours: string, from: number, to: number): TheirTensor => ({
  shape: [to, from],
  place: ([o, i]) => [ours, [i!, o!]],
});
const both = (name: string, ours: string, size: number, kinds: readonly [string, string], separator: string) => ({
  [`${name}${separator}${kinds[0]}`]: direct(`${ours}/scale`, [size]),
  [`${name}${separator}${kinds[1]}`]: direct(`${ours}/bias`, [size]),
});
export const torchNorm = (name: string, ours: string, size: number) => both(name, ours, size, ["weight", "bias"], ".");
export const torchDense = (name: string, ours: string, from: number, to: number) => ({
  [`${name}.weight`]: dense(`${ours}/kernel`, from, to),
  [`${name}.bias`]: direct(`${ours}/bias`, [to]),
});

// the tiny Vision Transformer of seeded-models.ts
const d = 8;
const h = 2;
const dh = 4;
const m = 12;
const classes = 5;
const layers = [0, 1];
const tokens = 5;
const position = "Transformer/posembed_input/pos_embedding";

/** papers.md 1.9; `sizes` of the patch kernel differ for hybrids. */
export function augRegTable(names: readonly [number, number, number], patch: readonly number[]): Table {
  const [attention, mlp, norm] = names;
  const table: Record<string, TheirTensor> = {
    cls: direct("cls", [1, 1, d]),
    "embedding/kernel": direct("embedding/kernel", [...patch, d]),
    "embedding/bias": direct("embedding/bias", [d]),
    [position]: direct(position, [1, tokens, d]),
    ...both("Transformer/encoder_norm", "Transformer/encoder_norm", d, ["scale", "bias"], "/"),
    "head/kernel": direct("head/kernel", [d, classes]),
    "head/bias": direct("head/bias", [classes]),
  };
  for (const l of layers) {
    const block = `Transformer/encoderblock_${l}`;
    Object.assign(table, both(`${block}/LayerNorm_0`, `${block}/LayerNorm_0`, d, ["scale", "bias"], "/"));
    Object.assign(table, both(`${block}/LayerNorm_${norm}`, `${block}/LayerNorm_1`, d, ["scale", "bias"], "/"));
    for (const name of ["query", "key", "value"]) {
      const ours = `${block}/MultiHeadDotProductAttention_0/${name}`;
      const theirs = `${block}/MultiHeadDotProductAttention_${attention}/${name}`;
      table[`${theirs}/kernel`] = direct(`${ours}/kernel`, [d, h, dh]);
      table[`${theirs}/bias`] = direct(`${ours}/bias`, [h, dh]);
    }
    const out = `${block}/MultiHeadDotProductAttention_0/out`;
    const theirOut = `${block}/MultiHeadDotProductAttention_${attention}/out`;
    table[`${theirOut}/kernel`] = direct(`${out}/kernel`, [h, dh, d]);
    table[`${theirOut}/bias`] = direct(`${out}/bias`, [d]);
    for (const [i, [from, to]] of [
      [d, m],
      [m, d],
    ].entries()) {
      table[`${block}/MlpBlock_${mlp}/Dense_${i}/kernel`] = direct(`${block}/MlpBlock_0/Dense_${i}/kernel`, [
        from!,
        to!,
      ]);
      table[`${block}/MlpBlock_${mlp}/Dense_${i}/bias`] = direct(`${block}/MlpBlock_0/Dense_${i}/bias`, [to!]);
    }
  }
  return table;
}

/** papers.md 1.9, the second table. */
export function timmViTTable(patch: readonly number[] = [4, 4, 3]): Table {
  const [p, q, c] = patch as [number, number, number];
  const table: Record<string, TheirTensor> = {
    cls_token: direct("cls", [1, 1, d]),
    pos_embed: direct(position, [1, tokens, d]),
    "patch_embed.proj.weight": { shape: [d, c, p, q], place: ([o, i, y, x]) => ["embedding/kernel", [y!, x!, i!, o!]] },
    "patch_embed.proj.bias": direct("embedding/bias", [d]),
    ...torchNorm("norm", "Transformer/encoder_norm", d),
    ...torchDense("head", "head", d, classes),
  };
  const part = (row: number) => {
    const within = row % d;
    return [["query", "key", "value"][Math.floor(row / d)]!, Math.floor(within / dh), within % dh] as const;
  };
  for (const l of layers) {
    const block = `Transformer/encoderblock_${l}`;
    const attention = `${block}/MultiHeadDotProductAttention_0`;
    Object.assign(table, torchNorm(`blocks.${l}.norm1`, `${block}/LayerNorm_0`, d));
    Object.assign(table, torchNorm(`blocks.${l}.norm2`, `${block}/LayerNorm_1`, d));
    table[`blocks.${l}.attn.qkv.weight`] = {
      shape: [3 * d, d],
      place: ([row, column]) => {
        const [which, head, inner] = part(row!);
        return [`${attention}/${which}/kernel`, [column!, head, inner]];
      },
    };
    table[`blocks.${l}.attn.qkv.bias`] = {
      shape: [3 * d],
      place: ([row]) => {
        const [which, head, inner] = part(row!);
        return [`${attention}/${which}/bias`, [head, inner]];
      },
    };
    table[`blocks.${l}.attn.proj.weight`] = {
      shape: [d, d],
      place: ([o, i]) => [`${attention}/out/kernel`, [Math.floor(i! / dh), i! % dh, o!]],
    };
    table[`blocks.${l}.attn.proj.bias`] = direct(`${attention}/out/bias`, [d]);
    Object.assign(table, torchDense(`blocks.${l}.mlp.fc1`, `${block}/MlpBlock_0/Dense_0`, d, m));
    Object.assign(table, torchDense(`blocks.${l}.mlp.fc2`, `${block}/MlpBlock_0/Dense_1`, m, d));
  }
  return table;
}

/** papers.md 1.10: timm's names in HF's, q, k and v apart. */
export function huggingFaceTable(): Table {
  const table: Record<string, TheirTensor> = {};
  const renames: readonly (readonly [RegExp, string])[] = [
    [/^cls_token$/, "vit.embeddings.cls_token"],
    [/^pos_embed$/, "vit.embeddings.position_embeddings"],
    [/^patch_embed\.proj/, "vit.embeddings.patch_embeddings.projection"],
    [/^blocks\.(\d+)\.norm1/, "vit.encoder.layer.$1.layernorm_before"],
    [/^blocks\.(\d+)\.norm2/, "vit.encoder.layer.$1.layernorm_after"],
    [/^blocks\.(\d+)\.attn\.proj/, "vit.encoder.layer.$1.attention.output.dense"],
    [/^blocks\.(\d+)\.mlp\.fc1/, "vit.encoder.layer.$1.intermediate.dense"],
    [/^blocks\.(\d+)\.mlp\.fc2/, "vit.encoder.layer.$1.output.dense"],
    [/^norm/, "vit.layernorm"],
    [/^head/, "classifier"],
  ];
  for (const [name, tensor] of Object.entries(timmViTTable())) {
    const fused = /^blocks\.(\d+)\.attn\.qkv\.(weight|bias)$/.exec(name);
    if (fused) {
      for (const [i, which] of ["query", "key", "value"].entries()) {
        table[`vit.encoder.layer.${fused[1]}.attention.attention.${which}.${fused[2]}`] = {
          shape: [d, ...tensor.shape.slice(1)],
          place: ([row, ...rest]) => tensor.place([i * d + row!, ...rest]),
        };
      }
      continue;
    }
    const [pattern, to] = renames.find(([expression]) => expression.test(name))!;
    table[name.replace(pattern, to)] = tensor;
  }
  return table;
}

/** OIHW of ours from HWIO of theirs. */
const convolution = (ours: string, [o, i, k]: readonly [number, number, number]): TheirTensor => ({
  shape: [k, k, i, o],
  place: ([y, x, from, to]) => [ours, [to!, from!, y!, x!]],
});

/** The units of the tiny ResNets: [stage, unit, channels in, channels in the middle], all counted from 1. */
const units = [
  [1, 1, 8, 8],
  [2, 1, 32, 16],
  [2, 2, 64, 16],
] as const;

type Convolution = (ours: string, sides: readonly [number, number, number]) => TheirTensor;
const asOurs: Convolution = (ours, [o, i, k]) => direct(ours, [o, i, k, k]);

/** The convolutions and norms of a unit: [name, our name, shape] and [name, our name, channels]. */
function unitTensors(
  name: (part: string) => string,
  ours: string,
  unit: (typeof units)[number],
  kernel: Convolution,
  version: 1 | 2,
) {
  const [, , from, middle] = unit;
  const projects = from !== 4 * middle;
  const kernels: Record<string, TheirTensor> = {
    [name("conv1")]: kernel(`${ours}/conv1/kernel`, [middle, from, 1]),
    [name("conv2")]: kernel(`${ours}/conv2/kernel`, [middle, middle, 3]),
    [name("conv3")]: kernel(`${ours}/conv3/kernel`, [4 * middle, middle, 1]),
    ...(projects && { [name("conv_proj")]: kernel(`${ours}/conv_proj/kernel`, [4 * middle, from, 1]) }),
  };
  const norms: Record<string, number> =
    version === 1
      ? { gn1: middle, gn2: middle, gn3: 4 * middle, ...(projects && { gn_proj: 4 * middle }) }
      : { gn1: from, gn2: middle, gn3: middle };
  return { kernels, norms };
}

/** papers.md 2.2. */
export function bitTable(): Table {
  const table: Record<string, TheirTensor> = {
    "resnet/root_block/standardized_conv2d/kernel": convolution("conv_root/kernel", [8, 3, 7]),
    "resnet/group_norm/gamma": direct("norm/scale", [64]),
    "resnet/group_norm/beta": direct("norm/bias", [64]),
    "resnet/head/conv2d/kernel": { shape: [1, 1, 64, classes], place: ([, , i, o]) => ["head/kernel", [i!, o!]] },
    "resnet/head/conv2d/bias": direct("head/bias", [classes]),
  };
  const groups: Record<string, string> = {
    conv1: "a",
    conv2: "b",
    conv3: "c",
    gn1: "a",
    gn2: "b",
    gn3: "c",
    conv_proj: "a/proj",
  };
  for (const unit of units) {
    const theirs = `resnet/block${unit[0]}/unit0${unit[1]}`;
    const ours = `block${unit[0]}/unit${unit[1]}`;
    const name = (part: string) => `${theirs}/${groups[part]}/standardized_conv2d/kernel`;
    const { kernels, norms } = unitTensors(name, ours, unit, convolution, 2);
    Object.assign(table, kernels);
    for (const [norm, size] of Object.entries(norms)) {
      Object.assign(
        table,
        both(`${theirs}/${groups[norm]}/group_norm`, `${ours}/${norm}`, size, ["gamma", "beta"], "/"),
      );
    }
  }
  return table;
}

/** timm's resnetv2: `stages.{i}.blocks.{j}` from 0, norms `norm1..3`, `downsample`. */
export function timmResNetTable(): Table {
  const table: Record<string, TheirTensor> = {
    "stem.conv.weight": direct("conv_root/kernel", [8, 3, 7, 7]),
    ...torchNorm("norm", "norm", 64),
    "head.fc.weight": { shape: [classes, 64, 1, 1], place: ([o, i]) => ["head/kernel", [i!, o!]] },
    "head.fc.bias": direct("head/bias", [classes]),
  };
  addTimmUnits(table, "stages", 2);
  return table;
}

function addTimmUnits(table: Record<string, TheirTensor>, stages: string, version: 1 | 2): void {
  for (const unit of units) {
    const theirs = `${stages}.${unit[0] - 1}.blocks.${unit[1] - 1}`;
    const ours = `block${unit[0]}/unit${unit[1]}`;
    const name = (part: string) => `${theirs}.${part === "conv_proj" ? "downsample.conv" : part}.weight`;
    const { kernels, norms } = unitTensors(name, ours, unit, asOurs, version);
    Object.assign(table, kernels);
    for (const [norm, size] of Object.entries(norms)) {
      const part = norm === "gn_proj" ? "downsample.norm" : norm.replace("gn", "norm");
      Object.assign(table, torchNorm(`${theirs}.${part}`, `${ours}/${norm}`, size));
    }
  }
}

/** papers.md 3.1: the stem of hybrids before the names of 1.9. */
export function hybridTable(stages: boolean): Table {
  const table: Record<string, TheirTensor> = {
    ...augRegTable([1, 3, 2], stages ? [1, 1, 64] : [2, 2, 8]),
    "conv_root/kernel": convolution("conv_root/kernel", [8, 3, 7]),
    ...both("gn_root", "gn_root", 8, ["scale", "bias"], "/"),
  };
  for (const unit of stages ? units : []) {
    const ours = `block${unit[0]}/unit${unit[1]}`;
    const { kernels, norms } = unitTensors((part) => `${ours}/${part}/kernel`, ours, unit, convolution, 1);
    Object.assign(table, kernels);
    for (const [norm, size] of Object.entries(norms)) {
      Object.assign(table, both(`${ours}/${norm}`, `${ours}/${norm}`, size, ["scale", "bias"], "/"));
    }
  }
  return table;
}

/** timm's hybrids: the backbone is the root itself where there are no stages. */
export function timmHybridTable(stages: boolean): Table {
  const root = stages ? "patch_embed.backbone.stem" : "patch_embed.backbone";
  const table: Record<string, TheirTensor> = {
    ...timmViTTable(stages ? [1, 1, 64] : [2, 2, 8]),
    [`${root}.conv.weight`]: direct("conv_root/kernel", [8, 3, 7, 7]),
    ...torchNorm(`${root}.norm`, "gn_root", 8),
  };
  if (stages) addTimmUnits(table, "patch_embed.backbone.stages", 1);
  return table;
}

// the tiny MLP-Mixer of seeded-models.ts: 4 patches, hidden widths 6 and 10
const mixing = [
  ["token_mixing", 4, 6],
  ["channel_mixing", d, 10],
] as const;

/** papers.md 3.2. */
export function mixerTable(): Table {
  const table: Record<string, TheirTensor> = {
    "stem/kernel": direct("stem/kernel", [4, 4, 3, d]),
    "stem/bias": direct("stem/bias", [d]),
    ...both("pre_head_layer_norm", "pre_head_layer_norm", d, ["scale", "bias"], "/"),
    "head/kernel": direct("head/kernel", [d, classes]),
    "head/bias": direct("head/bias", [classes]),
  };
  for (const i of layers) {
    const block = `MixerBlock_${i}`;
    for (const norm of ["LayerNorm_0", "LayerNorm_1"]) {
      Object.assign(table, both(`${block}/${norm}`, `${block}/${norm}`, d, ["scale", "bias"], "/"));
    }
    for (const [part, outer, hidden] of mixing) {
      for (const [k, [from, to]] of [
        [outer, hidden],
        [hidden, outer],
      ].entries()) {
        const name = `${block}/${part}/Dense_${k}`;
        table[`${name}/kernel`] = direct(`${name}/kernel`, [from!, to!]);
        table[`${name}/bias`] = direct(`${name}/bias`, [to!]);
      }
    }
  }
  return table;
}

/** timm's mixer: `stem.proj`, `blocks.{i}.mlp_tokens`, `mlp_channels`. */
export function timmMixerTable(): Table {
  const table: Record<string, TheirTensor> = {
    "stem.proj.weight": { shape: [d, 3, 4, 4], place: ([o, c, y, x]) => ["stem/kernel", [y!, x!, c!, o!]] },
    "stem.proj.bias": direct("stem/bias", [d]),
    ...torchNorm("norm", "pre_head_layer_norm", d),
    ...torchDense("head", "head", d, classes),
  };
  for (const i of layers) {
    const block = `MixerBlock_${i}`;
    Object.assign(table, torchNorm(`blocks.${i}.norm1`, `${block}/LayerNorm_0`, d));
    Object.assign(table, torchNorm(`blocks.${i}.norm2`, `${block}/LayerNorm_1`, d));
    for (const [part, outer, hidden] of mixing) {
      const theirs = `blocks.${i}.mlp_${part === "token_mixing" ? "tokens" : "channels"}`;
      Object.assign(table, torchDense(`${theirs}.fc1`, `${block}/${part}/Dense_0`, outer, hidden));
      Object.assign(table, torchDense(`${theirs}.fc2`, `${block}/${part}/Dense_1`, hidden, outer));
    }
  }
  return table;
}

/** The tensors of a table, number by number from ours. */
export function theirTensors(table: Table, { tensors }: Pick<Weights, "tensors">): Map<string, StoredTensor> {
  return new Map(
    Object.entries(table).map(([name, { shape, place }]) => {
      const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
      for (let i = 0; i < data.length; i++) {
        const [ours, index] = place(indexAt(shape, i));
        const tensor = tensors.get(ours);
        if (!tensor || tensor.shape.length !== index.length) throw new Error(`${name}: no ${ours} [${index}]`);
        data[i] = tensor.data[offset(tensor.shape, index)]!;
      }
      return [name, { dtype: "float32", shape, data }];
    }),
  );
}
