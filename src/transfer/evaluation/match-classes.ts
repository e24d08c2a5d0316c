/** Which class of a network each class of a set is. */
import { didYouMean } from "../../text/nearest.js";

/** How classes are matched: by their names, or the first with the first. */
export type MatchBy = "name" | "order";

export interface ClassMatch {
  /** The column of the network's logits of each class of the set. */
  readonly columns: Int32Array;
  /** Pairs of names that are taken for the same class without being equal: [of the set, of the network]. */
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
 * Matches the classes of a set with those of a network. By name: equal names, else names that differ in case, underscores,
 * hyphens and spaces only, else one of the synonyms that a name lists between commas ("tench, Tinca tinca", as ImageNet's).
 * By order: the first with the first, which needs as many classes.
 *
 * Throws an Error that says what to do where a class has no counterpart or several.
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
        `${set.name} has ${wanted.length} classes and ${network.name} names ${network.classes}: they cannot be matched by their order`,
      );
    }
    return { columns: Int32Array.from(wanted.keys()), alike: [] };
  }
  const known = network.classNames;
  if (!known) {
    throw new Error(
      `nothing says what the ${network.classes} classes of ${network.name} are called. Where the set lists its ${wanted.length} classes in the network's order, match them by it (--match order)`,
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
            `${network.name} does not name ${unknown.length} of the ${wanted.length} classes of ${set.name}: ${list(unknown)}${didYouMean(one, known) || "."} It names ${list(known)}.`,
          ]
        : []),
      ...(ambiguous.length > 0 ? [`Several classes of ${network.name} are called ${list(ambiguous)}.`] : []),
    ];
    const few = rest.length <= listed && rest.every((name) => !name.includes(","));
    const ways = [
      "rename the classes of the set",
      ...(rest.length > 0
        ? [`leave those away that the network does not know (${few ? `?only=${rest.join(",")}` : "?without=NAMES"})`]
        : []),
      "give other labels (?labels=FILE)",
      ...(wanted.length === network.classes ? ["match classes by their order (--match order)"] : []),
    ];
    throw new Error(`${reasons.join(" ")} To go on, ${ways.slice(0, -1).join(", ")}, or ${ways.at(-1)}.`);
  }
  const seen = new Map<number, string>();
  for (const [label, name] of wanted.entries()) {
    const column = columns[label] ?? 0;
    const other = seen.get(column);
    if (other !== undefined) {
      throw new Error(
        `the classes ${other} and ${name} of ${set.name} are both ${known[column]} of ${network.name}; join them`,
      );
    }
    seen.set(column, name);
  }
  return { columns, alike };
}
