/** One suite over every kind of image source: splits, labels, repeatable reads, errors. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import {
  defineSource,
  embeddedSets,
  openRecipe,
  openSource,
  sourceKinds,
  whileDefining,
} from "../../../src/data/index.js";
import { decodeImage } from "../../../src/images/index.js";
import {
  flat,
  idx,
  openUntilEnd,
  parquet,
  sample,
  sampleFiles,
  tar,
  temporaryFolder,
  write,
} from "../../support/pictures.js";
import { cifar, example, records } from "../../support/records.js";

const root = temporaryFolder();
const at = (path: string) => join(root, path);
// Indexes of shards and unpacked archives are kept here, for the threads too.
process.env["FOVEA_CACHE"] = at("cache");

beforeAll(async () => {
  const files = await sampleFiles();
  write(at("folder"), files);
  writeFileSync(at("flat.tar"), tar(files));
  writeFileSync(
    at("long.tar"),
    tar(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`pictures/${name}`, bytes])), true),
  );
  for (const split of ["train", "test"] as const) {
    const rows = await Promise.all(
      sample[split].map(async (label, i) => ({ bytes: await flat(10 * i), path: `${i}.png`, label })),
    );
    const shards = split === "train" ? [rows.slice(0, 4), rows.slice(4)] : [rows];
    for (const [i, shard] of shards.entries()) {
      const name = `${split}-0000${i}-of-0000${shards.length}.parquet`;
      write(at("shards"), { [name]: parquet(shard, { names: sample.classNames }) });
      write(at("plain-shards/data"), { [name]: parquet(shard, { codec: "SNAPPY", rowGroupSize: 3 }) });
    }
    const pictures = rows.map(({ bytes, label }, i) => ({ key: `${split}-${i}`, bytes, label }));
    const halves = split === "train" ? [pictures.slice(0, 4), pictures.slice(4)] : [pictures];
    for (const [i, half] of halves.entries()) {
      const classes = half.flatMap(({ key, bytes, label }): [string, Uint8Array][] => [
        [`${key}.cls`, Buffer.from(`${label}\n`)],
        [`${key}.png`, bytes],
      ]);
      const described = half.flatMap(({ key, bytes, label }): [string, Uint8Array][] => [
        [`a/${key}.PNG`, bytes],
        [`a/${key}.json`, Buffer.from(JSON.stringify({ kind: sample.classNames[label] }))],
      ]);
      write(at("webdataset"), { [`set-${split}-00000${i}.tar`]: tar(Object.fromEntries(classes)) });
      write(at("webdataset-json"), { [`${split}-00${i}.tar`]: tar(Object.fromEntries(described)) });
      const shard = `0000${i}-of-0000${halves.length}`;
      write(at("tfds"), {
        [`pets-${split}.tfrecord-${shard}`]: records(half.map(({ bytes, label }) => example({ image: bytes, label }))),
      });
      write(at("tfrecord"), {
        [`${split}-${shard}`]: records(
          half.map(({ bytes, label }) =>
            example({ "image/class/label": label, "image/height": 8, "image/encoded": bytes }, false),
          ),
        ),
      });
    }
    const images10 = sample[split].map((label, i) => ({ labels: [label], level: 10 * i }));
    const parts = split === "train" ? [images10.slice(0, 4), images10.slice(4)] : [images10];
    for (const [i, part] of parts.entries())
      write(at("cifar10"), { [split === "test" ? "test_batch.bin" : `data_batch_${i + 1}.bin`]: cifar(part) });
    write(at("cifar100"), {
      [`${split}.bin`]: cifar(sample[split].map((label, i) => ({ labels: [label, 99 - label], level: 10 * i }))),
    });
    const prefix = split === "train" ? "train" : "t10k";
    const images = Buffer.concat(sample[split].map((_, i) => Buffer.alloc(64, 10 * i)));
    const labels = idx([sample[split].length], Uint8Array.from(sample[split]));
    const imageFile = idx([sample[split].length, 8, 8], images);
    write(at("idx"), {
      [`${prefix}-images-idx3-ubyte.gz`]: gzipSync(imageFile),
      [`${prefix}-labels-idx1-ubyte.gz`]: gzipSync(labels),
    });
    write(at("idx-plain"), { [`${prefix}-images.idx3-ubyte`]: imageFile, [`${prefix}-labels.idx1-ubyte`]: labels });
  }
  write(at("plain-shards"), {
    "classes.json": JSON.stringify({
      classes: sample.classNames.map((name, label) => ({ label, wnid: `n${label}`, words: name })),
    }),
  });
  const list = `${sample.classNames.join("\n")}\n`;
  write(at("webdataset"), { "classes.json": JSON.stringify(sample.classNames) });
  write(at("tfds"), { "label.labels.txt": list });
  write(at("tfrecord"), { "classes.json": JSON.stringify(sample.classNames) });
  write(at("cifar10"), { "batches.meta.txt": `${list}\n` });
  write(at("cifar100"), { "coarse_label_names.txt": list });
  const inArchive = ["data_batch_1.bin", "data_batch_2.bin", "test_batch.bin", "batches.meta.txt"].map(
    (name) => [`cifar-10-batches-bin/${name}`, readFileSync(at(`cifar10/${name}`))] as const,
  );
  writeFileSync(at("cifar-10-binary.tar.gz"), gzipSync(tar(Object.fromEntries(inArchive))));
  write(at("idx"), { "classes.json": JSON.stringify(sample.classNames) });
});

// defined as in a file that other threads can import, so that it has a recipe
await whileDefining({ importer: "unused", file: "unused" }, async () =>
  defineSource({
    name: "levels",
    splits: ["train", "test"],
    open: () => ({
      classNames: ["dark", "light"],
      labels: [0, 1, 0, 1],
      image: async (index) => ({ data: new Uint8Array(12).fill(60 * index), width: 2, height: 2 }),
    }),
  }),
);

/** One conformance suite over every kind of storage; each holds the same nine pictures where it can. */
const stored: readonly (readonly [name: string, spec: () => string, kind: string])[] = [
  ["image folder", () => at("folder"), "folder"],
  ["tar", () => at("flat.tar"), "tar"],
  ["tar with long names and a top folder", () => at("long.tar"), "tar"],
  ["Parquet shards", () => at("shards"), "parquet"],
  ["Parquet shards, compressed, in a folder, names beside", () => at("plain-shards"), "parquet"],
  ["IDX, compressed", () => at("idx"), "idx"],
  ["WebDataset, classes as numbers", () => at("webdataset"), "webdataset"],
  [
    "WebDataset, classes by name in JSON",
    () => `${at("webdataset-json")}?label=kind&classes=${encodeURIComponent(sample.classNames.join(","))}`,
    "webdataset",
  ],
  ["TFRecord, as TFDS has it", () => at("tfds"), "tfrecord"],
  ["TFRecord, as the ImageNet scripts have it", () => at("tfrecord"), "tfrecord"],
  ["CIFAR-10", () => at("cifar10"), "cifar"],
  ["CIFAR-10, the archive", () => at("cifar-10-binary.tar.gz"), "cifar"],
  ["CIFAR-100, coarse", () => `${at("cifar100")}?label=coarse`, "cifar"],
  [
    "IDX, names in the spec",
    () => `${at("idx-plain")}?classes=${encodeURIComponent(sample.classNames.join(","))}`,
    "idx",
  ],
];
const others: readonly (readonly [name: string, spec: () => string, kind: string])[] = [
  ["generated counts", () => "generated:shapes?label=count&counts=1-4&size=16&length=9&seed=3", "generated"],
  ["generated fractals", () => "generated:fractals?categories=3&instances=3&size=24&points=500&fill=0.1", "generated"],
  ["generated colours", () => "generated:shapes?label=color&size=16&length=9", "generated"],
  ["pictures laid on pictures", () => `composed:${at("folder")}?backgrounds=${at("folder")}&size=16`, "composed"],
  ["a source of the user", () => "custom:levels", "custom"],
  ...Object.keys(embeddedSets).map((name) => [`embedded ${name}`, () => `embedded:${name}`, "embedded"] as const),
];

