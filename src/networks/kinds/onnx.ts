/** Opens an ONNX file, from any exporter, as a network for its features or its logits. */
import { closeOnError } from "../../files/closable.js";
import { requirePath } from "../../files/paths.js";
import { valueRangeOf } from "../../images/index.js";
import { type OnnxFile, OnnxFileError, readOnnxFile } from "../../runtime/index.js";
import { networkOptions, readOptions, type SpecOption } from "../../weights/index.js";
import { defaultBatchSize, type Network, type OpenOptions, opened, wantedSize } from "../forward/network.js";
import type { RowsOfImages } from "../forward/rows.js";
import { digest, fileDigest } from "../stored/digest.js";
import { fittedPreprocessing } from "../stored/preprocessing.js";
import { openOnnxNetwork } from "./onnx-network.js";

/** Default image side for files with dynamic height and width: that of ImageNet's evaluation (papers.md 6). */
const defaultSide = 224;

/** The options after the path of an ONNX file. */
const fileOptions = {
  size: networkOptions.size,
  range: { expected: "LOW,HIGH, such as -1,1 or 0,255", read: readRange } as SpecOption<readonly [number, number]>,
  output: { expected: "the name of an output", read: (value) => value || undefined } as SpecOption<string>,
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
 * Throws OnnxFileError for a file with other inputs or without such an output.
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
  const image = wantedSize(spec, settings.size, options);
  const network = await openOnnxNetwork(file, output === "features" ? "be a backbone" : "classify images", {
    device,
    threads,
    batchSize,
    channels,
    image: image ?? openSize,
    output: settings.output === undefined ? output : { name: settings.output },
  });
  return await closeOnError(network, async () => {
    const { imageShape, layout, dtype } = network;
    if (dtype === "uint8" && settings.range) {
      throw new OnnxFileError(`${path} takes 8-bit pixels, 0 to 255; remove range`);
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
    const preprocessing = preprocessingOfFile(file.metadata["preprocessing"], settings, imageShape, dtype);
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
        return { bytes: file.bytes, input: network.input, features: network.output, layout, dtype };
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

/**
 * The file's own preprocessing (stated in Fovea's exports), otherwise resize and central crop. Values are in the
 * requested range, otherwise in the file's, otherwise in -1 to 1.
 */
function preprocessingOfFile(
  said: string | undefined,
  { range }: FileSettings,
  imageShape: readonly [number, number, number],
  dtype: "float32" | "uint8",
): string {
  const [height, width, channels] = imageShape;
  if (said !== undefined && !range) {
    const fitted = fittedPreprocessing(said, imageShape);
    // the model scales values itself
    return dtype === "uint8" ? `${fitted.replace(/\|value_range\([^|]*\)$/, "")}|${wholePixels}` : fitted;
  }
  const size = height === width ? `${height}` : `${height},${width}`;
  if (dtype === "uint8") return `decode_resize(${size}${channels === 1 ? ",channels=1" : ""})|${wholePixels}`;
  const [low, high] = range ?? [-1, 1];
  return `decode_resize(${size}${channels === 1 ? ",channels=1" : ""})|value_range(${low},${high})`;
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
