/** Groups near-duplicates, selects the images to exclude from training, and finds groups with conflicting labels. */
import { append } from "../text/arrays.js";

/** Disjoint sets of integers (union-find). */
export interface Components {
  join(a: number, b: number): void;
  /** Returns the representative of the component of `a`. */
  find(a: number): number;
  /** Returns the components with at least two members, each in ascending order, sorted by their first member. */
  groups(): number[][];
}

/** Creates the connected components of 0 .. count - 1 (union by size with path halving; Tarjan 1975). */
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

/** Properties of an image that decide whether it is excluded. */
export interface GroupMember {
  /** Whether it belongs to the training set. */
  readonly upstream: boolean;
  readonly height: number;
  readonly width: number;
}

/**
 * Selects the members to exclude from the training set. If a group has a test image, all its training images are excluded; otherwise all
 * but the one with the most pixels (the first of equals).
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
