/**
 * Writes a network as a folder in the format of the Hugging Face Hub, for transformers.js and (Vision Transformers) transformers.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { writeFileAtomically } from "../files/atomic.js";
import { replaceFolder } from "../files/replace-folder.js";
import type { NumericArray, OnnxModel } from "../graph/index.js";
import { isPlainViT, type ModelConfig } from "../models/index.js";
import { append } from "../text/arrays.js";
import { saveWeights, type Weights } from "../weights/index.js";
import { ExportError } from "./error.js";
import { type ExportOptions, exportOnnx, type WeightFormat } from "./export-onnx.js";
import { modelCard } from "./model-card.js";
import { type PixelPreparation, pixelPreparation } from "./pixels.js";
import { writeExport } from "./write.js";

export interface HuggingFaceOptions {
  /** ONNX files to write, by the storage type of their weights. Default: float32. */
  readonly weights?: readonly WeightFormat[];
  readonly operators?: ExportOptions["operators"];
  readonly opset?: ExportOptions["opset"];
  /** Images for int8 weights of networks with convolutions (see `ExportOptions.calibration`). */
  readonly calibration?: NumericArray;
  /** Title of the model card. Default: the folder's name. */
  readonly title?: string;
  readonly externalAbove?: number;
}

/** File names in transformers.js for its dtypes fp32, fp16 and q8. */
const fileNames: Readonly<Record<WeightFormat, { readonly file: string; readonly dtype: string }>> = {
  float32: { file: "model.onnx", dtype: "fp32" },
  float16: { file: "model_fp16.onnx", dtype: "fp16" },
  int8: { file: "model_quantized.onnx", dtype: "q8" },
};

/** The written files, and the properties of the network that the folder cannot represent. */
export interface HuggingFaceFolder {
  readonly files: readonly string[];
  /** Layout of model.safetensors. */
  readonly layout: "huggingface" | "fovea";
  readonly notes: readonly string[];
}

/**
 * Writes config.json, preprocessor_config.json, model.safetensors, onnx/model.onnx and README.md into a folder, all or nothing. An earlier
 * export there is replaced; a folder with other files is rejected.
 *
 * transformers.js loads every family: Vision Transformers and Mixers as `vit`, ResNets as `resnet` (it runs the ONNX file whatever the network
 * is). transformers (Python) loads model.safetensors of Vision Transformers with a class token; for other networks that file has Fovea's own
 * layout.
 *
 * Throws ExportError and the errors of `exportOnnx` and `saveWeights`.
 */
