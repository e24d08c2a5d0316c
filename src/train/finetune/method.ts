/** One interface for every way to adapt a backbone to a task, so that a benchmark runs frozen features and fine-tuning alike. */

import type { ImageSource } from "../../data/index.js";
import type { Setting } from "../../networks/index.js";

/** What a method is run on. */
export interface TransferRun {
  /**
   * A run folder, weights (a file, a folder, `hf:OWNER/NAME`) or, for methods that do not change the backbone, an ONNX file; methods that
   * fine-tune throw TransferError for that.
   */
  readonly backbone: string;
  readonly train: ImageSource;
  /** Images to evaluate on; their classes are those of `train`. */
  readonly test: ImageSource;
  /** Classes of the task; labels are 0 to classes - 1. */
  readonly classes: number;
  readonly setting: Setting;
  /** Decides everything that is drawn: the order of images, crops and flips, mixup, first values. */
  readonly seed: number;
  /** The task's name as the benchmark knows it, `dsprites-location`, for rules that treat some tasks differently. */
  readonly task?: string;
  /** Side of the square input images, in pixels. Default: by the method's rule. */
  readonly imageSize?: number;
  /** Ends the run early: `run` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Receives the finished fraction, from 0 to 1. */
  readonly progress?: (done: number) => void;
}

/** What a method reached on the test source. */
export interface TransferResult {
  /** Share of the readable test images that were given their class, 0 to 1. */
  readonly accuracy: number;
  /** [test.length] the class each test image was given, in the order of the source; -1 for an image that could not be read. */
  readonly predictions: Int32Array;
}

/** A way to adapt a backbone to a task. */
export interface TransferMethod {
  /** `finetune-bit`: used in files and on the command line. */
  readonly name: string;
  readonly title: string;
  /** The settings to choose among on a validation source, the one that stands for all where there is no choosing first. */
  readonly settings: readonly Setting[];
  /** Every number that a setting may have; default: those of `settings`. A search draws values for those it knows ranges of. */
  readonly settingNames?: readonly string[];
  run(run: TransferRun): Promise<TransferResult>;
}

/** A transfer that cannot be done as asked: says what was given, what was expected and what to do. */
export class TransferError extends Error {
  override name = "TransferError";
}
