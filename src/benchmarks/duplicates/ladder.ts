/** Measures which edits of one image, all in a folder, the search finds among images of an embedded dataset. */
import { openSource } from "../../data/index.js";
import { describeSet, findDuplicates, turns } from "../../dedup/index.js";

export interface LadderBench {
  readonly folder: string;
  readonly groups: readonly {
    /** The files of the group. */
    readonly files: readonly string[];
    readonly matches: readonly {
      readonly a: string;
      readonly b: string;
      readonly kind: string;
      readonly score: number;
      readonly turn: string;
    }[];
  }[];
  /** Files that are in no group. */
  readonly alone: readonly string[];
  readonly broken: readonly string[];
  readonly distractors: number;
  /** Pairs with an image of the embedded dataset, all of which are wrong. */
  readonly falsePairs: number;
}

/** Searches the images below a folder, whatever its layout, among the training images of `distractors`. */
export async function benchLadder(folder: string, distractors: string): Promise<LadderBench> {
  const sources = [await openSource(folder), await openSource(distractors)];
  const sets = [];
  try {
    for (const source of sources) sets.push(await describeSet(source, { remember: false }));
    const [ladder, others] = sets as [(typeof sets)[number], (typeof sets)[number]];
    const { matches, groups } = await findDuplicates(sets);
    const count = ladder.ids.length;
    const inside = groups.map((group) => group.filter((image) => image < count)).filter((group) => group.length > 1);
    const grouped = new Set(inside.flat());
    const name = (image: number) =>
      ladder.ids[image]!.split(/[\\/:]/)
        .slice(-2)
        .join("/");
    return {
      folder,
      groups: inside.map((group) => ({
        files: group.map(name),
        matches: matches
          .filter(({ a, b }) => group.includes(a) && group.includes(b))
          .map(({ a, b, kind, score, turn }) => ({ a: name(a), b: name(b), kind, score, turn: turns[turn]!.name })),
      })),
      alone: ladder.ids.flatMap((_, i) => (grouped.has(i) || !ladder.readable[i] ? [] : [name(i)])),
      broken: ladder.broken.map(({ index }) => name(index)),
      distractors: others.ids.length,
      falsePairs: matches.filter(({ a, b }) => a < count && b >= count).length,
    };
  } finally {
    for (const set of sets) await set.close();
    for (const source of sources) await source.close();
  }
}
