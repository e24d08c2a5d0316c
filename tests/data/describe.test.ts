/** What describeSource reports of a source, and the faults it finds in one. */
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { beforeAll, expect, test } from "vitest";
import { describeSource, labelProblems, openSource } from "../../src/data/index.js";
import { fovea } from "../support/command-line.js";
import { detailedJpeg, flat, temporaryFolder, write } from "../support/pictures.js";

const root = temporaryFolder();

beforeAll(async () => {
  write(join(root, "good"), {
    LICENSE: "CC0",
    "train/a/1.png": await flat(1),
    "train/a/2.png": await flat(2, 16),
    "train/b/3.png": await flat(3),
    "test/a/4.png": await flat(4),
    "test/b/5.png": await flat(5),
  });
  write(join(root, "flawed"), {
    "train/a/1.png": await flat(1),
    "train/a/same.png": await flat(1),
    "train/b/2.png": await flat(2),
    "train/b/broken.jpg": (await detailedJpeg()).subarray(0, 1500),
    "train/b/poem.png": "no image",
    "train/c/also-2.png": await flat(2),
    "train/c/tiny.png": await flat(9, 1),
    "test/a/1.png": await flat(1),
    "test/a/note.txt": "x",
  });
  write(join(root, "one-class"), { "a/1.png": await flat(1), "a/2.png": await flat(2) });
});

test("a good source is described and has no problems", async () => {
  const description = await describeSource(join(root, "good"), { sample: Number.POSITIVE_INFINITY });
  expect(description).toMatchObject({ kind: "folder", licenceFiles: ["LICENSE"], problems: [] });
  expect(description.splits.map(({ split, examples, checked }) => [split, examples, checked])).toEqual([
    ["train", 3, 3],
    ["test", 2, 2],
  ]);
  expect(description.splits[0]!.classes).toEqual([
    { name: "a", examples: 2 },
    { name: "b", examples: 1 },
  ]);
  expect(description.splits[0]!.sizes).toEqual([
    { height: 8, width: 8, channels: 3, format: "png", count: 2 },
    { height: 16, width: 16, channels: 3, format: "png", count: 1 },
  ]);
  expect((await describeSource(join(root, "good"), { split: "test" })).splits.length).toBe(1);
});

test("faults are found and named", async () => {
  const { problems, splits } = await describeSource(join(root, "flawed"), { sample: Number.POSITIVE_INFINITY });
  const texts = (level: string) => problems.filter((problem) => problem.level === level).map(({ text }) => text);
  expect(splits[0]!.broken.map(({ id }) => id)).toEqual([
    join(root, "flawed/train/b/broken.jpg"),
    join(root, "flawed/train/b/poem.png"),
  ]);
  expect(texts("error")).toEqual([
    expect.stringMatching(/broken.jpg: the image is truncated/),
    expect.stringMatching(/poem.png: not an image/),
    expect.stringMatching(/^test: all 1 examples are of one class \(a\)/),
    expect.stringMatching(
      /^1 image\(s\) are the same to the byte as one with another label: .*also-2.png = .*b\/2.png/,
    ),
    expect.stringMatching(
      /^1 image\(s\) are the same to the byte as one in another split: .*test\/a\/1.png = .*train\/a\/1.png/,
    ),
  ]);
  expect(texts("warning")).toEqual([
    expect.stringMatching(/1 file\(s\) that are not images were excluded, such as test\/a\/note.txt/),
    expect.stringMatching(/^train: 1 of 7 images have a side below 8 pixels/),
    expect.stringMatching(/^1 image\(s\) are in their split more than once: .*same.png/),
  ]);
});

test("a single class is an error of the source", async () => {
  const { problems } = await describeSource(join(root, "one-class"));
  expect(problems).toEqual([
    { level: "error", text: "all: all 2 examples are of one class (a); a classifier needs two or more" },
  ]);
  expect(labelProblems(await openSource(join(root, "one-class")))).toEqual(problems);
});

test("classes without examples are a warning", async () => {
  const source = await openSource("generated:shapes?label=color&length=2");
  const [problem] = labelProblems(source);
  if (new Set(source.labels).size === 1) expect(problem!.level).toBe("error");
  else
    expect(problem).toMatchObject({
      level: "warning",
      text: expect.stringMatching(/^train: no examples of .* and 1 more$/),
    });
});

test("only a sample is read unless all is asked for", async () => {
  const { splits } = await describeSource("embedded:sign-digits", { split: "test", sample: 10 });
  expect(splits[0]).toMatchObject({
    checked: 10,
    examples: 562,
    broken: [],
    sizes: [{ height: 64, width: 64, channels: 3, format: "jpeg", count: 10 }],
  });
});

test("a wrong path is refused as openSource refuses it", async () => {
  await expect(describeSource(join(root, "god"))).rejects.toThrow(/did you mean "good"/);
});

test("300,000 classes in a Parquet file are described", async () => {
  const count = 300_000;
  const file = parquetWriteBuffer({
    columnData: [
      { name: "image", data: Array.from({ length: count }, () => Uint8Array.of(1)), type: "BYTE_ARRAY" },
      { name: "label", data: Int32Array.from({ length: count }, (_, i) => i), type: "INT32" },
    ],
  });
  write(root, { "classes.parquet": new Uint8Array(file) });
  const { splits } = await describeSource(join(root, "classes.parquet"), { sample: 1 });
  expect(splits[0]!.classes).toHaveLength(count);
  const { status, stdout } = await fovea("data", join(root, "classes.parquet"));
  // its images are none
  expect([status, /300,?000/.test(stdout)]).toEqual([1, true]);
});
