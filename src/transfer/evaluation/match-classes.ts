/** Matches the classes of a dataset with those of a network. */
import { didYouMean } from "../../text/nearest.js";

/** How classes are matched: by name, or by position. */
export type MatchBy = "name" | "order";

export interface ClassMatch {
  /** The column of the network's logits for each class of the dataset. */
  readonly columns: Int32Array;
  /** Pairs of names that match without being equal: [of the dataset, of the network]. */
  readonly alike: readonly (readonly [string, string])[];
}

/** Names with the same letters and digits: case, underscores, hyphens and repeated spaces do not count. */
const plain = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, " ");

/** How many names a message lists. */
const listed = 5;

const list = (names: readonly string[]): string =>
  `${names.slice(0, listed).join(", ")}${names.length > listed ? ` and ${names.length - listed} more` : ""}`;

/** For each form of a name, the columns of the classes that have it. */
function index(names: readonly string[], forms: (name: string) => readonly string[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const [column, name] of names.entries()) {
    for (const form of new Set(forms(name))) found.set(form, [...(found.get(form) ?? []), column]);
  }
  return found;
}

/**
 * Matches the classes of a dataset with those of a network. By name, a class matches an equal name; otherwise one that
 * only differs in case, underscores, hyphens and spaces; otherwise one of the comma-separated synonyms of a name
 * ("tench, Tinca tinca", as in ImageNet). By order, class i matches class i, which requires equal numbers of classes.
 *
 * Throws an Error that says what to do when a class has no match or several.
 */
export function matchClasses(
  set: { readonly name: string; readonly classNames: readonly string[] },
  network: { readonly name: string; readonly classNames: readonly string[] | undefined; readonly classes: number },
  by: MatchBy = "name",
): ClassMatch {
  const wanted = set.classNames;
  if (by === "order") {
    if (wanted.length !== network.classes) {
      throw new Error(
        `${set.name} has ${wanted.length} classes and ${network.name} has ${network.classes}: matching by order requires equal numbers`,
      );
    }
    return { columns: Int32Array.from(wanted.keys()), alike: [] };
  }
  const known = network.classNames;
  if (!known) {
    throw new Error(
      `the names of the ${network.classes} classes of ${network.name} are not known; if the ${wanted.length} classes of the dataset are in the network's order, match them by order (--match order)`,
    );
  }
  const indices = [
    index(known, (name) => [name]),
    index(known, (name) => [plain(name)]),
    index(known, (name) => name.split(",").map(plain)),
  ];
  const columns = new Int32Array(wanted.length);
  const alike: [string, string][] = [];
  const unknown: string[] = [];
  const ambiguous: string[] = [];
  for (const [label, name] of wanted.entries()) {
    const forms = [name, plain(name), plain(name)];
    const [first, ...more] =
      indices.map((one, i) => one.get(forms[i] ?? "") ?? []).find(({ length }) => length > 0) ?? [];
    if (first === undefined) unknown.push(name);
    else if (more.length > 0) ambiguous.push(name);
    else {
      columns[label] = first;
      const theirs = known[first] ?? "";
      if (theirs !== name) alike.push([name, theirs]);
    }
  }
  const rest = wanted.filter((name) => !unknown.includes(name) && !ambiguous.includes(name));
  if (unknown.length > 0 || ambiguous.length > 0) {
    const [one = ""] = unknown;
    const reasons = [
      ...(unknown.length > 0
        ? [
            `${network.name} does not have ${unknown.length} of the ${wanted.length} classes of ${set.name}: ${list(unknown)}${didYouMean(one, known) || ";"} it has ${list(known)}`,
          ]
        : []),
      ...(ambiguous.length > 0 ? [`Several classes of ${network.name} have the name ${list(ambiguous)}.`] : []),
    ];
    const few = rest.length <= listed && rest.every((name) => !name.includes(","));
    const ways = [
      "rename the classes of the dataset",
      ...(rest.length > 0
        ? [`remove the classes that the network does not have (${few ? `?only=${rest.join(",")}` : "?without=NAMES"})`]
        : []),
      "give other labels (?labels=FILE)",
      ...(wanted.length === network.classes ? ["match classes by their order (--match order)"] : []),
    ];
    throw new Error(`${reasons.join(" ")} To continue, ${ways.slice(0, -1).join(", ")}, or ${ways.at(-1)}.`);
  }
  const seen = new Map<number, string>();
  for (const [label, name] of wanted.entries()) {
    const column = columns[label] ?? 0;
    const other = seen.get(column);
    if (other !== undefined) {
      throw new Error(
        `the classes ${other} and ${name} of ${set.name} both match ${known[column]} of ${network.name}; merge them`,
      );
    }
    seen.set(column, name);
  }
  return { columns, alike };
}
