/** Opens a dataset from its spec, a path or `kind:path?option=value`, through the table of kinds. */

import { existsSync } from "node:fs";
import { closeOnError } from "../files/closable.js";
import { requirePath } from "../files/paths.js";
import { didYouMean } from "../text/nearest.js";
import { customKind, importDefinition } from "./custom.js";
import { cifarKind } from "./kinds/cifar.js";
import { embeddedKind } from "./kinds/embedded.js";
import { folderKind } from "./kinds/folder.js";
import { generatedKind } from "./kinds/generated.js";
import { idxKind } from "./kinds/idx.js";
import { parquetKind } from "./kinds/parquet.js";
import { composedKind } from "./kinds/pasted.js";
import { tarKind } from "./kinds/tar.js";
import { tfrecordKind } from "./kinds/tfrecord.js";
import { webdatasetKind } from "./kinds/webdataset.js";
import type { ImageSet, ImageSource, SourceKind, SourceRecipe, SpecTarget } from "./source/types.js";
import { concat, select, subsetOfClasses } from "./views/combine.js";
import { withLabelNoise } from "./views/label-noise.js";
import { relabel } from "./views/relabel.js";
import { applySelection, joinSources, selectionOptions, splitSpecs } from "./views/selection.js";

/** All kinds of datasets by their names in specs; a path without a kind is read by the first kind that recognises it. */
export const sourceKinds: Readonly<Record<string, SourceKind>> = {
  embedded: embeddedKind,
  generated: generatedKind,
  composed: composedKind,
  custom: customKind,
  tar: tarKind,
  cifar: cifarKind,
  webdataset: webdatasetKind,
  tfrecord: tfrecordKind,
  parquet: parquetKind,
  idx: idxKind,
  folder: folderKind,
};

/** A parsed spec. */
export interface ParsedSpec extends SpecTarget {
  readonly kindName: string;
  readonly kind: SourceKind;
}

/** Options of opening a dataset. */
export interface OpenOptions {
  /** Split to open. Default: the training split, or the only one. */
  readonly split?: string;
  /**
   * Ignore classes: if the images of a folder or tar are not all in class folders, all images are opened with the single class "unlabelled".
   * Default: false, which rejects such a dataset.
   */
  readonly unlabelled?: boolean;
}

/**
 * Opens one split of a dataset.
 *
 * A spec is a path (`photos/`, `photos.tar`, `shards/`, a folder of IDX files), `kind:path?option=value&...`, or the name of a dataset
 * without a path: `embedded:clothing`, `generated:shapes?label=count&length=2000`. Without `split`, the training split or the only one is
 * opened. All specs have the options `only`, `without` (names separated by commas), `take` (with `balanced=true` equally many of each
 * class) and `seed` (`embedded:clothing?without=hat,dress`), `include=FILE` and `exclude=FILE` (ids, one on each line), `labels=FILE`
 * (labels-file.ts; images then need no class folders) and `noise=0.2&noiseSeed=1` (wrong labels). Several specs joined by " + " are one source with all their classes.
 *
 * @throws for a wrong path (with the nearest existing folder), an empty folder, and an unknown kind, option or split.
 * @example const source = await openSource("embedded:clothing", { split: "test" })
 */
export async function openSource(spec: string, { split, unlabelled = false }: OpenOptions = {}): Promise<ImageSource> {
  const opened: ImageSource[] = [];
  return await closeOnError(opened, async () => {
    const parts = splitSpecs(spec);
    for (const part of parts) opened.push(await openOne(part, split, unlabelled));
    return joinSources(opened, parts);
  });
}

/** Opens one spec without its selection of classes and examples; recipes of sources store this form. */
async function openWhole(spec: string, split: string | undefined, unlabelled: boolean): Promise<ImageSource> {
  const parsed = { ...parseSpec(spec), unlabelled };
  const set = await readSet(parsed);
  return set.open(chooseSplit(spec, set.splits, split ?? parsed.options["split"]));
}

async function openOne(spec: string, split: string | undefined, unlabelled: boolean): Promise<ImageSource> {
  return selected(parseSpec(spec), await openWhole(spec, split, unlabelled));
}

/** Applies the selection options of a spec to its source; closes the source if they do not fit it. */
export async function selected({ kind, options }: ParsedSpec, whole: ImageSource): Promise<ImageSource> {
  // If a kind has an option with the same name (the seed of generated scenes), the option belongs to the kind.
  const own = Object.entries(options).filter(([option]) => !kind.options.includes(option));
  return await closeOnError(whole, async () => {
    return await applySelection(whole, Object.fromEntries(own));
  });
}