describe.each([...stored, ...others])("every source (%s)", (_, spec) => {
  test("opens its training split, and others by name", async () => {
    const source = await openSource(spec());
    expect(source.split).toBe("train");
    const second = await openSource(spec(), { split: "test" });
    expect(second.split).toBe("test");
    expect(second.classNames).toEqual(source.classNames);
    await source.close();
    await second.close();
  });

  test("has labels for every example within its classes, and get agrees with them", async () => {
    const source = await openSource(spec());
    expect(source.length).toBeGreaterThan(0);
    expect(source.labels.length).toBe(source.length);
    expect(new Set(source.classNames).size).toBe(source.classNames.length);
    const ids = new Set<string>();
    for (const index of [0, Math.floor(source.length / 2), source.length - 1]) {
      const example = await source.get(index);
      expect(example.label).toBe(source.labels[index]);
      expect(source.idOf!(index)).toBe(example.id);
      expect(source.classNames[example.label]).toBeDefined();
      const pixels = await decodeImage(example.image, example.id);
      expect([pixels.channels, pixels.data.length]).toEqual([3, pixels.height * pixels.width * 3]);
      ids.add(example.id);
    }
    expect(ids.size).toBe(3);
    await source.close();
  });

  test("reads the same again, in any order, several at once, and from its recipe", async () => {
    const source = await openSource(spec());
    const indices = [2, 0, 1, 2];
    const first = await Promise.all(indices.map((index) => source.get(index)));
    expect(first[0]).toEqual(first[3]);
    const again = await openRecipe(JSON.parse(JSON.stringify(source.recipe)));
    expect([again.length, again.split, again.classNames, again.labels]).toEqual([
      source.length,
      source.split,
      source.classNames,
      source.labels,
    ]);
    for (const [i, index] of indices.entries()) expect(await again.get(index)).toEqual(first[i]);
    await source.close();
    await again.close();
  });

  test("refuses indices it does not have", async () => {
    const source = await openSource(spec());
    for (const index of [-1, source.length, 0.5, Number.NaN])
      await expect(source.get(index)).rejects.toThrow(RangeError);
    await source.close();
  });

  test("says what splits there are when another is asked for", async () => {
    await expect(openSource(spec(), { split: "tset" })).rejects.toThrow(
      /has no split "tset"; did you mean "test"\? its splits are train,/,
    );
  });
});

