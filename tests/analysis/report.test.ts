/** The report of analyses: on a network with attention and on one without. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { analyse, analysesNamed, openSubject } from "../../src/analysis/index.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fovea-analysis-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("analyse", () => {
  test("writes a report, the numbers and the charts of a network with attention", async () => {
    const output = join(folder, "small");
    const found = await analyse("embedded:small", { output, count: 10, only: ["attention-distance"] });
    expect(found.unavailable).toEqual([]);
    const html = await readFile(join(output, "report.html"), "utf8");
    expect(html).toContain("Mean attention distance");
    const numbers = JSON.parse(await readFile(join(output, "analysis.json"), "utf8")) as {
      results: [{ data: { mean: number[][] } }];
    };
    const { mean } = numbers.results[0].data;
    expect(mean.flat().every((value) => value > 0 && value < 64)).toBe(true);
    expect((await readFile(join(output, "attention-distance.png"))).subarray(1, 4).toString()).toBe("PNG");
  });

  test("says what a network without attention has instead", async () => {
    const found = await analyse("embedded:tiny", {
      output: join(folder, "tiny"),
      count: 10,
      only: ["attention-distance"],
    });
    expect(found.results).toEqual([]);
    expect(found.unavailable[0]?.reason).toMatch(/a ResNet has no attention/);
  });

  test("refuses an unknown analysis by naming the nearest", () => {
    expect(() => analysesNamed(["attention-distanse"])).toThrow(/did you mean "attention-distance"/);
  });
});

describe("a subject", () => {
  test("traces intermediates image by image and refuses names that are not recorded", async () => {
    await using subject = await openSubject("embedded:small", { count: 10 });
    const { count } = subject.images;
    let seen = 0;
    for await (const { preLogits } of subject.trace(["preLogits"])) {
      seen++;
      expect(preLogits?.shape).toEqual(subject.intermediates.get("preLogits"));
      expect(preLogits?.data.every(Number.isFinite)).toBe(true);
    }
    expect(seen).toBe(count);
    await expect(subject.trace(["nothing"]).next()).rejects.toThrow(/records no "nothing"/);
  });

  test("differentiates: a step along the gradient raises the features' sum", async () => {
    await using subject = await openSubject("embedded:small", { count: 10 });
    const { gradient } = await subject.gradient(0);
    const sum = async () => {
      for await (const { preLogits } of subject.trace(["preLogits"], [0])) {
        return (preLogits?.data ?? new Float32Array()).reduce((total, value) => total + value, 0);
      }
      return Number.NaN;
    };
    const before = await sum();
    const squared = gradient.reduce((total, value) => total + value * value, 0);
    const step = 1e-3 / Math.sqrt(squared);
    for (const [i, value] of gradient.entries()) subject.images.data[i] = (subject.images.data[i] ?? 0) + step * value;
    // first order: the change is step * |gradient|^2
    expect((await sum()) - before).toBeCloseTo(step * squared, 3);
  });
});
