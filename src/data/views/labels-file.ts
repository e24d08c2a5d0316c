/**
 * Reads and writes files of labels that replace those of a source: pseudo-labels, weak labels, several labels for each image, corrections.
 *
 * A file is JSON lines or CSV in UTF-8; its first line that is not empty determines the format. Every line has the id of an example (as in
 * `Example.id`, which `fovea data` and metrics print) and its label:
 *
 *     {"classes": ["cat", "dog", "hat"]}                     optional, only as the first line
 *     {"id": "photos/1.jpg", "label": "cat"}                 one class, by name
 *     {"id": "photos/2.jpg", "label": 1}                     or by number
 *     {"id": "photos/3.jpg", "label": [0.1, 0.7, 0.2]}       a number for every class, in their order
 *     {"id": "photos/4.jpg", "label": {"cat": 1, "hat": 1}}  the same without the zeros
 *
 *     id,label                                               optional
 *     photos/1.jpg,cat
 *     photos/2.jpg,1
 *     photos/3.jpg,[0.1,0.7,0.2]                             the rest of the line; quotes around it are allowed
 *     "photos/a,b.jpg",cat                                   an id with a comma or a quote is quoted, with "" for a quote
 *
 * `classes` replaces the class names of the source; without it, labels refer to the source's classes. Text is first looked up as a class
 * name, then parsed as a number. Vectors have numbers from 0 to 1, not all of them 0, with any sum (soft labels sum to 1, several labels to
 * their number). If one line has a vector, every example gets `targets` (1 at its class if its line has a single label); `label` is then
 * the class of the largest target, the first of equals. Examples without a line are excluded, and lines without an example are counted in
 * the source's notes. A repeated id is an error.
 */

import { readLines } from "../../files/lines.js";
import { didYouMean } from "../../text/nearest.js";
import { unlabelledClass } from "../source/layout.js";

/** The possible labels of a line. */
export type LabelValue = number | string | readonly number[] | Readonly<Record<string, number>>;

/** Formats the line of one example as JSON, without a line break. */
export const labelLine = (id: string, label: LabelValue): string => JSON.stringify({ id, label });

/** Formats the line as CSV, for labels by name or vectors over the source's own classes. */
export function csvLabelLine(id: string, label: string | readonly number[]): string {
  const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return `${quoted(id)},${typeof label === "string" ? quoted(label) : JSON.stringify(label)}`;
}

/** Formats the first line of a file with its own classes. */
export const classesLine = (classNames: readonly string[]): string => JSON.stringify({ classes: classNames });

/** Labels from a file, for examples of a source. */
export interface ReadLabels {
  readonly classNames: readonly string[];
  /** By id: the class, or the nonzero targets and their classes. */
  readonly byId: ReadonlyMap<string, number | SparseTargets>;
  /** Whether some labels are vectors. */
  readonly vectors: boolean;
  /** Number of lines whose example is not in the source, and the first of their ids. */
  readonly unknown: number;
  readonly firstUnknown?: string;
  /** Hash of the file, hexadecimal. */
  readonly sha256: string;
}

/** The nonzero entries of a vector over the classes. */
export interface SparseTargets {
  readonly classes: Uint32Array;
  readonly values: Float32Array;
}

/**
 * Reads a file of labels.
 *
 * @param isExample whether the source has an example with this id; other lines are only counted
 * @param sourceClasses classes that labels refer to if the file has no classes of its own
 * @throws for a line in another format, with its number.
 */
