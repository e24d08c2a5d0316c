/** The specialised tasks on small sets in the layouts they are published in. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { File as Hdf5Writer, ready } from "h5wasm/node";
import { beforeAll, describe, expect, test } from "vitest";
import { btgraham, eyeballRadius } from "../../../src/benchmarks/vtab/sets/btgraham.js";
import { camelyon } from "../../../src/benchmarks/vtab/sets/camelyon.js";
import { eurosat } from "../../../src/benchmarks/vtab/sets/eurosat.js";
import { gaussianBlur, scaled } from "../../../src/benchmarks/vtab/sets/opencv.js";
import { resisc45 } from "../../../src/benchmarks/vtab/sets/resisc45.js";
import { retinopathy } from "../../../src/benchmarks/vtab/sets/retinopathy.js";
import { decodeImage, rawImage } from "../../../src/images/index.js";
import { zip } from "../../support/archives.js";
import { halves, temporaryFolder, write } from "../../support/pictures.js";
import { expectSplits, open, ordered, rawAt, textAt, writeTfds } from "./support.js";

const root = temporaryFolder();
process.env["FOVEA_CACHE"] = join(root, "cache");
const at = (path: string) => join(root, path);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const bytes = (text: string) => Buffer.from(text);

describe("Camelyon", () => {
  beforeAll(() => ready);
  const patch = 96 * 96 * 3;
  const h5 = (path: string, name: string, data: Uint8Array, shape: number[]) => {
    const file = new Hdf5Writer(path, "w");
    file.create_dataset({ name, data, shape, dtype: "<B" });
    file.close();
  };
  const file = (folder: string, split: string, part: string) =>
    join(at(folder), "pcam", `camelyonpatch_level_2_split_${split}_${part}.h5`);

  test("HDF5 files of images and labels", async () => {
    mkdirSync(at("pcam/pcam"), { recursive: true });
    for (const [split, count] of [
      ["train", 5],
      ["valid", 3],
      ["test", 4],
    ] as const) {
      h5(
        file("pcam", split, "x"),
        "x",
        Uint8Array.from({ length: patch * count }, (_, i) => 40 * Math.floor(i / patch) + (i % 3)),
        [count, 96, 96, 3],
      );
      h5(
        file("pcam", split, "y"),
        "y",
        Uint8Array.from({ length: count }, (_, i) => i % 2),
        [count, 1, 1, 1],
      );
    }
    const splits = await open(camelyon, at("pcam"));
    const numbers = (split: string, name: string, count: number) =>
      ordered(
        split,
        range(count).map((i) => `${name}_${i}`),
      ).map((key) => Number(key.split("_")[1]));
    const expected = {
      train: numbers("train", "train", 5),
      validation: numbers("validation", "valid", 3),
      test: numbers("test", "test", 4),
    };
    expectSplits(splits, /#(\d+)$/, expected, (key) => Number(key) % 2);
    const image = await rawAt(splits.validation, 1);
    expect([image.height, image.width, image.channels, ...image.data.subarray(0, 3)]).toEqual([
      96,
      96,
      3,
      ...[0, 1, 2].map((c) => 40 * expected.validation[1]! + c),
    ]);
    await Promise.all(Object.values(splits).map((source) => source.close()));
    await expect(splits.train.get(0)).rejects.toThrow(/is closed/);
  });

  test("compressed, damaged and missing files are named with what to do", async () => {
    mkdirSync(at("pcam-bad/pcam"), { recursive: true });
    const path = file("pcam-bad", "train", "x");
    writeFileSync(`${path}.gz`, gzipSync(bytes("x")));
    writeFileSync(file("pcam-bad", "train", "y"), bytes("not HDF5 at all"));
    await expect(open(camelyon, at("pcam-bad"))).rejects.toThrow(
      /(is compressed; unpack it first: gunzip -k|is not an HDF5 file)/,
    );
    h5(path, "images", new Uint8Array(4), [4]);
    h5(file("pcam-bad", "train", "y"), "y", new Uint8Array(4), [4, 1, 1, 1]);
    await expect(open(camelyon, at("pcam-bad"))).rejects.toThrow(
      /Camelyon: ".*train_x.h5" has no array "x"; it has images/,
    );
    h5(path, "x", new Uint8Array(patch), [1, 96, 96, 3]);
    await expect(open(camelyon, at("pcam-bad"))).rejects.toThrow(/images of shape 1 x 96 x 96 x 3 and 4 labels/);
    h5(file("pcam-bad", "train", "y"), "y", Uint8Array.of(2), [1, 1, 1, 1]);
    await expect(open(camelyon, at("pcam-bad"))).rejects.toThrow(/has labels other than 0 and 1/);
    h5(file("pcam-bad", "train", "y"), "y", Uint8Array.of(1), [1, 1, 1, 1]);
    await expect(open(camelyon, at("pcam-bad"))).rejects.toThrow(/split_valid_[xy].h5 must lie beside/);
  });
});

test("EuroSAT: a zip archive read in place, 60, 20 and 20 percent of TFDS's order of class_file", async () => {
  const names = ["AnnualCrop", "SeaLake"].flatMap((name) => range(10).map((i) => `${name}/${name}_${i + 1}.jpg`));
  const entries = names.map((name) => ({ name: `2750/${name}`, content: bytes(name) }));
  mkdirSync(at("eurosat/eurosat"), { recursive: true });
  writeFileSync(
    at("eurosat/eurosat/EuroSAT.zip"),
    zip([{ name: "2750/", content: bytes("") }, { name: "2750/AnnualCrop/", content: bytes("") }, ...entries]),
  );
  const splits = await open(eurosat, at("eurosat"), { count: 2 });
  const key = (name: string) => name.replace("/", "_");
  const order = ordered("train", names.map(key)).map((one) => names.find((name) => key(name) === one)!);
  expectSplits(
    splits,
    /zip\/(.*)$/,
    { train: order.slice(0, 12), validation: order.slice(12, 16), test: order.slice(16) },
    (name) => (name.startsWith("AnnualCrop") ? 0 : 1),
  );
  expect(await textAt(splits.test, 3)).toBe(order[19]);
  const whole = zip(entries);
  writeFileSync(at("eurosat/eurosat/EuroSAT.zip"), whole.subarray(0, whole.length - 30));
  await expect(open(eurosat, at("eurosat"), { count: 2 })).rejects.toThrow(
    /EuroSAT.zip" cannot be read: it has no list of contents/,
  );
});

test("Resisc45: a folder of classes, or TFDS's records", async () => {
  const names = ["airplane", "airport"].flatMap((name) => range(5).map((i) => `${name}/${name}_00${i + 1}.jpg`));
  write(at("resisc/resisc45"), Object.fromEntries(names.map((name) => [`NWPU-RESISC45/${name}`, bytes(name)])));
  const splits = await open(resisc45, at("resisc"), { count: 2 });
  const order = ordered(
    "train",
    names.map((name) => name.replace("/", "_")),
  );
  const seen = Object.values(splits).flatMap((source) =>
    range(source.length).map((i) => source.idOf!(i).split("/").slice(-2).join("_")),
  );
  expect(seen).toEqual(order);
  expect([splits.train.length, splits.validation.length, splits.test.length]).toEqual([6, 2, 2]);
  expect(splits.test.notes![0]).toMatch(/in the order of today's TFDS, which differs from the benchmark's$/);
  writeTfds(
    at("resisc"),
    ["resisc45", "3.0.0"],
    "train",
    range(10).map((i) => ({ image: `picture ${i}`, label: i % 2 })),
  );
  const prepared = await open(resisc45, at("resisc"), { count: 2 });
  expect(await textAt(prepared.test, 1)).toBe("picture 9");
  expect(prepared.test.notes![0]).toMatch(/^TFDS's records in .*3\.0\.0, in their order$/);
});

describe("Retinopathy", () => {
  test("lists of images and levels; the public part of the solution validates, the private one tests", async () => {
    const eye = await halves(40, 30, [180, 90, 40], [180, 90, 40]).jpeg().toBuffer();
    const name = (i: number, side: string) => `${i}_${side}`;
    const trained = range(3).flatMap((i) => [name(i, "left"), name(i, "right")]);
    const tested = range(3).flatMap((i) => [name(i, "left"), name(i, "right")]);
    const usage = (i: number) => (i % 3 === 0 ? "Public" : "Private");
    write(at("eyes/retinopathy"), {
      ...Object.fromEntries(
        [...trained.map((one) => `train/${one}.jpeg`), ...tested.map((one) => `test/${one}.jpeg`)].map((path) => [
          path,
          eye,
        ]),
      ),
      "trainLabels.csv": `image,level\n${trained.map((one, i) => `${one},${i % 5}`).join("\n")}\n`,
      "retinopathy_solution.csv": `image,level,Usage\r\n${tested.map((one, i) => `${one},${i % 4},${usage(i)}`).join("\r\n")}\r\n`,
    });
    const splits = await open(retinopathy, at("eyes"));
    expectSplits(
      splits,
      /([^/]+)\.jpeg$/,
      {
        train: ordered("train", trained),
        validation: ordered(
          "validation",
          tested.filter((_, i) => i % 3 === 0),
        ),
        test: ordered(
          "test",
          tested.filter((_, i) => i % 3 !== 0),
        ),
      },
      () => expect.any(Number) as number,
    );
    expect([...splits.train.labels]).toEqual(ordered("train", trained).map((one) => trained.indexOf(one) % 5));
    const { image, id } = await splits.test.get(0);
    const pixels = await decodeImage(image, id);
    // An even picture has no local contrast: it is grey, and no larger than 0.9 of twice the radius of 300.
    expect([pixels.height, pixels.width]).toEqual([450, 540]);
    expect(Math.abs(pixels.data[(225 * 540 + 270) * 3]! - 128)).toBeLessThanOrEqual(2);
    write(at("eyes-bad/retinopathy"), { "trainLabels.csv": "image,level\n1_left,5\n" });
    await expect(open(retinopathy, at("eyes-bad"))).rejects.toThrow(
      /trainLabels.csv", line 2: "1_left,5" is not an image and its level/,
    );
  });

  test("the winner's preparation: scaled to the eyeball, its local average subtracted, masked", () => {
    // A disc of radius 20 on black, with a bright spot in its middle, scaled to a radius of 60.
    const side = 48;
    const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
      const [x, y] = [(Math.floor(i / 3) % side) - 24, Math.floor(i / 3 / side) - 24];
      if (x * x + y * y > 400) return 0;
      return x * x + y * y <= 2 ? 140 : 100;
    });
    const image = rawImage(data, side, side, 3);
    expect(eyeballRadius(image)).toBe(20.5);
    const out = btgraham(image, 60);
    expect([out.height, out.width]).toEqual([108, 108]);
    const level = (x: number, y: number) => out.data[(y * 108 + x) * 3];
    expect(level(0, 0)).toBe(128);
    // Sigma is 2: six pixels from edge and spot the local average is the level itself.
    expect(level(54, 84)).toBe(128);
    // 4 * 140 - 4 * 140 + 128 would be 128; the spot, 8.8 pixels wide, is averaged with what is around it.
    expect(level(54, 54)).toBeGreaterThan(130);
    expect(eyeballRadius(rawImage(new Uint8Array(300), 10, 10, 3))).toBe(5);
  });

  test("the blur is the convolution with a normal Gaussian, mirrored at the edge", () => {
    const [height, width] = [3, 5];
    const image = rawImage(
      Uint8Array.from({ length: 15 }, (_, i) => (i * 37) % 256),
      height,
      width,
      1,
    );
    const sigma = 0.8;
    const reach = 3;
    const mirror = (i: number, n: number) => {
      let at = i;
      while (at < 0 || at >= n) at = at < 0 ? -at : 2 * (n - 1) - at;
      return at;
    };
    const weight = (i: number) => Math.exp(-(i * i) / (2 * sigma * sigma));
    const offsets = range(2 * reach + 1).map((i) => i - reach);
    const total = offsets.reduce((sum, i) => sum + weight(i), 0);
    // round(6 * 0.8 + 1) | 1 is 7: three to each side
    const expected = range(15).map((i) => {
      let sum = 0;
      for (const dy of offsets)
        for (const dx of offsets)
          sum +=
            (weight(dy) *
              weight(dx) *
              image.data[mirror(Math.floor(i / width) + dy, height) * width + mirror((i % width) + dx, width)]!) /
            total ** 2;
      return sum;
    });
    const blurred = gaussianBlur(image, sigma);
    for (const [i, value] of expected.entries()) expect(blurred[i]).toBeCloseTo(value, 3);
    expect([...scaled(rawImage(Uint8Array.of(0, 255), 1, 2, 1), 2).data]).toEqual([0, 64, 191, 255, 0, 64, 191, 255]);
  });
});
