/** Creates sources from other sources: some of their classes, several together, or some of their examples. */
import { closable } from "../../files/closable.js";
import { permutation } from "../../random/keyed.js";
import { largest } from "../../text/arrays.js";
import { didYouMean } from "../../text/nearest.js";
import {
  checkIndex,
  type ImageSource,
  type MergeClasses,
  type ShardOrder,
  type SourceRecipe,
} from "../source/types.js";

/**
 * Selects the examples of some classes of a source. With `relabel` (the default), the classes are renumbered in the given order; without it,
 * labels and class names are unchanged.
 *
 * @param classes names or labels
 * @throws for a class that the source does not have, and for an empty list.
 */
export function subsetOfClasses(
  source: ImageSource,
  classes: readonly (string | number)[],
  relabel = true,
): ImageSource {
  const chosen = classes.map((wanted) => {
    const label = typeof wanted === "number" ? wanted : source.classNames.indexOf(wanted);
    if (source.classNames[label] === undefined) {
      const hint = typeof wanted === "string" ? didYouMean(wanted, source.classNames) : "";
      throw new Error(
        `${source.name} has no class "${wanted}"${hint || ";"} its classes are ${source.classNames.join(", ")}`,
      );
    }
    return label;
  });
  if (chosen.length === 0)
    throw new Error(`no classes of ${source.name} were selected; expected some of ${source.classNames.join(", ")}`);
  if (new Set(chosen).size < chosen.length)
    throw new Error(`a class of ${source.name} was selected twice: ${classes.join(", ")}; list each once`);
  const newLabel = new Map(chosen.map((label, i) => [label, relabel ? i : label]));
  const indices = indicesWhere(source, (label) => newLabel.has(label));
  return view(source, indices, (label) => newLabel.get(label)!, {
    // Targets of excluded classes are dropped; the others are unchanged.
    retarget: relabel ? (targets: Float32Array) => Float32Array.from(chosen, (label) => targets[label]!) : undefined,
    name: `${source.name} (${chosen.map((label) => source.classNames[label]).join(", ")})`,
    classNames: relabel ? chosen.map((label) => source.classNames[label]!) : source.classNames,
    recipe: source.recipe && { kind: "subset", of: source.recipe, classes: chosen, relabel },
  });
}

/** Draws `n` examples of a source by `seed` and keeps their order; returns all if it has no more. */
export function take(source: ImageSource, n: number, seed = 0): ImageSource {
  if (!(Number.isInteger(n) && n >= 1)) throw new Error(`invalid take ${n}; expected an integer of at least 1`);
  const order = permutation(source.length, "take", seed);
  return select(
    source,
    [...order.subarray(0, n)].sort((a, b) => a - b),
    `${Math.min(n, source.length)} of ${source.name}`,
  );
}

/** Selects the examples of a source at `indices`, in that order. */
export function select(
  source: ImageSource,
  indices: readonly number[],
  name = `a selection of ${source.name}`,
): ImageSource {
  for (const index of indices) checkIndex(source, index);
  return view(source, Int32Array.from(indices), (label) => label, {
    name,
    classNames: source.classNames,
    recipe: source.recipe && { kind: "select", of: source.recipe, indices: [...indices], name },
  });
}

/**
 * Splits a source in two by `seed`, class by class. `held` gets `fraction` of every class (rounded, at least one example, and never all of a
 * class that has two), and `rest` the others. Used for folders without a test split.
 */
export function holdOut(source: ImageSource, fraction: number, seed = 0): { rest: ImageSource; held: ImageSource } {
  if (!(fraction > 0 && fraction < 1))
    throw new Error(`invalid fraction ${fraction} in holdOut; expected one between 0 and 1`);
  const held = new Set<number>();
  for (let label = 0; label < source.classNames.length; label++) {
    const members = indicesWhere(source, (x) => x === label);
    if (members.length < 2) continue;
    const order = permutation(members.length, "hold out", seed, label);
    const count = Math.min(members.length - 1, Math.max(1, Math.round(members.length * fraction)));
    for (const i of order.subarray(0, count)) held.add(members[i]!);
  }
  const all = Array.from({ length: source.length }, (_, i) => i);
  return {
    rest: select(
      source,
      all.filter((i) => !held.has(i)),
      `${source.name} (without ${held.size} held out)`,
    ),
    held: select(
      source,
      all.filter((i) => held.has(i)),
      `${source.name} (${held.size} held out)`,
    ),
  };
}

/** Draws about `count` images with seed 0 (up to rounding), the same fraction of each class; returns all if there are no more. */
export function stratifiedSample(source: ImageSource, count: number): ImageSource {
  return count < source.length ? holdOut(source, count / source.length).held : source;
}

/**
 * Concatenates several sources. `by-name` merges classes with equal names; `disjoint` keeps every source's classes separate and, if names
 * repeat, prefixes them with the source's name.
 */
