/** Opens an ONNX file, from any exporter, as a network for its features or its logits. */
import { basename, dirname, join } from "node:path";
import { closeOnError } from "../../files/closable.js";
import { requirePath } from "../../files/paths.js";
import { valueRangeOf } from "../../images/index.js";
import { type OnnxFile, OnnxFileError, readOnnxFile } from "../../runtime/index.js";
import {
  networkOptions,
  readJson,
  readOptions,
  readPreprocessor,
  resizedPreprocessing,
  type SpecOption,
  valueRangeStage,
} from "../../weights/index.js";
import { defaultBatchSize, type Network, type OpenOptions, opened, wantedSize } from "../forward/network.js";
import type { RowsOfImages } from "../forward/rows.js";
import { digest, fileDigest } from "../stored/digest.js";
import { fittedPreprocessing } from "../stored/preprocessing.js";
import { openOnnxNetwork } from "./onnx-network.js";
import type { MapPooling, TokenChoice } from "./onnx-pooling.js";

/** Default image side for files with dynamic height and width: that of ImageNet's evaluation (papers.md 6). */
const defaultSide = 224;

const numbersOf = (value: string): readonly number[] | undefined => {
  const numbers = value.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  return numbers.every(Number.isFinite) ? numbers : undefined;
};

/** The options after the path of an ONNX file. */
export const fileOptions = {
  size: networkOptions.size,
  range: { expected: "LOW,HIGH, such as -1,1 or 0,255", read: readRange } as SpecOption<readonly [number, number]>,
  mean: {
    expected: "a number or one for each channel, of pixels from 0 to 1, such as 0.485,0.456,0.406",
    read: numbersOf,
  } as SpecOption<readonly number[]>,
  std: {
    expected: "a number or one for each channel, of pixels from 0 to 1, such as 0.229,0.224,0.225",
    read: (value) => {
      const numbers = numbersOf(value);
      return numbers?.every((number) => number > 0) ? numbers : undefined;
    },
  } as SpecOption<readonly number[]>,
  output: { expected: "the name of an output", read: (value) => value || undefined } as SpecOption<string>,
  token: {
    expected: "cls (the first token), mean, all, or the number of a token",
    read: (value) =>
      value === "cls" || value === "mean" || value === "all"
        ? value
        : /^\d{1,6}$/.test(value)
          ? Number(value)
          : undefined,
  } as SpecOption<TokenChoice>,
  pool: {
    expected: "mean, max or all",
    read: (value) => (value === "mean" || value === "max" || value === "all" ? value : undefined),
  } as SpecOption<MapPooling>,
} as const;

function readRange(value: string): readonly [number, number] | undefined {
  const [low = Number.NaN, high = Number.NaN, ...more] = value.split(",").map(Number);
  return more.length === 0 && Number.isFinite(low) && low < high ? [low, high] : undefined;
}

type FileSettings = ReturnType<typeof readOptions<typeof fileOptions>>["given"];

/**
 * Opens an ONNX file with one input of images, [N, 3, H, W] or [N, H, W, 3]. The features are its output `features` (or
 * another common name, or its only output), the logits its output `logits` or its only one.
 *
 * How its images are scaled is stated by the file (Fovea's exports), by `range` or `mean` and `std`, or by the preprocessor_config.json beside it, of
 * which every step is applied. Throws OnnxFileError where nothing states it, for a file with other inputs or without such an output, and for tokens or
 * maps of which nothing states how they become a row.
 */
