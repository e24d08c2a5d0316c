/** The natural tasks on small sets in the layouts they are published in. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { caltech101 } from "../../../src/benchmarks/vtab/sets/caltech101.js";
import { cifar100 } from "../../../src/benchmarks/vtab/sets/cifar100.js";
import { dtd } from "../../../src/benchmarks/vtab/sets/dtd.js";
import { flowers102 } from "../../../src/benchmarks/vtab/sets/flowers102.js";
import { pets } from "../../../src/benchmarks/vtab/sets/pets.js";
import { sun397 } from "../../../src/benchmarks/vtab/sets/sun397.js";
import { svhn } from "../../../src/benchmarks/vtab/sets/svhn.js";
import { halves, parquet, tar, temporaryFolder, write } from "../../support/pictures.js";
import { cifar, mat } from "../../support/records.js";
import { expectSplits, open, ordered, rawAt, textAt, writeTfds } from "./support.js";

const root = temporaryFolder();
process.env["FOVEA_CACHE"] = join(root, "cache");
const at = (path: string) => join(root, path);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const bytes = (text: string) => Buffer.from(text);
/** Files whose contents are their names. */
const named = (names: readonly string[], prefix = "") =>
  Object.fromEntries(names.map((name) => [`${prefix}${name}`, bytes(name)]));

