/**
 * The files of the Vision Transformer's successors, written down from the key lists of their own code and not from src/: for each tensor of theirs its
 * shape, and for each of its numbers the one of ours that it is (see tables.ts).
 */
import type { ModelConfig, ViTConfig } from "../../src/models/index.js";
import { vitConfig } from "../../src/models/index.js";
import { dense, direct, type Table, type TheirTensor, torchDense, torchNorm } from "./tables.js";

export const d = 8;
export const h = 2;
const dh = 4;
const m = 12;
export const patches = 4;
const layers = [0, 1];

/** Patches of 4 on images of 8: a grid of 2 x 2; no head unless `classes` says so. */
export const tiny = (changes: Partial<ViTConfig>): ModelConfig => ({
  family: "vit",
  ...vitConfig("Ti/4", { width: d, depth: 2, heads: h, mlpDim: m, classes: 0, pooling: "tok", ...changes }),
});

/** A row of PyTorch's matrices over the channels of all heads, of our [.., head, channel]. */
const ofHead = (row: number, side = dh): readonly [number, number] => [Math.floor(row / side), row % side];

/** Rows of several of our projections after each other: `weight` [k d, d] and `bias` [k d]. */
function projections(name: string, attention: string, parts: readonly string[], separator = ".", side = dh): Table {
  return {
    [`${name}${separator}weight`]: {
      shape: [parts.length * d, d],
      place: ([row, column]) => [
        `${attention}/${parts[Math.floor(row! / d)]}/kernel`,
        [column!, ...ofHead(row! % d, side)],
      ],
    },
    [`${name}${separator}bias`]: {
      shape: [parts.length * d],
      place: ([row]) => [`${attention}/${parts[Math.floor(row! / d)]}/bias`, ofHead(row! % d, side)],
    },
  };
}

const output = (name: string, attention: string, side = dh): Table => ({
  [`${name}.weight`]: { shape: [d, d], place: ([o, i]) => [`${attention}/out/kernel`, [...ofHead(i!, side), o!]] },
  [`${name}.bias`]: direct(`${attention}/out/bias`, [d]),
});

/** Gate, then value, in one matrix. */
const packedGate = (name: string, mlp: string): Table => ({
  [`${name}.weight`]: {
    shape: [2 * m, d],
    place: ([row, column]) => [`${mlp}/${row! < m ? "gate" : "up"}/kernel`, [column!, row! % m]],
  },
  [`${name}.bias`]: {
    shape: [2 * m],
    place: ([row]) => [`${mlp}/${row! < m ? "gate" : "up"}/bias`, [row! % m]],
  },
});

const patchWeights: TheirTensor = {
  shape: [d, 3, 4, 4],
  place: ([o, i, y, x]) => ["embedding/kernel", [y!, x!, i!, o!]],
};
const rowsOfTable = (name: string, count: number): TheirTensor => ({
  shape: [count, d],
  place: ([row, column]) => [name, [0, row!, column!]],
});
export const original = "Transformer/posembed_input/pos_embedding";
const three = ["query", "key", "value"] as const;
export const without = (table: Table, ...names: readonly RegExp[]): Table =>
  Object.fromEntries(Object.entries(table).filter(([name]) => !names.some((pattern) => pattern.test(name))));

/** Every block of both. */
const blocks = (make: (l: number, block: string, attention: string) => Table): Table =>
  Object.assign(
    {},
    ...layers.map((l) => {
      const block = `Transformer/encoderblock_${l}`;
      return make(l, block, `${block}/MultiHeadDotProductAttention_0`);
    }),
  );

export function huggingFaceDinov2(gated: boolean): Table {
  return {
    "embeddings.cls_token": direct("cls", [1, 1, d]),
    "embeddings.register_tokens": direct("registers", [1, 2, d]),
    "embeddings.position_embeddings": direct(original, [1, patches + 1, d]),
    "embeddings.patch_embeddings.projection.weight": patchWeights,
    "embeddings.patch_embeddings.projection.bias": direct("embedding/bias", [d]),
    ...torchNorm("layernorm", "Transformer/encoder_norm", d),
    ...blocks((l, block, attention) => {
      const theirs = `encoder.layer.${l}`;
      return {
        ...torchNorm(`${theirs}.norm1`, `${block}/LayerNorm_0`, d),
        ...torchNorm(`${theirs}.norm2`, `${block}/LayerNorm_1`, d),
        ...Object.assign(
          {},
          ...three.map((one) => projections(`${theirs}.attention.attention.${one}`, attention, [one])),
        ),
        ...output(`${theirs}.attention.output.dense`, attention),
        [`${theirs}.layer_scale1.lambda1`]: direct(`${block}/LayerScale_0/scale`, [d]),
        [`${theirs}.layer_scale2.lambda1`]: direct(`${block}/LayerScale_1/scale`, [d]),
        ...(gated
          ? {
              ...packedGate(`${theirs}.mlp.weights_in`, `${block}/SwiGLU_0`),
              ...torchDense(`${theirs}.mlp.weights_out`, `${block}/SwiGLU_0/down`, m, d),
            }
          : {
              ...torchDense(`${theirs}.mlp.fc1`, `${block}/MlpBlock_0/Dense_0`, d, m),
              ...torchDense(`${theirs}.mlp.fc2`, `${block}/MlpBlock_0/Dense_1`, m, d),
            }),
      };
    }),
  };
}