test.each(stored)("%s holds the nine pictures, found without naming its kind and with it", async (_, spec, kind) => {
  for (const text of [spec(), `${kind}:${spec()}`]) {
    for (const split of ["train", "test"] as const) {
      const source = await openSource(text, { split });
      expect(source.classNames).toEqual(sample.classNames);
      expect([...source.labels]).toEqual(sample[split]);
      for (let i = 0; i < source.length; i++) {
        const { image, id } = await source.get(i);
        expect([...new Set((await decodeImage(image, id)).data)]).toEqual([10 * i]);
      }
      await source.close();
    }
  }
});

test.each([...stored, ...others].filter(([, , kind]) => !["generated"].includes(kind)))(
  "%s cannot be read after it was closed",
  async (_, spec) => {
    const source = await openSource(spec());
    await source.close();
    await expect(source.get(0)).rejects.toThrow(/closed/);
  },
);

test("every kind of the table is in the suite", () => {
  expect(new Set([...stored, ...others].map(([, , kind]) => kind))).toEqual(new Set(Object.keys(sourceKinds)));
});

describe("wrong sources are refused with what to do", () => {
  const wrong: readonly (readonly [name: string, spec: () => string, message: RegExp])[] = [
    [
      "a path with a typing mistake",
      () => at("foldr"),
      /there is no ".*foldr": the nearest existing folder is .*, and it has no "foldr"; did you mean "folder"\?/,
    ],
    [
      "a path that is wrong further up",
      () => at("nowhere/at/all"),
      /nearest existing folder is .*fovea-data-.*, and it has no "nowhere"/,
    ],
    [
      "an unknown kind",
      () => `foldr:${at("folder")}`,
      /unknown kind of dataset, "foldr"; did you mean "folder"\? available: embedded, generated/,
    ],
    ["an unknown option", () => `${at("idx")}?clases=a`, /unknown option "clases"; did you mean "classes"\?/],
    ["options of a kind and of all kinds", () => "generated:shapes?lengh=9", /split, label, .* take, balanced$/],
    ["an empty spec", () => "", /spec of the dataset is empty/],
    ["a kind without a path", () => "folder:", /no path after "folder:"/],
    [
      "an unknown embedded set",
      () => "embedded:cloting",
      /unknown embedded dataset "cloting"; did you mean "clothing"\? available: clothing, fashion, sign-digits/,
    ],
    ["an unknown generated set", () => "generated:shape", /unknown generated dataset "shape"; did you mean "shapes"/],
    [
      "an unknown question",
      () => "generated:shapes?label=weight",
      /unknown label "weight"; available: count, shape, color, size, material, place, rotation, distance/,
    ],
    [
      "counts out of range",
      () => "generated:shapes?counts=0-4",
      /invalid counts "0-4"; expected a number or a range within 1-12/,
    ],
    [
      "a size that is none",
      () => "generated:shapes?size=big",
      /invalid size "big"; expected an integer from 8 to 2048/,
    ],
    ["a tar that is none", () => at("fake.tar"), /is not a tar archive/],
    ["a Parquet file that is none", () => at("fake.parquet"), /is not a Parquet file, or is truncated/],
    ["a file of another kind", () => at("notes.txt"), /is not a source that can be read/],
    ["a file taken for a folder", () => `folder:${at("notes.txt")}`, /is a file; expected a folder of images/],
    [
      "an empty folder",
      () => at("empty"),
      /there are no images in ".*empty": it has no files; expected class\/file.jpg/,
    ],
    ["a folder without images", () => at("texts"), /none of its 2 files has an image's name \(a\/one.txt/],
    [
      "images without class folders",
      () => at("unsorted"),
      /images of ".*unsorted" are not in class folders \(1.png\); expected class\/file.jpg/,
    ],
    [
      "split folders without class folders",
      () => at("shallow"),
      /has split folders, but 2 image\(s\) in them are not in class folders/,
    ],
  ];

  test.each(wrong)("%s", async (_, spec, message) => {
    write(root, {
      "fake.tar": "this is no archive".repeat(100),
      "fake.parquet": "PAR1 this is no table",
      "notes.txt": "x",
      "empty/.keep": "",
    });
    write(at("texts"), { "a/one.txt": "x", "b/two.txt": "y" });
    write(at("unsorted"), { "1.png": await flat(1), "2.png": await flat(2) });
    write(at("shallow"), { "train/1.png": await flat(1), "test/2.png": await flat(2) });
    await expect(openSource(spec())).rejects.toThrow(message);
  });

  test("a folder without split folders has one split, and says so", async () => {
    write(at("one-split"), { "a/1.png": await flat(1), "b/2.png": await flat(2) });
    const source = await openSource(at("one-split"));
    expect([source.split, source.length]).toEqual(["all", 2]);
    await expect(openSource(at("one-split"), { split: "test" })).rejects.toThrow(
      /has no split "test"; it has no split folders \(its one split is called all\)/,
    );
  });

  test("the split may stand in the spec, under any usual name", async () => {
    write(at("validated"), { "train/a/1.png": await flat(1), "val/a/2.png": await flat(2) });
    expect((await openSource(`${at("validated")}?split=validation`)).split).toBe("val");
    expect((await openSource(at("validated"), { split: "dev" })).split).toBe("val");
  });
});

test("embedded sets hold as many images as their README says", async () => {
  const lengths: Record<string, number[]> = {};
  for (const [name, splits] of Object.entries({
    clothing: ["train", "validation", "test"],
    fashion: ["train", "test"],
    "sign-digits": ["train", "test"],
  })) {
    lengths[name] = await Promise.all(
      splits.map(async (split) => (await openUntilEnd(`embedded:${name}`, { split })).length),
    );
  }
  expect(lengths).toEqual({ clothing: [3068, 341, 372], fashion: [6000, 1000], "sign-digits": [1500, 562] });
  const fashion = await openUntilEnd("embedded:fashion");
  expect(new Set(Array.from({ length: 10 }, (_, label) => fashion.labels.filter((x) => x === label).length))).toEqual(
    new Set([600]),
  );
});
