/** The table of the 19 tasks, their labels, the order of their examples, and what is said when a set is missing. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { SourceError } from "../../../src/benchmarks/vtab/protocol/task.js";
import { tfdsOrder } from "../../../src/benchmarks/vtab/protocol/tfds-order.js";
import { vtabTasks } from "../../../src/benchmarks/vtab/sets/index.js";
import { clevrCount, clevrDistance, dspritesClass, kittiDistance } from "../../../src/benchmarks/vtab/sets/labels.js";
import { createNumpyChoice } from "../../../src/random/numpy-legacy.js";
import { temporaryFolder } from "../../support/pictures.js";

/** papers.md 4.1. */
const table = `
  Caltech101   natural      102   2754    306   6084
  CIFAR-100    natural      100  45000   5000  10000
  DTD          natural       47   1880   1880   1880
  Flowers102   natural      102   1020   1020   6149
  Pets         natural       37   2944    736   3669
  Sun397       natural      397  76128  10875  21750
  SVHN         natural       10  65931   7326  26032
  Camelyon     specialised    2 262144  32768  32768
  EuroSAT      specialised   10  16200   5400   5400
  Resisc45     specialised   45  18900   6300   6300
  Retinopathy  specialised    5  35126  10906  42670
  Clevr-Count  structured     8  63000   7000  15000
  Clevr-Dist   structured     6  63000   7000  15000
  DMLab        structured     6  65550  22628  22735
  dSpr-Loc     structured    16 589824  73728  73728
  dSpr-Orient  structured    16 589824  73728  73728
  KITTI-Dist   structured     4   6347    423    711
  sNORB-Azim   structured    18  24300  12150  12150
  sNORB-Elev   structured     9  24300  12150  12150`;

test("the tasks are the 19 published ones, in their groups of 7, 4 and 8", () => {
  const rows = vtabTasks.map(({ title, group, classes, sizes: { train, validation, test } }) =>
    [title, group, classes, train, validation, test].join(" "),
  );
  expect(rows).toEqual(
    table
      .trim()
      .split(/\n\s*/)
      .map((line) => line.replace(/\s+/g, " ")),
  );
  const groups = (["natural", "specialised", "structured"] as const).map(
    (group) => vtabTasks.filter((task) => task.group === group).length,
  );
  expect(groups).toEqual([7, 4, 8]);
  const names = vtabTasks.map(({ name }) => name);
  expect(new Set(names).size).toBe(19);
  for (const name of names) expect(name).toMatch(/^[a-z0-9]+(-[a-z]+)?$/);
});

describe("labels", () => {
  test("CLEVR's distance and count (papers.md 12.8)", () => {
    const distances = [7.9, 8, 8.0001, 8.5, 8.7, 9.2, 9.8, 10, 10.1, 50];
    expect(distances.map((depth) => clevrDistance([depth, 60]))).toEqual([0, 0, 1, 1, 2, 3, 4, 4, 5, 5]);
    expect([3, 10].map(clevrCount)).toEqual([0, 7]);
    expect(() => clevrCount(2)).toThrow(/2 objects; expected 3 to 10/);
    expect(() => clevrDistance([])).toThrow(/no object/);
  });

  test("KITTI's distance (papers.md 12.8): cars, vans and trucks count", () => {
    const label = (...objects: [type: number, depth: number][]) =>
      kittiDistance(objects.map(([type, depth]) => ({ type, depth })));
    expect([-1, 0, 8, 8.01, 20, 20.01, 500].map((depth) => label([0, depth], [2, 600]))).toEqual([0, 0, 0, 1, 1, 2, 2]);
    expect([label(), label([3, 1], [7, 2]), label([3, 1], [1, 15])]).toEqual([3, 3, 1]);
  });

  test("dSprites' sixteenths (papers.md 12.8)", () => {
    const orientations = [0, 1, 2, 3, 4, 5, 6, 7, 8, 37, 38, 39].map((value) => dspritesClass(value, 40));
    expect(orientations).toEqual([0, 0, 0, 1, 1, 2, 2, 2, 3, 14, 15, 15]);
    expect([0, 1, 2, 31].map((value) => dspritesClass(value, 32))).toEqual([0, 0, 1, 15]);
    expect(() => dspritesClass(40, 40)).toThrow(/an integer from 0 to 39/);
  });
});

describe("the order of examples", () => {
  // Its documentation shows the first ids of cifar10's training split: train_16399, train_01680, ...
  test("is TFDS's: the first of 50,000 numbered training examples", () => {
    const order = tfdsOrder("train", 50_000, (i) => i);
    expect([...order.subarray(0, 8)]).toEqual([16399, 1680, 47917, 17307, 27051, 48736, 26263, 1456]);
    expect(new Set(order).size).toBe(50_000);
  });

  test("depends on the split's name; two examples with one key are refused", () => {
    // The order of tensorflow_datasets/core/writer_test.py, without a name.
    expect([...tfdsOrder("", 8, (i) => i + 1)].map((i) => i + 1)).toEqual([6, 7, 4, 1, 2, 8, 5, 3]);
    expect(tfdsOrder("train", 100, (i) => i)).not.toEqual(tfdsOrder("test", 100, (i) => i));
    expect(() => tfdsOrder("train", 3, (i) => i % 2)).toThrow(/two examples of the split "train" have the key 0/);
  });

  test("numpy's choices", () => {
    const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);
    // numpy.random.seed(123); numpy.random.choice(10, 10, replace=False), and a second choice after it
    const choose = createNumpyChoice(123);
    expect(choose(numbers(10), 10)).toEqual([4, 0, 7, 5, 8, 3, 1, 6, 9, 2]);
    expect(choose(numbers(151), 5)).toEqual([137, 144, 114, 90, 31]);
    expect(createNumpyChoice(1234)(numbers(1000), 3)).toEqual([681, 990, 155]);
    expect(() => choose([1], 2)).toThrow(/2 of 1 cannot be chosen/);
  });
});

describe("a set that is not there", () => {
  const root = temporaryFolder();

  test("is an error that says where to get it, how large it is, and under which licence", async () => {
    for (const task of vtabTasks) {
      const message = await task.open(root).then(
        () => "",
        (error: unknown) => (error instanceof SourceError ? error.message : `not a SourceError: ${error}`),
      );
      expect(message).toContain(`${task.title} is not in "${root}"`);
      expect(message).toMatch(/Fetch into the folder \w+ of your datasets:\n {2}http/);
      for (const { url, bytes, sha256 } of task.origin.files) {
        expect(message).toContain(url);
        if (bytes !== undefined) expect(message).toContain(`${bytes.toLocaleString("en-US")} bytes`);
        if (sha256 !== undefined) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
      }
      expect(message).toContain(`Licence: ${task.origin.licence}`);
      expect(task.origin.order).toMatch(/TFDS \d/);
    }
  });

  test("so are a missing folder and none at all", async () => {
    const task = vtabTasks[0]!;
    await expect(task.open(join(root, "none"))).rejects.toThrow(
      /there is no folder ".*none"; expected the folder that holds/,
    );
    await expect(task.open()).rejects.toThrow(/Caltech101 needs the folder that holds the datasets/);
    mkdirSync(join(root, "caltech101"));
    await expect(task.open(root)).rejects.toThrow(SourceError);
  });
});
