/**
 * Backbones: anything that gives an image a row of features. A trained run, published weights, any ONNX file, or the pixels
 * themselves, behind one interface.
 */
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { exportOnnx } from "../../export/index.js";
import { type Closable, closable } from "../../files/closable.js";
import { requirePath } from "../../files/paths.js";
import { bytesOf, encodeOnnx, freeSide, onnxNode } from "../../graph/index.js";
import { type ValueRange, valueRangeOf } from "../../images/index.js";
import { type Device, OnnxFileError, readOnnxFile } from "../../runtime/index.js";
import {
  asWeights,
  fittedPreprocessing,
  openModel,
  openOnnxNetwork,
  type RowsOfImages,
  readNetwork,
} from "../../train/index.js";
import { networkOptions, parseNetworkSpec, readOptions, type SpecOption, splitSpec } from "../../weights/index.js";

export interface BackboneOptions {
  readonly device?: Device;
  /** Threads inside one operation; default `availableThreads()`. */
  readonly threads?: number;
  /** Images in a run; 32 when left out. */
  readonly batchSize?: number;
  /** Side of the images, or [height, width], where the network leaves it open or can be brought to it; its own when left out. */
  readonly imageSize?: number | readonly [number, number];
  /** Told what is assumed or changed, such as which checkpoint is used. */
  readonly note?: (text: string) => void;
}

/** A backbone that is open. */
export interface Backbone extends Closable {
  /** What it was opened from, as it was given. */
  readonly spec: string;
  readonly kind: "network" | "onnx" | "pixels";
  /** The file of its weights; the spec where there is none. */
  readonly path: string;
  /** [height, width, channels] of the images it sees. */
  readonly imageShape: readonly [number, number, number];
  /** What brings images of any source to that, in its string form. */
  readonly preprocessing: string;
  /** Are these weights that others publish, measured by the preprocessing of a protocol rather than by one that they bring along? */
  readonly published?: boolean;
  /** What black and white become for it: other preprocessings must bring images to the same range. */
  readonly valueRange: ValueRange;
  /** Features of an image. */
  readonly width: number;
  /** Images in a run. */
  readonly batchSize: number;
  /** What is known of it beside that, for JSON documents. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Images [batchSize, H, W, C] to features [batchSize, width], in evaluation mode (no dropout, no noise). */
  readonly represent: RowsOfImages;
  /** Hexadecimal; the same as long as the weights, and what of them is used, are the same. */
  identity(): Promise<string>;
  /** An ONNX model of it alone: one input of images in any batch, an output of features [batch, width]. */
  onnx(): Promise<BackboneOnnx>;
}

export interface BackboneOnnx {
  readonly bytes: Uint8Array;
  readonly input: string;
  readonly features: string;
  /** The order of its input's axes. */
  readonly layout: "NHWC" | "NCHW";
  /** What its input takes. */
  readonly dtype: "float32" | "uint8";
}

/** Enough images that the products are large; more would only take more memory. */
const usualBatchSize = 32;
/** Side of images where a file leaves it open and nobody says: that of ImageNet's evaluation (papers.md 6). */
const usualSide = 224;

/**
 * Opens a backbone. `spec` is
 *
 * - the folder of a run or one of its checkpoints, or published weights (a file, a folder, `embedded:NAME`, `hf:OWNER/NAME`), each
 *   with its settings (`?heads=4&size=96`), each also as `random:NETWORK`: see `readNetwork`;
 * - an ONNX file (`x.onnx`) that takes images [N, 3, H, W] or [N, H, W, 3] and has an output `features` (or another usual
 *   name, or one output only). Options follow after "?", joined by "&": `size=128` or `size=96,128` where the file leaves the
 *   size open (224 when left out), `range=0,1` for the values it takes (what the file says, else -1 to 1), `output=NAME`;
 * - `pixels:16`: the image at 16 x 16 pixels, 768 numbers; the baseline that anything learnt should beat.
 *
 * Throws what opening such a network throws, OnnxFileError for an ONNX file that cannot be one, and an Error for a spec that
 * means nothing.
 */
