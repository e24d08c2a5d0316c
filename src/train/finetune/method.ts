/**
 * Defines one interface for all transfer methods, so that a benchmark runs frozen features and fine-tuning in the same
 * way.
 */

import type { ImageSource } from "../../data/index.js";
import type { Setting } from "../../networks/index.js";

/** The inputs of a transfer method. */
export interface TransferRun {
  /**
   * A run folder, weights (a file, a folder, `hf:OWNER/NAME`) or, for methods that do not change the backbone, an ONNX
   * file. Methods that fine-tune throw TransferError for an ONNX file.
   */
  readonly backbone: string;
  readonly train: ImageSource;
  /** Images to evaluate on, with the same classes as `train`. */
  readonly test: ImageSource;
  /** Classes of the task; labels are 0 to classes - 1. */
  readonly classes: number;
  readonly setting: Setting;
  /** Determines all random choices: the order of images, crops and flips, mixup, initial values. */
  readonly seed: number;
  /** The benchmark's name of the task, such as `dsprites-location`, for rules that treat some tasks differently. */
  readonly task?: string;
  /** Side of the square input images, in pixels. Default: by the method's rule. */
  readonly imageSize?: number;
  /** Ends the run early: `run` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with the completed fraction, from 0 to 1. */
  readonly progress?: (done: number) => void;
}

/** The result of a method on the test source. */
export interface TransferResult {
  /** Fraction of the readable test images that were classified correctly, 0 to 1. */
  readonly accuracy: number;
  /**
   * [test.length]: the predicted class of each test image, in the order of the source; -1 for an image that could not
   * be read.
   */
  readonly predictions: Int32Array;
}

/** A way to adapt a backbone to a task. */
export interface TransferMethod {
  /** The name in files and on the command line: `finetune-bit`. */
  readonly name: string;
  readonly title: string;
  /** The settings to choose among on a validation source. The first is used when no setting is selected. */
  readonly settings: readonly Setting[];
  /** The names of all settings; default: those in `settings`. A search draws values for those with known ranges. */
  readonly settingNames?: readonly string[];
  run(run: TransferRun): Promise<TransferResult>;
}

/** A transfer that is not possible; the message says what was given, what was expected and what to do. */
export class TransferError extends Error {
  override name = "TransferError";
}
