/** Several backbones for one set of photos: which is taken, what is said, what is written. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adviceOf, type ComparedBackbone, splitBackbones } from "../../src/transfer/index.js";
import { fovea } from "../support/command-line.js";
import { imageFolder, temporaryFolder } from "../support/trained-run.js";

const root = temporaryFolder("fit-backbones");
const photos = join(root, "photos");
beforeAll(() => imageFolder(photos, { apple: 8, leaf: 8 }));
afterAll(() => rmSync(root, { recursive: true }));

test("names are separated by commas, except before the numbers of an option", () => {
  expect(splitBackbones("embedded:bit")).toEqual(["embedded:bit"]);
  expect(splitBackbones("embedded:bit?size=96,128, dinov2-small,net.onnx?mean=0.4,0.5,.6&std=1,1,1,pixels:8")).toEqual([
    "embedded:bit?size=96,128",
    "dinov2-small",
    "net.onnx?mean=0.4,0.5,.6&std=1,1,1",
    "pixels:8",
  ]);
});

describe("advice", () => {
  const one = (backbone: string, accuracy: number, imagesPerSecond: number): ComparedBackbone => ({
    backbone,
    accuracy,
    confidence95: [accuracy - 0.05, accuracy + 0.05],
    imagesPerSecond,
    bytes: 1,
  });

  test("takes the most accurate, and names a faster one that cannot be told from it", () => {
    const all = [one("slow", 0.9, 10), one("best", 0.93, 20), one("fast", 0.89, 80), one("poor", 0.5, 900)];
    const { best, text } = adviceOf(all);
    expect(best).toBe(1);
    expect(text).toBe(
      "best is the most accurate (93.0 %); fast is 4 times as fast, and its accuracy (89.0 %) is within the 95 % interval of the first: take it where speed counts",
    );
    expect(adviceOf([one("best", 0.93, 20), one("poor", 0.5, 900)]).text).toBe(
      "take best: best is the most accurate (93.0 %)",
    );
  });
});

test("fovea fit compares backbones and writes the classifier of the most accurate", async () => {
  const output = join(root, "model");
  const { status, stdout, stderr } = await fovea(
    ...["fit", photos, "--backbone", "pixels:2,pixels:8", "--folds", "2", "--output", output, "--json"],
  );
  expect(status, stderr).toBe(0);
  const found = JSON.parse(stdout) as {
    backbone: { spec: string };
    compared: ComparedBackbone[];
    advice: string;
    expected: { accuracy: number };
  };
  expect(found.compared.map(({ backbone }) => backbone)).toEqual(["pixels:2", "pixels:8"]);
  const most = found.compared.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
  expect(found.backbone.spec).toBe(most.backbone);
  expect(found.expected.accuracy).toBe(most.accuracy);
  expect(found.advice).toContain(`${most.backbone} is the most accurate`);
  for (const { imagesPerSecond, bytes } of found.compared) {
    expect(imagesPerSecond).toBeGreaterThan(0);
    expect(bytes).toBeGreaterThan(100);
  }
  expect(existsSync(join(output, "onnx", "model.onnx"))).toBe(true);
  expect(readFileSync(join(output, "classifier.json"), "utf8")).toContain(`"${most.backbone}"`);
  const again = await fovea("fit", photos, "--backbone", "pixels:2,pixels:8", "--output", output);
  expect(again.status).not.toBe(0);
  const text = await fovea(
    ...["fit", photos, "--backbone", "pixels:2,pixels:8", "--folds", "2", "--output", output, "--overwrite"],
  );
  expect(text.stdout).toMatch(/^backbone +expected accuracy +95 % interval +images\/s +ONNX file\n/);
}, 120_000);
