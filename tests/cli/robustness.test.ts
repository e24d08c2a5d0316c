/** `fovea corruptions` with a tiny trained network: its own head, a head fitted to frozen features, and what is refused. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rowOf } from "../../src/algebra/features.js";
import { measureCorruptions, withOp } from "../../src/benchmarks/robustness/index.js";
import { openSource } from "../../src/data/index.js";
import { corrupt, preprocessImage } from "../../src/images/index.js";
import { imageRows, open } from "../../src/networks/index.js";
import { fovea } from "../support/command-line.js";
import { temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("robustness");
const network = join(root, "run");
const shapes = "generated:shapes?label=shape&size=16&length=40&seed=3";
const few = ["--corruptions", "gaussian_noise,jpeg_compression", "--severities", "1,5", "--threads", "1"];

beforeAll(() => trainTiny(network));
afterAll(() => rmSync(root, { recursive: true }));

test("a corruption goes where the image has its size and is still of bytes", () => {
  const op = corrupt("fog", 2);
  expect(withOp("decode_resize(8)|value_range(-1,1)", op)).toBe("decode_resize(8)|corrupt(fog,2)|value_range(-1,1)");
  expect(withOp("decode|resize(8)", op)).toBe("decode|resize(8)|corrupt(fog,2)");
});

test("the network's own head, as classifying the corrupted images one by one", async () => {
  const { status, stdout, stderr } = await fovea("corruptions", network, shapes, ...few, "--json");
  expect([status, stderr]).toEqual([0, expect.stringContaining("using")]);
  const document = JSON.parse(stdout);
  expect([document.head, document.table, document.results.length]).toEqual(["own", "cifar", 4]);
  await using source = await openSource(shapes, { split: "test" });
  await using model = await open(network, { output: "logits", threads: 1 });
  const accuracy = async (preprocessing: string): Promise<number> => {
    const { features, labels } = await imageRows(model.run, source, {
      ...model,
      preprocessing,
      workers: 0,
    });
    const right = labels.filter((label, row) => {
      const logits = rowOf(features, row);
      return logits.indexOf(Math.max(...logits)) === label;
    });
    return right.length / labels.length;
  };
  expect(document.clean.accuracy).toBeCloseTo(await accuracy(model.preprocessing), 10);
  for (const { corruption, severity, accuracy: found } of document.results) {
    const pipeline = withOp(model.preprocessing, corrupt(corruption, severity, "cifar"));
    expect(found, `${corruption} ${severity}`).toBeCloseTo(await accuracy(pipeline), 10);
  }
  const means = [0, 2].map((i) => (document.results[i].accuracy + document.results[i + 1].accuracy) / 2);
  expect(document.families.map((one: { accuracy: number }) => one.accuracy)).toEqual(means);
  expect(document.meanError).toBeCloseTo(1 - (means[0]! + means[1]!) / 2, 10);
});

test("a head fitted to clean images, where the network does not know the classes", async () => {
  const counts = "generated:shapes?label=count&counts=1-3&size=16&length=30";
  const { status, stdout } = await fovea("corruptions", network, counts, ...few);
  expect(status).toBe(0);
  expect(stdout).toMatch(/ridge fitted to 30 clean images \(train\), 30 images \(test\), constants of cifar/);
  expect(stdout).toMatch(/gaussian_noise +\d+\.\d +\d+\.\d +\d+\.\d\njpeg_compression/);
  const pixels = await fovea("corruptions", "pixels:8", counts, ...few, "--test-images", "12", "--json");
  expect([pixels.status, JSON.parse(pixels.stdout).clean.images]).toEqual([0, 12]);
});

test.each([
  [["--severities", "0-9"], /--severities: expected 1, 2, 3, 4 or 5, separated by commas, given "0-9"/],
  [["--corruptions", "fogg"], /--corruptions: expected gaussian_noise, .*, given "fogg"; did you mean "fog"\?/],
  [["--table", "big"], /--table: expected imagenet, tiny-imagenet or cifar, given "big"/],
])("%j is refused", async (flags, message) => {
  const { status, stderr } = await fovea("corruptions", network, shapes, ...flags);
  expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
});

test("a judge that is right on clean images and blind under noise is scored as such", async () => {
  const source = await openSource("generated:shapes?label=size&size=16&length=20", { split: "test" });
  const report = await measureCorruptions(
    {
      head: "test",
      classNames: ["neither", ...source.classNames],
      imageShape: [16, 16, 3],
      preprocessing: "decode|value_range(-1,1)",
      scores: async (_, { preprocessing }) => {
        await preprocessImage(preprocessing, (await source.get(0)).image);
        const answer = (label: number): number => (preprocessing.includes("corrupt(contrast,5") ? 0 : label + 1);
        const data = new Float32Array(20 * 3);
        for (const [row, label] of source.labels.entries()) data[row * 3 + answer(label)] = 1;
        const indices = Int32Array.from({ length: 20 }, (_, i) => i);
        return { features: { data, rows: 20, columns: 3 }, labels: source.labels, indices, bad: [] };
      },
    },
    source,
    { corruptions: ["contrast"], severities: [1, 5] },
  );
  expect([report.clean.accuracy, ...report.results.map(({ accuracy }) => accuracy)]).toEqual([1, 1, 0]);
  expect(report.meanError).toBe(0.5);
});

test("top-2 accuracy counts the second highest score, and of equal scores the first", async () => {
  const source = await openSource("generated:shapes?label=size&size=16&length=20", { split: "test" });
  // scores of the class, relative to those of two others: highest, second, equal to the second but later, lowest
  const rows = [
    [2, 1, 0],
    [1, 2, 0],
    [1, 2, 1],
    [0, 2, 1],
  ];
  const right = [1, 1, 0, 0];
  const labels = source.labels;
  const names = [...new Set(source.classNames)];
  const classNames = ["before", names[0] ?? "", ...names.slice(1), "after"];
  const data = new Float32Array(20 * classNames.length).fill(-1);
  const wanted = Array.from(labels, (label, row) => {
    const [own = 0, other = 0, first = 0] = rows[row % 4] ?? [];
    data.set([first], row * classNames.length);
    data[row * classNames.length + classNames.length - 1] = other;
    data[row * classNames.length + 1 + label] = own;
    return right[row % 4] ?? 0;
  });
  const { clean } = await measureCorruptions(
    {
      head: "test",
      classNames,
      imageShape: [16, 16, 3],
      preprocessing: "decode|value_range(-1,1)",
      scores: async () => ({
        features: { data, rows: 20, columns: classNames.length },
        labels,
        indices: Int32Array.from({ length: 20 }, (_, i) => i),
        bad: [],
      }),
    },
    source,
    { corruptions: ["fog"], severities: [1], top: 2 },
  );
  expect(clean.right).toBe(wanted.reduce((sum, one) => sum + one, 0));
  expect(clean.right).toBe(10);
});

test("the grid of patches, whose size the network says", async () => {
  const chart = join(root, "grid.svg");
  const grid = ["--patch-size", "8", "--objects", "1", "--threads", "1"];
  const { status, stdout } = await fovea("patch-grid", "pixels:40", ...grid, "--chart", chart, "--json");
  expect(status).toBe(0);
  const { patchSize, objects, images, distances } = JSON.parse(stdout);
  expect([patchSize, objects, images]).toEqual([8, 6, 6 * (50 + 68)]);
  expect(distances.map((one: { distance: number }) => one.distance)).toEqual([0, 1, 2, 3, 4]);
  expect(readFileSync(chart, "utf8")).toMatch(/^<svg/);
  const pixels = await fovea("patch-grid", "pixels:40");
  expect([pixels.status, pixels.stderr]).toEqual([1, expect.stringContaining("give it with --patch-size")]);
  const small = await fovea("patch-grid", network);
  expect([small.status, small.stderr]).toEqual([1, expect.stringContaining("too few patches of 8")]);
});

test("a set that is not there, and an option of another set", async () => {
  const missing = await fovea("imagenet-sets", network, "--set", "real", "--folder", root);
  expect([missing.status, missing.stderr]).toEqual([1, expect.stringMatching(/reassessed-imagenet.*Apache-2.0/)]);
  const boxes = ["--set", "real", "--folder", root, "--boxes", "boxes.csv"];
  const both = await fovea("imagenet-sets", network, ...boxes);
  expect([both.status, both.stderr]).toEqual([2, expect.stringContaining("--boxes is for --set objectnet")]);
});
