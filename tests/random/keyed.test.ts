/** The keyed random generator: published numbers, independent keys, a sequence that never changes. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createRandom, hashKeys, permutation, randomFrom } from "../../src/random/keyed.js";

test("the generator is xoshiro128**: its published first numbers from the state 1, 2, 3, 4", () => {
  const random = randomFrom([1, 2, 3, 4]);
  expect([random.next(), random.next(), random.next(), random.next()]).toEqual([11520, 0, 5927040, 70819200]);
});

test("equal keys give equal sequences, and any other key another one", () => {
  const draw = (...keys: (number | string)[]) => {
    const random = createRandom(...keys);
    return Array.from({ length: 8 }, () => random.next());
  };
  expect(draw("a", 1, 2)).toEqual(draw("a", 1, 2));
  const different = [
    draw("a", 1, 2),
    draw("a", 2, 1),
    draw("a", 1),
    draw("b", 1, 2),
    draw("a", 1, 2 + 2 ** 32),
    draw("a", -1, 2),
    draw("a", "1", 2),
  ];
  expect(new Set(different.map(String)).size).toBe(different.length);
});

test("the sequence never changes, or saved runs would not continue as they began", () => {
  const random = createRandom("pinned", 42);
  expect([random.next(), random.next(), random.next()]).toEqual([1346213512, 4229375085, 3137004372]);
  expect([...permutation(8, 1, 2)]).toEqual([0, 4, 7, 5, 2, 6, 1, 3]);
});

test("uniform numbers fill [0, 1) evenly, also across neighbouring keys", () => {
  const bins = new Array<number>(10).fill(0);
  for (let key = 0; key < 20_000; key++) bins[Math.floor(createRandom(7, 0, key).uniform() * 10)]!++;
  // 2,000 expected a bin, standard deviation 42: five of them.
  for (const count of bins) expect(Math.abs(count - 2000)).toBeLessThan(215);
});

test("whole numbers are drawn from every value and no other", () => {
  const random = createRandom("integers");
  const seen = new Map<number, number>();
  for (let i = 0; i < 30_000; i++) {
    const value = random.integer(7);
    seen.set(value, (seen.get(value) ?? 0) + 1);
  }
  expect([...seen.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  for (const count of seen.values()) expect(Math.abs(count - 4286)).toBeLessThan(310);
  expect(() => random.integer(0)).toThrow(/whole n from 1/);
});

test("keys that are not whole are refused", () => {
  expect(() => hashKeys([0.5])).toThrow(/whole number or a string, not 0.5/);
  expect(() => createRandom(Number.NaN)).toThrow(/not NaN/);
});

test("a permutation holds every number once and follows from its keys", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.integer(), fc.nat(1000), (n, seed, epoch) => {
      const order = permutation(n, seed, epoch);
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
      expect(permutation(n, seed, epoch)).toEqual(order);
      if (n > 20) expect(permutation(n, seed, epoch + 1)).not.toEqual(order);
    }),
  );
});

test("every place of a permutation is equally likely to hold every number", () => {
  const counts = Array.from({ length: 5 }, () => new Array<number>(5).fill(0));
  for (let seed = 0; seed < 10_000; seed++) {
    for (const [place, value] of permutation(5, seed).entries()) counts[place]![value]!++;
  }
  // 2,000 expected, standard deviation 40.
  for (const count of counts.flat()) expect(Math.abs(count - 2000)).toBeLessThan(210);
});
