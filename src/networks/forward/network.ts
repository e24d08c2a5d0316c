/** A network that is open, whatever it was opened from: images in, rows of numbers out. */
import { type Closable, closable } from "../../files/closable.js";
import type { ValueRange } from "../../images/index.js";
import type { LossName } from "../../nn/index.js";
import type { Device } from "../../runtime/index.js";
import type { RowsOfImages } from "./rows.js";
import type { TestViews } from "./test-views.js";

/** The output of a network: its features (pre-logits), or the logits of its head. */
export type NetworkOutput = "features" | "logits";

/** Where and with how many threads a network runs. */
export interface ComputeOptions {
  /** Default: the CPU. */
  readonly device?: Device | undefined;
  /** Threads inside one operation. Default: `availableThreads()`. */
  readonly threads?: number | undefined;
}

export interface OpenOptions extends ComputeOptions {
  /** Default: "features". */
  readonly output?: NetworkOutput | undefined;
  /** Images in a run. Default: 32. */
  readonly batchSize?: number | undefined;
  /** Side of the images, or [height, width], where the network takes any size or can be resized to it. Default: its own. */
  readonly imageSize?: number | readonly [number, number] | undefined;
  /** [height, width] where an ONNX file has dynamic dimensions and neither the spec nor `imageSize` states them. Default: 224 x 224. */
  readonly openSize?: readonly [number, number] | undefined;
  /** Channels of the images, where an ONNX file has a dynamic dimension. Default: 3. */
  readonly channels?: number | undefined;
  /** Average the logits over several crops and rotations of an image; for networks of this package only. */
  readonly views?: TestViews | undefined;
  /** Receives what is assumed or changed, such as which checkpoint is used. */
  readonly note?: ((text: string) => void) | undefined;
}

export interface Network extends Closable {
  /** What it was opened from, as it was given. */
  readonly spec: string;
  readonly kind: string;
  /** The file of its weights; the spec where there is none. */
  readonly path: string;
  readonly output: NetworkOutput;
  /** [height, width, channels] of its input. */
  readonly imageShape: readonly [number, number, number];
  /** The preprocessing that gives this shape for images of any source, in its string form. */
  readonly preprocessing: string;
  /** The values of black and white in its input; every other preprocessing must give the same range. */
  readonly valueRange: ValueRange;
  /** Are these published weights, measured by the preprocessing of a protocol rather than by one that they bring along? */
  readonly published: boolean;
  /** Numbers in a row of the output. */
  readonly width: number;
  /** Class names in the order of its logits; undefined where they are not known. */
  readonly classNames: readonly string[] | undefined;
  /** How its logits become probabilities. */
  readonly loss: LossName;
  /** Images in a run. */
  readonly batchSize: number;
  /** What else is known of it, for JSON documents. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Images [batchSize, H, W, C] to rows [batchSize, width], in evaluation mode (no dropout, no noise). */
  readonly run: RowsOfImages;
  /** Hexadecimal; the same as long as the weights, and what of them is used, are the same. */
  identity(): Promise<string>;
  /** An ONNX model of its features alone: one input of images in any batch, one output [batch, features]. */
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

/** Large enough for efficient matrix products; more images would only take more memory. */
export const defaultBatchSize = 32;

/** The description of a network in JSON documents. */
export interface NetworkDescription {
  /** Where it was opened from. */
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

/** [height, width] as the spec or the caller states it. Throws an Error where they disagree. */
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
