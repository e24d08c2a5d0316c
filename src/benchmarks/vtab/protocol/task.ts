/** Defines a task of VTAB or of the embedded suite: its images, its splits, and their origin. */
import type { ImageSource } from "../../../data/index.js";

/**
 * The groups of tasks in table order: natural photographs, images of special domains, and tasks about the structure of
 * scenes.
 */
export const taskGroups = ["natural", "specialised", "structured"] as const;
export type TaskGroup = (typeof taskGroups)[number];

/** The splits of the protocol, in the publisher's order (that of TensorFlow Datasets if it is known). */
export interface TaskSplits {
  readonly train: ImageSource;
  readonly validation: ImageSource;
  /** The full test split. */
  readonly test: ImageSource;
}

/** A file as its publisher distributes it. */
export interface OriginFile {
  readonly url: string;
  readonly bytes?: number;
  /** Published checksums in hexadecimal. */
  readonly sha256?: string;
  readonly md5?: string;
}

/** The origin of a task's images. */
export interface TaskOrigin {
  /** The files to download; empty for embedded and generated datasets. */
  readonly files: readonly OriginFile[];
  /** Where `Task.open` expects the files, and other ways to get them (an account, a form to fill in). */
  readonly instructions?: string;
  readonly licence: string;
  /**
   * The order of the splits: "TFDS 3.0.0" if the reader reproduces it, otherwise a description of the order used
   * instead.
   */
  readonly order: string;
}

/** The number of images in each split. */
export interface TaskSizes {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** One classification task. */
export interface Task {
  /** The name in files, tables and on the command line: "clevr-count". */
  readonly name: string;
  /** The printed name: "Clevr-Count". */
  readonly title: string;
  readonly group: TaskGroup;
  readonly classes: number;
  /** The published task whose exceptions in fine-tuning rules (no mirroring, no cropping) also apply to this one. */
  readonly like?: string;
  /** The published sizes of the splits. */
  readonly sizes: TaskSizes;
  readonly origin: TaskOrigin;
  /**
   * Opens the dataset. The caller closes the three splits.
   *
   * @param folder the user's folder of datasets; undefined for embedded and generated tasks.
   * @throws SourceError when files are missing; the error says which, and where to get them.
   */
  open(folder?: string): Promise<TaskSplits>;
}

/** The files of a dataset are missing, or differ from what its publisher distributes. */
export class SourceError extends Error {
  override name = "SourceError";
}