/** Opens a source again from its recipe, in this or another thread. */
export async function openRecipe(recipe: SourceRecipe): Promise<ImageSource> {
  switch (recipe.kind) {
    case "open":
      if (recipe.definedIn) await importDefinition(recipe.definedIn, recipe.spec);
      return openWhole(recipe.spec, recipe.split, recipe.unlabelled === true);
    case "subset":
      return subsetOfClasses(await openRecipe(recipe.of), recipe.classes, recipe.relabel);
    case "relabel":
      return relabel(await openRecipe(recipe.of), recipe.path, recipe.sha256);
    case "noise":
      return withLabelNoise(await openRecipe(recipe.of), recipe.rate, recipe.seed);
    case "select":
      return select(await openRecipe(recipe.of), recipe.indices, recipe.name);
    case "concat":
      return concat(await Promise.all(recipe.of.map(openRecipe)), { mergeClasses: recipe.mergeClasses });
  }
}

/**
 * Parses a spec and finds the kind that reads it.
 * @throws for an unknown kind or option, and for a path that does not exist.
 */
export function parseSpec(spec: string): ParsedSpec {
  const prefix = /^([a-z][a-z-]+):(.*)$/s.exec(spec);
  const named = prefix && !existsSync(spec) ? prefix : undefined;
  const rest = named ? named[2]! : spec;
  const { path, options } = takeOptions(rest);
  if (named) {
    const kindName = named[1]!;
    const kind = Object.hasOwn(sourceKinds, kindName) ? sourceKinds[kindName] : undefined;
    if (!kind) {
      const names = Object.keys(sourceKinds);
      throw new Error(
        `"${spec}" has an unknown kind of dataset, "${kindName}"${didYouMean(kindName, names) || ";"} available: ${names.join(", ")}`,
      );
    }
    if (path === "") throw new Error(`"${spec}" has no path after "${kindName}:"; expected one`);
    return checkOptions({ spec, kindName, kind, path, options });
  }
  if (path === "")
    throw new Error("the spec of the dataset is empty; expected a path, or a dataset such as embedded:clothing");
  requirePath(path);
  const found = Object.entries(sourceKinds).find(([, kind]) => kind.recognises(path));
  if (!found)
    throw new Error(
      `"${path}" is not a source that can be read: ${Object.values(sourceKinds)
        .map((kind) => kind.summary)
        .join("; ")}`,
    );
  const [kindName, kind] = found;
  return checkOptions({ spec, kindName, kind, path, options });
}

/** Reads the splits of a parsed spec without opening one. */
export function readSet(parsed: ParsedSpec): Promise<ImageSet> {
  return parsed.kind.read(parsed);
}

/** Common names of the same split. */
const sameSplit: readonly (readonly string[])[] = [
  ["train", "training"],
  ["val", "validation", "valid", "dev"],
  ["test", "testing", "eval", "evaluation"],
];

/** Chooses the split to open: the requested one under any of its common names, else the training split, else the only one. */
export function chooseSplit(spec: string, splits: readonly string[], wanted?: string): string {
  const find = (name: string): string | undefined => {
    const names = sameSplit.find((group) => group.includes(name.toLowerCase())) ?? [name];
    return splits.find((split) => split === name) ?? splits.find((split) => names.includes(split.toLowerCase()));
  };
  const found = wanted === undefined ? (find("train") ?? (splits.length === 1 ? splits[0] : undefined)) : find(wanted);
  if (found !== undefined) return found;
  if (wanted === undefined)
    throw new Error(`"${spec}" has no training split; set the split to one of ${splits.join(", ")}`);
  const only =
    splits.length === 1 && splits[0] === "all"
      ? "it has no split folders (its one split is called all)"
      : `its splits are ${splits.join(", ")}`;
  throw new Error(`"${spec}" has no split "${wanted}"${didYouMean(wanted, splits) || ";"} ${only}`);
}

function takeOptions(text: string): { path: string; options: Record<string, string> } {
  const at = text.lastIndexOf("?");
  // A path may contain a question mark; options are parsed only if the text is not an existing file.
  if (at < 0 || existsSync(text)) return { path: text, options: {} };
  return { path: text.slice(0, at), options: Object.fromEntries(new URLSearchParams(text.slice(at + 1))) };
}

function checkOptions(parsed: ParsedSpec): ParsedSpec {
  const known = [...new Set(["split", ...parsed.kind.options, ...selectionOptions])];
  for (const option of Object.keys(parsed.options)) {
    if (!known.includes(option)) {
      throw new Error(
        `"${parsed.spec}" has an unknown option "${option}"${didYouMean(option, known) || ";"} available for ${parsed.kindName}: ${known.join(", ")}`,
      );
    }
  }
  return parsed;
}
