/** Reads config.json and preprocessor_config.json of Hugging Face's vision models as transformers does. */
import { WeightsError } from "../../formats/error.js";
import type { GeluForm } from "../../graph/index.js";
import { defined } from "../../text/defined.js";
import {
  isObject,
  type Json,
  noRange,
  numbers,
  own,
  pillow,
  positive,
  sized,
  sizeOf,
  text,
  valueRangeStage,
} from "./json.js";
import type { Description } from "./metadata.js";

/** The hidden_act of a config.json as our form of GELU; undefined for another function. */
const activations: Readonly<Record<string, GeluForm>> = {
  gelu: "erf",
  gelu_new: "tanh",
  gelu_pytorch_tanh: "tanh",
  gelu_fast: "tanh",
  quick_gelu: "quick",
};

/** What transformers assumes where the config.json of a model type does not state it. */
interface ModelType {
  readonly activation: string;
  readonly heads: number | undefined;
  readonly epsilon: number | undefined;
  readonly imageSize: number | undefined;
  /** The settings of the vision tower stand under `vision_config`. */
  readonly isTower?: boolean;
  /** Settings besides those. */
  readonly config?: (config: Json) => Readonly<Record<string, unknown>>;
}

const vit: ModelType = { activation: "gelu", heads: undefined, epsilon: undefined, imageSize: undefined };
const dinov2: ModelType = { activation: "gelu", heads: 12, epsilon: 1e-6, imageSize: 224 };
const siglip: ModelType = { activation: "gelu_pytorch_tanh", heads: 12, epsilon: 1e-6, imageSize: 224 };
const clip: ModelType = { activation: "quick_gelu", heads: 12, epsilon: 1e-5, imageSize: 224 };

/** The model types whose weights can be read (transformers' configuration_*.py). */
const modelTypes: Readonly<Record<string, ModelType>> = {
  vit,
  vit_mae: { ...vit, heads: 12, epsilon: 1e-12, imageSize: 224 },
  dinov2,
  dinov2_with_registers: dinov2,
  dinov3_vit: {
    activation: "gelu",
    heads: 6,
    epsilon: 1e-5,
    imageSize: 224,
    config: (config) => ({ rotary: { kind: "centred", base: positive(own(config, "rope_theta")) ?? 100 } }),
  },
  siglip: { ...siglip, isTower: true },
  siglip_vision_model: siglip,
  clip: { ...clip, isTower: true },
  clip_vision_model: clip,
};

/** Pillow's filters by the number of `resample`, as methods of our resizing. */
const filters: Readonly<Record<number, "bilinear" | "bicubic">> = { 2: "bilinear", 3: "bicubic" };

/** What a preprocessor_config.json says, applied in the order of transformers: resize, crop, rescale, normalise. */
export interface HubPreprocessing {
  /** Undefined where it does not scale pixels in a way that is understood; `notes` says why. */
  readonly preprocessing: string | undefined;
  /** Size of the images afterwards. */
  readonly size: { readonly height: number; readonly width: number };
  readonly notes: readonly string[];
}

/**
 * Reads a preprocessor_config.json. `image` is the size where it states none; undefined if neither does. Throws WeightsError for steps that are not
 * supported.
 */
