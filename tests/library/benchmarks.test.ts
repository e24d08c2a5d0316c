/** `vtab`, `compare` and `study` of the package at a tiny size: their defaults, their results, and that a repeated call continues. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { compare, fewshot, study, vtab } from "../../src/library/index.js";
import { scales } from "../../src/studies/index.js";
import { tar } from "../support/records.js";
import { imageFolder } from "../support/trained-run.js";

const root = mkdtempSync(join(tmpdir(), "fovea-benchmarks-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("vtab measures the tasks of a suite beside raw pixels, and continues from its folder", async () => {
  const output = join(root, "vtab");
  const options = { suite: "embedded", tasks: ["sign-digits"], seeds: [0], output, threads: 1 } as const;
  const { tasks, score, method, sweep, seededDraws, baseline } = await vtab("pixels:4", options);
  expect([method, sweep, seededDraws]).toEqual(["ridge", "none", true]);
  expect(tasks.map(({ name, classes }) => [name, classes])).toEqual([["sign-digits", 10]]);
  expect(score.mean.mean).toBe(tasks[0]?.mean);
  expect(score.mean.mean).toBeGreaterThan(0.2); // chance: 0.1
  expect(baseline?.backbone.spec).toBe("pixels:16");
  expect(baseline?.score.mean.mean).toBeGreaterThan(score.mean.mean); // 16 x 16 pixels say more than 4 x 4

  const reported: string[] = [];
  const progress = () => ({ update() {}, note: (text: string) => void reported.push(text), finish() {} });
  const again = await vtab("pixels:4", { ...options, baseline: "none", progress });
  expect([again.tasks[0]?.mean, again.baseline, reported]).toEqual([tasks[0]?.mean, undefined, []]);

  await expect(vtab("pixels:4", { output, data: root })).rejects.toThrow(
    /^none of the tasks can be opened:\n {2}Caltech/,
  );
  await expect(vtab("pixels:4", { ...options, seeds: [1, 1] })).rejects.toThrow(/seeds 1, 1 contain a duplicate/);
  await expect(vtab("pixels:4", { ...options, method: "rigde" })).rejects.toThrow(/rigde.*ridge/s);
});

test("compare has the figures of fewshot for each dataset of a folder, and raw pixels as a baseline", async () => {
  const [sets, fruit] = [join(root, "sets"), join(root, "fruit")];
  mkdirSync(sets);
  for (const split of ["train", "test"]) await imageFolder(join(fruit, split), { apple: 9, leaf: 7 });
  const names = readdirSync(fruit, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".png"));
  writeFileSync(
    join(sets, "fruit.tar"),
    tar(Object.fromEntries(names.map((name) => [name, readFileSync(join(fruit, name))]))),
  );
  const options = { data: sets, shots: [1, 3], cache: join(root, "cache"), threads: 1 };
  const found = await compare(["pixels:4"], options);
  expect(found.protocol).toEqual({ shots: [1, 3], seeds: 5, testImages: 600, threads: 1 });
  expect(found.backbones.map(({ spec, width }) => [spec, width])).toEqual([
    ["pixels:16", 768],
    ["pixels:4", 48],
  ]);
  const { summary } = await fewshot(join(sets, "fruit.tar"), { backbone: "pixels:4", shots: [1, 3], seeds: 5 });
  expect(found.backbones[1]?.sets["fruit"]?.map(({ mean }) => mean)).toEqual(summary.map(({ mean }) => mean));
  await expect(compare(["pixels:4", "pixels:4"], options)).rejects.toThrow(/pixels:4 is given twice/);
});

test("study trains what its claim needs, judges it, and judges again from the stored table", async () => {
  const model = { name: "vit" as const, patchSize: 8, width: 16, depth: 1, heads: 1, mlpDim: 16, imageSize: 16 };
  const models = { ...scales.minutes.models, ViT: { small: model, medium: model, large: model } };
  const options = {
    scale: { ...scales.minutes, imageSize: 16, subsets: [64], examples: 128, batchSize: 8, models },
    seeds: 1,
    upstream: "generated:shapes?label=count&length=64",
    downstream: ["embedded:sign-digits"],
    output: join(root, "studies"),
    threads: 1,
  };
  const found = await study("sample-efficiency", options);
  expect(found.files.length).toBeGreaterThan(3);
  for (const file of found.files) expect(existsSync(file), file).toBe(true);
  expect(found.verdict.text).not.toBe("");
  const again = await study("sample-efficiency", { ...options, figureOnly: true });
  expect([again.verdict, again.rows]).toEqual([found.verdict, found.rows]);
  await expect(study("sample-eficiency")).rejects.toThrow(/unknown study "sample-eficiency"; did you mean "sample-eff/);
  await expect(study("positions", { output: root, figureOnly: true })).rejects.toThrow(/there is no table/);
});
