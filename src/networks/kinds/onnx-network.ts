/**
 * Opens ONNX files from any exporter as networks: finds the input for images and the requested output, and runs the
 * file.
 */
import { type Closable, closable } from "../../files/closable.js";
import { compileOnnx, type Device, type OnnxFile, OnnxFileError } from "../../runtime/index.js";
import type { NetworkOutput } from "../forward/network.js";
import { type Pooling, withPooling } from "./onnx-pooling.js";

export interface OnnxNetworkOptions {
  /** Images per run, if the file's batch dimension is dynamic. */
  readonly batchSize: number;
  /** [height, width] of the images, if the file's dimensions are dynamic. */
  readonly image: readonly [number, number];
  /** Channels, if the file's dimension is dynamic. Default: 3. */
  readonly channels?: number | undefined;
  /** The kind of output to return, or the name of one. */
  readonly output: NetworkOutput | { readonly name: string };
  /** How tokens or a map become a row of features. */
  readonly pooling?: Pooling | undefined;
  readonly device?: Device | undefined;
  readonly threads?: number | undefined;
}

/** An open ONNX file that takes images. */
export interface OnnxNetwork extends Closable {
  /** Name of the input. */
  readonly input: string;
  /** Name of the output that is returned. */
  readonly output: string;
  readonly layout: "NHWC" | "NCHW";
  /** Type of its input: float32, or 8-bit pixels, to which values are rounded. */
  readonly dtype: "float32" | "uint8";
  readonly batchSize: number;
  /** [height, width, channels] of an image. */
  readonly imageShape: readonly [number, number, number];
  /** Width of the output, if the file states it. */
  readonly width: number | undefined;
  /** The file that is run: the given one, or with pooled features as its output. */
  readonly file: OnnxFile;
  /** Maps images in its layout to rows of its output. The array is in `feeds` again afterwards. */
  run(feeds: { image: Float32Array }): Promise<Float32Array>;
}

/** Names of the features (pre-logits) output in files of Fovea and of other exporters. */
const featureNames = ["features", "pooler_output", "pre_logits", "preLogits", "image_embeds"];

/**
 * Opens a file with one input of images, [N, 3, H, W] or [N, H, W, 3], float32 or 8-bit pixels (as Fovea's exports with
 * `input: "uint8"`). `purpose` completes the error message "FILE cannot ...".
 *
 * Throws OnnxFileError for other inputs, or when the requested output is missing.
 */
export async function openOnnxNetwork(
  file: OnnxFile,
  purpose: string,
  options: OnnxNetworkOptions,
): Promise<OnnxNetwork> {
  const { device, threads } = options;
  if (file.metadata["input"] === "photo") {
    throw new OnnxFileError(
      `${file.path} takes photos and resizes them itself, for programs that only decode; open the network it was exported from, or an export with --input uint8`,
    );
  }
  const [port] = file.inputs;
  if (file.inputs.length !== 1 || port?.shape.length !== 4 || !isImageType(port.dtype)) {
    throw new OnnxFileError(
      `${file.path} cannot ${purpose}: it takes ${file.inputs.map(({ name, dtype, shape }) => `${name} ${dtype} [${shape.join(", ")}]`).join(", ")}; expected one float32 or uint8 input of images [N, 3, H, W] or [N, H, W, 3]`,
    );
  }
  const dtype = port.dtype;
  const chosen = outputOf(file, purpose, options.output);
  const last = port.shape[3];
  const layout = last === 1 || last === 3 ? "NHWC" : "NCHW";
  const side = (axis: number, open: number): number => {
    const fixed = port.shape[axis];
    return typeof fixed === "number" ? fixed : open;
  };
  const [rows, columns, channel] = layout === "NHWC" ? [1, 2, 3] : [2, 3, 1];
  const batchSize = side(0, options.batchSize);
  const imageShape = [
    side(rows, options.image[0]),
    side(columns, options.image[1]),
    side(channel, options.channels ?? 3),
  ] as const;
  const [height, width, channels] = imageShape;
  const shape = layout === "NHWC" ? [batchSize, height, width, channels] : [batchSize, channels, height, width];
  const { file: used, output } =
    options.output === "logits" ? { file, output: chosen } : withPooling(file, chosen, options.pooling ?? {}, shape);
  const program = await compileOnnx(used, { [port.name]: shape }, { device, threads, rows: { [output]: batchSize } });
  const wide = used.outputs.find(({ name }) => name === output)!.shape;
  const sides = wide.slice(1);
  return closable<OnnxNetwork>({
    file: used,
    input: port.name,
    output,
    layout,
    dtype,
    batchSize,
    imageShape,
    width:
      sides.length > 0 && sides.every((one) => typeof one === "number") ? sides.reduce((a, b) => a * b, 1) : undefined,
    run: async (feeds) => {
      if (dtype === "uint8") {
        // a clamped array rounds and clips to 0 .. 255
        const pixels = new Uint8Array(Uint8ClampedArray.from(feeds.image).buffer);
        return (await program.run("run", { [port.name]: pixels }, { transfer: true }))[output] as Float32Array;
      }
      const given = { [port.name]: feeds.image };
      const results = await program.run("run", given, { transfer: true });
      feeds.image = given[port.name] as Float32Array;
      return results[output] as Float32Array;
    },
    close: () => program.close(),
  });
}

const isImageType = (dtype: string): dtype is "float32" | "uint8" => dtype === "float32" || dtype === "uint8";

/** Chooses the output: by its name, by a known name of its kind, or the only one. */
function outputOf({ path, outputs }: OnnxFile, purpose: string, wanted: OnnxNetworkOptions["output"]): string {
  const named = typeof wanted === "string" ? (wanted === "features" ? featureNames : ["logits"]) : [wanted.name];
  const byName = named.flatMap((name) => outputs.find((output) => output.name === name) ?? [])[0];
  const found = byName ?? (typeof wanted === "string" && outputs.length === 1 ? outputs[0] : undefined);
  if (found && found.dtype === "float32") return found.name;
  const had = outputs.map(({ name, dtype }) => (dtype === "float32" ? name : `${name} (${dtype})`)).join(", ");
  throw new OnnxFileError(
    `${path} cannot ${purpose}: expected ${typeof wanted === "string" ? `one float32 output, or one named "${named[0]}"` : `a float32 output named "${named[0]}"`}; found ${had}`,
  );
}
