/**
 * Reads the configuration of a network from timm's config.json: the architecture and `model_args`, the arguments it was
 * built with.
 */
import { WeightsError } from "../formats/error.js";
import { defined } from "../text/defined.js";
import type { Hints } from "./layouts/index.js";

type Json = Readonly<Record<string, unknown>>;

/** Arguments of timm's VisionTransformer whose effect shows in the tensors, or that only affect training. */
const shownByTensors = [
  "attn_drop_rate",
  "class_token",
  "depth",
  "drop_path_rate",
  "drop_rate",
  "dynamic_img_pad",
  "dynamic_img_size",
  "embed_dim",
  "fc_norm",
  "in_chans",
  "init_values",
  "mlp_ratio",
  "no_embed_class",
  "num_classes",
  "patch_drop_rate",
  "patch_size",
  "pos_drop_rate",
  "pre_norm",
  "proj_bias",
  "proj_drop_rate",
  "qk_norm",
  "qkv_bias",
  "reg_tokens",
  "weight_init",
];

/** timm's names of activations as our form of GELU. */
const activations: Readonly<Record<string, "erf" | "tanh">> = { gelu: "erf", gelu_tanh: "tanh" };
/** timm's names of the layer norms with the epsilon of its Vision Transformers, 1e-6. */
const layerNorms = ["layernorm", "layernormfp32"];
/** timm's `global_pool` as our pooling. */
const poolings: Readonly<Record<string, "tok" | "gap" | "map">> = { token: "tok", avg: "gap", map: "map" };

/**
 * Architectures of timm's vision_transformer.py with `act_layer="gelu_tanh"`; its other SigLIP models use the erf form.
 * The two forms differ by up to 5e-4.
 */
const tanhArchitectures =
  /^vit_(base_patch32_siglip(_gap)?_256|large_patch16_siglip(_gap)?_512|so400m_patch16_siglip(_gap)?_\d+|giantopt_patch16_siglip(_gap)?_\d+)$/;
/** The only architecture of timm whose number of heads differs from that of the published models of its shape. */
const architectureHeads: Readonly<Record<string, number>> = { vit_base_patch16_gap_224: 16 };

/** A value of a table by name. Throws WeightsError for an unknown name. */
function named<T>(table: Readonly<Record<string, T>>, name: string, value: unknown): T {
  if (typeof value === "string" && Object.hasOwn(table, value)) return table[value] as T;
  throw new WeightsError(
    `config.json: model_args.${name} ${JSON.stringify(value)} is unknown; expected ${Object.keys(table).join(", ")}`,
  );
}

/**
 * The settings that an architecture of timm and its `model_args` state. Arguments that are null have timm's default.
 *
 * Throws WeightsError for an argument with an unknown effect, and for an invalid value.
 */
export function timmArguments(architecture: string, given: Json): Pick<Hints, "heads" | "config"> {
  const isViT = /^(vit|flexivit|deit|eva_large)_?/.test(architecture);
  const isMixer = architecture.startsWith("mixer_");
  // the shapes of a ResNet's tensors determine all relevant settings
  if (!isViT && !isMixer) return {};
  const config: Record<string, unknown> = {};
  if (tanhArchitectures.test(architecture)) config["gelu"] = "tanh";
  let heads = Object.hasOwn(architectureHeads, architecture) ? architectureHeads[architecture] : undefined;
  for (const [name, value] of Object.entries(given)) {
    if (value === null || (isMixer && name !== "act_layer")) continue;
    if (name === "act_layer") config["gelu"] = named(activations, name, value);
    else if (name === "global_pool") config["pooling"] = named(poolings, name, value);
    else if (name === "num_heads") {
      if (!(Number.isInteger(value) && (value as number) > 0)) {
        throw new WeightsError(
          `config.json: model_args.num_heads is ${JSON.stringify(value)}; expected a whole number from 1`,
        );
      }
      heads = value as number;
    } else if (name === "norm_layer") {
      const plain = String(value).replaceAll("_", "").toLowerCase();
      if (!layerNorms.includes(plain)) {
        throw new WeightsError(
          `config.json: model_args.norm_layer ${JSON.stringify(value)} is unknown; expected ${layerNorms.join(", ")}`,
        );
      }
    } else if (name !== "img_size" && !shownByTensors.includes(name) && value !== false) {
      throw new WeightsError(
        `config.json: model_args.${name} is unknown, so the network cannot be computed as in timm`,
      );
    }
  }
  return defined({ heads, config });
}
