/**
 * Reads the configuration of a network from timm's config.json: the architecture and `model_args`, the arguments it was
 * built with.
 */
import { WeightsError } from "../../formats/error.js";
import type { GeluForm } from "../../graph/index.js";
import { defined } from "../../text/defined.js";
import type { Hints } from "../layouts/index.js";

type Json = Readonly<Record<string, unknown>>;

/** Arguments of timm's VisionTransformer whose effect shows in the tensors, or that only affect training. */
const shownByTensors = [
  "attn_drop_rate",
  "attn_pool_mlp_ratio",
  "attn_type",
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
  "num_reg_tokens",
  "num_classes",
  "patch_drop_rate",
  "patch_size",
  "pos_drop_rate",
  "pre_norm",
  "proj_bias",
  "proj_drop_rate",
  "qk_norm",
  "qkv_bias",
  "qkv_fused",
  "reg_tokens",
  "scale_attn_inner",
  "scale_mlp",
  "swiglu_align_to",
  "swiglu_mlp",
  "use_abs_pos_emb",
  "use_fc_norm",
  "use_post_transformer_norm",
  "use_pre_transformer_norm",
  "use_rot_pos_emb",
  "weight_init",
];

/** timm's names of activations as our form of GELU. */
const activations: Readonly<Record<string, GeluForm>> = { gelu: "erf", gelu_tanh: "tanh", quick_gelu: "quick" };
/** Activations of networks whose MLPs are gated, which the tensors show. */
const gates: readonly string[] = ["silu"];
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
/**
 * Heads of timm's architectures that differ from the published models of their shape, or whose shape no published model has: successors of the Vision
 * Transformer with gated MLPs.
 */
const architectureHeads: readonly (readonly [architecture: RegExp, heads: number])[] = [
  [/^vit_base_patch16_gap_224$/, 16],
  [/^vit_giant_patch14_(reg\d_)?(dinov2|tipsv2)/, 24],
  [/^(eva02|vit_pe_core)_tiny_/, 3],
  [/^vit_tiny_patch16_dinov3/, 3],
  [/^(eva02|vit_pe_core)_small_/, 6],
  [/^(eva02|vit_pe_core)_base_/, 12],
  [/^(eva02|vit_pe_core)_(large|gigantic)_/, 16],
  [/^vit_small_(plus_)?patch16_dinov3/, 6],
  [/^vit_huge_plus_patch16_dinov3/, 20],
  [/^vit_7b_patch16_dinov3/, 32],
  [/^aimv2_large_/, 8],
  [/^aimv2_huge_/, 12],
  [/^aimv2_1b_/, 16],
  [/^aimv2_3b_/, 24],
];

const headsOfArchitecture = (architecture: string): number | undefined =>
  architectureHeads.find(([expression]) => expression.test(architecture))?.[1];

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
  const isViT = /^(vit|flexivit|deit|deit3|eva_large|eva02|aimv2)_?/.test(architecture);
  const isMixer = architecture.startsWith("mixer_");
  // the shapes of a ResNet's tensors determine all relevant settings
  if (!isViT && !isMixer) return {};
  const config: Record<string, unknown> = {};
  if (tanhArchitectures.test(architecture)) config["gelu"] = "tanh";
  if (/_clip_quickgelu_/.test(architecture)) config["gelu"] = "quick";
  let heads = headsOfArchitecture(architecture);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || (isMixer && name !== "act_layer")) continue;
    if (name === "act_layer" && gates.includes(String(value))) continue;
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
