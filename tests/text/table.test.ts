/** Tables as text. */
import { expect, test } from "vitest";
import { columns, markdownTable } from "../../src/text/table.js";

test("columns are as wide as their widest cell: the first to the left, numbers to the right, nothing after the last cell", () => {
  const rows = [
    ["dataset", "images", "%"],
    ["a", "1,234", ""],
    ["longer than", "5", "87.5"],
  ];
  expect(columns(rows)).toEqual([
    "dataset      images     %", //
    "a             1,234",
    "longer than       5  87.5",
  ]);
  expect(columns([])).toEqual([]);
});

test("the caller says which columns are text", () => {
  const rows = [
    ["a", "b", "long"],
    ["aaa", "22", "x"],
  ];
  expect(columns(rows, (column) => column !== 1)).toEqual(["a     b  long", "aaa  22  x"]);
});

test("a table in Markdown", () => {
  expect(markdownTable(["a", "b"], [["1", "2"]])).toBe("| a | b |\n| --- | --- |\n| 1 | 2 |");
});
