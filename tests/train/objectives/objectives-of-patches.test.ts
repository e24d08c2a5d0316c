/** Objectives that look at the patches of an image: the tests of the table, and how orders and corrupted patches are drawn. */
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../src/random/keyed.js";
import { drawCorruption, meanColours } from "../../../src/train/objectives/masked-patch.js";
import { distantPermutations } from "../../../src/train/objectives/permutations.js";
import { patchCases } from "../../support/objective-cases.js";
import { average, describeObjectives } from "../../support/objective-suite.js";

describeObjectives(patchCases);

describe("orders of the jigsaw", () => {
  const distance = (a: readonly number[], b: readonly number[]) => a.filter((x, i) => x !== b[i]).length;

  test("are permutations far from one another, the same every time", () => {
    const found = distantPermutations(100, 9);
    expect(new Set(found.map(String)).size).toBe(100);
    for (const order of found) expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    const distances = found.flatMap((a, i) => found.slice(0, i).map((b) => distance(a, b)));
    // two random ones differ in 8 of 9 places on average
    expect(average(distances)).toBeGreaterThan(8.05);
    expect(Math.min(...distances)).toBeGreaterThanOrEqual(4);
    expect(distantPermutations(7, 9)).toEqual(found.slice(0, 7));
    // nine that differ everywhere exist, and are found first
    expect(Math.min(...found.slice(0, 8).flatMap((a, i) => found.slice(0, i).map((b) => distance(a, b))))).toBe(9);
  });

  test("are chosen by the greatest mean distance, then the greatest smallest one, then the order of the alphabet", () => {
    const all = [0, 1, 2, 3].flatMap((a) =>
      [0, 1, 2, 3].flatMap((b) => [0, 1, 2, 3].flatMap((c) => [0, 1, 2, 3].map((d) => [a, b, c, d]))),
    );
    const permutations = all.filter((order) => new Set(order).size === 4);
    const chosen = [permutations[0]!];
    while (chosen.length < 10) {
      const scored = permutations
        .filter((order) => !chosen.includes(order))
        .map((order) => {
          const distances = chosen.map((other) => distance(order, other));
          return { order, key: [average(distances), Math.min(...distances)] as const };
        });
      scored.sort((a, b) => b.key[0] - a.key[0] || b.key[1] - a.key[1]);
      chosen.push(scored[0]!.order);
    }
    expect(distantPermutations(10, 4)).toEqual(chosen);
    expect(() => distantPermutations(25, 4)).toThrow(/25 permutations of 4 .* give 2 to 24/);
  });
});

describe("corrupted patches", () => {
  test("are half of an image's: eight tenths masked, one tenth another's, one tenth kept", () => {
    const patches = 40;
    const { from, masked, corrupted } = drawCorruption(500, patches, 0.5, (image) => createRandom("image", image));
    const perImage = Array.from({ length: 500 }, (_, n) =>
      corrupted.subarray(n * patches, (n + 1) * patches).reduce((a, b) => a + b, 0),
    );
    expect(new Set(perImage)).toEqual(new Set([20]));
    const moved = from.map((patch, i) => Number(patch !== i % patches));
    expect(masked.every((one, i) => one + moved[i]! <= corrupted[i]!)).toBe(true);
    const share = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / 10_000;
    // three standard deviations of 10,000 draws are 0.012 and 0.009
    expect(Math.abs(share(masked) - 0.8)).toBeLessThan(0.012);
    expect(Math.abs(share(moved) - 0.1)).toBeLessThan(0.009);
  });

  test("have the mean colour of their pixels, whatever the range of values", () => {
    // white, black, and pure red a little over the middle
    const image = Float32Array.from({ length: 2 * 6 * 3 }, (_, k) => {
      const patch = Math.floor((Math.floor(k / 3) % 6) / 2);
      return [1, 0, k % 3 === 0 ? 0.51 : 0][patch]!;
    });
    const grid = { rows: 1, columns: 3, patchSize: 2, cells: 1 };
    const range = [0, 1] as const;
    expect([...meanColours({ image, shape: [1, 2, 6, 3] }, grid, [range])]).toEqual([511, 0, 256]);
    const grey = Float32Array.of(0, 255, 63, 64);
    expect([
      ...meanColours({ image: grey, shape: [1, 2, 2, 1] }, { ...grid, columns: 1, cells: 2 }, [[0, 256]]),
    ]).toEqual([0, 7, 1, 2]);
  });
});
