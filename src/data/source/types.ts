/** What a source of images is: labelled examples by index, the same from every kind of storage. */

import type { Closable } from "../../files/closable.js";
import type { EncodedImage, RawImage, Scene } from "../../images/index.js";

/** One labelled image. */
export interface Example {
  /** The file or record it comes from: enough to find it again. */
  readonly id: string;
  /** Index into the source's `classNames`. */
  readonly label: number;
  /** A target from 0 to 1 for every class, where the source has soft labels or several an image. */
  readonly targets?: Float32Array;
  readonly image: EncodedImage | RawImage;
  /** What is in the picture, where it was generated. */
  readonly scene?: Scene;
}

/** A set of labelled images that is open for reading. */
export interface ImageSource extends Closable {
  /** How it is called in messages and reports. */
  readonly name: string;
  readonly split: string;
  /** The classes in the order of their labels. */
  readonly classNames: readonly string[];
  /** The number of examples. */
  readonly length: number;
  /** The label of every example, read without reading its image. */
  readonly labels: Int32Array;
  /** How another thread opens the same source; undefined for sources made by hand, which stay on their thread. */
  readonly recipe?: SourceRecipe;
  /** The files its examples lie in, one after the other, where reading should go file by file. */
  readonly shards?: ShardOrder;
  /** Whether its examples have `targets`: all of them then, else none. */
  readonly vectorTargets?: boolean;
  /** What was odd when it was opened but does not stop reading, such as lines of a list that name no example. */
  readonly notes?: readonly string[];
  /** The id of an example without reading its image; sources made by hand may lack it. */
  readonly idOf?: (index: number) => string;
  /**
   * Reads one example.
   * @throws ExampleError if this one cannot be read; RangeError for an index outside of 0 .. length-1.
   */
  get(index: number): Promise<Example>;
  /** Gives back what it holds open. Reading afterwards is an error. */
  close(): Promise<void>;
}

/** Files that examples lie in and how a training epoch goes through them. */
export interface ShardOrder {
  /** Examples of each file. */
  readonly lengths: readonly number[];
  /** So many files, drawn in a new order each epoch, are shuffled together. */
  readonly together: number;
}

/** A description of a source that can be sent to another thread or written to a file. */
export type SourceRecipe =
  | { readonly kind: "open"; readonly spec: string; readonly split: string; readonly unlabelled?: boolean }
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

/** How classes of several sources become one list: equal names are one class, or every source's classes stay apart. */
export type MergeClasses = "by-name" | "disjoint";

/** A stored or generated set with its splits, not yet open for reading. */
export interface ImageSet {
  readonly splits: readonly string[];
  /** What is odd about it but does not stop reading, such as stray files. */
  readonly problems: readonly string[];
  /** Licence and readme files that lie beside the images. */
  readonly licenceFiles: readonly string[];
  /** Opens one of `splits`. */
  open(split: string): Promise<ImageSource>;
}

/** What follows the kind in a spec: a path (or a name) and its options. */
export interface SpecTarget {
  /** The whole spec, for messages. */
  readonly spec: string;
  readonly path: string;
  readonly options: Readonly<Record<string, string>>;
  /** Classes do not matter: images that are in none are taken too. */
  readonly unlabelled?: boolean;
}

/** One kind of storage. */
export interface SourceKind {
  readonly summary: string;
  /** The options its specs may have after "?". */
  readonly options: readonly string[];
  /** Whether it should read this existing path when the spec names no kind; kinds without paths never do. */
  recognises(path: string): boolean;
  read(target: SpecTarget): Promise<ImageSet>;
}

/** Throws a RangeError unless `index` is one of 0 .. length-1. */
export function checkIndex(source: { readonly name: string; readonly length: number }, index: number): void {
  if (Number.isInteger(index) && index >= 0 && index < source.length) return;
  throw new RangeError(`${source.name} has examples 0 to ${source.length - 1}; requested was ${index}`);
}