describe("Caltech101", () => {
  const classes = ["BACKGROUND_Google", "Faces", "accordion"];
  const names = classes.flatMap((name) => range(40).map((i) => `${name}/image_${String(i + 1).padStart(4, "0")}.jpg`));
  const files = { ...named(names, "101_ObjectCategories/"), "101_ObjectCategories/BACKGROUND_Google/tmp": bytes("") };

  test("an archive or a folder: 30 images of each class to train on, the others to test", async () => {
    write(at("caltech/caltech101"), files);
    writeFileSync(join(root, "plain.txt"), "");
    write(at("caltech-tar/caltech101"), { "101_ObjectCategories.tar.gz": gzipSync(tar(files)) });
    const [folder, archive] = await Promise.all(
      ["caltech", "caltech-tar"].map((name) => open(caltech101, at(name), { count: 3 })),
    );
    expect([folder!.train.length, folder!.validation.length, folder!.test.length]).toEqual([81, 9, 30]);
    const seen = (source: typeof folder) =>
      Object.values(source!).map((split) =>
        range(split.length).map((i) => split.idOf!(i).split("/").slice(-2).join("/")),
      );
    expect(seen(archive)).toEqual(seen(folder));
    const [train, validation, tested] = seen(folder) as [string[], string[], string[]];
    expect([...train, ...validation]).toEqual(ordered("train", [...train, ...validation]));
    expect(tested).toEqual(ordered("test", tested));
    expect([...train, ...validation, ...tested].sort()).toEqual([...names].sort());
    for (const name of classes) {
      expect([...train, ...validation].filter((one) => one.startsWith(`${name}/`))).toHaveLength(30);
    }
    // Numbered as TFDS does, by lower case: accordion, background_google, faces.
    expect(folder!.train.classNames).toEqual(["accordion", "background_google", "faces"]);
    expect(await textAt(archive!.test, 3)).toBe(tested[3]);
    const label = { accordion: 0, BACKGROUND_Google: 1, Faces: 2 }[tested[3]!.split("/")[0] as "Faces"];
    expect(folder!.test.labels[3]).toBe(label);
    expect(folder!.train.notes).toEqual([
      expect.stringMatching(/the split of 30 images per class differs from TFDS's/),
    ]);
  });

  test("another number of classes, and too few images of one, are refused", async () => {
    await expect(open(caltech101, at("caltech"))).rejects.toThrow(/has 3 folders of images .*; expected 102 classes/);
    write(
      at("few/caltech101"),
      named(
        names.filter((name) => !/(Faces.*_00[3-4])/.test(name)),
        "101_ObjectCategories/",
      ),
    );
    await expect(open(caltech101, at("few"), { count: 3 })).rejects.toThrow(
      /has 29 images of faces; expected more than 30/,
    );
  });
});

test("CIFAR-100: the binary version, by the fine labels", async () => {
  const train = cifar(range(20).map((i) => ({ labels: [i % 3, 5 * i], level: i })));
  const tested = cifar(range(4).map((i) => ({ labels: [0, i], level: 100 + i })));
  const archive = tar({ "cifar-100-binary/train.bin": train, "cifar-100-binary/test.bin": tested });
  write(at("cifar/cifar100"), { "cifar-100-binary.tar.gz": gzipSync(archive) });
  const splits = await open(cifar100, at("cifar"));
  const order = ordered("train", range(20));
  expectSplits(
    splits,
    /#(\d+)$/,
    { train: order.slice(0, 18), validation: order.slice(18), test: ordered("test", range(4)) },
    () => expect.any(Number) as number,
  );
  expect([...splits.train.labels]).toEqual(order.slice(0, 18).map((i) => 5 * i));
  expect((await rawAt(splits.validation, 1)).data[7]).toBe(order[19]);
  // As TFDS has it, and as Parquet, whose order is its own.
  writeTfds(
    at("cifar-tfds"),
    ["cifar100", "3.0.2"],
    "train",
    range(10).map((i) => ({ image: `picture ${i}`, label: 9 * i })),
  );
  writeTfds(at("cifar-tfds"), ["cifar100", "3.0.2"], "test", [
    { image: "a", label: 1 },
    { image: "b", label: 2 },
  ]);
  const prepared = await open(cifar100, at("cifar-tfds"));
  expect([...prepared.train.labels, ...prepared.validation.labels]).toEqual(range(10).map((i) => 9 * i));
  expect(await textAt(prepared.validation, 0)).toBe("picture 9");
  const rows = range(10).map((i) => ({ bytes: bytes(`row ${i}`), path: "", label: 3 * i }));
  for (const split of ["train", "test"])
    write(at("cifar-hub/cifar100"), {
      [`data/${split}-00000-of-00001.parquet`]: parquet(rows, { labelColumn: "fine_label" }),
    });
  const hub = await open(cifar100, at("cifar-hub"));
  expect([...hub.train.labels, ...hub.validation.labels]).toEqual(range(10).map((i) => 3 * i));
  expect(await textAt(hub.test, 4)).toBe("row 4");
  expect(hub.train.notes![0]).toMatch(/in the order of their rows, which differs from TFDS's/);
  for (const source of [prepared.train, prepared.validation]) await source.close();
  await expect(prepared.train.get(0)).rejects.toThrow(/is closed/);
});

test("DTD: the lists of fold 1, in TFDS's order of class/file", async () => {
  const lists = {
    train1: ["banded/banded_0002.jpg", "zigzagged/zigzagged_0001.jpg"],
    val1: ["banded/banded_0004.jpg", "zigzagged/zigzagged_0009.jpg"],
    test1: ["banded/banded_0001.jpg", "banded/banded_0008.jpg", "zigzagged/zigzagged_0008.jpg"],
  };
  const files = {
    ...named(Object.values(lists).flat(), "dtd/images/"),
    ...Object.fromEntries(
      Object.entries(lists).map(([name, lines]) => [`dtd/labels/${name}.txt`, bytes(`${lines.join("\n")}\n`)]),
    ),
  };
  // The published archive is a plain tar file in spite of its name.
  write(at("dtd/dtd"), { "dtd-r1.0.1.tar.gz": tar(files) });
  const splits = await open(dtd, at("dtd"), { count: 2 });
  const labelOf = (key: string) => (key.startsWith("banded") ? 0 : 1);
  expectSplits(
    splits,
    /images\/(.*)$/,
    {
      train: ordered("train", lists.train1),
      validation: ordered("validation", lists.val1),
      test: ordered("test", lists.test1),
    },
    labelOf,
  );
  expect(await textAt(splits.test, 2)).toBe(ordered("test", lists.test1)[2]);
  const { "dtd/images/banded/banded_0008.jpg": _, ...fewer } = files;
  write(at("dtd-lost/dtd"), fewer);
  await expect(open(dtd, at("dtd-lost"), { count: 2 })).rejects.toThrow(
    /DTD: ".*" lacks 1 of the 3 images of the split test, such as images\/banded\/banded_0008.jpg/,
  );
});

test("Flowers102: numbers of images and labels from 1, in MATLAB's matrices", async () => {
  const names = range(9).map((i) => `image_0000${i + 1}.jpg`);
  const labels = Uint8Array.of(1, 2, 3, 1, 2, 3, 1, 2, 3);
  const files = {
    ...named(names, "jpg/"),
    "imagelabels.mat": mat([{ name: "labels", dimensions: [1, 9], data: labels, kind: 6 }]),
    "setid.mat": mat([
      { name: "trnid", dimensions: [1, 2], data: Uint16Array.of(4, 6) },
      { name: "valid", dimensions: [1, 2], data: Uint16Array.of(1, 9) },
      { name: "tstid", dimensions: [1, 5], data: Uint16Array.of(2, 3, 5, 7, 8) },
    ]),
  };
  write(at("flowers/flowers102"), files);
  const splits = await open(flowers102, at("flowers"), { count: 3 });
  const of = (...numbers: number[]) => numbers.map((i) => names[i - 1]!);
  expectSplits(
    splits,
    /(image_\d+.jpg)$/,
    {
      train: ordered("train", of(4, 6)),
      validation: ordered("validation", of(1, 9)),
      test: ordered("test", of(2, 3, 5, 7, 8)),
    },
    (key) => labels[Number(key.slice(6, 11)) - 1]! - 1,
  );
  const { "setid.mat": __, ...fewer } = files;
  write(at("flowers-lost/flowers102"), fewer);
  await expect(open(flowers102, at("flowers-lost"), { count: 3 })).rejects.toThrow(
    /setid.mat must lie beside .*imagelabels.mat/,
  );
  await expect(open(flowers102, at("flowers"), { count: 2 })).rejects.toThrow(/has no label for the image 6 of/);
});

test("Pets: lists of image, breed from 1, species and number", async () => {
  const breeds = ["Abyssinian", "american_bulldog"];
  const line = (breed: number, i: number) => `${breeds[breed]}_${i} ${breed + 1} ${breed + 1} 1`;
  const trained = range(10).map((i) => line(i % 2, i));
  const tested = range(4).map((i) => line(i % 2, 50 + i));
  write(at("pets/oxford_iiit_pet"), {
    ...named(
      [...trained, ...tested].map((text) => `${text.split(" ")[0]}.jpg`),
      "images/",
    ),
    "annotations.tar.gz": gzipSync(
      tar({
        "annotations/trainval.txt": bytes(`#Image CLASS-ID SPECIES BREED ID\n${trained.join("\n")}\n`),
        "annotations/test.txt": bytes(tested.join("\r\n")),
      }),
    ),
  });
  const splits = await open(pets, at("pets"), { count: 2 });
  const order = ordered(
    "train",
    trained.map((text) => `${text.split(" ")[0]}.jpg`),
  );
  expectSplits(
    splits,
    /images\/(.*)$/,
    {
      train: order.slice(0, 8),
      validation: order.slice(8),
      test: ordered(
        "test",
        tested.map((text) => `${text.split(" ")[0]}.jpg`),
      ),
    },
    (key) => (key.startsWith("Abyssinian") ? 0 : 1),
  );
  expect(splits.test.classNames).toEqual(breeds);
  expect(await textAt(splits.train, 0)).toBe(order[0]);
  write(at("pets-bad/oxford_iiit_pet"), {
    "annotations/trainval.txt": "Abyssinian_1 3 1 1\n",
    "annotations/test.txt": "",
  });
  await expect(open(pets, at("pets-bad"), { count: 2 })).rejects.toThrow(
    /trainval.txt: the line "Abyssinian_1 3 1 1" has no image and breed/,
  );
});

test("Sun397: TFDS's lists; images of more than 120,000 pixels are shrunk", async () => {
  const small = await halves(8, 6, [10, 20, 30], [10, 20, 30]).png().toBuffer();
  const large = await halves(600, 500, [200, 100, 50], [200, 100, 50]).png().toBuffer();
  const lists = {
    tr: ["/a/abbey/sun_1.jpg", "/c/car_interior/backseat/sun_2.jpg"],
    va: ["/a/abbey/sun_3.jpg"],
    te: ["/c/car_interior/backseat/sun_4.jpg", "/a/abbey/sun_5.jpg"],
  };
  const files = Object.fromEntries(
    Object.values(lists)
      .flat()
      .map((name) => [`SUN397${name}`, /_[24]/.test(name) ? large : small]),
  );
  write(at("sun/sun397"), files);
  await expect(open(sun397, at("sun"), { count: 2 })).rejects.toThrow(
    /sun397_tfds_tr.txt must lie beside .*: the list of the split train, from TFDS/,
  );
  write(
    at("sun/sun397"),
    Object.fromEntries(Object.entries(lists).map(([name, lines]) => [`sun397_tfds_${name}.txt`, lines.join("\n")])),
  );
  const splits = await open(sun397, at("sun"), { count: 2 });
  expectSplits(
    splits,
    /SUN397(\/.*)$/,
    { train: ordered("train", lists.tr), validation: lists.va, test: ordered("test", lists.te) },
    (key) => (key.startsWith("/a/abbey") ? 0 : 1),
  );
  expect(splits.train.classNames).toEqual(["/a/abbey", "/c/car_interior/backseat"]);
  const shapes = await Promise.all(
    range(2).map(async (i) => {
      const { height, width, data } = await rawAt(splits.test, i);
      return [splits.test.labels[i], height, width, ...data.subarray(0, 3)];
    }),
  );
  // sqrt(120000 / 300000) of 500 x 600
  expect(shapes.sort()).toEqual([
    [0, 6, 8, 10, 20, 30],
    [1, 316, 379, 200, 100, 50],
  ]);
});

test("SVHN: images lie column by column in MATLAB's matrices, and the digit 0 is stored as 10", async () => {
  const file = (count: number) => {
    const X = Uint8Array.from({ length: 3072 * count }, (_, i) => (i * 7 + Math.floor(i / 3072)) & 255);
    const y = Uint8Array.from({ length: count }, (_, i) => 1 + (i % 10));
    return mat([
      { name: "X", dimensions: [32, 32, 3, count], data: X },
      { name: "y", dimensions: [count, 1], data: y },
    ]);
  };
  write(at("svhn/svhn"), { "train_32x32.mat": file(20), "test_32x32.mat": file(3) });
  const splits = await open(svhn, at("svhn"));
  const order = ordered("train", range(20));
  expectSplits(
    splits,
    /#(\d+)$/,
    { train: order.slice(0, 18), validation: order.slice(18), test: ordered("test", range(3)) },
    (key) => (1 + (Number(key) % 10)) % 10,
  );
  const image = await rawAt(splits.train, 2);
  const number = order[2]!;
  const stored = (y: number, x: number, c: number) => (7 * (3072 * number + y + 32 * x + 1024 * c) + number) & 255;
  const wrong = range(3072).filter((i) => image.data[i] !== stored(Math.floor(i / 96), Math.floor(i / 3) % 32, i % 3));
  expect(wrong).toEqual([]);
  write(at("svhn-bad/svhn"), {
    "train_32x32.mat": mat([
      { name: "X", dimensions: [32, 32, 3, 2], data: new Uint8Array(6144) },
      { name: "y", dimensions: [2, 1], data: Uint8Array.of(1, 11) },
    ]),
  });
  await expect(open(svhn, at("svhn-bad"))).rejects.toThrow(/train_32x32.mat" has the label 11; expected 1 to 10/);
  write(at("svhn-bad/svhn"), { "train_32x32.mat": file(2) });
  await expect(open(svhn, at("svhn-bad"))).rejects.toThrow(/test_32x32.mat must lie beside/);
});
