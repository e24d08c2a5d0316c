import { symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import {
  concat,
  decodeImage,
  ExampleError,
  embeddedSets,
  holdOut,
  type ImageSource,
  openRecipe,
  openSource,
  select,
  sourceKinds,
  subsetOfClasses,
  take,
} from "../../src/data/index.js";
import { naturalOrder } from "../../src/data/sources/paths.js";
import { flat, idx, numbered, parquet, sample, sampleFiles, tar, temporaryFolder, write } from "./support.js";

const root = temporaryFolder();
const at = (path: string) => join(root, path);

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
  write(at("idx"), { "classes.json": JSON.stringify(sample.classNames) });
});

/** One conformance suite over every kind of storage; each holds the same nine pictures where it can. */
const stored: readonly (readonly [name: string, spec: () => string, kind: string])[] = [
  ["image folder", () => at("folder"), "folder"],
  ["tar", () => at("flat.tar"), "tar"],
  ["tar with long names and a top folder", () => at("long.tar"), "tar"],
  ["Parquet shards", () => at("shards"), "parquet"],
  ["Parquet shards, compressed, in a folder, names beside", () => at("plain-shards"), "parquet"],
  ["IDX, compressed", () => at("idx"), "idx"],
  [
    "IDX, names in the spec",
    () => `${at("idx-plain")}?classes=${encodeURIComponent(sample.classNames.join(","))}`,
    "idx",
  ],
];
const others: readonly (readonly [name: string, spec: () => string, kind: string])[] = [
  ["generated counts", () => "generated:shapes?label=count&counts=1-4&size=16&length=9&seed=3", "generated"],
  ["generated colours", () => "generated:shapes?label=color&size=16&length=9", "generated"],
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
      /There is no ".*foldr": the nearest existing folder is .*, and it has no "foldr"; did you mean "folder"\?/,
    ],
    [
      "a path that is wrong further up",
      () => at("nowhere/at/all"),
      /nearest existing folder is .*fovea-data-.*, and it has no "nowhere"/,
    ],
    [
      "an unknown kind",
      () => `foldr:${at("folder")}`,
      /unknown kind of source, "foldr"; did you mean "folder"\? known kinds: embedded, generated/,
    ],
    ["an unknown option", () => `${at("idx")}?clases=a`, /unknown option "clases"; did you mean "classes"\?/],
    ["an empty spec", () => "", /empty string/],
    ["a kind without a path", () => "folder:", /no path after "folder:"/],
    [
      "an unknown embedded set",
      () => "embedded:cloting",
      /no embedded set "cloting"; did you mean "clothing"\? there are clothing, fashion, sign-digits/,
    ],
    ["an unknown generated set", () => "generated:shape", /no generated set "shape"; did you mean "shapes"/],
    [
      "an unknown question",
      () => "generated:shapes?label=weight",
      /label must be one of count, shape, color, distance, not "weight"/,
    ],
    ["counts out of range", () => "generated:shapes?counts=0-4", /counts must be a number or a range within 1-12/],
    ["a size that is none", () => "generated:shapes?size=big", /size must be a whole number from 8 to 2048, not "big"/],
    ["a tar that is none", () => at("fake.tar"), /is not a tar archive/],
    ["a Parquet file that is none", () => at("fake.parquet"), /is not a Parquet file, or is cut off/],
    ["a file of another kind", () => at("notes.txt"), /is not a source that can be read/],
    ["a file taken for a folder", () => `folder:${at("notes.txt")}`, /is a file; an image folder was expected/],
    [
      "an empty folder",
      () => at("empty"),
      /There are no images in ".*empty": it holds no files at all. Expected class\/file.jpg/,
    ],
    ["a folder without images", () => at("texts"), /none of its 2 files has an image's name \(a\/one.txt/],
    [
      "images without class folders",
      () => at("unsorted"),
      /images of ".*unsorted" lie directly in it \(1.png\); put them in one folder a class/,
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

describe("image folders", () => {
  test("classes are sorted with numbers as numbers, deeper folders belong to their class, other files are left out", async () => {
    write(at("mixed"), {
      "10/a.png": await flat(1),
      "2/deep/er/b.PNG": await flat(2),
      "2/notes.txt": "x",
      ".hidden/c.png": await flat(3),
      "README.md": "x",
    });
    const source = await openSource(at("mixed"));
    expect(source.classNames).toEqual(["2", "10"]);
    expect([...source.labels]).toEqual([0, 1]);
    expect((await source.get(0)).id).toBe(join(at("mixed"), "2/deep/er/b.PNG"));
  });

  test("links are followed, broken ones do not stop the reading, a vanished file is named", async () => {
    write(at("linked"), { "a/1.png": await flat(1), "b/2.png": await flat(2) });
    symlinkSync(at("linked/a"), at("linked/c"));
    symlinkSync(at("linked/nothing"), at("linked/b/3.png"));
    const source = await openSource(at("linked"));
    expect([source.classNames, source.length]).toEqual([["a", "b", "c"], 3]);
    unlinkSync(at("linked/b/2.png"));
    const failure = await source.get(1).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ExampleError);
    expect((failure as ExampleError).message).toContain(join(at("linked"), "b/2.png"));
  });

  test("natural order", () => {
    const names = ["b", "a10", "a9", "a", "10", "9", "010", "a9b"];
    expect(names.sort(naturalOrder)).toEqual(["9", "010", "10", "a", "a9", "a9b", "a10", "b"]);
  });
});

describe("tar", () => {
  test("a path that leads out of the archive is refused", async () => {
    for (const name of ["../escape/a.png", "/etc/a.png", "a/../../b.png"]) {
      writeFileSync(at("escape.tar"), tar({ [name]: await flat(1) }));
      await expect(openSource(at("escape.tar"))).rejects.toThrow(/leads out of the archive/);
    }
  });

  test("an archive that is cut off is refused", async () => {
    const whole = tar(await sampleFiles());
    writeFileSync(at("cut.tar"), whole.subarray(0, 512 + 40));
    await expect(openSource(at("cut.tar"))).rejects.toThrow(
      /is cut off: the entry at byte 0 needs \d+ bytes, 40 are left/,
    );
    const damaged = Buffer.from(whole);
    damaged[1024 + 20] = 1;
    writeFileSync(at("damaged.tar"), damaged);
    await expect(openSource(at("damaged.tar"))).rejects.toThrow(/is damaged at byte 1024/);
  });
});

describe("Parquet", () => {
  const row = async (label: number) => ({ bytes: await flat(label), path: "x.png", label });

  test("bytes come out unharmed, also those that are not text", async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    write(at("bytes"), { "train.parquet": parquet([{ bytes, path: "all", label: 0 }], { names: ["a"] }) });
    const { image } = await (await openSource(at("bytes"))).get(0);
    expect(image.kind === "encoded" && [...image.bytes]).toEqual([...bytes]);
  });

  test("labels outside of the classes are refused", async () => {
    write(at("hidden"), {
      "test.parquet": parquet([await row(0), { ...(await row(0)), label: -1 }], { names: ["a"] }),
    });
    await expect(openSource(at("hidden"), { split: "test" })).rejects.toThrow(
      /Row 1 of .* has the label -1, which is none of the 1 classes/,
    );
  });

  test("columns can be named, and a missing one lists those there are", async () => {
    write(at("columns"), { "train.parquet": parquet([await row(0), await row(1)]) });
    await expect(openSource(`${at("columns")}?label=kind`)).rejects.toThrow(
      /has no label column "kind"; its columns are image, label. Name one in the spec/,
    );
    const source = await openSource(`parquet:${at("columns/train.parquet")}?label=label&image=image&classes=a,b`);
    expect(source.classNames).toEqual(["a", "b"]);
  });

  test("a class list of another form is refused", async () => {
    write(at("names"), { "train.parquet": parquet([await row(0)]), "classes.json": JSON.stringify({ a: 1 }) });
    await expect(openSource(at("names"))).rejects.toThrow(/classes.json" does not list class names: expected/);
  });
});

describe("IDX", () => {
  test("damaged files are refused by what is wrong with them", async () => {
    const images = idx([2, 8, 8], new Uint8Array(128));
    const labels = idx([2], Uint8Array.of(0, 1));
    const open = async (files: Record<string, Uint8Array>) => {
      const folder = temporaryName();
      write(at(folder), files);
      const source = await openSource(at(folder));
      return source.get(0);
    };
    const names = { images: "train-images-idx3-ubyte", labels: "train-labels-idx1-ubyte" };
    await expect(open({ [names.images]: images })).rejects.toThrow(
      /labels of .* are missing: there is neither train-labels-idx1-ubyte nor/,
    );
    await expect(open({ [names.images]: images.subarray(0, 100), [names.labels]: labels })).rejects.toThrow(
      /should hold 128 values \(2 x 8 x 8\), but has 84: it is cut off/,
    );
    await expect(open({ [names.images]: labels, [names.labels]: labels })).rejects.toThrow(
      /is not an IDX file of bytes with 3 or 4 dimension/,
    );
    await expect(open({ [names.images]: images, [names.labels]: idx([3], new Uint8Array(3)) })).rejects.toThrow(
      /has 2 images, but its labels file has 3 labels/,
    );
    await expect(
      open({ [`${names.images}.gz`]: gzipSync(images).subarray(0, 20), [names.labels]: labels }),
    ).rejects.toThrow(/is not a whole gzip file/);
    expect((await open({ [names.images]: images, [names.labels]: labels })).image).toMatchObject({
      height: 8,
      width: 8,
      channels: 1,
    });
    const colour = idx([1, 2, 2, 3], new Uint8Array(12));
    expect(
      (await open({ "train-images-idx4-ubyte": colour, [names.labels]: idx([1], Uint8Array.of(0)) })).image,
    ).toMatchObject({ channels: 3 });
  });

  let made = 0;
  const temporaryName = () => `idx-${made++}`;
});

describe("sources made of others", () => {
  const levels = async (source: ImageSource) =>
    Promise.all(
      Array.from(
        { length: source.length },
        async (_, i) => (await decodeImage((await source.get(i)).image, "x")).data[0]!,
      ),
    );

  test("a subset of classes is numbered anew, or not", async () => {
    const source = await openSource(at("folder"));
    const anew = subsetOfClasses(source, ["dog 10", "cat"]);
    expect([anew.classNames, [...anew.labels]]).toEqual([
      ["dog 10", "cat"],
      [1, 1, 0, 0],
    ]);
    expect(await levels(anew)).toEqual([0, 10, 40, 50]);
    expect((await anew.get(3)).label).toBe(0);
    const kept = subsetOfClasses(source, [2, 0], false);
    expect([kept.classNames, [...kept.labels]]).toEqual([sample.classNames, [0, 0, 2, 2]]);
    expect(() => subsetOfClasses(source, ["dog 1"])).toThrow(
      /has no class "dog 1"; did you mean "dog 2"\? its classes are cat, dog 2, dog 10/,
    );
    expect(() => subsetOfClasses(source, [0, "cat"])).toThrow(/chosen twice/);
    expect(() => subsetOfClasses(source, [])).toThrow(/No classes/);
  });

  test("take draws by seed and keeps the order", async () => {
    const source = await openSource(at("folder"));
    const four = take(source, 4, 1);
    expect(four.length).toBe(4);
    const found = await levels(four);
    expect([...found].sort((a, b) => a - b)).toEqual(found);
    expect(await levels(take(source, 4, 1))).toEqual(found);
    expect(
      new Set([1, 2, 3, 4, 5, 6].map((seed) => [...take(numbered(100), 10, seed).labels].join())).size,
    ).toBeGreaterThan(1);
    expect(take(source, 99).length).toBe(6);
    expect(() => take(source, 0)).toThrow(/whole number of examples from 1/);
    expect(() => select(source, [7])).toThrow(RangeError);
  });

  test("holdOut takes a share of every class and nothing twice", async () => {
    const { rest, held } = holdOut(numbered(40), 0.25, 3);
    expect([rest.length, held.length]).toEqual([30, 10]);
    expect([...held.labels].filter((label) => label === 0).length).toBe(5);
    const ids = await Promise.all(
      [rest, held].flatMap((s) => Array.from({ length: s.length }, async (_, i) => (await s.get(i)).id)),
    );
    expect(new Set(ids).size).toBe(40);
    expect(() => holdOut(numbered(4), 1)).toThrow(/fraction between 0 and 1/);
  });

  test("concat merges classes by name or keeps them apart", async () => {
    const [pets, more] = [
      await openSource(at("folder")),
      subsetOfClasses(await openSource(at("folder"), { split: "test" }), ["dog 10", "cat"]),
    ];
    const merged = concat([pets, more]);
    expect([merged.classNames, [...merged.labels]]).toEqual([sample.classNames, [0, 0, 1, 1, 2, 2, 0, 2]]);
    expect(await levels(merged)).toEqual([0, 10, 20, 30, 40, 50, 0, 20]);
    expect((await merged.get(7)).label).toBe(2);
    const apart = concat([pets, more], { mergeClasses: "disjoint" });
    expect(apart.classNames.length).toBe(5);
    expect(apart.classNames).toContain("dog 2");
    expect([...apart.labels]).toEqual([0, 0, 1, 1, 2, 2, 4, 3]);
    expect(() => concat([])).toThrow(/at least one/);
    expect(concat([pets, numbered(3)]).recipe).toBeUndefined();
  });

  test("recipes rebuild the same source", async () => {
    const source = take(
      concat([subsetOfClasses(await openSource(at("shards")), ["dog 2", "cat"]), await openSource(at("idx"))]),
      7,
      5,
    );
    const again = await openRecipe(structuredClone(source.recipe!));
    expect([again.name, again.classNames, again.labels]).toEqual([source.name, source.classNames, source.labels]);
    expect(await levels(again)).toEqual(await levels(source));
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
      splits.map(async (split) => (await openSource(`embedded:${name}`, { split })).length),
    );
  }
  expect(lengths).toEqual({ clothing: [3068, 341, 372], fashion: [6000, 1000], "sign-digits": [1500, 562] });
  const fashion = await openSource("embedded:fashion");
  expect(new Set(Array.from({ length: 10 }, (_, label) => fashion.labels.filter((x) => x === label).length))).toEqual(
    new Set([600]),
  );
});
