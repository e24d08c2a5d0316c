/** What every published layout of weights offers, and what a file of one says of its network. */

import type { TensorEntry } from "../../formats/stored.js";
import type { ModelConfig, ModelFamily } from "../../models/index.js";
import type { Row } from "./table.js";

export type LayoutName = "fovea" | "augreg" | "bit" | "mixer" | "huggingface" | "timm";

/** A file's tensors by name, and the format it is in. */
export interface FileContents {
  readonly format: "safetensors" | "npz";
  readonly entries: ReadonlyMap<string, TensorEntry>;
}

/** What is known of a network from beside its weights: a config.json, metadata. */
export interface Hints {
  readonly image?: { readonly height: number; readonly width: number };
  readonly heads?: number;
  /** Settings that shapes do not show. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A file as its layout reads it. */
export interface Reading {
  readonly family: ModelFamily;
  /** Pairs our names with the keys of `entries`. */
  readonly rows: readonly Row[];
  /** The file's tensors under the layout's plain names: prefixes and counters are gone. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** The name in the file of each of `entries`. */
  readonly names: ReadonlyMap<string, string>;
  /** Settings of the code these weights come from (papers.md 1.2). */
  readonly config: Readonly<Record<string, unknown>>;
  readonly notes: readonly string[];
}

/** One published layout for one family or several; `layouts/index.ts` has the table of all. */
export interface Layout {
  readonly name: LayoutName;
  readonly format: "safetensors" | "npz";
  readonly families: readonly ModelFamily[];
  /** How a file in this layout is to be read; undefined when it is in another. */
  recognise(file: FileContents, hints: Hints): Reading | undefined;
  /** The names to write, for a class token joined before its position is added. Throws WeightsError where it holds no such network. */
  rowsFor(config: ModelConfig): readonly Row[];
  /** What the written file does not say of the network, for whoever loads it elsewhere. */
  lost(config: ModelConfig): readonly string[];
}

/** Entries under other names. Throws through `rename` where two become one. */
export function renamed(
  entries: ReadonlyMap<string, TensorEntry>,
  rename: (name: string) => string | undefined,
): Pick<Reading, "entries" | "names"> & { readonly left: readonly string[] } {
  const result = new Map<string, TensorEntry>();
  const names = new Map<string, string>();
  const left: string[] = [];
  for (const [name, entry] of entries) {
    const plain = rename(name);
    // of two that become one the second keeps its own name and is reported as extra
    const key = plain === undefined || result.has(plain) ? undefined : plain;
    if (key === undefined) {
      left.push(name);
      if (plain !== undefined) {
        result.set(name, entry);
        names.set(name, name);
      }
      continue;
    }
    result.set(key, entry);
    names.set(key, name);
  }
  return { entries: result, names, left };
}

const isSquare = (count: number) => count > 0 && Math.floor(Math.sqrt(count)) ** 2 === count;

/**
 * Is the class token joined before or after the position embedding of `length` rows is added? One row more than a square
 * is "before" (papers.md 1.1); where the grid is no square the image of the hints decides by its number of patches, and
 * else the layout's default.
 */
export function classTokenOrder(
  length: number,
  fallback: "before" | "after",
  patches: number | undefined,
): "before" | "after" {
  if (patches !== undefined && length === patches) return "after";
  if (patches !== undefined && length === patches + 1) return "before";
  if (isSquare(length)) return "after";
  return isSquare(length - 1) ? "before" : fallback;
}

/** The number of patches of the hinted image, for patches of a side in pixels. */
export function hintedPatches({ image }: Hints, side: number | undefined): number | undefined {
  if (!image || !side) return undefined;
  return Math.floor(image.height / side) * Math.floor(image.width / side);
}

/** Our name of the position embedding for an order of the class token; undefined is a network without one. */
export function positionName(order: "before" | "after" | undefined): string {
  return order === "before" ? "Transformer/posembed_input/pos_embedding" : "pos_embedding";
}
