/** The study of fine-tuning at a higher resolution: its plan and its verdict. */
import { expect, test } from "vitest";
import { type Row, scales, studyNamed } from "../../src/studies/index.js";
import { plannedData as data } from "../support/study-data.js";

interface Planned {
  readonly recipe: {
    readonly model: { readonly imageSize: number };
    readonly data: { readonly train: { readonly preprocessing: string } };
    readonly initialWeights: string;
  };
}

test.each([
  ["minutes", 32, 48],
  ["paper", 224, 336],
] as const)("at the scale %s, images of %i pixels become %i, with the weights of one network", (name, own, larger) => {
  const runs = studyNamed("higher-resolution").runs({ scale: scales[name], seeds: [0], data });
  const planned = runs.map(({ job }) => (job.settings as Planned).recipe);
  expect(planned.map(({ model }) => model.imageSize)).toEqual([own, larger, larger]);
  expect(planned.map((recipe) => recipe.data.train.preprocessing.includes(`inception_crop(${larger},`))).toEqual([
    false,
    true,
    true,
  ]);
  // three different start weights of the same source
  expect(new Set(planned.map(({ initialWeights }) => initialWeights)).size).toBe(3);
  expect(new Set(runs.map(({ job }) => job.needs[0]?.needs[0]?.id)).size).toBe(1);
});

test("the verdict compares resolutions, and reports what positions give", async () => {
  const row = (seed: number, series: string, y: number): Row => {
    return { job: "a", seed, series, x: 0, y, images: 0, flops: 0, seconds: 0 };
  };
  const rows = [0, 1].flatMap((seed) => [
    row(seed, "old resolution", 0.2),
    row(seed, "higher, interpolated positions", 0.25 + 0.01 * seed),
    row(seed, "higher, new positions", 0.235 + 0.01 * seed),
  ]);
  const { effect, text } = await studyNamed("higher-resolution").judge(rows);
  expect(effect).toBeCloseTo(0.055, 12);
  expect(text).toContain("Interpolated positions minus new ones: +1.5 points");
});
