/** Applies the selection options of specs: some of the classes, a part of the examples, several sources joined by " + ". */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { ImageSource } from "../source/types.js";
import { concat, subsetOfClasses, take } from "./combine.js";
import { withLabelNoise } from "./label-noise.js";
import { relabel, selectByList, takeBalanced } from "./relabel.js";

/** Options that every spec may have after its `?`, whatever its kind. */
export const selectionOptions: readonly string[] = [
  "labels",
  "include",
  "exclude",
  "only",
  "without",
  "classNumbers",
  "noise",
  "noiseSeed",
  "take",
  "balanced",
  "seed",
];

export interface Selection {
  /** A file of labels that replace the source's own (labels-file.ts). */
  readonly labels?: string;
  /** A file with the ids of the examples to include. */
  readonly include?: string;
  /** A file with the ids of the examples to exclude. */
  readonly exclude?: string;
  /** Names of the classes to include, separated by commas. */
  readonly only?: string;
  /** Names of the classes to exclude. */
  readonly without?: string;
  /** Indices of the classes to include, from 0: `0-19,40`; for names that contain commas. */
  readonly classNumbers?: string;
  /** Probability that a label is replaced by another class, drawn by `noiseSeed` (label-noise.ts). */
  readonly noise?: string;
  readonly noiseSeed?: string;
  /** Number of examples, drawn by `seed`. */
  readonly take?: string;
  /** `true`: equally many examples of each class. */
  readonly balanced?: string;
  readonly seed?: string;
}

const names = (list: string): string[] => list.split(",").map((name) => name.trim());

/** Parses integers such as `0-3,7`, in that order. Throws for other text, and for numbers of `count` or more. */
function positions(text: string, count: number): number[] {
  return text.split(",").flatMap((part) => {
    const [, from, to = from] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (!(first <= last && last < count)) {
      throw new Error(
        `classNumbers=${text}: invalid "${part}"; expected numbers from 0 to ${count - 1}, such as 0-2,5`,
      );
    }
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

const numberIn = (text: string): number => (text.trim() === "" ? Number.NaN : Number(text));

/**
 * Applies a selection to a source: first labels, then lists of examples, classes (renumbered in the order of their names in the source),
 * label noise, and finally the number of examples.
 * @throws for a class that the source does not have, an invalid number of examples, and files that do not fit the source.
 */
export async function applySelection(source: ImageSource, selection: Selection): Promise<ImageSource> {
  let chosen = source;
  if (selection.labels !== undefined) chosen = await relabel(chosen, selection.labels);
  for (const keep of ["include", "exclude"] as const) {
    const path = selection[keep];
    if (path !== undefined) chosen = await selectByList(chosen, path, keep);
  }
  if (selection.only !== undefined || selection.without !== undefined) {
    const kept = selection.only === undefined ? chosen.classNames : names(selection.only);
    const dropped = selection.without === undefined ? [] : names(selection.without);
    const unknown = dropped.filter((name) => !chosen.classNames.includes(name));
    if (unknown.length > 0) {
      throw new Error(
        `${chosen.name} has no class ${unknown.join(", ")}; its classes are ${chosen.classNames.join(", ")}`,
      );
    }
    chosen = subsetOfClasses(
      chosen,
      kept.filter((name) => !dropped.includes(name)),
    );
  }
  if (selection.classNumbers !== undefined) {
    chosen = subsetOfClasses(chosen, positions(selection.classNumbers, chosen.classNames.length));
  }
  if (selection.noise !== undefined) {
    chosen = withLabelNoise(chosen, numberIn(selection.noise), numberIn(selection.noiseSeed ?? "0"));
  } else if (selection.noiseSeed !== undefined) throw new Error("noiseSeed has no effect without noise=rate; set both");
  const { balanced = "false" } = selection;
  if (!["true", "false"].includes(balanced)) throw new Error(`invalid balanced "${balanced}"; expected true or false`);
  if (selection.take === undefined) {
    if (balanced === "true") throw new Error("balanced=true has no effect without take=n; set both");
    return chosen;
  }
  const draw = balanced === "true" ? takeBalanced : take;
  return draw(chosen, Number(selection.take), Number(selection.seed ?? 0));
}

/** The path of a spec, without its kind and options. */
function pathOf(spec: string): string {
  if (existsSync(spec)) return spec;
  const rest = spec.replace(/^[a-z][a-z-]+:/, "");
  const at = rest.lastIndexOf("?");
  return at < 0 ? rest : rest.slice(0, at);
}

/**
 * Splits a spec at " + " into the specs it joins. An existing path that contains " + ", such as `cats + dogs/`, is one spec.
 */
export function splitSpecs(spec: string): string[] {
  const pieces = spec.split(" + ");
  const specs: string[] = [];
  for (let from = 0; from < pieces.length; ) {
    // Take the longest sequence of pieces that is a path. Options end a spec, so only the last piece may have them.
    let to = pieces.length;
    for (; to > from + 1; to--) {
      const inner = pieces.slice(from, to - 1);
      if (inner.some((piece) => piece.includes("?"))) continue;
      if (existsSync(pathOf(pieces.slice(from, to).join(" + ").trim()))) break;
    }
    specs.push(pieces.slice(from, to).join(" + ").trim());
    from = to;
  }
  return specs;
}

/**
 * Joins sources and keeps their classes separate: a 3 of one dataset and a 3 of another are two classes. Repeated names are prefixed with
 * the dataset's name (`sign-digits/3`, `shapes/3`), which is the same for every split and length of it.
 */
export function joinSources(sources: readonly ImageSource[], specs: readonly string[]): ImageSource {
  if (sources.length === 1) return sources[0]!;
  const names = specs.map((spec) => basename(spec.replace(/\?.*$/s, "").replace(/^[a-z-]+:/, "")) || spec);
  const own = (name: string, i: number) => {
    const earlier = names.slice(0, i).filter((other) => other === name).length;
    return earlier === 0 ? name : `${name}-${earlier + 1}`;
  };
  return concat(
    sources.map((source, i) => ({ ...source, name: own(names[i]!, i) })),
    { mergeClasses: "disjoint" },
  );
}
