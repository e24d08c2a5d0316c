/** A program can do without the command line what `fovea fit`, `predict`, `evaluate`, `embed` and `fewshot` do. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { encodePng } from "../../src/formats/png.js";
import { readSafetensors } from "../../src/formats/safetensors.js";
import * as transfer from "../../src/transfer/index.js";

const folder = mkdtempSync(join(tmpdir(), "fovea-library-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const images = "embedded:clothing?only=hat,pants,shorts&take=30&balanced=true";
const backbone = "pixels:8";

test("fit, evaluate and predict return their results and report through hooks only", async () => {
  const notes: string[] = [];
  const units: string[] = [];
  const output = join(folder, "clothes");
  await using fitted = await transfer.fit(images, {
    backbone,
    output,
    methods: ["ridge", "prototypes"],
    folds: 3,
    note: (text) => notes.push(text),
    progress: ({ unit = "step" }) => {
      units.push(unit);
      return { update() {}, note() {}, finish: () => units.push(`${unit} done`) };
    },
  });
  expect(fitted.images).toEqual({ count: 30, bad: [] });
  expect(fitted.classNames).toHaveLength(3);
  expect(fitted.expected.chance).toBeCloseTo(1 / 3);
  expect(fitted.expected.images).toBe(30);
  expect(fitted.candidates.map(({ name }) => name).sort()).toEqual(["prototypes", "ridge"]);
  expect(fitted.confusion.flat().reduce((a, b) => a + b)).toBe(30);
  expect(units).toEqual(["image", "image done", "fit", "fit done"]);

  const evaluation = await transfer.evaluate(output, images, { split: "train" });
  expect(evaluation.top1.images).toBe(30);
  expect(evaluation.mistakes).toHaveLength(30 - evaluation.top1.right);

  const side = 8;
  const data = new Uint8Array(side * side * 3).fill(128);
  const bytes = encodePng({ width: side, height: side, channels: 3, data });
  const { predictions, bad } = await transfer.predict(output, [{ id: "grey", bytes }], { top: 3 });
  expect(bad).toEqual([]);
  expect(predictions.map(({ image }) => image)).toEqual(["grey"]);
  const guesses = predictions[0]?.guesses ?? [];
  expect(guesses.map(({ name }) => name).sort()).toEqual([...fitted.classNames].sort());
  expect(guesses.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 4);
});

test("a signal stops fit, which then writes nothing", async () => {
  const output = join(folder, "stopped");
  const signal = AbortSignal.abort();
  await expect(transfer.fit(images, { backbone, output, signal })).rejects.toThrow("stopped; nothing was written");
  await expect(transfer.predict(output, ["x.png"])).rejects.toThrow();
});

test("embed writes one row an image", async () => {
  const output = join(folder, "rows.safetensors");
  const found = await transfer.embed(images, { backbone, output });
  expect(found).toMatchObject({ output, images: 30, width: 192, bad: [] });
  const { tensors } = await readSafetensors(output);
  expect(tensors.get("features")?.shape).toEqual([30, 192]);
});

test("fewshot measures features and raw pixels by the same draws", async () => {
  const found = await transfer.fewshot(images, { backbone: "pixels:16", shots: [1, 3], seeds: 2, testImages: 15 });
  expect(found.splits.heldOut).toBe(false);
  expect(found.summary.map(({ shots }) => shots)).toEqual([1, 3]);
  expect(found.results).toHaveLength(4);
  for (const { mean } of [...found.summary, ...found.rawPixels]) {
    expect(mean).toBeGreaterThan(0);
    expect(mean).toBeLessThanOrEqual(1);
  }
  expect(found.chance).toBeCloseTo(1 / 3);
});
