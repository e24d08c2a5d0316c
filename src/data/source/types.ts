/** Defines image sources: labelled examples by index, the same for every kind of storage. */

import type { Closable } from "../../files/closable.js";
import type { EncodedImage, RawImage, Scene } from "../../images/index.js";

/** One labelled image. */
export interface Example {
  /** File or record of the example, which is enough to find it again. */
  readonly id: string;
  /** Index into the source's `classNames`. */
  readonly label: number;
  /** A target from 0 to 1 for every class, if the source has soft labels or several labels for each image. */
  readonly targets?: Float32Array;
  readonly image: EncodedImage | RawImage;
  /** Scene description of a generated image. */
  readonly scene?: Scene;
}

/** An opened dataset of labelled images. */
export interface ImageSource extends Closable {
  /** Name in messages and reports. */
  readonly name: string;
  readonly split: string;
  /** Class names in the order of their labels. */
  readonly classNames: readonly string[];
  /** Number of examples. */
  readonly length: number;
  /** Label of every example, available without reading its image. */
  readonly labels: Int32Array;
  /** Recipe with which another thread opens the same source; undefined for sources created in memory, which stay in their thread. */
  readonly recipe?: SourceRecipe;
  /** Files that contain the examples in order, if reading should go file by file. */
  readonly shards?: ShardOrder;
  /** Whether all examples have `targets`; otherwise none has. */
  readonly vectorTargets?: boolean;
  /** Warnings from opening, such as lines of a list without an example. */
  readonly notes?: readonly string[];
  /** Returns the id of an example without reading its image; sources created in memory may not have it. */
  readonly idOf?: (index: number) => string;
  /**
   * Reads one example.
   * @throws ExampleError if this one cannot be read; RangeError for an index outside of 0 .. length-1.
   */
  get(index: number): Promise<Example>;
  /** Releases its resources. Reading afterwards is an error. */
  close(): Promise<void>;
}

/** Files that contain the examples, and the order in which a training epoch reads them. */
export interface ShardOrder {
  /** Number of examples of each file. */
  readonly lengths: readonly number[];
  /** Number of files shuffled together; their order is new in each epoch. */
  readonly together: number;
}

/** The file that defines a source of the user, and the built module (a URL) whose function `importDefinitions` loads such files. */
export interface DefinedIn {
  readonly importer: string;
  readonly file: string;
}

/** A description of a source that can be sent to another thread or written to a file. */
export type SourceRecipe =
  | {
      readonly kind: "open";
      readonly spec: string;
      readonly split: string;
      readonly unlabelled?: boolean;
      readonly definedIn?: DefinedIn;
    }
  | {
      readonly kind: "subset";
      readonly of: SourceRecipe;
      readonly classes: readonly number[];
      readonly relabel: boolean;
    }
  | { readonly kind: "concat"; readonly of: readonly SourceRecipe[]; readonly mergeClasses: MergeClasses }
  | { readonly kind: "relabel"; readonly of: SourceRecipe; readonly path: string; readonly sha256: string }
  | { readonly kind: "noise"; readonly of: SourceRecipe; readonly rate: number; readonly seed: number }
  | { readonly kind: "select"; readonly of: SourceRecipe; readonly indices: readonly number[]; readonly name: string };

/** How classes of several sources are merged: equal names are one class, or every source's classes stay separate. */
export type MergeClasses = "by-name" | "disjoint";

/** A stored or generated dataset with its splits, before one is opened. */
export interface ImageSet {
  readonly splits: readonly string[];
  /** Warnings that do not prevent reading, such as stray files. */
  readonly problems: readonly string[];
  /** Licence and readme files beside the images. */
  readonly licenceFiles: readonly string[];
  /** Opens one of `splits`. */
  open(split: string): Promise<ImageSource>;
}

/** The part of a spec after the kind: a path (or a name) and its options. */
export interface SpecTarget {
  /** The whole spec, for messages. */
  readonly spec: string;
  readonly path: string;
  readonly options: Readonly<Record<string, string>>;
  /** Ignore classes: images without a class are included too. */
  readonly unlabelled?: boolean;
}

/** One kind of storage. */
export interface SourceKind {
  readonly summary: string;
  /** Names of the options that its specs may have after "?". */
  readonly options: readonly string[];
  /** Whether it reads this existing path if the spec has no kind; kinds without paths never do. */
  recognises(path: string): boolean;
  read(target: SpecTarget): Promise<ImageSet>;
}

/** Throws a RangeError unless `index` is one of 0 .. length-1. */
export function checkIndex(source: { readonly name: string; readonly length: number }, index: number): void {
  if (Number.isInteger(index) && index >= 0 && index < source.length) return;
  throw new RangeError(`${source.name} has no example ${index}; expected an index from 0 to ${source.length - 1}`);
}
