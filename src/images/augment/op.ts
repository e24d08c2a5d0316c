/** Defines preprocessing ops, the records that they change, and a wrapper for ops on pixels. */

import type { Random } from "../../random/keyed.js";
import { type AnyImage, ExampleError, type PixelImage } from "../image.js";
import type { Arguments, Parameter } from "./arguments.js";

/** One example in preprocessing. Ops return a changed copy and do not modify their input. */
export interface DataRecord {
  /** Its file or record, for messages. */
  readonly id: string;
  readonly image: AnyImage;
  /** The class, or the classes of a multi-label example. */
  readonly label: number | readonly number[];
  /** The target vector, from the source or from `onehot`. */
  readonly labels?: Float32Array;
}

/** Changes a record; random ops draw from `random`. */
export type Transform = (record: DataRecord, random: Random) => DataRecord | Promise<DataRecord>;

/** Parses an inner pipeline for ops that have one: returns the names of its ops and a transform that applies all of them. */
export type InnerPipeline = (text: string) => {
  readonly ops: readonly { readonly name: string; readonly changesImage: boolean }[];
  readonly apply: Transform;
};

/** One op of the registry. */
export interface OpDefinition {
  readonly summary: string;
  /** Whether it draws random numbers: results before the first random op are the same in every epoch and can be cached. */
  readonly random: boolean;
  /** Whether it changes the image. */
  readonly changesImage: boolean;
  readonly parameters: readonly Parameter[];
  create(args: Arguments, pipeline: InnerPipeline): Transform;
}

/** Converts a synchronous or asynchronous function of pixels to a transform of a record. */
export function onPixels(
  name: string,
  change: (image: PixelImage, random: Random) => PixelImage | Promise<PixelImage>,
): Transform {
  return (record, random) => {
    const { image } = record;
    if (image.kind === "encoded")
      throw new Error(`${name} needs pixels, but the image is still an encoded file; put decode before it`);
    // An error of a pixel op concerns only this image, so it becomes an ExampleError with its id and counts as a bad example.
    const refuse = (error: unknown): never => {
      throw new ExampleError(record.id, error instanceof Error ? error.message : String(error), error);
    };
    try {
      const changed = change(image, random);
      return changed instanceof Promise
        ? changed.then((made) => ({ ...record, image: made }), refuse)
        : { ...record, image: changed };
    } catch (error) {
      return refuse(error);
    }
  };
}
