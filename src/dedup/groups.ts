/** Groups of near-duplicates, which of their images to leave out of training, and groups with conflicting labels. */
import { append } from "../text/arrays.js";

/** Joins numbers that belong together. */
export interface Components {
  join(a: number, b: number): void;
  /** The number that stands for the component of another. */
  find(a: number): number;
  /** The components of two or more, each in ascending order, by their first member. */
  groups(): number[][];
}

/** Components of 0 .. count - 1 that are connected by pairs (union by size, paths halved; Tarjan 1975). */
export function components(count: number): Components {
  const parent = Int32Array.from({ length: count }, (_, i) => i);
  const size = new Int32Array(count).fill(1);
  const find = (a: number): number => {
    let at = a;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!;
      at = parent[at]!;
    }
    return at;
  };
  return {
    find,
    join: (a, b) => {
      let [large, small] = [find(a), find(b)];
      if (large === small) return;
      if (size[large]! < size[small]!) [large, small] = [small, large];
      parent[small] = large;
      size[large]! += size[small]!;
    },
    groups: () => {
      const members = new Map<number, number[]>();
      for (let i = 0; i < count; i++) {
        const root = find(i);
        if (size[root]! < 2) continue;
        const list = members.get(root);
        if (list) list.push(i);
        else members.set(root, [i]);
      }
      return [...members.values()];
    },
  };
}

/** What cleaning must know of an image. */
export interface GroupMember {
  /** Is it of the set that is to be cleaned? */
  readonly upstream: boolean;
  readonly height: number;
  readonly width: number;
}

/**
 * The members of groups that an upstream set is better without: all of a group that has an image of a test set, else all but the one with the most
 * pixels (of equals the first).
 */
export function membersToLeaveOut(
  groups: readonly (readonly number[])[],
  member: (index: number) => GroupMember,
): { readonly matchesTest: number[]; readonly repeated: number[] } {
  const matchesTest: number[] = [];
  const repeated: number[] = [];
  for (const group of groups) {
    const upstream = group.filter((i) => member(i).upstream);
    if (upstream.length < group.length) {
      append(matchesTest, upstream);
      continue;
    }
    const pixels = (i: number) => member(i).height * member(i).width;
    const kept = upstream.reduce((best, i) => (pixels(i) > pixels(best) ? i : best));
    append(
      repeated,
      upstream.filter((i) => i !== kept),
    );
  }
  return { matchesTest, repeated };
}
