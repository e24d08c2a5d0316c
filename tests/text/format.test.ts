/** The words and numbers of messages: nearest names, durations, bytes, counts. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  formatBytes,
  formatCount,
  formatDuration,
  groupDigits,
  inPercent,
  percent,
  plural,
} from "../../src/text/format.js";
import { didYouMean, editDistance, nearest } from "../../src/text/nearest.js";

test("edit distance counts inserts, deletes, replacements and swaps", () => {
  expect(editDistance("", "abc")).toBe(3);
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("form", "from")).toBe(1);
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      const distance = editDistance(a, b);
      expect(distance).toBe(editDistance(b, a));
      expect(distance === 0).toBe(a === b);
      expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});

test("nearest suggests what was meant and nothing far-fetched", () => {
  const known = ["train", "quickstart", "fewshot", "embed", "models", "data", "bench"];
  expect(nearest("trian", known)).toBe("train");
  expect(nearest("few-shot", known)).toBe("fewshot");
  expect(nearest("Model", known)).toBe("models");
  expect(nearest("quikstart", known)).toBe("quickstart");
  expect(nearest("xyz", known)).toBeUndefined();
  expect(nearest("zzzzzzzz", known)).toBeUndefined();
  expect(nearest("x", ["y"])).toBeUndefined();
  expect(didYouMean("embbed", known)).toBe('; did you mean "embed"?');
  expect(didYouMean("nothing like it", known)).toBe("");
});

test.each([
  [0, "0 ms"],
  [0.4, "400 ms"],
  [1.25, "1.3 s"],
  [9.96, "10 s"],
  [59.6, "1 min 00 s"],
  [185, "3 min 05 s"],
  [3599.7, "1 h 00 min"],
  [7620, "2 h 07 min"],
  [86_399, "1 d 00 h"],
  [3.2 * 86_400, "3 d 05 h"],
  [Number.NaN, "?"],
  [-1, "?"],
])("a duration of %d seconds reads %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.00 kB"],
  [1_300_000_000, "1.30 GB"],
  [999_600, "1.00 MB"],
  [12_345_678, "12.3 MB"],
  [-2048, "-2.05 kB"],
])("%d bytes read %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [950, "950"],
  [22_050_664, "22.1M"],
  [4_600_000_000, "4.60G"],
  [1_234, "1.23k"],
  [12.5, "12.50"],
  [Number.NaN, "NaN"],
])("a count of %d reads %s", (count, text) => {
  expect(formatCount(count)).toBe(text);
});

test("shares in per cent, with their sign or for a column that has it", () => {
  expect([percent(0.875), percent(0.87549, 2), percent(1, 0)]).toEqual(["87.5 %", "87.55 %", "100 %"]);
  expect([inPercent(0.5), inPercent(0), inPercent(undefined)]).toEqual(["50.0", "0.0", "-"]);
});

test("counts with their noun, and with their thousands apart", () => {
  expect([plural(1, "image"), plural(0, "image"), plural(2, "class", "classes")]).toEqual([
    "1 image",
    "0 images",
    "2 classes",
  ]);
  expect(plural(12_345, "image", "images", groupDigits)).toBe("12,345 images");
  expect(groupDigits(999)).toBe("999");
});