export function huggingFaceDinov3(gated: boolean): Table {
  return {
    "embeddings.cls_token": direct("cls", [1, 1, d]),
    "embeddings.register_tokens": direct("registers", [1, 4, d]),
    "embeddings.patch_embeddings.weight": patchWeights,
    "embeddings.patch_embeddings.bias": direct("embedding/bias", [d]),
    ...torchNorm("norm", "Transformer/encoder_norm", d),
    ...blocks((l, block, attention) => {
      const theirs = `layer.${l}`;
      const heads = Object.assign(
        {},
        ...three.map((one) => projections(`${theirs}.attention.${one.charAt(0)}_proj`, attention, [one])),
      ) as Table;
      return {
        ...torchNorm(`${theirs}.norm1`, `${block}/LayerNorm_0`, d),
        ...torchNorm(`${theirs}.norm2`, `${block}/LayerNorm_1`, d),
        ...without(heads, /k_proj\.bias$/),
        ...output(`${theirs}.attention.o_proj`, attention),
        [`${theirs}.layer_scale1.lambda1`]: direct(`${block}/LayerScale_0/scale`, [d]),
        [`${theirs}.layer_scale2.lambda1`]: direct(`${block}/LayerScale_1/scale`, [d]),
        ...(gated
          ? {
              ...torchDense(`${theirs}.mlp.gate_proj`, `${block}/SwiGLU_0/gate`, d, m),
              ...torchDense(`${theirs}.mlp.up_proj`, `${block}/SwiGLU_0/up`, d, m),
              ...torchDense(`${theirs}.mlp.down_proj`, `${block}/SwiGLU_0/down`, m, d),
            }
          : {
              ...torchDense(`${theirs}.mlp.up_proj`, `${block}/MlpBlock_0/Dense_0`, d, m),
              ...torchDense(`${theirs}.mlp.down_proj`, `${block}/MlpBlock_0/Dense_1`, m, d),
            }),
      };
    }),
  };
}

/** The vision tower of `siglip` and `clip`. */
function tower(): Table {
  return {
    "vision_model.embeddings.patch_embedding.weight": patchWeights,
    ...torchNorm("vision_model.post_layernorm", "Transformer/encoder_norm", d),
    ...blocks((l, block, attention) => {
      const theirs = `vision_model.encoder.layers.${l}`;
      return {
        ...torchNorm(`${theirs}.layer_norm1`, `${block}/LayerNorm_0`, d),
        ...torchNorm(`${theirs}.layer_norm2`, `${block}/LayerNorm_1`, d),
        ...Object.assign(
          {},
          ...three.map((one) => projections(`${theirs}.self_attn.${one.charAt(0)}_proj`, attention, [one])),
        ),
        ...output(`${theirs}.self_attn.out_proj`, attention),
        ...torchDense(`${theirs}.mlp.fc1`, `${block}/MlpBlock_0/Dense_0`, d, m),
        ...torchDense(`${theirs}.mlp.fc2`, `${block}/MlpBlock_0/Dense_1`, m, d),
      };
    }),
  };
}

const pool = "MAPHead_0/MultiHeadDotProductAttention_0";

export const siglipTable = (): Table => ({
  ...tower(),
  "vision_model.embeddings.patch_embedding.bias": direct("embedding/bias", [d]),
  "vision_model.embeddings.position_embedding.weight": rowsOfTable("pos_embedding", patches),
  "vision_model.head.probe": direct("MAPHead_0/probe", [1, 1, d]),
  ...projections("vision_model.head.attention.in_proj", pool, three, "_"),
  ...output("vision_model.head.attention.out_proj", pool),
  ...torchNorm("vision_model.head.layernorm", "MAPHead_0/LayerNorm_0", d),
  ...torchDense("vision_model.head.mlp.fc1", "MAPHead_0/MlpBlock_0/Dense_0", d, m),
  ...torchDense("vision_model.head.mlp.fc2", "MAPHead_0/MlpBlock_0/Dense_1", m, d),
});

export const clipTable = (): Table => ({
  ...tower(),
  "vision_model.embeddings.class_embedding": { shape: [d], place: ([i]) => ["cls", [0, 0, i!]] },
  "vision_model.embeddings.position_embedding.weight": rowsOfTable(original, patches + 1),
  ...torchNorm("vision_model.pre_layrnorm", "Transformer/input_norm", d),
  "visual_projection.weight": dense("projection/kernel", d, 6),
});