export async function readLabelsFile(
  path: string,
  isExample: (id: string) => boolean,
  sourceClasses: readonly string[],
): Promise<ReadLabels> {
  let classNames = sourceClasses;
  let indexOf = indexByName(classNames);
  let parse: ((line: string) => ParsedLine | undefined) | undefined;
  let unknown = 0;
  let firstUnknown: string | undefined;
  let vectors = false;
  const byId = new Map<string, number | SparseTargets>();
  const sha256 = await readLines(path, (line, number) => {
    if (line.trim() === "") return;
    const first = parse === undefined;
    parse ??= /^\uFEFF?\s*\{/.test(line) ? parseJson : parseCsv;
    try {
      const parsed = parse(first ? line.replace(/^\uFEFF/, "") : line);
      if (first && parsed && "classes" in parsed) {
        classNames = checkClasses(parsed.classes);
        indexOf = indexByName(classNames);
        return;
      }
      if (parsed && "classes" in parsed) throw new Error("classes are allowed only in the first line");
      // Skip the header of a CSV file.
      if (!parsed || (first && parse === parseCsv && parsed.id === "id")) return;
      const value = resolveLabel(parsed.label, classNames, indexOf);
      if (!isExample(parsed.id)) {
        unknown++;
        firstUnknown ??= parsed.id;
        return;
      }
      if (byId.has(parsed.id)) throw new Error(`${parsed.id} has two lines; expected one`);
      vectors ||= typeof value !== "number";
      byId.set(parsed.id, value);
    } catch (error) {
      throw new Error(`"${path}", line ${number}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
  });
  return { classNames, byId, vectors, unknown, firstUnknown, sha256 };
}

type ParsedLine = { readonly id: string; readonly label: unknown } | { readonly classes: unknown };

function parseJson(line: string): ParsedLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new Error(`not JSON (${(error as Error).message})`, { cause: error });
  }
  if (typeof value === "object" && value !== null) {
    const { id, label, classes } = value as { id?: unknown; label?: unknown; classes?: unknown };
    if (classes !== undefined && id === undefined) return { classes };
    if (typeof id === "string" && label !== undefined) return { id, label };
  }
  throw new Error('expected {"id": "...", "label": ...}');
}

function parseCsv(line: string): ParsedLine {
  const quoted = /^"((?:[^"]|"")*)",(.*)$/s.exec(line);
  const match = quoted ?? /^([^",]+),(.*)$/s.exec(line);
  if (!match) throw new Error("expected id,label (an id with a comma or a quote in quotes)");
  const id = quoted ? match[1]!.replaceAll('""', '"') : match[1]!;
  const rest = match[2]!.trim();
  const label = /^".*"$/s.test(rest) ? rest.slice(1, -1).replaceAll('""', '"') : rest;
  if (label === "") throw new Error("the label is missing");
  if (!label.startsWith("[")) return { id, label };
  try {
    return { id, label: JSON.parse(label) as unknown };
  } catch (error) {
    throw new Error(`${label.slice(0, 40)} is not a list of numbers`, { cause: error });
  }
}

function checkClasses(value: unknown): readonly string[] {
  const names = Array.isArray(value) && value.every((name) => typeof name === "string") ? value : [];
  if (names.length === 0) throw new Error('invalid "classes"; expected a list of names');
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (new Set(names).size < names.length) throw new Error(`"classes" has "${twice}" twice; expected each name once`);
  return names;
}

const indexByName = (names: readonly string[]): Map<string, number> => new Map(names.map((name, i) => [name, i]));

/** Resolves a label to a class or a sparse vector. Throws for an unknown class or an invalid vector. */
function resolveLabel(
  value: unknown,
  classNames: readonly string[],
  indexOf: ReadonlyMap<string, number>,
): number | SparseTargets {
  const classAt = (wanted: string | number): number => {
    const named = typeof wanted === "string" ? indexOf.get(wanted) : undefined;
    const index = named ?? (typeof wanted === "number" || /^\d+$/.test(wanted) ? Number(wanted) : Number.NaN);
    if (Number.isInteger(index) && index >= 0 && index < classNames.length) return index;
    if (classNames.length === 1 && classNames[0] === unlabelledClass)
      throw new Error(
        `unknown class ${JSON.stringify(wanted)}; the dataset has no class folders, so the first line of the file must be {"classes": ["...", "..."]}, in JSON lines`,
      );
    const hint = typeof wanted === "string" ? didYouMean(wanted, classNames) : "";
    const shown = classNames.slice(0, 10).join(", ") + (classNames.length > 10 ? ", ..." : "");
    throw new Error(
      `unknown class ${JSON.stringify(wanted)}${hint || ";"} the ${classNames.length} classes are ${shown}`,
    );
  };
  if (typeof value === "number" || typeof value === "string") return classAt(value);
  if (Array.isArray(value)) {
    if (value.length !== classNames.length)
      throw new Error(`the vector has ${value.length} numbers; expected ${classNames.length}, one for each class`);
    return sparse(value.map((target, i) => [i, target as unknown] as const));
  }
  if (typeof value === "object" && value !== null)
    return sparse(Object.entries(value).map(([name, target]) => [classAt(name), target as unknown] as const));
  throw new Error(`invalid label ${JSON.stringify(value)}; expected a class or a vector of targets`);
}

function sparse(entries: readonly (readonly [number, unknown])[]): SparseTargets {
  for (const [, target] of entries) {
    if (!(typeof target === "number" && target >= 0 && target <= 1))
      throw new Error(`invalid target ${JSON.stringify(target)}; expected a number from 0 to 1`);
  }
  const kept = entries.filter(([, target]) => target !== 0) as readonly (readonly [number, number])[];
  if (kept.length === 0) throw new Error("the vector is all 0; to exclude the example, remove its line");
  if (new Set(kept.map(([index]) => index)).size < kept.length)
    throw new Error("the vector has a class twice; expected each class once");
  const sorted = [...kept].sort(([a], [b]) => a - b);
  return {
    classes: Uint32Array.from(sorted, ([index]) => index),
    values: Float32Array.from(sorted, ([, target]) => target),
  };
}
