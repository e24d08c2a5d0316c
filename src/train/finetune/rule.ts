/** Defines the plan that every fine-tuning rule returns, and derives the preprocessing from it. */

import { describePreprocessing, preprocessing } from "../../images/index.js";
import type { TrainedNetwork } from "../../networks/index.js";
import type { MixupSettings } from "../objectives/mixup.js";
import type { RecipeInput } from "../recipe/recipe.js";
import { TransferError } from "./method.js";

/**
 * All settings of a fine-tuning except the network and the images. Every rule uses SGD with momentum 0.9, without
 * weight decay and dropout.
 */
export interface FineTuningPlan {
  readonly steps: number;
  readonly batchSize: number;
  /** The peak learning rate. */
  readonly learningRate: number;
  readonly schedule: NonNullable<RecipeInput["schedule"]>;
  /** Gradients are clipped to this norm. Default: no clipping. */
  readonly clipNorm?: number;
  readonly mixup: MixupSettings;
  /** Dropout probability before the head; default: 0. */
  readonly dropout?: number;
  /** L2 penalty on the distance of kernels to their initial weights; default: 0. */
  readonly weightDecayToInitial?: number;
  /** Side in pixels that training images are resized to, ignoring the aspect ratio. */
  readonly resize: number;
  /**
   * Side of the network's input in pixels: of a random crop of the resized training image, and of the resized test
   * image.
   */
  readonly crop: number;
  /** Whether training images are mirrored half of the time, always or never. */
  readonly flip: "random" | "always" | "none";
  /**
   * Default "tf2": half-pixel centres, rounded to whole pixel values. "tf1": without half-pixel centres and with
   * fractional pixel values, as TensorFlow 1's `tf.image.resize`.
   */
  readonly resizing?: "tf1" | "tf2";
}

/** The data that a rule depends on. */
export interface RuleData {
  /** Number of training images. */
  readonly examples: number;
  /** Height and width of the images as they are stored, in pixels. */
  readonly imageSize: readonly [height: number, width: number];
  /** The dataset's name, if a rule has settings for it: `cifar-100`, or a VTAB task such as `dsprites-location`. */
  readonly task?: string;
}

/** Settings that may replace those of a rule. */
export interface RuleChoices {
  readonly learningRate?: number;
  /** Number of steps; the schedule is scaled to it. */
  readonly steps?: number;
  readonly batchSize?: number;
  /** Side of the network's input; training images are resized in proportion. */
  readonly crop?: number;
  /** The alpha of mixup; 0: no mixup. */
  readonly mixup?: number;
  /** See `FineTuningPlan`. */
  readonly dropout?: number;
  readonly weightDecayToInitial?: number;
}

/** Throws TransferError for invalid choices and data. */
export function checkRule({ examples, imageSize }: RuleData, choices: RuleChoices): void {
  const whole = (value: number) => Number.isInteger(value) && value >= 1;
  if (!whole(examples)) throw new TransferError(`a rule for ${examples} training images; give a whole number from 1`);
  if (!imageSize.every(whole))
    throw new TransferError(`images of ${imageSize.join(" x ")} pixels; give height and width, whole numbers from 1`);
  for (const name of ["steps", "batchSize", "crop"] as const) {
    const value = choices[name];
    if (value !== undefined && !whole(value))
      throw new TransferError(`${name} is ${value}; give a whole number from 1`);
  }
  const { learningRate } = choices;
  if (learningRate !== undefined && !(learningRate > 0 && Number.isFinite(learningRate)))
    throw new TransferError(`learningRate is ${learningRate}; give a number above 0`);
  for (const name of ["mixup", "weightDecayToInitial"] as const) {
    const value = choices[name] ?? 0;
    if (!(value >= 0 && Number.isFinite(value))) throw new TransferError(`${name} is ${value}; give a number from 0`);
  }
  const { dropout = 0 } = choices;
  if (!(dropout >= 0 && dropout < 1)) throw new TransferError(`dropout is ${dropout}; give a number from 0 to below 1`);
}

/** The plan settings that come from the choices alone, and mixup with the chosen alpha. */
export function chosen(
  { dropout, weightDecayToInitial, mixup }: RuleChoices,
  published: MixupSettings,
): Pick<FineTuningPlan, "mixup" | "dropout" | "weightDecayToInitial"> {
  return { mixup: mixup === undefined ? published : { ...published, alpha: mixup }, dropout, weightDecayToInitial };
}

/** The sides of training images, `resize` and `crop`, scaled in proportion to another crop. */
export function scaledSides(
  sides: { readonly resize: number; readonly crop: number },
  crop = sides.crop,
): { readonly resize: number; readonly crop: number } {
  return { resize: Math.round((sides.resize * crop) / sides.crop), crop };
}

/** Preprocessing strings of a plan for training and test images, with the network's own pixel scaling. */
export function planPreprocessing(
  { resize, crop, flip, resizing }: Pick<FineTuningPlan, "resize" | "crop" | "flip" | "resizing">,
  network: Pick<TrainedNetwork, "imageShape" | "preprocessing">,
): { readonly train: string; readonly test: string } {
  const decode = network.imageShape[2] === 1 ? "decode(1)" : "decode";
  const scaling = scalingOf(network.preprocessing);
  const flips = { random: ["flip_lr"], always: ["flip_lr(1)"], none: [] }[flip];
  const cropped = crop < resize ? [`random_crop(${crop})`] : [];
  // The image is scaled first, so that it keeps the fractional values that resizing produces.
  const resized = (side: number, ...after: string[]) =>
    resizing === "tf1"
      ? [decode, scaling, `resize(${side},half_pixel_centers=false)`, ...after].join("|")
      : [decode, `resize(${side})`, ...after, scaling].join("|");
  return { train: resized(resize, ...cropped, ...flips), test: resized(crop) };
}

/** The pixel scaling of a preprocessing. Default: to [-1, 1], as in every published network here. */
function scalingOf(text: string): string {
  const scaling = preprocessing(text).filter(({ name }) => name === "value_range" || name === "standardise");
  return scaling.length === 0 ? "value_range(-1,1)" : describePreprocessing(scaling);
}