export function concat(
  sources: readonly ImageSource[],
  { mergeClasses = "by-name" }: { readonly mergeClasses?: MergeClasses } = {},
): ImageSource {
  const first = sources[0];
  if (!first) throw new Error("concat got no sources; expected at least one");
  const { classNames, maps } = mergeClasses === "by-name" ? mergeByName(sources) : keepApart(sources);
  const starts = sources.map((_, i) => sources.slice(0, i).reduce((sum, source) => sum + source.length, 0));
  const labels = Int32Array.from(
    sources.flatMap((source, i) => Array.from(source.labels, (label) => maps[i]![label]!)),
  );
  const recipes = sources.map((source) => source.recipe);
  const whole = { name: sources.map((source) => source.name).join(" + "), length: labels.length };
  const vectorTargets = sources.some((source) => source.vectorTargets);
  const find = (index: number): readonly [source: number, index: number] => {
    const i = starts.findLastIndex((start) => start <= index);
    return [i, index - starts[i]!];
  };
  const ids = sources.map((source) => source.idOf);
  return closable<ImageSource>({
    ...whole,
    vectorTargets,
    ...joinedShards(sources),
    ...notesOf(sources),
    idOf: ids.every((idOf) => idOf !== undefined)
      ? (index: number) => {
          const [i, own] = find(index);
          return ids[i]!(own);
        }
      : undefined,
    split: [...new Set(sources.map((source) => source.split))].join(" + "),
    classNames,
    labels,
    recipe: recipes.every((recipe): recipe is SourceRecipe => recipe !== undefined)
      ? { kind: "concat", of: recipes, mergeClasses }
      : undefined,
    get: async (index) => {
      checkIndex(whole, index);
      const [i, own] = find(index);
      const { targets, ...example } = await sources[i]!.get(own);
      const label = labels[index]!;
      return {
        ...example,
        label,
        targets: vectorTargets ? placedTargets(targets, label, maps[i]!, classNames.length) : undefined,
      };
    },
    close: async () => {
      for (const source of sources) await source.close();
    },
  });
}

/** Maps the targets of one of several sources to the classes of all; 1 at the label if it has no targets. */
function placedTargets(
  own: Float32Array | undefined,
  label: number,
  map: readonly number[],
  length: number,
): Float32Array {
  const targets = new Float32Array(length);
  if (!own) targets[label] = 1;
  else for (const [i, target] of own.entries()) targets[map[i]!] = target;
  return targets;
}

/** Concatenates the files of all sources, if all have them. */
function joinedShards(sources: readonly ImageSource[]): { shards?: ShardOrder } {
  const orders = sources.flatMap(({ shards }) => shards ?? []);
  if (orders.length < sources.length) return {};
  const together = largest(orders.map((order) => order.together));
  return { shards: { lengths: orders.flatMap(({ lengths }) => lengths), together } };
}

/** Number of examples of each file in a view, if the view keeps their order. */
function shardsOfView({ shards }: ImageSource, indices: Int32Array): { shards?: ShardOrder } {
  if (!shards || indices.some((index, i) => i > 0 && index < indices[i - 1]!)) return {};
  let start = 0;
  let at = 0;
  const lengths = shards.lengths.map((length) => {
    start += length;
    const first = at;
    while (at < indices.length && indices[at]! < start) at++;
    return at - first;
  });
  return { shards: { ...shards, lengths } };
}

function notesOf(sources: readonly ImageSource[]): { notes?: readonly string[] } {
  const notes = sources.flatMap((source) => source.notes ?? []);
  return notes.length === 0 ? {} : { notes };
}

function mergeByName(sources: readonly ImageSource[]): { classNames: string[]; maps: number[][] } {
  const classNames = [...new Set(sources.flatMap((source) => source.classNames))];
  return { classNames, maps: sources.map((source) => source.classNames.map((name) => classNames.indexOf(name))) };
}

function keepApart(sources: readonly ImageSource[]): { classNames: string[]; maps: number[][] } {
  const all = sources.flatMap((source) => source.classNames);
  const repeated = new Set(all.filter((name, i) => all.indexOf(name) !== i));
  let next = 0;
  return {
    classNames: sources.flatMap((source) =>
      source.classNames.map((name) => (repeated.has(name) ? `${source.name}/${name}` : name)),
    ),
    maps: sources.map((source) => source.classNames.map(() => next++)),
  };
}

function indicesWhere(source: ImageSource, test: (label: number) => boolean): Int32Array {
  const indices: number[] = [];
  for (const [i, label] of source.labels.entries()) if (test(label)) indices.push(i);
  return Int32Array.from(indices);
}

interface ViewOptions {
  readonly name: string;
  readonly classNames: readonly string[];
  readonly recipe: SourceRecipe | undefined;
  readonly retarget?: (targets: Float32Array) => Float32Array;
}

function view(
  source: ImageSource,
  indices: Int32Array,
  relabel: (label: number) => number,
  { name, classNames, recipe, retarget = (targets) => targets }: ViewOptions,
): ImageSource {
  const labels = Int32Array.from(indices, (index) => relabel(source.labels[index]!));
  const self = { name, length: indices.length };
  const { idOf, vectorTargets } = source;
  return closable<ImageSource>({
    ...self,
    split: source.split,
    classNames,
    labels,
    recipe,
    vectorTargets,
    ...shardsOfView(source, indices),
    ...notesOf([source]),
    idOf: idOf && ((index: number) => idOf(indices[index]!)),
    get: async (index) => {
      checkIndex(self, index);
      const { targets, ...example } = await source.get(indices[index]!);
      return { ...example, label: labels[index]!, targets: targets && retarget(targets) };
    },
    close: () => source.close(),
  });
}
