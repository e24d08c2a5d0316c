/** `fovea fewshot` with a tiny trained network, on generated shapes and on folders made for the purpose. */

import { cpSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rawPixelFeatures } from "../../src/algebra/features.js";
import { openSource } from "../../src/data/index.js";
import { imageRows, open } from "../../src/networks/index.js";
import { evaluators, fewShotOnFeatures } from "../../src/transfer/index.js";
import { defaultBackbone, saveWeights } from "../../src/weights/index.js";
import { fovea } from "../support/command-line.js";
import { vit, weightsOf } from "../support/seeded-models.js";
import { imageFolder, temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("fewshot");
const network = join(root, "run");
const grey = join(root, "grey");
const photos = join(root, "photos");
const shapes = "generated:shapes?label=shape&size=16&length=40&seed=3";

beforeAll(async () => {
  await trainTiny(network);
  await trainTiny(grey, {
    model: { name: "vit", patchSize: 8, width: 16, depth: 1, heads: 2, imageSize: 16, channels: 1 },
    data: {
      train: {
        source: "generated:shapes?label=shape&size=16&length=24",
        preprocessing: "decode|grey|value_range(-1,1)",
      },
      workers: 0,
    },
  });
  await imageFolder(photos, { apple: 12, leaf: 10, sky: 8 });
});
afterAll(() => rmSync(root, { recursive: true }));

/** The same measurement with every image of both splits embedded. */
async function measuredDirectly(shots: number[], seeds: number[]) {
  await using model = await open(network, { threads: 1 });
  const parts = await Promise.all(
    ["train", "test"].map(async (split) => {
      const source = await openSource(shapes, { split });
      const pixels = new Float32Array(40 * 768);
      let rows = 0;
      const { features, labels } = await imageRows(model.run, source, {
        ...model,
        workers: 0,
        onBatch: ({ image, shape, mask }) => {
          const valid = mask.filter((one) => one === 1).length;
          pixels.set(rawPixelFeatures({ data: image, shape }).data.subarray(0, valid * 768), rows * 768);
          rows += valid;
        },
      });
      return {
        labels,
        features,
        pixels: { data: pixels, rows, columns: 768 },
      };
    }),
  );
  const [train, held] = parts as [(typeof parts)[0], (typeof parts)[0]];
  const by = (kind: "features" | "pixels") =>
    fewShotOnFeatures({
      trainFeatures: train[kind],
      trainLabels: train.labels,
      testFeatures: held[kind],
      testLabels: held.labels,
      classes: 4,
      shots,
      seeds,
    });
  return { network: await by("features"), pixels: await by("pixels") };
}

test("one JSON document, equal to the evaluator on every image of both splits", async () => {
  const { status, stdout, stderr } = await fovea(
    ...["fewshot", network, shapes, "--shots", "1,3", "--seeds", "3", "--threads", "1", "--json"],
  );
  expect([status, stderr]).toEqual([
    0,
    `using ${join(network, "checkpoints", "step-000000003.safetensors")}, the newest: no checkpoint has a score (checkpoint.keepBest in a recipe gives them one)\n`,
  ]);
  const document = JSON.parse(stdout);
  const expected = await measuredDirectly([1, 3], [0, 1, 2]);
  expect(document.results).toHaveLength(6);
  expect(document.results).toEqual(expected.network.results);
  expect(document.summary).toEqual(expected.network.summary);
  expect(document.rawPixels).toEqual(expected.pixels.summary);
  expect(document).toMatchObject({
    checkpoint: join(network, "checkpoints", "step-000000003.safetensors"),
    source: shapes,
    splits: { train: "train", test: "test", heldOut: false },
    images: { examples: 40, named: 40, bad: [] },
    model: { step: 3, width: 16, imageShape: [16, 16, 3], preprocessing: "decode_resize(16)|value_range(-1,1)" },
    chance: 0.25,
    warnings: [],
  });
  expect(document.seconds).toBeGreaterThan(0);
});

test("a folder of photos of another size, without a test split: half is held out, and raw pixels tell colours apart", async () => {
  const { status, stdout, stderr } = await fovea("fewshot", network, photos, "--shots", "1,5", "--seeds", "4");
  expect(status).toBe(0);
  expect(stderr).toMatch(
    /photos has no test split: half of each class \(15 of 30 images, drawn by seed 0\) is held out/,
  );
  expect(stderr).toMatch(/image \d+\/\d+ {2}100 %/);
  expect(stdout).toMatch(/: 3 classes, 15 test images \(held out\), 4 draws of the examples\n/);
  expect(stdout).toMatch(
    /\nshots {2}accuracy % {2}deviation {2}95 % interval {2}raw pixels %\n {4}1 .*\n {4}5 .* 100\.0\n/,
  );
  expect(stdout).toMatch(/\nchance 33\.3 %; /);
  expect(stdout).toMatch(/\nwarning: class 2 \(sky\) has 4 training examples, fewer than 5 shots: all are used\n/);
});

test("scores with and without the test images of a list, which are those of a source without them", async () => {
  const parts = join(root, "parts");
  await imageFolder(join(parts, "train"), { apple: 4, leaf: 4 });
  await imageFolder(join(parts, "test"), { apple: 9, leaf: 9 });
  // An apple among the leaves is named wrongly, until the list leaves it out.
  cpSync(join(parts, "test", "apple", "3.png"), join(parts, "test", "leaf", "wrong.png"));
  const held = await openSource(parts, { split: "test" });
  const list = join(root, "leaked.txt");
  writeFileSync(list, [1, 2, 7, 11, 18].map((index) => `${held.idOf!(index)}\n`).join(""));
  const options = ["--backbone", "pixels:2", "--shots", "1,2", "--seeds", "3", "--json"];
  const run = await fovea("fewshot", parts, ...options, "--leaked", list);
  expect(run.status).toBe(0);
  const both = JSON.parse(run.stdout);
  const clean = JSON.parse((await fovea("fewshot", `${parts}?exclude=${list}`, ...options)).stdout);
  expect(both.withoutLeaked).toMatchObject({ removed: 5, named: 14 });
  expect(clean.images.named).toBe(14);
  expect(both.withoutLeaked.summary).toEqual(clean.summary);
  expect(both.withoutLeaked.summary.at(-1).mean).toBe(1);
  expect(both.summary.at(-1).mean).toBeCloseTo(18 / 19, 6);
  writeFileSync(list, "another image\n");
  const none = await fovea("fewshot", parts, "--backbone", "pixels:2", "--shots", "2", "--leaked", list);
  expect(none.stderr).toMatch(
    /leaked.txt lists none of the test images, whose ids are like ".+"; give the dataset to fovea dedup/,
  );
  expect(none.stdout).toMatch(/\nwithout the 0 that .* lists, 19 test images\n *shots /);
});

test("a grey network takes photos in colour", async () => {
  const { status, stdout } = await fovea("fewshot", grey, photos, "--shots", "2", "--seeds", "1", "--json");
  expect(status).toBe(0);
  const { model, summary, splits } = JSON.parse(stdout);
  expect(model).toMatchObject({
    imageShape: [16, 16, 1],
    preprocessing: expect.stringMatching(/^decode_resize\(16\)\|grey\|value_range/),
  });
  const [low, high] = summary[0].confidence95;
  expect([summary[0].shots, low < summary[0].mean, summary[0].mean < high]).toEqual([2, true, true]);
  expect(splits.heldOut).toBe(true);
});

test("any backbone, given beside the source; so many images to name, of each class its share", async () => {
  const { status, stdout } = await fovea(
    ...["fewshot", photos, "--backbone", "pixels:16", "--shots", "3", "--seeds", "2", "--test-images", "10", "--json"],
  );
  expect(status).toBe(0);
  const { model, summary, rawPixels, images } = JSON.parse(stdout);
  expect(model).toMatchObject({ checkpoint: "pixels:16", kind: "pixels", width: 768 });
  expect(summary).toEqual(rawPixels);
  expect(images).toMatchObject({ examples: 15, named: 10 });
  const none = await fovea("fewshot", network);
  expect(none).toMatchObject({ status: 2, stdout: "" });
  expect(none.stderr).toMatch(/missing argument IMAGES: .* is a backbone\nusage: fovea fewshot \[BACKBONE\] IMAGES/);
  const two = await fovea("fewshot", network, photos, "--backbone", "pixels:16");
  expect(two).toMatchObject({ status: 2, stdout: "" });
  expect(two.stderr).toMatch(/BACKBONE is given by --backbone already/);
});

test("without a backbone it takes the usual one, and says so", async () => {
  const protocol = ["--shots", "2", "--seeds", "1", "--test-images", "10", "--json"];
  const { status, stdout, stderr } = await fovea("fewshot", photos, ...protocol);
  expect(status).toBe(0);
  expect(stderr).toContain(`using the default backbone ${defaultBackbone}; --backbone takes`);
  const named = await fovea("fewshot", defaultBackbone, photos, ...protocol);
  const [usual, asked] = [stdout, named.stdout].map((text) => ({ ...JSON.parse(text), seconds: 0 }));
  expect(usual).toEqual(asked);
  expect(usual.model).toMatchObject({
    kind: "network",
    checkpoint: expect.stringMatching(/models.\w+.model\.safetensors$/),
  });
  const set = await fovea("fewshot", defaultBackbone);
  expect(set).toMatchObject({ status: 2, stderr: expect.stringContaining("missing argument IMAGES") });
});

test("classes are chosen by name", async () => {
  const { stdout } = await fovea(
    ...["fewshot", network, photos, "--classes", "sky, apple", "--shots", "1", "--seeds", "2", "--json"],
  );
  expect(JSON.parse(stdout)).toMatchObject({
    classNames: ["sky", "apple"],
    chance: 0.5,
    images: { examples: 10, named: 10 },
  });
  const wrong = await fovea("fewshot", network, photos, "--classes", "sky,aple");
  expect(wrong).toMatchObject({ status: 1, stdout: "" });
  expect(wrong.stderr).toMatch(/has no class "aple"; did you mean "apple"\?/);
});

test("images never stand on both sides: the split that is learnt from is not named", async () => {
  const same = await fovea(
    ...[
      "fewshot",
      network,
      shapes,
      "--split",
      "test",
      "--test-split",
      "test",
      "--shots",
      "1",
      "--seeds",
      "1",
      "--json",
    ],
  );
  expect(same.stderr).toMatch(/are both of the split test: half of each class/);
  const { splits, images } = JSON.parse(same.stdout);
  expect(splits).toEqual({ train: "test", test: "test", heldOut: true });
  expect(images.examples + images.named).toBe(40);
  const other = await fovea("fewshot", network, shapes, "--split", "test", "--shots", "1", "--seeds", "1", "--json");
  expect(other.stderr).toMatch(/measured on its split "validation"/);
  expect(JSON.parse(other.stdout).splits).toEqual({ train: "test", test: "validation", heldOut: false });
});

test("a broken image is named, left out, and another drawn in its place", async () => {
  const faulty = join(root, "faulty");
  cpSync(photos, join(faulty, "train"), { recursive: true });
  cpSync(photos, join(faulty, "test"), { recursive: true });
  for (const name of ["2", "3"]) rmSync(join(faulty, "train/sky", `${name}.png`));
  writeFileSync(join(faulty, "train/sky/0.png"), "not an image");
  truncateSync(join(faulty, "test/apple/0.png"), 40);
  const { status, stdout, stderr } = await fovea("fewshot", network, faulty, "--shots", "6", "--seeds", "2", "--json");
  expect(status).toBe(0);
  expect(stderr).toMatch(/2 images could not be read and were excluded:\n.*sky\/0\.png: .*\n.*apple\/0\.png: /);
  const { images, warnings } = JSON.parse(stdout);
  expect(images).toMatchObject({ examples: 28, named: 29 });
  expect(images.bad.map(({ id }: { id: string }) => id)).toEqual([
    join(faulty, "train/sky/0.png"),
    join(faulty, "test/apple/0.png"),
  ]);
  expect(warnings).toEqual(["class 2 (sky) has 5 training examples, fewer than 6 shots: all are used"]);
});

describe("one clear message", () => {
  const refused = async (words: string[], status: number, message: RegExp) => {
    const ran = await fovea("fewshot", ...words);
    expect(ran.stderr).toMatch(message);
    expect(ran.stderr).not.toMatch(/\n {4}at /);
    expect(ran).toMatchObject({ status, stdout: "" });
  };

  test("for one class only", async () => {
    const single = await imageFolder(join(root, "single"), { apple: 4 });
    await refused([network, single], 1, /has only one class \(apple\); give a dataset with at least two/);
    await refused([network, photos, "--classes", "sky"], 1, /has only one class \(sky\)/);
  });

  test("for classes of one image, of which none can be held out", async () => {
    const few = await imageFolder(join(root, "few"), { apple: 1, leaf: 1 });
    await refused([network, few], 1, /has no test images; give each class at least two/);
  });

  test("for a class without examples", async () => {
    const uneven = join(root, "uneven");
    await imageFolder(join(uneven, "train"), { apple: 2, leaf: 2 });
    await imageFolder(join(uneven, "test"), { apple: 2, sky: 2 });
    await refused([network, uneven], 1, /the split train of .* has no example of sky/);
  });

  test("for wrong paths", async () => {
    await refused([join(root, "rum"), photos], 1, /there is no ".*rum".*did you mean "run"/);
    await refused([network, join(root, "fotos")], 1, /there is no ".*fotos".*did you mean "photos"/);
    await refused([photos, photos], 1, /is not the folder of a run/);
    mkdirSync(join(root, "empty"));
    await refused([network, join(root, "empty")], 1, /no images in .*empty/);
  });

  test("for a damaged checkpoint", async () => {
    const damaged = join(root, "damaged");
    cpSync(network, damaged, { recursive: true });
    const file = join(damaged, "checkpoints", "step-000000003.safetensors");
    truncateSync(file, 1000);
    await refused([file, photos], 1, /step-000000003\.safetensors/);
    const { status, stderr } = await fovea("fewshot", damaged, photos, "--shots", "1", "--seeds", "1");
    expect(status).toBe(0);
    expect(stderr).toMatch(/skipped a damaged checkpoint: .*step-000000003/);
    expect(stderr).toMatch(/using .*step-000000002\.safetensors/);
  });

  test.each([
    [["--shots", "0"], 2, /--shots: expected whole numbers of at least 1, separated by commas, given "0"/],
    [["--seeds", "few"], 2, /--seeds: expected a whole number of at least 1, given "few"/],
    [["--test-split", "exam"], 1, /has no split "exam"/],
    [["--device", "abacus"], 2, /--device: expected cpu, webgpu or cuda, given "abacus"/],
  ])("for %j", async (words, status, message) => {
    await refused([network, photos, ...words], status, message);
  });
});

test("every evaluator by its name, at a setting", async () => {
  const measured = async (...words: string[]) => {
    const run = await fovea("fewshot", photos, "--backbone", "pixels:2", "--shots", "3", "--seeds", "2", ...words);
    expect(run.status, run.stderr).toBe(0);
    return run.stdout;
  };
  for (const { name, title } of evaluators) expect(await measured("--method", name)).toContain(`\n${title}`);
  expect(await measured("--method", "knn", "--setting", "k=3")).toContain(", k=3; preprocessing ");
  expect(await measured("--method", "ridge-loo")).toMatch(/\nchosen at 3 shots: l2 [\d.]+; l2 [\d.]+\n/);
  const { results, method } = JSON.parse(await measured("--method", "logistic", "--json"));
  expect(method).toBe("logistic");
  expect(results.map(({ chosen }: { chosen: { c: number } }) => chosen.c > 0)).toEqual([true, true]);
  const fixed = JSON.parse(await measured("--method", "logistic", "--setting", "c=0.1", "--json"));
  expect(fixed.summary[0].setting).toEqual({ c: 0.1 });
  for (const [words, message] of [
    [["--method", "rigde"], /--method: expected ridge, .* given "rigde"; did you mean "ridge"/],
    [["--method", "knn", "--setting", "n=3"], /knn has no setting "n"; available: k/],
    [["--method", "knn", "--setting", "k=many"], /knn: "k=many" is not a setting; expected k=NUMBER/],
    [["--method", "prototypes", "--setting", "k=3"], /prototypes has no setting "k"; it has none/],
  ] as const) {
    const run = await fovea("fewshot", photos, "--backbone", "pixels:2", ...words);
    expect(run.status).not.toBe(0);
    expect(run.stderr).toMatch(message);
  }
});

test("published weights see the images of the published protocol, others their own, unless told", async () => {
  const published = join(root, "timm.safetensors");
  const own = join(root, "own.safetensors");
  await saveWeights(published, weightsOf(vit), "timm");
  await saveWeights(own, weightsOf(vit), "fovea");
  const imagesOf = async (network: string, ...words: string[]) => {
    const run = await fovea(
      "fewshot",
      network,
      photos,
      "--shots",
      "2",
      "--seeds",
      "1",
      "--threads",
      "1",
      "--json",
      ...words,
    );
    expect(run.status, run.stderr).toBe(0);
    return JSON.parse(run.stdout).preprocessing;
  };
  const { height } = weightsOf(vit).image;
  const protocol = `decode|resize(${Math.round((height * 256) / 224)})|central_crop(${height})|value_range(-1,1)`;
  // the network itself says nothing of heads, whose number no tensor has
  const timm = `${published}?heads=${vit.family === "vit" ? vit.heads : 1}`;
  expect(await imagesOf(timm)).toBe(protocol);
  expect(await imagesOf(timm, "--preprocessing", "network")).not.toContain("central_crop");
  expect(await imagesOf(own)).not.toContain("central_crop");
  expect(await imagesOf(own, "--preprocessing", "protocol")).toBe(protocol);
  const ops = `decode|resize(${height})|value_range(-1,1)`;
  expect(await imagesOf(own, "--preprocessing", ops)).toBe(ops);
});
