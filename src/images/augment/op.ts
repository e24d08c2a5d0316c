/** What a preprocessing op is: the record it changes, its definition, and the wrapper of ops on pixels. */

import type { Random } from "../../random/keyed.js";
import { type AnyImage, ExampleError, type PixelImage } from "../image.js";
import type { Arguments, Parameter } from "./arguments.js";

/** What flows through preprocessing: one example. Ops return a changed copy and leave what they were given alone. */
export interface DataRecord {
  /** The file or record it comes from, for messages. */
  readonly id: string;
  readonly image: AnyImage;
  /** The class, or the classes of a multi-label example. */
  readonly label: number | readonly number[];
  /** The target vector: the source's, or made by `onehot`. */
  readonly labels?: Float32Array;
}

/** Changes a record; random ops draw from `random`. */
export type Transform = (record: DataRecord, random: Random) => DataRecord | Promise<DataRecord>;

/** Reads the string form of a pipeline, for ops that take one: the names of its ops, and all of it as one change. */
export type InnerPipeline = (text: string) => {
  readonly ops: readonly { readonly name: string; readonly changesImage: boolean }[];
  readonly apply: Transform;
};

/** One op of the registry. */
export interface OpDefinition {
  readonly summary: string;
  /** Whether it draws random numbers: what comes before the first such op is the same every epoch and can be kept. */
  readonly random: boolean;
  /** Whether it changes the image. */
  readonly changesImage: boolean;
  readonly parameters: readonly Parameter[];
  create(args: Arguments, pipeline: InnerPipeline): Transform;
}

/** A change of pixels, at once or after a while, as a change of a record. */
export function onPixels(
  name: string,
  change: (image: PixelImage, random: Random) => PixelImage | Promise<PixelImage>,
): Transform {
  return (record, random) => {
    const { image } = record;
    if (image.kind === "encoded")
      throw new Error(`${name} needs pixels, but the image is still an encoded file; put decode before it`);
    // What a pixel op refuses is this one image, so the failure carries its name and counts as a bad example.
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
