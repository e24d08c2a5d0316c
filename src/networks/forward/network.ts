/** Defines an open network, whatever it was opened from: images in, rows of numbers out. */
import { type Closable, closable } from "../../files/closable.js";
import type { ValueRange } from "../../images/index.js";
import type { LossName } from "../../nn/index.js";
import type { Device } from "../../runtime/index.js";
import type { RowsOfImages } from "./rows.js";
import type { TestViews } from "./test-views.js";

/** The output of a network: its features (pre-logits), or the logits of its head. */
export type NetworkOutput = "features" | "logits";

/** The device and threads that run a network. */
export interface ComputeOptions {
  /** Default: the CPU. */
  readonly device?: Device | undefined;
  /** Threads inside one operation. Default: `availableThreads()`. */
  readonly threads?: number | undefined;
}

export interface OpenOptions extends ComputeOptions {
  /** Default: "features". */
  readonly output?: NetworkOutput | undefined;
  /** Images per run. Default: 32. */
  readonly batchSize?: number | undefined;
  /** Side of the images, or [height, width], if the network takes any size or can be resized. Default: its own. */
  readonly imageSize?: number | readonly [number, number] | undefined;
  /**
   * [height, width] for an ONNX file with dynamic dimensions if neither the spec nor `imageSize` states them. Default:
   * 224 x 224.
   */
  readonly openSize?: readonly [number, number] | undefined;
  /** Values of black and white in the input of an ONNX file of which nothing states how its images are scaled. */
  readonly valueRange?: readonly [number, number] | undefined;
  /** Channels of the images for an ONNX file with a dynamic dimension. Default: 3. */
  readonly channels?: number | undefined;
  /** Average the logits over several crops and rotations of an image; for Fovea's own networks only. */
  readonly views?: TestViews | undefined;
  /** Called with messages about assumptions and changes, such as which checkpoint is used. */
  readonly note?: ((text: string) => void) | undefined;
}

export interface Network extends Closable {
  /** The spec that it was opened from. */
  readonly spec: string;
  readonly kind: string;
  /** The file of its weights; the spec if there is none. */
  readonly path: string;
  readonly output: NetworkOutput;
  /** [height, width, channels] of its input. */
  readonly imageShape: readonly [number, number, number];
  /** The preprocessing to this shape for images of any source, in its string form. */
  readonly preprocessing: string;
  /** The values of black and white in its input; any other preprocessing must have the same range. */
  readonly valueRange: ValueRange;
  /**
   * Whether these are published weights, which are evaluated with the preprocessing of a protocol instead of their own.
   */
  readonly published: boolean;
  /** Width of the output: numbers per row. */
  readonly width: number;
  /** Class names in the order of its logits; undefined if unknown. */
  readonly classNames: readonly string[] | undefined;
  /** How its logits become probabilities. */
  readonly loss: LossName;
  /** Images per run. */
  readonly batchSize: number;
  /** Further properties, for JSON documents. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Maps images [batchSize, H, W, C] to rows [batchSize, width], in evaluation mode (no dropout, no noise). */
  readonly run: RowsOfImages;
  /** A hexadecimal digest of the weights and the way they are used; it changes with either. */
  identity(): Promise<string>;
  /** An ONNX model of its features alone: one input of images with any batch size, one output [batch, features]. */
  toOnnx(): Promise<NetworkOnnx>;
}

export interface NetworkOnnx {
  readonly bytes: Uint8Array;
  readonly input: string;
  /** Name of the output. */
  readonly features: string;
  /** The order of its input's axes. */
  readonly layout: "NHWC" | "NCHW";
  /** Type of its input. */
  readonly dtype: "float32" | "uint8";
}

/** Large enough for efficient matrix products; larger batches only take more memory. */
export const defaultBatchSize = 32;

/** The description of a network in JSON documents. */
export interface NetworkDescription {
  /** The spec it was opened from. */
  readonly checkpoint: string;
  readonly kind: string;
  readonly imageShape: readonly [number, number, number];
  readonly preprocessing: string;
  readonly [more: string]: unknown;
}

export function describeNetwork(network: Network): NetworkDescription {
  const { path, kind, details, width, imageShape, preprocessing } = network;
  return { checkpoint: path, kind, ...details, width, imageShape, preprocessing };
}

type Defaulted = "published" | "classNames" | "loss";

/** Completes a network with defaults and its disposal. */
export const opened = (
  parts: Omit<Network, Defaulted | typeof Symbol.asyncDispose> & Partial<Pick<Network, Defaulted>>,
): Network => closable<Network>({ published: false, classNames: undefined, loss: "softmax", ...parts });

/** [height, width] from the spec or the caller. Throws an Error if they disagree. */
export function wantedSize(
  spec: string,
  size: readonly [number, number] | undefined,
  { imageSize }: Pick<OpenOptions, "imageSize">,
): readonly [number, number] | undefined {
  const asked = typeof imageSize === "number" ? ([imageSize, imageSize] as const) : imageSize;
  if (size && asked && asked.join() !== size.join()) {
    throw new Error(
      `"${spec}" states images of ${size.join(" x ")}, and the image size ${asked.join(" x ")} is given too; remove one of them`,
    );
  }
  return size ?? asked;
}