export async function openBackbone(spec: string, options: BackboneOptions = {}): Promise<Backbone> {
  if (/^pixels:/.test(spec) && !existsSync(spec)) return openPixels(spec, options);
  const { name } = splitSpec(spec);
  return name.endsWith(".onnx") ? await openFile(spec, options) : await openNetwork(spec, options);
}

/** What may follow the path of an ONNX file. */
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

/** [height, width] as the spec or the caller wants it. Throws an Error where they want different ones. */
function wantedSize(
  spec: string,
  size: readonly [number, number] | undefined,
  { imageSize }: BackboneOptions,
): readonly [number, number] | undefined {
  const asked = typeof imageSize === "number" ? ([imageSize, imageSize] as const) : imageSize;
  if (size && asked && asked.join() !== size.join()) {
    throw new Error(
      `"${spec}" states images of ${size.join(" x ")}, and ${asked.join(" x ")} are asked for; leave one away`,
    );
  }
  return size ?? asked;
}

const given = ({ device, threads }: BackboneOptions) => ({
  device,
  threads,
});

async function openNetwork(spec: string, options: BackboneOptions): Promise<Backbone> {
  const { note } = options;
  if (splitSpec(spec).options.some(([name]) => name === "range" || name === "output")) {
    throw new Error(`"${spec}": range and output are for ONNX files; a network of ours knows its own`);
  }
  const image = wantedSize(spec, parseNetworkSpec(spec).size, options);
  const model = await openModel(spec, {
    ...given(options),
    functions: ["represent"],
    batchSize: options.batchSize ?? usualBatchSize,
    note,
    image,
  });
  const { program, imageShape, preprocessing, published, width, batchSize, config, step, parameterCount } = model;
  if (image && (imageShape[0] !== image[0] || imageShape[1] !== image[1])) {
    await model.close();
    throw new Error(`${spec} sees images of ${imageShape[0]} x ${imageShape[1]}, not of ${image.join(" x ")}`);
  }
  return closable<Backbone>({
    spec,
    kind: "network",
    path: model.path,
    imageShape,
    preprocessing,
    published,
    valueRange: valueRangeOf(preprocessing),
    width,
    batchSize,
    details: { step, name: config.family, parameters: parameterCount, config },
    represent: async (feeds) => (await program.run("represent", feeds))["preLogits"] as Float32Array,
    identity: async () =>
      existsSync(model.path)
        ? digest("network", await fileDigest(model.path), imageShape)
        : digest("network", model.path, config, imageShape),
    onnx: async () => {
      const weights = asWeights(await readNetwork(spec, { image }));
      const { bytes, external } = await exportOnnx(weights, { outputs: "features" });
      if (external) throw new Error(`${spec} has more weights than one ONNX file can hold with a classifier`);
      return { bytes, input: "pixel_values", features: "features", layout: "NCHW", dtype: "float32" };
    },
    close: () => model.close(),
  });
}

async function openFile(spec: string, options: BackboneOptions): Promise<Backbone> {
  const { name: path, given: settings } = readOptions(spec, fileOptions);
  requirePath(path);
  const file = await readOnnxFile(path);
  const image = wantedSize(spec, settings.size, options);
  const network = await openOnnxNetwork(file, "be a backbone", {
    ...given(options),
    batchSize: options.batchSize ?? usualBatchSize,
    filesBatch: true,
    image: image ?? [usualSide, usualSide],
    output: settings.output === undefined ? "features" : { name: settings.output },
  });
  try {
    const { imageShape, batchSize, layout, dtype } = network;
    if (dtype === "uint8" && settings.range) {
      throw new OnnxFileError(`${path} takes 8-bit pixels, 0 to 255; leave range away`);
    }
    if (image && (imageShape[0] !== image[0] || imageShape[1] !== image[1])) {
      throw new OnnxFileError(
        `${path} takes images of ${imageShape[0]} x ${imageShape[1]} only; ${image.join(" x ")} was asked for`,
      );
    }
    if (settings.output === undefined && network.output === "logits") {
      options.note?.(`${path} has no output of features: its logits, one number per class, are the features`);
    }
    const represent: RowsOfImages = layout === "NHWC" ? network.run : turned(network.run, imageShape);
    const values = batchSize * imageShape[0] * imageShape[1] * imageShape[2];
    // Where the file does not say how many features there are, one run does.
    const width = network.width ?? (await represent({ image: new Float32Array(values) })).length / batchSize;
    const preprocessing = preprocessingOfFile(file.metadata["preprocessing"], settings, imageShape, dtype);
    return closable<Backbone>({
      spec,
      kind: "onnx",
      path,
      imageShape,
      preprocessing,
      valueRange: valueRangeOf(preprocessing),
      width,
      batchSize,
      details: { name: "onnx", input: network.input, output: network.output, layout },
      represent,
      identity: async () => {
        const weights = await Promise.all(file.external.map(fileDigest));
        return digest("onnx", await fileDigest(path), ...weights, network.output, imageShape);
      },
      onnx: async () => {
        if (file.external.length > 0) {
          throw new Error(
            `${path} keeps its weights in other files; put them into one ONNX file to have it within another (onnx.save_model with save_as_external_data=False)`,
          );
        }
        return { bytes: file.bytes, input: network.input, features: network.output, layout, dtype: network.dtype };
      },
      close: () => network.close(),
    });
  } catch (error) {
    await network.close();
    throw error;
  }
}