export async function openOnnx(spec: string, options: OpenOptions = {}): Promise<Network> {
  const { name: path, given: settings } = readOptions(spec, fileOptions);
  requirePath(path);
  const { output = "features", device, threads, batchSize = defaultBatchSize, channels, note, views } = options;
  const { openSize = [defaultSide, defaultSide] } = options;
  if (views)
    throw new OnnxFileError(
      `${path} is an ONNX file, which takes one view of each image; test-time augmentation needs a run or published weights`,
    );
  const file = await readOnnxFile(path);
  const beside = await descriptionBeside(path);
  const image = wantedSize(spec, settings.size, options) ?? sidesFor(file, beside);
  const network = await openOnnxNetwork(file, output === "features" ? "be a backbone" : "classify images", {
    device,
    threads,
    batchSize,
    channels,
    image: image ?? openSize,
    output: settings.output === undefined ? output : { name: settings.output },
    pooling: { token: settings.token ?? beside.token, pool: settings.pool },
  });
  return await closeOnError(network, async () => {
    const { imageShape, layout, dtype } = network;
    if (dtype === "uint8" && (settings.range || settings.mean || settings.std)) {
      throw new OnnxFileError(`${path} takes 8-bit pixels, 0 to 255; remove range, mean and std`);
    }
    if (image && (imageShape[0] !== image[0] || imageShape[1] !== image[1])) {
      throw new OnnxFileError(
        `${path} takes images of ${imageShape[0]} x ${imageShape[1]}; given ${image.join(" x ")}; remove the image size`,
      );
    }
    if (settings.output === undefined && output === "features" && network.output === "logits") {
      note?.(`${path} has no features output; using its logits as features`);
    }
    const run = layout === "NHWC" ? network.run : fromNHWC(network.run, imageShape);
    const values = network.batchSize * imageShape[0] * imageShape[1] * imageShape[2];
    // If the file does not state the width of its output, one run determines it.
    const width = network.width ?? (await run({ image: new Float32Array(values) })).length / network.batchSize;
    const said = file.metadata["preprocessing"] ?? preprocessingFor(beside, imageShape);
    const isScaled = said !== undefined || settings.range || settings.mean || settings.std;
    const scaled = isScaled ? settings : { ...settings, range: options.valueRange };
    const preprocessing = preprocessingOfFile(path, said, scaled, imageShape, dtype);
    return opened({
      spec,
      kind: "onnx",
      path,
      output,
      imageShape,
      preprocessing,
      valueRange: valueRangeOf(preprocessing),
      width,
      classNames: output === "logits" ? classNamesOf(file, width) : undefined,
      batchSize: network.batchSize,
      details: { name: "onnx", input: network.input, output: network.output, layout },
      run,
      identity: async () => {
        const weights = await Promise.all(file.external.map(fileDigest));
        return digest("onnx", await fileDigest(path), ...weights, network.output, imageShape);
      },
      toOnnx: async () => {
        if (file.external.length > 0) {
          throw new Error(
            `${path} stores its weights in external files; save it as one ONNX file to embed it in another (onnx.save_model with save_as_external_data=False)`,
          );
        }
        return { bytes: network.file.bytes, input: network.input, features: network.output, layout, dtype };
      },
      close: () => network.close(),
    });
  });
}

/** The class names in a file's metadata, if there are as many as logits. */
function classNamesOf({ metadata }: OnnxFile, classes: number): readonly string[] | undefined {
  try {
    const names: unknown = JSON.parse(metadata["classNames"] ?? "null");
    if (Array.isArray(names) && names.length === classes && names.every((name) => typeof name === "string"))
      return names;
  } catch {
    // metadata of another exporter: not an error
  }
  return undefined;
}

/** Unscaled pixels. */
const wholePixels = "value_range(0,255)";

/** The requested scaling of values as a stage of a preprocessing; undefined if none is requested. Throws OnnxFileError. */
function requestedRange(path: string, { range, mean, std }: FileSettings): string | undefined {
  if (range && (mean || std)) throw new OnnxFileError(`${path}: range is given beside mean or std; remove one`);
  if (range) return `value_range(${range[0]},${range[1]})`;
  if (!mean && !std) return undefined;
  if (!mean || !std) throw new OnnxFileError(`${path}: mean and std belong together; give both`);
  const stage = valueRangeStage(mean, std);
  if (stage) return stage;
  throw new OnnxFileError(`${path}: ${mean.length} means and ${std.length} deviations do not belong together`);
}

const scaling = /\|(value_range|standardise)(\([^|]*\))?$/;

/**
 * The stated preprocessing (of Fovea's exports, or beside the file), otherwise resize and central crop. Values are scaled as requested, otherwise as
 * stated. Throws OnnxFileError where neither says how.
 */
