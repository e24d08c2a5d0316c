/** Weak labels: classes found in text, texts beside images, noise, and the file that a spec reads. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  matchClasses,
  noisyLabels,
  openSource,
  parseVocabulary,
  readTexts,
  weakLabelLines,
  weakLabels,
} from "../../src/data/index.js";
import { flat, tar, temporaryFolder, write } from "../support/pictures.js";

const vocabulary = parseVocabulary(
  ["# animals", "cat: kitty, tabby cat", "dog", "hot dog", "berry", "fox: Füchse", "café"].join("\n"),
);
const named = (text: string) => matchClasses(vocabulary, text).map((label) => vocabulary.classNames[label]);

test.each([
  ["A CAT and two dogs.", ["cat", "dog"]],
  ["concatenate, dogma, foxy", []],
  ["a hot dog", ["hot dog"]],
  ["a hot, dog-like cat", ["cat", "hot dog"]],
  ["hot dogs; a dog", ["dog", "hot dog"]],
  ["BERRIES for foxes", ["berry", "fox"]],
  ["zwei Fuchse", ["fox"]],
  ["cafe\u0301s", ["café"]],
  ["my tabby cats: kitties", ["cat"]],
  ["", []],
] as const)("%j names %j", (text, classes) => {
  expect(named(text)).toEqual(classes);
});

test("wrong vocabularies are refused by their line", () => {
  expect(() => parseVocabulary("cat\ncat: kitty")).toThrow(/line 2: the class "cat" is listed twice/);
  expect(() => parseVocabulary("cat: !, kitty")).toThrow(/line 1: "!" has neither letters nor digits/);
  expect(() => parseVocabulary("# nothing\n")).toThrow(/no classes/);
});

describe("texts", () => {
  const root = temporaryFolder();
  const files = async () => ({
    "a/1.png": await flat(10),
    "a/1.txt": Buffer.from("a cat"),
    "a/2.png": await flat(20),
    "a/2.json": Buffer.from(JSON.stringify({ title: "Dogs", tags: ["fox", { more: "berry" }], width: 3 })),
    "b/3.png": await flat(30),
  });
  const expected = (start: string) => [
    { id: `${start}a/1.png`, text: "a cat" },
    { id: `${start}a/2.png`, text: "Dogs\nfox\nberry" },
    { id: `${start}b/3.png`, text: undefined },
  ];

  test("beside images of a folder and of a tar, in lists", async () => {
    write(join(root, "photos"), await files());
    writeFileSync(join(root, "photos.tar"), tar(await files()));
    expect(await readTexts(join(root, "photos"))).toEqual(expected(`${join(root, "photos")}/`));
    expect(await readTexts(join(root, "photos.tar"))).toEqual(expected(`${join(root, "photos.tar")}:`));
    // an archive of one folder has the ids of the source, without the folder
    const inFolder = Object.entries(await files()).map(([name, bytes]) => [`photos/${name}`, bytes] as const);
    writeFileSync(join(root, "folder.tar"), tar(Object.fromEntries(inFolder)));
    expect(await readTexts(join(root, "folder.tar"))).toEqual(expected(`${join(root, "folder.tar")}:`));
    write(root, {
      "list.csv": 'id,text\na,"one cat, two dogs"\n"b,c",fox\n',
      "list.jsonl": '{"id": "a", "text": "cat"}\n\n{"id": "b", "text": ""}\n',
      "bad.jsonl": '{"id": "a"}\n',
      "bad/1.png": "",
      "bad/1.json": "{",
    });
    expect((await readTexts(join(root, "list.csv"))).map(({ id, text }) => [id, named(text!)])).toEqual([
      ["a", ["cat", "dog"]],
      ["b,c", ["fox"]],
    ]);
    expect((await readTexts(join(root, "list.jsonl"))).length).toBe(2);
    await expect(readTexts(join(root, "bad.jsonl"))).rejects.toThrow(/line 1: expected an id and a text/);
    await expect(readTexts(join(root, "bad"))).rejects.toThrow(/1.json is not JSON/);
    await expect(readTexts(join(root, "bad.jsonl", "nowhere"))).rejects.toThrow(/there is no/);
  });

  test("become labels that a spec reads, several an image", async () => {
    const folder = join(root, "set");
    write(folder, await files());
    const found = weakLabels(await readTexts(folder), vocabulary);
    expect(found).toMatchObject({ withoutText: 1, unmatched: 0, emptied: 0, histogram: [1, 1, 0, 1, 1, 0] });
    write(root, { "labels.jsonl": `${weakLabelLines(found).join("\n")}\n` });
    const source = await openSource(`${folder}?labels=${join(root, "labels.jsonl")}`);
    expect(source.classNames).toEqual(vocabulary.classNames);
    expect(source.length).toBe(2);
    expect([...(await source.get(1)).targets!]).toEqual([0, 1, 0, 1, 1, 0]);
  });
});

describe("noise", () => {
  const many = (kind: "uniform" | "missing" | "extra", rate = 0.2, labels = [1, 4]) =>
    Array.from({ length: 2000 }, (_, i) => noisyLabels(labels, 10, { kind, rate, seed: 1 }, `image ${i}`));
  // Five standard deviations of 4,000 draws at 0.2.
  const tolerance = 5 * Math.sqrt(4000 * 0.2 * 0.8);
  const kept = (all: readonly number[][]) => all.flat().filter((label) => label === 1 || label === 4).length;

  test("replaces, drops or adds at its rate", () => {
    const [uniform, missing, extra] = [many("uniform"), many("missing"), many("extra")];
    expect(Math.abs(kept(uniform) - 3200)).toBeLessThan(tolerance);
    expect(uniform.every((labels) => new Set(labels).size === 2)).toBe(true);
    expect(Math.abs(missing.flat().length - 3200)).toBeLessThan(tolerance);
    expect(kept(missing)).toBe(missing.flat().length);
    expect(kept(extra)).toBe(4000);
    expect(Math.abs(extra.flat().length - 4800)).toBeLessThan(tolerance);
    // Every other class is drawn.
    expect(new Set(uniform.flat()).size).toBe(10);
    expect(many("uniform")).toEqual(uniform);
  });

  test("images that lose their only label are counted and left out", () => {
    const texts = [
      { id: "a", text: "cat" },
      { id: "b", text: "nothing" },
    ];
    const found = weakLabels(texts, vocabulary, { kind: "missing", rate: 1, seed: 0 });
    expect(found).toMatchObject({ images: [], emptied: 1, unmatched: 1 });
    expect(() => weakLabels(texts, vocabulary, { kind: "missing", rate: 2, seed: 0 })).toThrow(
      /2; expected a probability from 0 to 1/,
    );
  });
});
