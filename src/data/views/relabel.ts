/** Replaces the labels of a source, and selects or excludes examples by lists of ids. */
import { closable } from "../../files/closable.js";
import { readLines } from "../../files/lines.js";
import { permutation } from "../../random/keyed.js";
import { checkIndex, type ImageSource } from "../source/types.js";
import { select } from "./combine.js";
import { readLabelsFile, type SparseTargets } from "./labels-file.js";

/** Ids of all examples, from the source or by reading every example. */
export async function idsOf(source: ImageSource): Promise<readonly string[]> {
  const { idOf } = source;
  if (idOf) return Array.from({ length: source.length }, (_, i) => idOf(i));
  const ids: string[] = [];
  for (let i = 0; i < source.length; i++) ids.push((await source.get(i)).id);
  return ids;
}

/** Reads a list of ids, one on each line; empty lines and lines that begin with "# " are skipped. */
export async function readIds(path: string): Promise<ReadonlySet<string>> {
  const listed = new Set<string>();
  await readLines(path, (line) => {
    if (line.trim() !== "" && !line.startsWith("# ")) listed.add(line);
  });
  return listed;
}

/**
 * Replaces the labels of a source by those of a file (see labels-file.ts); examples that are not in the file are excluded.
 *
 * @param sha256 expected hash of the file, if a source is opened again
 * @throws for an invalid file, a file without any of the examples, or one that has changed.
 */
export async function relabel(source: ImageSource, path: string, sha256?: string): Promise<ImageSource> {
  const ids = await idsOf(source);
  const known = new Set(ids);
  const read = await readLabelsFile(path, (id) => known.has(id), source.classNames);
  if (sha256 !== undefined && read.sha256 !== sha256)
    throw new Error(`"${path}" changed while ${source.name} was read with its labels; start again`);
  const { classNames, byId, vectors, unknown } = read;
  if (byId.size === 0) {
    throw new Error(
      `"${path}" has none of the ${source.length} examples of ${source.name}: ${read.firstUnknown === undefined ? "it has no lines of labels" : `its first id is "${read.firstUnknown}"`}, the source's first is "${ids[0]}"`,
    );
  }
  const indices = Int32Array.from(ids.keys()).filter((i) => byId.has(ids[i]!));
  const values = Array.from(indices, (i) => byId.get(ids[i]!)!);
  const labels = Int32Array.from(values, (value) => (typeof value === "number" ? value : largest(value)));
  const notes = [...(source.notes ?? [])];
  if (unknown > 0) notes.push(`${unknown} line(s) of ${path} name no example, such as ${read.firstUnknown}`);
  if (indices.length < source.length)
    notes.push(
      `${source.length - indices.length} of ${source.length} examples have no line in ${path} and are excluded`,
    );
  const self = { name: `${source.name} (labels of ${path})`, length: indices.length };
  return closable<ImageSource>({
    ...self,
    split: source.split,
    classNames,
    labels,
    notes,
    vectorTargets: vectors || undefined,
    recipe: source.recipe && { kind: "relabel", of: source.recipe, path, sha256: read.sha256 },
    idOf: (index) => ids[indices[index]!]!,
    get: async (index) => {
      checkIndex(self, index);
      const { targets: _, ...example } = await source.get(indices[index]!);
      const label = labels[index]!;
      return { ...example, label, targets: vectors ? dense(values[index]!, classNames.length) : undefined };
    },
    close: () => source.close(),
  });
}

function largest({ classes, values }: SparseTargets): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return classes[best]!;
}

function dense(value: number | SparseTargets, length: number): Float32Array {
  const targets = new Float32Array(length);
  if (typeof value === "number") targets[value] = 1;
  else for (const [i, index] of value.classes.entries()) targets[index] = value.values[i]!;
  return targets;
}

/**
 * Selects the examples in a list (`include`), or all others (`exclude`). A list is a text file with one id on each line; empty lines and
 * lines that begin with "# " are skipped. Ids that the source does not have are counted in its notes.
 *
 * @throws if no example is left.
 */
export async function selectByList(
  source: ImageSource,
  path: string,
  keep: "include" | "exclude",
): Promise<ImageSource> {
  const listed = await readIds(path);
  const ids = await idsOf(source);
  const indices = [...ids.keys()].filter((i) => listed.has(ids[i]!) === (keep === "include"));
  const known = new Set(ids);
  const unmatched = [...listed].filter((id) => !known.has(id));
  if (indices.length === 0) {
    throw new Error(
      keep === "exclude"
        ? `"${path}" lists every example of ${source.name}, so nothing is left; remove some of its lines`
        : `"${path}" has none of the ${source.length} examples of ${source.name}: its first id is "${unmatched[0] ?? ""}", the source's first is "${ids[0]}"`,
    );
  }
  const chosen = select(
    source,
    indices,
    `${source.name} (${keep === "include" ? "those" : "without those"} of ${path})`,
  );
  if (unmatched.length === 0) return chosen;
  return {
    ...chosen,
    notes: [
      ...(chosen.notes ?? []),
      `${unmatched.length} of the ${listed.size} ids of ${path} are not in ${source.name} (${source.split}), such as ${unmatched.slice(0, 3).join(", ")}`,
    ],
  };
}

/**
 * Draws `n` examples by `seed`, equally many of each class. The remainder goes to classes drawn by `seed`, and what a class lacks to the
 * others. Keeps the order of the source; returns all if it has no more.
 */
export function takeBalanced(source: ImageSource, n: number, seed = 0): ImageSource {
  if (!(Number.isInteger(n) && n >= 1)) throw new Error(`invalid take ${n}; expected an integer of at least 1`);
  const members: number[][] = source.classNames.map(() => []);
  for (const [i, label] of source.labels.entries()) members[label]!.push(i);
  const order = [...permutation(members.length, "take balanced", seed)];
  const quota = new Array<number>(members.length).fill(0);
  const room = (label: number): number => members[label]!.length - quota[label]!;
  for (let left = Math.min(n, source.length); left > 0; ) {
    const open = order.filter((label) => room(label) > 0);
    const share = Math.floor(left / open.length);
    // The last few, fewer than the number of classes, go to the first classes of the drawn order.
    for (const label of share === 0 ? open.slice(0, left) : open) {
      const given = Math.min(Math.max(1, share), room(label));
      quota[label]! += given;
      left -= given;
    }
  }
  const indices = members.flatMap((list, label) =>
    Array.from(permutation(list.length, "take balanced", seed, label).subarray(0, quota[label]), (i) => list[i]!),
  );
  return select(
    source,
    indices.sort((a, b) => a - b),
    `${indices.length} of ${source.name}, balanced`,
  );
}
