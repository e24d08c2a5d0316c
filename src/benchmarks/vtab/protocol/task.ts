/** What a task of the 19-task benchmark and of the embedded suite is: a set of pictures, its splits, and where it comes from. */
import type { ImageSource } from "../../../data/index.js";

/** The groups of tasks, in the order of tables: photos of things, of special domains, and questions about structure. */
export const taskGroups = ["natural", "specialised", "structured"] as const;
export type TaskGroup = (typeof taskGroups)[number];

/** The splits of the protocol, in the publisher's order (that of TensorFlow Datasets where it is known). */
export interface TaskSplits {
  readonly train: ImageSource;
  readonly validation: ImageSource;
  /** The full test set. */
  readonly test: ImageSource;
}

/** A file as its publisher distributes it. */
export interface OriginFile {
  readonly url: string;
  readonly bytes?: number;
  /** Checksums in hexadecimal, where one is published. */
  readonly sha256?: string;
  readonly md5?: string;
}

/** Where a task's pictures come from. */
export interface TaskOrigin {
  /** What must be fetched; empty for embedded and generated sets. */
  readonly files: readonly OriginFile[];
  /** Where the files must lie for `Task.open`, and other ways to get them (an account, a form to fill in). */
  readonly instructions?: string;
  readonly licence: string;
  /** What the order of the splits is: "TFDS 3.0.0" where the reader has it, else what stands for it. */
  readonly order: string;
}

/** How many images the splits have. */
export interface TaskSizes {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** One classification task. */
export interface Task {
  /** Used in files, tables and on the command line: "clevr-count". */
  readonly name: string;
  /** As it is printed: "Clevr-Count". */
  readonly title: string;
  readonly group: TaskGroup;
  readonly classes: number;
  /** The published task whose exceptions hold for it too, where rules of fine-tuning have some (no mirroring, no cropping). */
  readonly like?: string;
  /** The published sizes of the splits. */
  readonly sizes: TaskSizes;
  readonly origin: TaskOrigin;
  /**
   * Opens the set; whoever opens it closes the three splits.
   *
   * @param folder the folder of data sets a person has; undefined for embedded and generated tasks.
   * @throws SourceError when its files are not there, saying which and where to get them.
   */
  open(folder?: string): Promise<TaskSplits>;
}

/** The files of a set are missing, or are not what its publisher distributes. */
export class SourceError extends Error {
  override name = "SourceError";
}