function preprocessingOfFile(
  path: string,
  said: string | undefined,
  settings: FileSettings,
  imageShape: readonly [number, number, number],
  dtype: "float32" | "uint8",
): string {
  const [height, width, channels] = imageShape;
  const range = requestedRange(path, settings);
  if (said !== undefined) {
    const fitted = fittedPreprocessing(range ? `${said.replace(scaling, "")}|${range}` : said, imageShape);
    // the model scales values itself
    return dtype === "uint8" ? `${fitted.replace(/\|value_range\([^|]*\)$/, "")}|${wholePixels}` : fitted;
  }
  const size = height === width ? `${height}` : `${height},${width}`;
  if (dtype === "uint8") return `decode_resize(${size}${channels === 1 ? ",channels=1" : ""})|${wholePixels}`;
  if (range) return `decode_resize(${size}${channels === 1 ? ",channels=1" : ""})|${range}`;
  throw new OnnxFileError(
    `${path} does not state how its images are scaled, and with a wrong guess it would compute something else; add ?range=-1,1 (the values of black and white) or ?mean=0.485,0.456,0.406&std=0.229,0.224,0.225 (of pixels from 0 to 1), or put its preprocessor_config.json beside it`,
  );
}

/** What the descriptions beside a file state. */
interface Beside {
  readonly preprocessing?: string | undefined;
  /** [height, width] after its preprocessing. */
  readonly size?: readonly [number, number] | undefined;
  readonly token?: TokenChoice | undefined;
}

/** The stated preprocessing, for images of the size in use. */
function preprocessingFor(
  { preprocessing, size }: Beside,
  [height, width]: readonly [number, number, number],
): string | undefined {
  if (!preprocessing || !size) return preprocessing;
  const from = { height: size[0], width: size[1] };
  return resizedPreprocessing(preprocessing, from, { height, width }) ?? preprocessing;
}

/** Model types of transformers whose feature is the first token of `last_hidden_state`. */
const firstToken = /^(vit|vit_mae|vit_msn|deit|beit|dinov2|dinov2_with_registers|dinov3_vit|clip|clip_vision_model)$/;
/** Those without a class token, whose feature is the mean over the tokens. */
const meanToken = /^(ijepa)$/;

/** Reads config.json and preprocessor_config.json of the file's folder, or of the one above its folder `onnx`, as on the hub. */
async function descriptionBeside(path: string): Promise<Beside> {
  const folder = dirname(path);
  const folders = basename(folder) === "onnx" ? [folder, dirname(folder)] : [folder];
  for (const one of folders) {
    const preprocessor = await readJson(join(one, "preprocessor_config.json"));
    if (!preprocessor) continue;
    const config = await readJson(join(one, "config.json"));
    const type = String(config?.["model_type"] ?? "");
    const read = readPreprocessor(preprocessor, undefined);
    return {
      preprocessing: read?.preprocessing,
      size: read && [read.size.height, read.size.width],
      token: firstToken.test(type) ? "cls" : meanToken.test(type) ? "mean" : undefined,
    };
  }
  return {};
}

/** The size of its preprocessing, for a file that takes any. */
function sidesFor({ inputs }: OnnxFile, { size }: Beside): readonly [number, number] | undefined {
  const [port] = inputs;
  const isOpen = port?.shape.length === 4 && port.shape.slice(1).filter((side) => typeof side !== "number").length >= 2;
  return isOpen ? size : undefined;
}

/** Wraps `run`, which takes [N, C, H, W], to take images [N, H, W, C]. */
function fromNHWC(run: RowsOfImages, [height, width, channels]: readonly [number, number, number]): RowsOfImages {
  const plane = height * width;
  let spare: Float32Array | undefined;
  return async ({ image }) => {
    const out = spare?.length === image.length ? spare : new Float32Array(image.length);
    spare = undefined;
    for (let start = 0; start < image.length; start += plane * channels) {
      for (let channel = 0; channel < channels; channel++) {
        let to = start + channel * plane;
        for (let from = start + channel; from < start + plane * channels; from += channels) out[to++] = image[from]!;
      }
    }
    const feeds = { image: out };
    const rows = await run(feeds);
    spare = feeds.image;
    return rows;
  };
}
