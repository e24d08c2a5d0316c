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

describe("over families", () => {
  const compute = [1e9, 5e9, 3e10, 1e11, 6e11, 4e12];
  const law = { a: 60, b: 0.2, c: 0.2, d: 0 };
  const ofFamily = (series: string, factor: (x: number) => number) =>
    [0, 1].flatMap((seed) => compute.map((x) => ({ ...row(x, factor(x) * lawAt(law, x), seed), series })));
  const vits = ofFamily("ViT small", () => 1);

  test("the best of each compute is compared with the law of the ViTs, which alone decide", async () => {
    const mixers = ofFamily("Mixer large", () => 1.1);
    // better than the ViTs at little compute: by a tenth at three of six
    const resnets = ofFamily("ResNet medium", (x) => (x < 5e10 ? 0.9 : 1.2));
    const alone = await study.judge(vits);
    expect(alone.text).not.toContain("families");
    const { effect, text } = await study.judge([...vits, ...mixers, ...resnets]);
    expect(effect).toBe(alone.effect);
    const found = /\(([^()]*)\) differs from the law of the ViTs by ([-+\d.]+) %/.exec(text);
    expect(found?.[1]).toBe("ResNet medium, ViT small");
    // the mean of three log(0.9) and three zeros; the fitted law is not exactly the true one
    expect(Number(found?.[2])).toBeCloseTo(50 * Math.log(0.9), 0);
  });

  test("a second figure shows them", async () => {
    expect(await study.figures(vits)).toHaveLength(1);
    const figures = await study.figures([...vits, ...ofFamily("hybrid small", () => 0.9)]);
    expect(figures.map(({ title }) => title)).toEqual([
      "10-shot error of ViTs over training compute",
      "10-shot error of all families over training compute",
    ]);
    expect(figures[1]?.draw(720)).toContain("hybrid");
  });

  test("every family of the grid is planned", () => {
    const data = { upstream: "x", identity: "y", images: 100, classes: 2, heldSplit: undefined, downstream: [] };
    const runs = study.runs({ scale: scales.minutes, seeds: [0], data });
    expect(new Set(runs.map(({ series }) => series.split(" ")[0]))).toEqual(
      new Set(["ViT", "ResNet", "hybrid", "Mixer", "published"]),
    );
  });
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
