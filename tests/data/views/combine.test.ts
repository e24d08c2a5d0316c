/** Sources that are made of others: subsets, selections, held-out parts, concatenations. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  concat,
  holdOut,
  type ImageSource,
  openRecipe,
  select,
  subsetOfClasses,
  take,
} from "../../../src/data/index.js";
import { decodeImage } from "../../../src/images/index.js";
import { numbered, openUntilEnd, sample, sampleFiles, tar, temporaryFolder, write } from "../../support/pictures.js";

const root = temporaryFolder();
const at = (path: string) => join(root, path);

beforeAll(async () => {
  const files = await sampleFiles();
  write(at("folder"), files);
  write(root, { "flat.tar": tar(files) });
});

describe("sources made of others", () => {
  const levels = async (source: ImageSource) =>
    Promise.all(
      Array.from(
        { length: source.length },
        async (_, i) => (await decodeImage((await source.get(i)).image, "x")).data[0]!,
      ),
    );

  test("a subset of classes is numbered anew, or not", async () => {
    const source = await openUntilEnd(at("folder"));
    const anew = subsetOfClasses(source, ["dog 10", "cat"]);
    expect([anew.classNames, [...anew.labels]]).toEqual([
      ["dog 10", "cat"],
      [1, 1, 0, 0],
    ]);
    expect(await levels(anew)).toEqual([0, 10, 40, 50]);
    expect((await anew.get(3)).label).toBe(0);
    const kept = subsetOfClasses(source, [2, 0], false);
    expect([kept.classNames, [...kept.labels]]).toEqual([sample.classNames, [0, 0, 2, 2]]);
    expect(() => subsetOfClasses(source, ["dog 1"])).toThrow(
      /has no class "dog 1"; did you mean "dog 2"\? its classes are cat, dog 2, dog 10/,
    );
    expect(() => subsetOfClasses(source, [0, "cat"])).toThrow(/selected twice/);
    expect(() => subsetOfClasses(source, [])).toThrow(/no classes/);
  });

  test("take draws by seed and keeps the order", async () => {
    const source = await openUntilEnd(at("folder"));
    const four = take(source, 4, 1);
    expect(four.length).toBe(4);
    const found = await levels(four);
    expect([...found].sort((a, b) => a - b)).toEqual(found);
    expect(await levels(take(source, 4, 1))).toEqual(found);
    expect(
      new Set([1, 2, 3, 4, 5, 6].map((seed) => [...take(numbered(100), 10, seed).labels].join())).size,
    ).toBeGreaterThan(1);
    expect(take(source, 99).length).toBe(6);
    expect(() => take(source, 0)).toThrow(/invalid take 0; expected an integer/);
    expect(() => select(source, [7])).toThrow(RangeError);
  });

  test("holdOut takes a share of every class and nothing twice", async () => {
    const { rest, held } = holdOut(numbered(40), 0.25, 3);
    expect([rest.length, held.length]).toEqual([30, 10]);
    expect([...held.labels].filter((label) => label === 0).length).toBe(5);
    const ids = await Promise.all(
      [rest, held].flatMap((s) => Array.from({ length: s.length }, async (_, i) => (await s.get(i)).id)),
    );
    expect(new Set(ids).size).toBe(40);
    expect(() => holdOut(numbered(4), 1)).toThrow(/invalid fraction/);
  });

  test("concat merges classes by name or keeps them apart", async () => {
    const [pets, more] = [
      await openUntilEnd(at("folder")),
      subsetOfClasses(await openUntilEnd(at("folder"), { split: "test" }), ["dog 10", "cat"]),
    ];
    const merged = concat([pets, more]);
    expect([merged.classNames, [...merged.labels]]).toEqual([sample.classNames, [0, 0, 1, 1, 2, 2, 0, 2]]);
    expect(await levels(merged)).toEqual([0, 10, 20, 30, 40, 50, 0, 20]);
    expect((await merged.get(7)).label).toBe(2);
    const apart = concat([pets, more], { mergeClasses: "disjoint" });
    expect(apart.classNames.length).toBe(5);
    expect(apart.classNames).toContain("dog 2");
    expect([...apart.labels]).toEqual([0, 0, 1, 1, 2, 2, 4, 3]);
    expect(() => concat([])).toThrow(/at least one/);
    expect(concat([pets, numbered(3)]).recipe).toBeUndefined();
  });

  test("recipes rebuild the same source", async () => {
    const source = take(
      concat([subsetOfClasses(await openUntilEnd(at("flat.tar")), ["dog 2", "cat"]), await openUntilEnd(at("folder"))]),
      7,
      5,
    );
    const again = await openRecipe(structuredClone(source.recipe!));
    expect([again.name, again.classNames, again.labels]).toEqual([source.name, source.classNames, source.labels]);
    expect(await levels(again)).toEqual(await levels(source));
  });
});
