/** What timm's config.json states of a network beside its weights: the architecture and `model_args`, the arguments it was built with. */
import { WeightsError } from "../formats/error.js";
import { defined } from "../text/defined.js";
import type { Hints } from "./layouts/index.js";

type Json = Readonly<Record<string, unknown>>;

/** Arguments that timm's VisionTransformer takes and whose effect shows in the tensors, or that act in training only. */
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
/** timm's names of the layer norms whose epsilon is the 1e-6 of its Vision Transformers. */
const layerNorms = ["layernorm", "layernormfp32"];
/** timm's `global_pool` as our pooling. */
const poolings: Readonly<Record<string, "tok" | "gap" | "map">> = { token: "tok", avg: "gap", map: "map" };

/**
 * Architectures of timm's vision_transformer.py that set `act_layer="gelu_tanh"`; its other SigLIP models run the erf form.
 * The two forms differ by up to 5e-4.
 */
const tanhArchitectures =
  /^vit_(base_patch32_siglip(_gap)?_256|large_patch16_siglip(_gap)?_512|so400m_patch16_siglip(_gap)?_\d+|giantopt_patch16_siglip(_gap)?_\d+)$/;
/** The one architecture of timm whose heads differ from those of the published models of its shape. */
const architectureHeads: Readonly<Record<string, number>> = { vit_base_patch16_gap_224: 16 };

/** One of the values of a table, by a name that must be in it. */
function named<T>(table: Readonly<Record<string, T>>, name: string, value: unknown): T {
  if (typeof value === "string" && Object.hasOwn(table, value)) return table[value] as T;
  throw new WeightsError(
    `config.json: model_args.${name} ${JSON.stringify(value)} is not known; ${Object.keys(table).join(", ")} are`,
  );
}

/**
 * The settings that an architecture of timm and its `model_args` state. Arguments that are null take timm's default.
 *
 * Throws WeightsError for an argument whose effect is not known here, and for a value that is none.
 */
export function timmArguments(architecture: string, given: Json): Pick<Hints, "heads" | "config"> {
  const isViT = /^(vit|flexivit|deit|eva_large)_?/.test(architecture);
  const isMixer = architecture.startsWith("mixer_");
  // the shapes of a ResNet's tensors say all that matters of it
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
        throw new WeightsError(`config.json: model_args.num_heads ${JSON.stringify(value)} is no number of heads`);
      }
      heads = value as number;
    } else if (name === "norm_layer") {
      const plain = String(value).replaceAll("_", "").toLowerCase();
      if (!layerNorms.includes(plain)) {
        throw new WeightsError(
          `config.json: model_args.norm_layer ${JSON.stringify(value)} is not known; ${layerNorms.join(", ")} are`,
        );
      }
    } else if (name !== "img_size" && !shownByTensors.includes(name) && value !== false) {
      throw new WeightsError(
        `config.json: model_args.${name} is not known, so that the network cannot be computed as timm computes it`,
      );
    }
  }
  return defined({ heads, config });
}
