/** Summarises a search for near-duplicates for a training set: images to exclude, leaked test images, conflicting labels. */
import { smallest } from "../text/arrays.js";
import type { DescribedSet } from "./describe/describe-set.js";
import type { Duplicates, MatchKind } from "./find.js";
import { membersToLeaveOut } from "./groups.js";

/** A dataset and its role: upstream datasets are trained on, the others are test sets. */
export interface SetRole {
  readonly set: DescribedSet;
  /** Display name, such as `photos/ (train)`. */
  readonly name: string;
  readonly upstream: boolean;
}

/** One image of a group. */
export interface Member {
  /** Index of the dataset, and of the image in it. */
  readonly set: number;
  readonly index: number;
  readonly id: string;
  readonly className: string;
}

export interface DuplicateGroup {
  readonly members: readonly Member[];
  /** Matches between members (as indices into `members`). */
  readonly matches: readonly {
    readonly a: number;
    readonly b: number;
    readonly kind: MatchKind;
    readonly score: number;
    readonly turn: number;
  }[];
  /** Whether the group has images of an upstream dataset and of a test set. */
  readonly leaks: boolean;
  /** The classes, if members of datasets with the same class names have different ones. */
  readonly conflict: readonly string[] | undefined;
}

export interface Summary {
  readonly sets: readonly SetRole[];
  /** Leaking groups first, then groups with conflicting labels, then the others; each sorted by the lowest score. */
  readonly groups: readonly DuplicateGroup[];
  readonly pairs: Readonly<Record<MatchKind, number>>;
  readonly compared: number;
  /** Ids of upstream images to exclude, in the order of the datasets. */
  readonly leaveOut: readonly string[];
  /** Number of these that a test set contains, and number that repeat another upstream image. */
  readonly matchesTest: number;
  readonly repeated: number;
  /** Ids of leaked test images, which an upstream dataset contains too, by test set. */
  readonly leaked: readonly { readonly set: string; readonly ids: readonly string[] }[];
}

/** Summarises the result of a search. Throws if the search was over other datasets. */
export function summarise(sets: readonly SetRole[], duplicates: Duplicates): Summary {
  const { pool, matches } = duplicates;
  if (pool.sets.length !== sets.length || pool.sets.some((set, i) => set !== sets[i]!.set))
    throw new Error(
      "the duplicates were found in other datasets; pass the datasets that were searched, in the same order",
    );
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

/** The classes of members whose datasets have the same class names, if they differ; otherwise undefined. */
function conflictOf(sets: readonly SetRole[], members: readonly Member[]): readonly string[] | undefined {
  const byList = new Map<string, Set<string>>();
  for (const { set, className } of members) {
    const list = JSON.stringify(sets[set]!.set.source.classNames);
    byList.set(list, (byList.get(list) ?? new Set()).add(className));
  }
  const disagreeing = [...byList.values()].filter((classes) => classes.size > 1);
  return disagreeing.length === 0 ? undefined : disagreeing.flatMap((classes) => [...classes]);
}
