/** Text in lines of a width. */
import { expect, test } from "vitest";
import { wrap } from "../../src/text/wrap.js";

test("lines are broken at spaces, as late as they fit", () => {
  expect(wrap("one two  three\nfour", 9)).toEqual(["one two", "three", "four"]);
  expect(wrap("one two", 7)).toEqual(["one two"]);
  expect(wrap("", 7)).toEqual([]);
});

test("a word that is longer than a line is divided", () => {
  expect(wrap("a abcdefg b", 3)).toEqual(["a", "abc", "def", "g b"]);
});
