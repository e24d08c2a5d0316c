/** The study of inference speed: exponents and verdict from a made table. */
import { expect, test } from "vitest";
import { type Row, studyNamed } from "../../src/studies/index.js";
import { exponents } from "../../src/studies/list/inference-speed.js";

const row = (seed: number, series: string, x: number, y: number): Row => {
  return { job: "a", seed, series, x, y, images: 0, flops: 0, seconds: 0 };
};

/** Times grow with the power 2.4 + seed / 100 of the side for the ViT, and 2 for the ResNet; FLOPs with 2.3 and 2. */
const rows = [0, 1, 2].flatMap((seed) =>
  [64, 256, 512].flatMap((side) => [
    row(seed, "S/16", side, 1e9 / side ** (2.4 + seed / 100)),
    row(seed, "R50x1", side, 1e8 / side ** 2),
    row(seed, "S/16, GFLOPs", side, side ** 2.3),
    row(seed, "R50x1, GFLOPs", side, side ** 2),
    row(seed, "S/16, attention share", 4 * side, side / 600),
    row(seed, "R50x1, attention share", side, 0),
  ]),
);

test("exponents of the last doubling, by round", () => {
  const found = exponents(rows, "S/16", (rate) => 1 / rate);
  expect([...found.keys()]).toEqual([0, 1, 2]);
  for (const [seed, value] of found) expect(value).toBeCloseTo(2.4 + seed / 100, 9);
});

test("the verdict compares measured exponents and reports counted ones", async () => {
  const { effect, n, decision, text } = await studyNamed("inference-speed").judge(rows);
  expect(effect).toBeCloseTo(0.41, 9);
  expect([n, decision]).toEqual([3, "supports"]);
  expect(text).toContain("Counted FLOPs give +0.30");
  expect(text).toContain("between 1024 and 2048 pixels");
});