export function readPreprocessor(
  preprocessor: Json | undefined,
  image: { readonly height: number; readonly width: number } | undefined,
): HubPreprocessing | undefined {
  const from = (key: string) => own(preprocessor, key);
  if (from("do_flip_channel_order") === true) {
    throw new WeightsError(
      "preprocessor_config.json: do_flip_channel_order asks for blue first, which is not supported; convert the network to images of red first",
    );
  }
  const notes: string[] = [];
  const stated = from("size");
  const cropSize = sizeOf(from("crop_size"));
  const crop = from("do_center_crop") !== false && cropSize !== undefined ? cropSize : undefined;
  const shortest = isObject(stated) ? positive(own(stated, "shortest_edge")) : crop && positive(stated);
  const exact = shortest === undefined ? (sizeOf(stated) ?? (crop ? undefined : image)) : undefined;
  const size = crop ?? exact ?? (shortest ? { height: shortest, width: shortest } : image);
  if (!size) return undefined;
  const resizes = from("do_resize") !== false;
  const resample = from("resample");
  const filter = typeof resample === "number" ? filters[resample] : undefined;
  if (resizes && typeof resample === "number" && !filter) {
    notes.push(`its images are resized by Pillow's filter ${resample}; bicubic is used instead`);
  }
  const method = filter ?? (typeof resample === "number" ? "bicubic" : "bilinear");
  const resize: string[] = [];
  if (!resizes) resize.push("decode");
  else if (exact) {
    // decoding to a size antialiases as Pillow's bilinear filter does, and is faster
    const fast = method === "bilinear" && (crop === undefined || sized(crop) === sized(exact));
    resize.push(fast ? `decode_resize(${sized(exact)},fit=fill)` : `decode|resize(${sized(exact)},${pillow(method)})`);
  } else {
    const side = shortest ?? Math.min(size.height, size.width);
    resize.push(`decode|resize_small(${side},${pillow(method)},rounding=floor)`);
  }
  const isCut = !exact || (crop !== undefined && sized(crop) !== sized(exact));
  if (isCut || !resizes) resize.push(`central_crop(${sized(size)})`);
  const normalises = from("do_normalize") !== false;
  const mean = normalises ? (numbers(from("image_mean")) ?? [0.5]) : [0];
  const deviation = normalises ? (numbers(from("image_std")) ?? [0.5]) : [1];
  // a factor other than 1/255 scales pixels to another range than [0, 1] before they are normalised
  const factor = from("do_rescale") === false ? 255 : 255 * (positive(from("rescale_factor")) ?? 1 / 255);
  const unit = Math.abs(factor - 1) < 1e-3 ? 1 : factor;
  const range = valueRangeStage(
    mean.map((value) => value / unit),
    deviation.map((value) => value / unit),
  );
  if (!range) notes.push(noRange(mean, deviation));
  return { preprocessing: range && [...resize, range].join("|"), size, notes };
}

/** Reads config.json and preprocessor_config.json of Hugging Face. Throws WeightsError for a model type that cannot be read. */
export function describeHuggingFace(config: Json, preprocessor: Json | undefined): Description {
  const type = text(own(config, "model_type"));
  // A Fovea export declares a model type that transformers.js runs; its weights describe themselves.
  const isOurs = isObject(own(config, "fovea"));
  const known = modelTypes[type ?? "vit"];
  if (!known && !isOurs) {
    throw new WeightsError(
      `config.json: unsupported model_type "${type}"; expected ${Object.keys(modelTypes).join(", ")}; if the model has an ONNX file, name it: hf:OWNER/NAME?dtype=fp32`,
    );
  }
  const { activation, heads, epsilon, imageSize, isTower, config: more } = known ?? vit;
  const vision = own(config, "vision_config");
  const settings = isTower && isObject(vision) ? vision : config;
  const act = text(own(settings, "hidden_act")) ?? activation;
  // the activation of a gated MLP is SiLU, which the tensors show
  const isGated = own(settings, "use_gated_mlp") === true || own(settings, "use_swiglu_ffn") === true;
  if (!isGated && !Object.hasOwn(activations, act)) {
    throw new WeightsError(
      `config.json: unsupported hidden_act "${act}"; expected ${Object.keys(activations).join(", ")}`,
    );
  }
  const labels = own(config, "id2label");
  const names = isObject(labels) ? Object.keys(labels).map((_, i) => text(own(labels, String(i)))) : [];
  const image = sizeOf(own(settings, "image_size") ?? imageSize);
  const read = readPreprocessor(preprocessor, image);
  const isOther = read && (read.size.height !== image?.height || read.size.width !== image.width);
  return {
    metadata: defined({
      preprocessing: read?.preprocessing,
      classNames: names.length > 0 && names.every((name) => name !== undefined) ? names : undefined,
      licence: text(own(config, "license")),
      source: text(own(config, "_name_or_path")),
    }),
    hints: defined({
      image,
      heads: positive(own(settings, "num_attention_heads")) ?? heads,
      config: known
        ? defined({
            gelu: isGated ? undefined : activations[act],
            layerNormEpsilon: positive(own(settings, "layer_norm_eps")) ?? epsilon,
            ...more?.(settings),
          })
        : undefined,
    }),
    notes: read?.notes ?? [],
    ...(isOther && image && { size: read.size }),
  };
}
