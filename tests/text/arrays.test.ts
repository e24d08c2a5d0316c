/** Extremes and appending at sizes at which arguments of a call overflow the stack, and what lists of results need them for. */
import { describe, expect, test } from "vitest";
import { listing } from "../../src/commands/predict.js";
import { membersToLeaveOut } from "../../src/dedup/groups.js";
import { append, largest, smallest } from "../../src/text/arrays.js";

const many = Float64Array.from({ length: 1_000_000 }, (_, i) => Math.sin(i));

test("the sizes here are ones that do overflow it", () => {
  expect(() => Math.max(...many)).toThrow(RangeError);
  expect(() => Math.max(...new Array(160_000).fill(1))).toThrow(RangeError);
});

describe("extremes", () => {
  test("of a million numbers", () => {
    expect([largest(many), smallest(many)]).toEqual([Math.max(...top(many)), -Math.max(...top(many.map((x) => -x)))]);
    expect(largest(many)).toBeGreaterThan(1 - 1e-9);
  });

  test("are Math.max and Math.min of few, none and what is no number", () => {
    for (const few of [[], [3], [-0, 0], [2, -1, 7], [1, Number.NaN, 2], [Number.NEGATIVE_INFINITY]]) {
      expect([largest(few), smallest(few)]).toEqual([Math.max(...few), Math.min(...few)]);
    }
  });
});

/** The largest of every thousand. */
const top = (values: Float64Array): number[] =>
  Array.from({ length: values.length / 1000 }, (_, i) => Math.max(...values.subarray(1000 * i, 1000 * (i + 1))));

test("a million items are appended in order", () => {
  const list = [0];
  append(list, many);
  expect([list.length, list[1], list.at(-1)]).toEqual([1_000_001, many[0], many.at(-1)]);
});

test("20,000 images with eight classes each are listed", () => {
  const guesses = ["ankle boot", "bag", "coat", "dress", "pullover", "sandal", "shirt", "sneaker"].map((name, i) => ({
    class: i,
    name,
    probability: 1 / 8,
  }));
  const lines = listing(Array.from({ length: 20_000 }, (_, i) => ({ image: `${i}.png`, guesses }))).split("\n");
  expect(lines).toHaveLength(20_000 * 9);
  expect(lines.slice(-9, -6)).toEqual(["19999.png", "  ankle boot   12.5 %", "  bag          12.5 %"]);
});

test("300,000 copies of one image are left out", () => {
  const group = Array.from({ length: 300_000 }, (_, i) => i);
  const member = () => ({ upstream: true, height: 8, width: 8 });
  expect(membersToLeaveOut([group], member).repeated).toHaveLength(299_999);
  const test = { upstream: false, height: 8, width: 8 };
  const { matchesTest } = membersToLeaveOut([group], (i) => (i === 0 ? test : member()));
  expect(matchesTest).toHaveLength(299_999);
});
