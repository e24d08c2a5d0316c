/** What a search for near-duplicates found, in the terms of a training set: what to leave out, what leaks, what disagrees. */
import { smallest } from "../text/arrays.js";
import type { DescribedSet } from "./describe/describe-set.js";
import type { Duplicates, MatchKind } from "./find.js";
import { membersToLeaveOut } from "./groups.js";

/** A set and what it is for: images of an upstream set are trained on, those of a test set are judged by. */
export interface SetRole {
  readonly set: DescribedSet;
  /** How the set is called: `photos/ (train)`. */
  readonly name: string;
  readonly upstream: boolean;
}

/** One image of a group. */
export interface Member {
  /** The number of its set, and its own there. */
  readonly set: number;
  readonly index: number;
  readonly id: string;
  readonly className: string;
}

export interface DuplicateGroup {
  readonly members: readonly Member[];
  /** Pairs of members (by their places in `members`) that were found, and how. */
  readonly matches: readonly {
    readonly a: number;
    readonly b: number;
    readonly kind: MatchKind;
    readonly score: number;
    readonly turn: number;
  }[];
  /** Has it images of an upstream set and of a test set? */
  readonly leaks: boolean;
  /** The classes, where members of one set, or of sets with the same classes, have different ones. */
  readonly conflict: readonly string[] | undefined;
}

export interface Summary {
  readonly sets: readonly SetRole[];
  /** Groups that leak first, then those that disagree, then the others; the least certain of each first. */
  readonly groups: readonly DuplicateGroup[];
  readonly pairs: Readonly<Record<MatchKind, number>>;
  readonly compared: number;
  /** Ids of upstream images to leave out, in the order of their sets. */
  readonly leaveOut: readonly string[];
  /** How many of them because a test set has them, and how many because upstream has them already. */
  readonly matchesTest: number;
  readonly repeated: number;
  /** Ids of test images that an upstream set has, by set. */
  readonly leaked: readonly { readonly set: string; readonly ids: readonly string[] }[];
}

/** Sums up a search over these sets. Throws when the search was over others. */
export function summarise(sets: readonly SetRole[], duplicates: Duplicates): Summary {
  const { pool, matches } = duplicates;
  if (pool.sets.length !== sets.length || pool.sets.some((set, i) => set !== sets[i]!.set))
    throw new Error("the search was not over these sets");
  const memberOf = (image: number): Member => {
    const { set, index } = pool.locate(image);
    const { ids, source } = sets[set]!.set;
    return { set, index, id: ids[index]!, className: source.classNames[source.labels[index]!] ?? "" };
  };
  const groupOf = new Map<number, number>();
  for (const [g, group] of duplicates.groups.entries()) for (const image of group) groupOf.set(image, g);
  const matchesOf: DuplicateGroup["matches"][number][][] = duplicates.groups.map(() => []);
  const pairs: Record<MatchKind, number> = {
    "same bytes": 0,
    "same pixels": 0,
    "near-duplicate": 0,
    "near features": 0,
  };
  for (const { a, b, kind, score, turn } of matches) {
    const g = groupOf.get(a)!;
    const place = (image: number) => duplicates.groups[g]!.indexOf(image);
    matchesOf[g]!.push({ a: place(a), b: place(b), kind, score, turn });
    pairs[kind]++;
  }
  const groups = duplicates.groups.map((group, g): DuplicateGroup => {
    const members = group.map(memberOf);
    const upstream = members.filter(({ set }) => sets[set]!.upstream).length;
    return {
      members,
      matches: matchesOf[g]!,
      leaks: upstream > 0 && upstream < members.length,
      conflict: conflictOf(sets, members),
    };
  });
  const rank = ({ leaks, conflict }: DuplicateGroup) => (leaks ? 0 : conflict ? 1 : 2);
  const least = (group: DuplicateGroup) => smallest(group.matches.map(({ score }) => score));
  const { matchesTest, repeated } = membersToLeaveOut(duplicates.groups, (image) => {
    const { set, index } = pool.locate(image);
    const { sizes } = sets[set]!.set;
    return { upstream: sets[set]!.upstream, height: sizes[2 * index]!, width: sizes[2 * index + 1]! };
  });
  const leaving = [...matchesTest, ...repeated].sort((a, b) => a - b);
  const leaked = groups.filter(({ leaks }) => leaks).flatMap(({ members }) => members);
  return {
    sets,
    groups: groups.sort((a, b) => rank(a) - rank(b) || least(a) - least(b)),
    pairs,
    compared: duplicates.compared,
    leaveOut: leaving.map((image) => memberOf(image).id),
    matchesTest: matchesTest.length,
    repeated: repeated.length,
    leaked: sets.flatMap(({ upstream, name }, set) =>
      upstream ? [] : [{ set: name, ids: leaked.filter((member) => member.set === set).map(({ id }) => id) }],
    ),
  };
}

/** The different classes of members whose sets have the same list of classes; undefined where they agree. */
function conflictOf(sets: readonly SetRole[], members: readonly Member[]): readonly string[] | undefined {
  const byList = new Map<string, Set<string>>();
  for (const { set, className } of members) {
    const list = JSON.stringify(sets[set]!.set.source.classNames);
    byList.set(list, (byList.get(list) ?? new Set()).add(className));
  }
  const disagreeing = [...byList.values()].filter((classes) => classes.size > 1);
  return disagreeing.length === 0 ? undefined : disagreeing.flatMap((classes) => [...classes]);
}
