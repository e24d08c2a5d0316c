/** Defines the interface of a published layout of weights, and what reading a file in one returns. */

import type { TensorEntry } from "../../formats/stored.js";
import type { ModelConfig, ModelFamily, PublishedConfig } from "../../models/index.js";
import type { Row } from "./table.js";

export type LayoutName = "fovea" | "augreg" | "bit" | "mixer" | "huggingface" | "timm" | "openclip";

/** A file's tensors by name, and its format. */
export interface FileContents {
  readonly format: "safetensors" | "npz";
  readonly entries: ReadonlyMap<string, TensorEntry>;
}

/** Information about a network from outside of its weights: a config.json, metadata. */
export interface Hints {
  readonly image?: { readonly height: number; readonly width: number };
  readonly heads?: number;
  /** Settings that cannot be derived from shapes. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** How a file in a layout is read. */
export interface Reading {
  readonly family: PublishedConfig["family"];
  /** Pairs our names with the keys of `entries`. */
  readonly rows: readonly Row[];
  /** The file's tensors under the layout's plain names, without prefixes and counters. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** The name in the file of each of `entries`. */
  readonly names: ReadonlyMap<string, string>;
  /** Settings of the code that these weights come from (papers.md 1.2). */
  readonly config: Readonly<Record<string, unknown>>;
  readonly notes: readonly string[];
}

/** One published layout for one or several families; `layouts/index.ts` lists all. */
export interface Layout {
  readonly name: LayoutName;
  readonly format: "safetensors" | "npz";
  readonly families: readonly ModelFamily[];
  /** How to read a file in this layout; undefined for a file in another layout. */
  recognise(file: FileContents, hints: Hints): Reading | undefined;
  /**
   * The rows to write, for a class token concatenated before its position is added. Throws WeightsError if the layout
   * cannot store the network.
   */
  rowsFor(config: ModelConfig): readonly Row[];
  /** Properties of the network that the written file does not contain, for users who load it elsewhere. */
  lost(config: ModelConfig): readonly string[];
}

/** Entries under other names. Throws through `rename` when two get the same name. */
export function renamed(
  entries: ReadonlyMap<string, TensorEntry>,
  rename: (name: string) => string | undefined,
): Pick<Reading, "entries" | "names"> & { readonly left: readonly string[] } {
  const result = new Map<string, TensorEntry>();
  const names = new Map<string, string>();
  const left: string[] = [];
  for (const [name, entry] of entries) {
    const plain = rename(name);
    // if two get the same name, the second keeps its own and is reported as extra
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
 * Whether the class token is concatenated before or after the position embedding of `length` rows is added. One row
 * more than a square number means "before" (papers.md 1.1). If the grid is not square, the image of the hints decides
 * by its number of patches, otherwise the layout's default.
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

/** The number of patches of the image in the hints, for a patch size in pixels. */
export function hintedPatches({ image }: Hints, side: number | undefined): number | undefined {
  if (!image || !side) return undefined;
  return Math.floor(image.height / side) * Math.floor(image.width / side);
}

/** Our name of the position embedding for an order of the class token; undefined: a network without a class token. */
export function positionName(order: "before" | "after" | undefined): string {
  return order === "before" ? "Transformer/posembed_input/pos_embedding" : "pos_embedding";
}
