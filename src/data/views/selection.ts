/** Source specs that say more than a place: some of the classes, a part of the examples, several sources joined by " + ". */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { ImageSource } from "../source/types.js";
import { concat, subsetOfClasses, take } from "./combine.js";
import { withLabelNoise } from "./label-noise.js";
import { relabel, selectByList, takeBalanced } from "./relabel.js";

/** What any spec may ask for after its `?`, whatever its kind. */
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
  /** A file with the ids of the examples to keep. */
  readonly include?: string;
  /** A file with the ids of the examples to leave out. */
  readonly exclude?: string;
  /** Names of the classes to keep, separated by commas. */
  readonly only?: string;
  /** Names of the classes to leave out. */
  readonly without?: string;
  /** Numbers of the classes to keep, from 0: `0-19,40`; for names that hold commas. */
  readonly classNumbers?: string;
  /** The probability that a label is replaced by that of another class, drawn by `noiseSeed` (label-noise.ts). */
  readonly noise?: string;
  readonly noiseSeed?: string;
  /** How many examples to keep, drawn by `seed`. */
  readonly take?: string;
  /** `true`: as many examples of each class. */
  readonly balanced?: string;
  readonly seed?: string;
}

const names = (list: string): string[] => list.split(",").map((name) => name.trim());

/** The whole numbers of `0-3,7`, in that order. Throws for anything else, and beyond `count`. */
function positions(text: string, count: number): number[] {
  return text.split(",").flatMap((part) => {
    const [, from, to = from] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (!(first <= last && last < count)) {
      throw new Error(
        `classNumbers=${text}: "${part}" names no classes; give numbers from 0 to ${count - 1}, such as 0-2,5`,
      );
    }
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

const numberIn = (text: string): number => (text.trim() === "" ? Number.NaN : Number(text));

/**
 * The part of a source that a selection asks for: labels first, then lists of examples, classes (numbered anew in the order
 * of their names in the source), wrong labels among those, and at last the number of examples.
 * @throws for a class the source does not have, a number of examples that is none, and files that do not fit the source.
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
  } else if (selection.noiseSeed !== undefined) throw new Error("noiseSeed says how noise=rate draws; give both");
  const { balanced = "false" } = selection;
  if (!["true", "false"].includes(balanced)) throw new Error(`balanced is true or false, not "${balanced}"`);
  if (selection.take === undefined) {
    if (balanced === "true") throw new Error("balanced=true says how take=n draws; give both");
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
 * The specs joined in one by " + "; one element when there is nothing to join. A path that is there and holds " + " itself, as
 * `cats + dogs/`, is one spec.
 */
export function splitSpecs(spec: string): string[] {
  const pieces = spec.split(" + ");
  const specs: string[] = [];
  for (let from = 0; from < pieces.length; ) {
    // The longest row of pieces that is a path. Options end a spec, so they stand in the last piece.
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
 * Joined sources keep their classes apart: a 3 of one set and a 3 of another are two classes. Where names repeat, the
 * set's own name (`sign-digits/3`, `shapes/3`) stands before them, which is the same for every split and length of it.
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