export async function writeHuggingFaceFolder(
  folder: string,
  weights: Weights,
  options: HuggingFaceOptions = {},
): Promise<HuggingFaceFolder> {
  const full = resolve(folder);
  refuseOtherFolders(full);
  const formats = options.weights ?? (["float32"] as const);
  if (formats.length === 0) throw new ExportError("name at least one of float32, float16 and int8 to write");
  const preparation = pixelPreparation(weights.metadata.preprocessing, weights.image);
  const layout = isTheirs(weights.config) ? "huggingface" : "fovea";
  const hasHead = weights.config.classes > 0;
  const notes = preparation.untold.map((op) => `preprocessor_config.json has no field for ${op}, which is omitted`);
  const files: string[] = [];

  const fill = async (incoming: string): Promise<void> => {
    const text = async (name: string, content: string): Promise<void> => {
      await writeFileAtomically(join(incoming, name), [new TextEncoder().encode(content)]);
      files.push(name);
    };
    await mkdir(join(incoming, "onnx"));
    const external: Record<string, number> = {};
    for (const format of formats) {
      const { file } = fileNames[format];
      const model: OnnxModel = await exportOnnx(weights, {
        input: "colour",
        outputs: outputsOf(weights.config),
        weights: format,
        operators: options.operators,
        opset: options.opset,
        calibration: options.calibration,
        externalAbove: options.externalAbove,
        externalPath: `${file}_data`,
      });
      const written = await writeExport(model, join(incoming, "onnx", file));
      append(
        files,
        written.map((path) => `onnx/${basename(path)}`),
      );
      if (model.external) external[file] = 1;
    }
    const { lost } = await saveWeights(join(incoming, "model.safetensors"), weights, layout);
    files.push("model.safetensors");
    append(
      notes,
      lost.map((what) => `model.safetensors cannot say: ${what}`),
    );
    const first = fileNames[formats[0]!].dtype;
    await text("config.json", json(configOf(weights, first, external)));
    await text("preprocessor_config.json", json(preprocessorOf(preparation)));
    const title = options.title ?? full.split(/[\\/]/).at(-1)!;
    const variants = formats.map((format) => ({ format, ...fileNames[format] }));
    await text("README.md", modelCard(weights, { title, layout, variants, hasHead, notes }));
  };
  await replaceFolder(full, fill, { isOurs: (path) => ownFiles.includes(path) });
  return { files: files.sort(), layout, notes };
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** All files that an export may have; other files in the folder belong to the user. */
const ownFiles: readonly string[] = [
  "config.json",
  "preprocessor_config.json",
  "model.safetensors",
  "README.md",
  ...Object.values(fileNames).flatMap(({ file }) => [`onnx/${file}`, `onnx/${file}_data`]),
];

function refuseOtherFolders(folder: string): void {
  if (!existsSync(folder)) return;
  const names = readdirSync(folder);
  if (names.length > 0 && !isExport(folder)) {
    throw new ExportError(
      `${folder} holds something else than an export (${names.slice(0, 3).join(", ")}); give a new one`,
    );
  }
}

/** Whether a folder has an earlier export: its config.json has a `fovea` entry, which those of other programs do not. */
function isExport(folder: string): boolean {
  try {
    const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as { fovea?: unknown } | null;
    return config?.fovea !== undefined;
  } catch {
    return false;
  }
}

/** Whether transformers' ViTForImageClassification computes the same from these parameters (papers.md 1.10). */
function isTheirs(config: ModelConfig): boolean {
  return (
    config.family === "vit" &&
    config.pooling === "tok" &&
    config.preLogits === false &&
    config.posEmbedding === "learn" &&
    config.posEmbeddingLayers === "input" &&
    isPlainViT(config) &&
    config.stem.kind === "patch"
  );
}

/** Output names that transformers.js expects. */
function outputsOf(config: ModelConfig): ExportOptions["outputs"] {
  if (config.classes > 0) return { logits: "logits", features: "pooler_output" };
  return config.family === "resnet" || config.family === "mobilenet"
    ? { features: "pooler_output" }
    : { tokens: "last_hidden_state", features: "pooler_output" };
}

function configOf({ config, image, metadata }: Weights, dtype: string, external: Readonly<Record<string, number>>) {
  const names =
    metadata.classNames?.length === config.classes
      ? metadata.classNames
      : Array.from({ length: config.classes }, (_, i) => `LABEL_${i}`);
  const type = config.family === "resnet" || config.family === "mobilenet" ? "resnet" : "vit";
  const prefix = type === "vit" ? "ViT" : "ResNet";
  return {
    architectures: [config.classes > 0 ? `${prefix}ForImageClassification` : `${prefix}Model`],
    model_type: type,
    ...(config.family === "vit" && {
      hidden_size: config.width,
      num_hidden_layers: config.depth,
      num_attention_heads: config.heads,
      intermediate_size: config.mlpDim,
      patch_size: config.patchSize,
      // Tanh GELU is exactly transformers' gelu_pytorch_tanh.
      hidden_act: config.gelu === "tanh" ? "gelu_pytorch_tanh" : "gelu",
      layer_norm_eps: config.layerNormEpsilon,
      qkv_bias: true,
    }),
    image_size: image.height === image.width ? image.height : [image.height, image.width],
    num_channels: image.channels,
    ...(config.classes > 0 && {
      id2label: Object.fromEntries(names.map((name, i) => [String(i), name])),
      label2id: Object.fromEntries(names.map((name, i) => [name, i])),
    }),
    license: metadata.licence,
    // Fovea's description of the network, which is independent of the type above.
    fovea: config,
    "transformers.js_config": {
      dtype,
      use_external_data_format: Object.keys(external).length > 0 ? external : undefined,
    },
  };
}

/** Converts a preparation to preprocessor_config.json. The processor has one mean and deviation for each of three channels. */
export function preprocessorOf({ scaling, resize, kernel, crop }: PixelPreparation) {
  const three = (values: readonly number[]): number[] => [0, 1, 2].map((i) => values[values.length === 1 ? 0 : i]!);
  const exact = resize !== undefined && "height" in resize && crop === undefined;
  return {
    // ViTImageProcessor stretches to a fixed size; BitImageProcessor crops the centre.
    image_processor_type: exact ? "ViTImageProcessor" : "BitImageProcessor",
    do_convert_rgb: true,
    do_resize: resize !== undefined,
    ...(resize && {
      size: "height" in resize ? resize : { shortest_edge: resize.shortestEdge },
      resample: kernel === "bicubic" ? 3 : 2, // Pillow's numbers
    }),
    ...(crop && { do_center_crop: true, crop_size: crop }),
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: three(scaling.mean),
    image_std: three(scaling.deviation),
  };
}
