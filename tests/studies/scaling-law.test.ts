/** The study of the scaling law: its frontier, its verdict on an exact law, and the published curves. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lawAt } from "../../src/algebra/power-law.js";
import { JobStore, type Row, runJobs, scales, studyNamed } from "../../src/studies/index.js";
import { frontier } from "../../src/studies/list/scaling-law.js";

const study = studyNamed("scaling-law");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fovea-law-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const row = (x: number, y: number, seed: number): Row => ({
  job: "j",
  seed,
  series: "ViT small",
  x,
  y,
  images: 1,
  flops: x,
  seconds: 1,
});

test("the frontier has the smallest error of each bin of log compute", () => {
  const points = [1, 1.1, 10, 11, 100, 1e6].map((x, i) => ({ x, y: [0.9, 0.8, 0.7, 0.75, 0.6, 0.5][i] ?? 1 }));
  expect(frontier(points).map(({ y }) => y)).toEqual([0.8, 0.7, 0.6, 0.5]);
});

describe("the verdict", () => {
  const compute = [1e9, 5e9, 3e10, 1e11, 6e11, 4e12];
  const table = (y: (x: number, seed: number) => number) =>
    [0, 1, 2].flatMap((seed) => compute.map((x) => row(x, y(x, seed), seed)));

  test("supports an exact law with small noise", async () => {
    const law = { a: 60, b: 0.2, c: 0.2, d: 0 };
    const rows = table((x, seed) => lawAt(law, x) * (1 + 0.001 * ((seed * 7 + Math.log10(x)) % 1)));
    expect((await study.judge(rows)).decision).toBe("supports");
  });

  test("contradicts where the error jumps at the largest compute", async () => {
    const rows = table((x, seed) => (x > 1e12 ? 0.9 : lawAt({ a: 60, b: 0.2, c: 0.2, d: 0 }, x)) + 0.001 * seed);
    expect((await study.judge(rows)).decision).toBe("contradicts");
  });
});

test("the published curves are read, and their laws extrapolate to within a few per cent", async () => {
  const data = { upstream: "x", identity: "y", images: 100, classes: 2, heldSplit: undefined, downstream: [] };
  const [published] = study.runs({ scale: scales.minutes, seeds: [0], data }).slice(-1);
  const store = new JobStore(join(folder, "store"));
  await runJobs(store, [published!.job]);
  const result = (await store.read(published!.job))!;
  const rows = study.rows!(published!, result).map((point) => ({
    ...row(point.x!, point.y, 0),
    series: point.series!,
  }));
  expect(rows).toContainEqual(expect.objectContaining({ series: "published, BiT/50/1 inet_10", x: 4096000, y: 0.982 }));
  const own = [1e9, 5e9, 3e10, 1e11, 6e11, 4e12].map((x) => row(x, 1 - Math.log10(x) / 20, 0));
  const figures = await study.figures([...own, ...rows]);
  expect(figures).toHaveLength(2);
  const errors = [...(figures[1]?.title ?? "").matchAll(/([\d.]+) %/g)].map(([, value]) => Number(value));
  expect(errors.length).toBeGreaterThan(1);
  for (const error of errors) expect(error).toBeLessThan(10);
});