export const openclipTable = (): Table => ({
  "visual.class_embedding": { shape: [d], place: ([i]) => ["cls", [0, 0, i!]] },
  "visual.positional_embedding": rowsOfTable(original, patches + 1),
  "visual.conv1.weight": patchWeights,
  ...torchNorm("visual.ln_pre", "Transformer/input_norm", d),
  ...torchNorm("visual.ln_post", "Transformer/encoder_norm", d),
  "visual.proj": direct("projection/kernel", [d, 6]),
  ...blocks((l, block, attention) => {
    const theirs = `visual.transformer.resblocks.${l}`;
    return {
      ...torchNorm(`${theirs}.ln_1`, `${block}/LayerNorm_0`, d),
      ...torchNorm(`${theirs}.ln_2`, `${block}/LayerNorm_1`, d),
      ...projections(`${theirs}.attn.in_proj`, attention, three, "_"),
      ...output(`${theirs}.attn.out_proj`, attention),
      ...torchDense(`${theirs}.mlp.c_fc`, `${block}/MlpBlock_0/Dense_0`, d, m),
      ...torchDense(`${theirs}.mlp.c_proj`, `${block}/MlpBlock_0/Dense_1`, m, d),
    };
  }),
});

interface TimmTable {
  readonly scale?: "ls" | "gamma";
  readonly attention?: "fused" | "biases apart" | "separate";
  readonly mlp?: "gelu" | "packed" | "separate";
  readonly mlpNorm?: boolean;
  readonly noBias?: RegExp;
}

/** timm's names of the blocks, for its classes VisionTransformer and Eva. */
export function timmBlocks({ scale, attention: kind = "fused", mlp = "gelu", mlpNorm = false }: TimmTable): Table {
  return blocks((l, block, attention) => {
    const theirs = `blocks.${l}`;
    const gated = `${block}/SwiGLU_0`;
    const inner = mlp === "gelu" ? `${block}/MlpBlock_0` : gated;
    const bias = (name: string): TheirTensor => ({
      shape: [d],
      place: ([row]) => [`${attention}/${name}/bias`, ofHead(row!)],
    });
    const hidden = {
      gelu: torchDense(`${theirs}.mlp.fc1`, `${inner}/Dense_0`, d, m),
      packed: packedGate(`${theirs}.mlp.fc1`, gated),
      separate: {
        ...torchDense(`${theirs}.mlp.fc1_g`, `${gated}/gate`, d, m),
        ...torchDense(`${theirs}.mlp.fc1_x`, `${gated}/up`, d, m),
      },
    };
    const separate = Object.assign(
      {},
      ...three.map((one) => projections(`${theirs}.attn.${one.charAt(0)}_proj`, attention, [one])),
    ) as Table;
    const attentions: Record<string, Table> = {
      fused: projections(`${theirs}.attn.qkv`, attention, three),
      "biases apart": {
        ...without(projections(`${theirs}.attn.qkv`, attention, three), /bias$/),
        [`${theirs}.attn.q_bias`]: bias("query"),
        [`${theirs}.attn.v_bias`]: bias("value"),
      },
      separate: without(separate, /k_proj\.bias$/),
    };
    const factors = (i: number): Table =>
      scale === undefined
        ? {}
        : {
            [scale === "ls" ? `${theirs}.ls${i}.gamma` : `${theirs}.gamma_${i}`]: direct(
              `${block}/LayerScale_${i - 1}/scale`,
              [d],
            ),
          };
    return {
      ...torchNorm(`${theirs}.norm1`, `${block}/LayerNorm_0`, d),
      ...torchNorm(`${theirs}.norm2`, `${block}/LayerNorm_1`, d),
      ...attentions[kind],
      ...output(`${theirs}.attn.proj`, attention),
      ...factors(1),
      ...factors(2),
      ...hidden[mlp],
      ...(mlpNorm ? torchNorm(`${theirs}.mlp.norm`, `${inner}/norm`, m) : {}),
      ...torchDense(`${theirs}.mlp.fc2`, `${inner}/${mlp === "gelu" ? "Dense_1" : "down"}`, m, d),
    };
  });
}

export const timmPatches: Table = {
  "patch_embed.proj.weight": patchWeights,
  "patch_embed.proj.bias": direct("embedding/bias", [d]),
};
export const timmClass: Table = { cls_token: direct("cls", [1, 1, d]) };
export const timmNorm = torchNorm("norm", "Transformer/encoder_norm", d);
/** Pooling by attention with heads of `side` channels. */
export const timmPool = (side: number): Table => ({
  "attn_pool.latent": direct("MAPHead_0/probe", [1, 1, d]),
  ...projections("attn_pool.q", pool, ["query"], ".", side),
  ...projections("attn_pool.kv", pool, ["key", "value"], ".", side),
  ...output("attn_pool.proj", pool, side),
  ...torchNorm("attn_pool.norm", "MAPHead_0/LayerNorm_0", d),
  ...torchDense("attn_pool.mlp.fc1", "MAPHead_0/MlpBlock_0/Dense_0", d, m),
  ...torchDense("attn_pool.mlp.fc2", "MAPHead_0/MlpBlock_0/Dense_1", m, d),
});
