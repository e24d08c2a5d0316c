/** ObjectNet, ImageNet-v2 and ReaL: read from small files in their publishers' layouts, scored, and what is said where they lack. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, expect, test } from "vitest";
import {
  type ImageClassifier,
  type ImagenetSet,
  measureImagenetSet,
  objectNetPreprocessing,
  openImagenetSet,
  publishedAccuracies,
  withoutBorder,
} from "../../../src/benchmarks/robustness/index.js";
import { type RawImage, rawImage } from "../../../src/images/index.js";
import { temporaryFolder } from "../../support/trained-run.js";

const root = temporaryFolder("imagenet-sets");
afterAll(() => rmSync(root, { recursive: true }));

async function picture(path: string, { width = 10, height = 8, red = 0 } = {}): Promise<void> {
  mkdirSync(join(path, ".."), { recursive: true });
  const inner = await sharp({
    create: { width: width - 2, height: height - 2, channels: 3, background: { r: red, g: 90, b: 90 } },
  })
    .png()
    .toBuffer();
  // a border of one red pixel, as ObjectNet's images have
  const framed = sharp({ create: { width, height, channels: 3, background: { r: 255, g: 0, b: 0 } } }).composite([
    { input: inner, left: 1, top: 1 },
  ]);
  await (path.endsWith(".png") ? framed.png() : framed.jpeg()).toFile(path);
}

/** A network of 1,000 logits whose highest five for each image are given, highest first. */
const classifierOf = (answers: readonly (readonly number[])[]): ImageClassifier => ({
  head: "own",
  classNames: [],
  imageShape: [32, 32, 3],
  preprocessing: "decode_resize(32)|value_range(-1,1)",
  scores: async (source) => {
    const data = new Float32Array(source.length * 1000);
    for (const [row, five] of answers.entries())
      for (const [rank, c] of five.entries()) data[row * 1000 + c] = 10 - rank;
    const indices = Int32Array.from({ length: source.length }, (_, i) => i);
    return { features: { data, rows: source.length, columns: 1000 }, labels: source.labels, indices, bad: [] };
  },
});

const results = async (set: ImagenetSet, answers: readonly (readonly number[])[]) => {
  const { top1, top5, ignored } = await measureImagenetSet(classifierOf(answers), set);
  return [top1.right, top5.right, top1.images, ignored];
};

async function objectNet(folder: string, { base = 0 } = {}): Promise<void> {
  const mappings = join(folder, "objectnet-1.0", "mappings");
  mkdirSync(mappings, { recursive: true });
  const json = (name: string, value: unknown) => writeFileSync(join(mappings, name), JSON.stringify(value));
  json("folder_to_objectnet_label.json", { chair: "Chair", t_shirt: "T-shirt", air_freshener: "Air freshener" });
  json("objectnet_to_imagenet_1k.json", {
    Chair: "barber chair; folding chair, lawn chair",
    "T-shirt": "jersey, T-shirt, tee shirt",
  });
  writeFileSync(
    join(mappings, "imagenet_to_label_2012_v2"),
    "jersey, T-shirt, tee shirt\nbarber chair\nfolding chair, lawn chair\n",
  );
  json("pytorch_to_imagenet_2012_id.json", { 608: base, 423: base + 1, 559: base + 2 });
  const images = join(folder, "objectnet-1.0", "images");
  await picture(join(images, "air_freshener", "a.png"));
  await picture(join(images, "chair", "b.png"), { red: 40 });
  await picture(join(images, "chair", "c.png"));
  await picture(join(images, "t_shirt", "d.png"), { width: 20 });
}

test.each([0, 1])("ObjectNet by its mapping files, whose lines count from %d", async (base) => {
  const folder = join(root, `objectnet-${base}`);
  await objectNet(folder, { base });
  const set = await openImagenetSet("objectnet", folder);
  expect(set.source.classNames).toEqual(["Chair", "T-shirt"]);
  expect([...set.source.labels]).toEqual([0, 0, 1]);
  expect([0, 2].map((i) => set.accepted(i))).toEqual([[423, 559], [608]]);
  expect(set.notes[0]).toMatch(/2 classes shared with ImageNet; published: 113/);
  // without the border
  const { image } = await set.source.get(0);
  expect(image).toMatchObject({ kind: "raw", height: 6, width: 8 });
  expect([...(image as RawImage).data.subarray(0, 3)]).toEqual([40, 90, 90]);
  // one of two accepted classes first; accepted fifth; accepted sixth
  expect(await results(set, [[559], [1, 2, 3, 4, 423], [1, 2, 3, 4, 5, 608]])).toEqual([1, 2, 3, 0]);
});