/** Pixels as they are. */
const wholePixels = "value_range(0,255)";

/** What the file says (ours do), or the image covered and cut to size; in the range asked for, or the file's, or -1 to 1. */
function preprocessingOfFile(
  said: string | undefined,
  { range }: FileSettings,
  imageShape: readonly [number, number, number],
  dtype: "float32" | "uint8",
): string {
  const [height, width, channels] = imageShape;
  if (said !== undefined && !range) {
    const fitted = fittedPreprocessing(said, imageShape);
    // the model scales by itself
    return dtype === "uint8" ? `${fitted.replace(/\|value_range\([^|]*\)$/, "")}|${wholePixels}` : fitted;
  }
  const size = height === width ? `${height}` : `${height},${width}`;
  if (dtype === "uint8") return `decode_resize(${size}${channels === 1 ? ",channels=1" : ""})|${wholePixels}`;
  const [low, high] = range ?? [-1, 1];
  return `decode_resize(${size}${channels === 1 ? ",channels=1" : ""})|value_range(${low},${high})`;
}

/** The same run, from images [N, H, W, C] to a network that takes [N, C, H, W]. */
function turned(run: RowsOfImages, [height, width, channels]: readonly [number, number, number]): RowsOfImages {
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

function openPixels(spec: string, { batchSize = usualBatchSize }: BackboneOptions): Backbone {
  const side = Number(spec.slice("pixels:".length));
  if (!(Number.isInteger(side) && side > 0)) {
    throw new Error(`"${spec}": raw pixels are asked for as pixels:SIDE, such as pixels:16`);
  }
  const preprocessing = `decode_resize(${side})|value_range(-1,1)`;
  return closable<Backbone>({
    spec,
    kind: "pixels",
    path: spec,
    imageShape: [side, side, 3],
    preprocessing,
    valueRange: [[-1, 1]],
    width: side * side * 3,
    batchSize,
    details: { name: "pixels" },
    represent: async ({ image }) => image.slice(),
    identity: async () => digest("pixels", side),
    onnx: async () => ({
      bytes: pixelsOnnx(side),
      input: "pixel_values",
      features: "features",
      layout: "NCHW",
      dtype: "float32",
    }),
    close: async () => {},
  });
}

/** From images [batch, 3, side, side] to their numbers in the order that `represent` gives, [batch, side * side * 3]. */
function pixelsOnnx(side: number): Uint8Array {
  const width = side * side * 3;
  return encodeOnnx({
    name: "pixels",
    nodes: [
      onnxNode("Transpose", ["pixel_values"], ["rows"], { perm: { ints: [0, 2, 3, 1] } }),
      onnxNode("Reshape", ["rows", "shape"], ["features"]),
    ],
    initializers: [
      { name: "shape", type: { dtype: "int64", shape: [2] }, bytes: bytesOf(BigInt64Array.of(-1n, BigInt(width))) },
    ],
    inputs: [{ name: "pixel_values", type: { dtype: "float32", shape: [freeSide, 3, side, side] } }],
    outputs: [{ name: "features", type: { dtype: "float32", shape: [freeSide, width] } }],
  }).bytes;
}

const digest = (...parts: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex");

async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