test("ObjectNet's boxes, BiT's resize and crop in proportion", async () => {
  const folder = join(root, "objectnet-boxes");
  await objectNet(folder);
  const boxes = join(root, "boxes.csv");
  writeFileSync(boxes, "chair/c.png,0,2,5,7\n");
  const set = await openImagenetSet("objectnet", folder, { boxes });
  expect([set.name, set.source.length]).toEqual(["objectnet-boxes", 1]);
  expect((await set.source.get(0)).image).toMatchObject({ height: 5, width: 4 });
  writeFileSync(boxes, "chair/c.png,9,2,5,7\n");
  await expect(openImagenetSet("objectnet", folder, { boxes })).rejects.toThrow(/boxes.csv:1: .* is not FOLDER/);
  const classifier = { imageShape: [480, 480, 3] as const, preprocessing: "decode|resize(480)|value_range(-1,1)" };
  expect(objectNetPreprocessing(classifier, false)).toBe(
    "decode|resize_small(512,method=bilinear,antialias=true)|central_crop(480,480)|value_range(-1,1)",
  );
  expect(objectNetPreprocessing({ ...classifier, imageShape: [224, 224, 3] }, false)).toContain("resize_small(239,");
  expect(objectNetPreprocessing(classifier, true)).toBe("decode|resize(480,480,antialias=true)|value_range(-1,1)");
  expect(() => withoutBorder(rawImage(new Uint8Array(12), 2, 2, 3))).toThrow(/is empty without the border/);
});

test("ImageNet-v2's folders are read by number", async () => {
  const folder = join(root, "v2");
  for (const label of [0, 2, 10, 999]) await picture(join(folder, `${label}`, "x.jpeg"));
  const set = await openImagenetSet("imagenet-v2", folder);
  expect([...set.source.labels]).toEqual([0, 2, 10, 999]);
  expect(await results(set, [[0], [10, 11, 12, 13, 14], [10], [1, 999]])).toEqual([2, 3, 4, 0]);
  expect(set.notes[0]).toMatch(/4 images of 4 classes; published: 10,000/);
  await picture(join(folder, "1000", "x.jpeg"));
  await expect(openImagenetSet("imagenet-v2", folder)).rejects.toThrow(/no folder from 0 to 999/);
});

test("ReaL's lists go with the numbers of the files; empty ones count for nothing", async () => {
  const folder = join(root, "real");
  await picture(join(folder, "val", "n02", "ILSVRC2012_val_00000003.JPEG"));
  await picture(join(folder, "val", "n01", "ILSVRC2012_val_00000001.JPEG"));
  await picture(join(folder, "val", "n01", "ILSVRC2012_val_00000002.JPEG"));
  writeFileSync(join(folder, "real.json"), "[[5, 7], [], [9]]");
  const set = await openImagenetSet("real", folder);
  expect([0, 1, 2].map((i) => set.accepted(i))).toEqual([[5, 7], [], [9]]);
  expect(await results(set, [[7], [1], [7, 9]])).toEqual([1, 2, 2, 1]);
  writeFileSync(join(folder, "real.json"), "[[5, 7]]");
  await expect(openImagenetSet("real", folder)).rejects.toThrow(/has 1 lists, and none for/);
  writeFileSync(join(folder, "real.json"), '[[5], ["cat"], [9]]');
  await expect(openImagenetSet("real", folder)).rejects.toThrow(/entry 1 is not a list of classes/);
});

test.each([
  ["objectnet", "https://objectnet.dev", "CC BY 4.0"],
  ["imagenet-v2", "modestyachts/ImageNetV2", "MIT"],
  ["real", "reassessed-imagenet", "Apache-2.0"],
] as const)("a missing %s says where to get it and its licence", async (name, where, licence) => {
  const folder = join(root, "nothing");
  mkdirSync(folder, { recursive: true });
  const failure = openImagenetSet(name, folder);
  await expect(failure).rejects.toThrow(where);
  await expect(failure).rejects.toThrow(licence);
});

test("a mapping that names no class of ImageNet is refused, and a network of other classes", async () => {
  const folder = join(root, "objectnet-odd");
  await objectNet(folder);
  const set = await openImagenetSet("objectnet", folder);
  const other: ImageClassifier = {
    ...classifierOf([]),
    scores: async () => {
      const scores = await classifierOf([]).scores(set.source, { preprocessing: "" });
      return { ...scores, features: { ...scores.features, columns: 10 } };
    },
  };
  await expect(measureImagenetSet(other, set)).rejects.toThrow(/this one has 10/);
  writeFileSync(join(folder, "objectnet-1.0", "mappings", "objectnet_to_imagenet_1k.json"), '{"Chair": "throne"}');
  await expect(openImagenetSet("objectnet", folder)).rejects.toThrow(/"throne" of Chair is not a class of ImageNet/);
});

test("published figures are those of the papers, without the misprint", () => {
  const find = (set: string, model: string, upstream: string) =>
    publishedAccuracies.find((one) => one.set === set && one.model === model && one.upstream === upstream);
  expect(find("objectnet", "BiT R152x4", "JFT-300M")).toMatchObject({ top1: 58.7, top5: 80.0 });
  expect(find("objectnet-boxes", "BiT R101x1", "JFT-300M")).toMatchObject({ top1: 49.1, top5: 72.4 });
  expect(find("objectnet", "BiT R101x1", "JFT-300M")).toBeUndefined();
  expect(find("real", "ViT-G/14", "JFT-3B")?.top1).toBe(90.81);
});
