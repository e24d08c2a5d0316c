/** Labels from files, lists of examples to keep or leave out, balanced draws. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  classesLine,
  concat,
  createLoader,
  describeSource,
  type ImageSource,
  labelLine,
  openRecipe,
  openSource,
  relabel,
  subsetOfClasses,
  takeBalanced,
} from "../../../src/data/index.js";
import { collect } from "../../support/batches.js";
import { numbered, openUntilEnd, sampleFiles, temporaryFolder, write } from "../../support/pictures.js";

const root = temporaryFolder();
const at = (path: string) => join(root, path);
const id = (name: string) => join(at("folder"), "train", name);
const ids = ["cat/0.png", "cat/1.png", "dog 2/2.png", "dog 2/3.png", "dog 10/4.png", "dog 10/5.png"].map(id);
let made = 0;
const file = (...lines: string[]): string => {
  const path = at(`list-${made++}.txt`);
  writeFileSync(path, lines.join("\n"));
  return path;
};
const open = (options: string) => openUntilEnd(`${at("folder")}?${options}`);

beforeAll(async () => write(at("folder"), await sampleFiles()));

const targets = async (source: ImageSource) =>
  Promise.all(Array.from({ length: source.length }, async (_, i) => [...((await source.get(i)).targets ?? [])]));

describe("labels=FILE", () => {
  test("single labels by name and by number, JSON lines and CSV alike, a text being a name first", async () => {
    const json = file(labelLine(ids[0]!, "dog 10"), "", labelLine(ids[3]!, 1), labelLine("nowhere.png", 0));
    const csv = file("id,label", `${ids[0]},dog 10`, `"${ids[3]}",1`, "nowhere.png,0", "");
    for (const path of [json, csv]) {
      const source = await open(`labels=${path}`);
      expect([...source.labels]).toEqual([2, 1]);
      expect(source.vectorTargets).toBeUndefined();
      expect(await source.get(1)).toMatchObject({ id: ids[3], label: 1 });
      expect(source.notes).toEqual([
        `1 line(s) of ${path} name no example, such as nowhere.png`,
        `4 of 6 examples have no line in ${path} and are excluded`,
      ]);
    }
    const own = file(classesLine(["1", "0"]), labelLine(ids[0]!, "0"), labelLine(ids[1]!, 0));
    const source = await open(`labels=${own}`);
    expect([source.classNames, [...source.labels]]).toEqual([
      ["1", "0"],
      [1, 0],
    ]);
  });

  test("vectors, dense and sparse, beside single labels; the label is the largest", async () => {
    const lines = [
      labelLine(ids[0]!, [0.25, 0.5, 0.25]),
      labelLine(ids[1]!, { "dog 10": 1, cat: 1 }),
      labelLine(ids[2]!, 2),
    ];
    const csv = file(`${ids[0]},"[0.25, 0.5, 0.25]"`, `${ids[1]},[1,0,1]`, `${ids[2]},2`);
    for (const path of [file(...lines), csv]) {
      const source = await open(`labels=${path}`);
      expect([source.vectorTargets, [...source.labels]]).toEqual([true, [1, 0, 2]]);
      expect(await targets(source)).toEqual([
        [0.25, 0.5, 0.25],
        [1, 0, 1],
        [0, 0, 1],
      ]);
    }
  });

  test("the loader batches targets, on any number of threads, and onehot maps them to its range", async () => {
    const path = file(labelLine(ids[0]!, [0.25, 0.5, 0.25]), labelLine(ids[5]!, 1));
    const source = await open(`labels=${path}`);
    for (const workers of [0, 1]) {
      const loader = createLoader(source, {
        batchSize: 2,
        preprocessing: "decode|value_range",
        evaluation: true,
        workers,
      });
      expect([...(await loader.next())!.labels!]).toEqual([0.25, 0.5, 0.25, 0, 1, 0]);
      await loader.close();
    }
    const options = { batchSize: 2, evaluation: true, workers: 0 };
    const smooth = createLoader(source, { ...options, preprocessing: "decode|onehot(3, 0.75, -0.25)" });
    expect([...(await smooth.next())!.labels!]).toEqual([0, 0.25, 0, -0.25, 0.75, -0.25]);
    const wrong = createLoader(source, { ...options, preprocessing: "decode|onehot(4)" });
    await expect(wrong.next()).rejects.toThrow(/onehot\(4\) does not fit the 3 targets of .*\.png/);
    await Promise.all([smooth.close(), wrong.close()]);
  });

  test("subsets, joins and recipes carry targets", async () => {
    const path = file(labelLine(ids[0]!, [0.25, 0.5, 0.25]), labelLine(ids[4]!, { cat: 0.5, "dog 10": 1 }));
    const soft = await open(`labels=${path}`);
    const subset = subsetOfClasses(soft, ["dog 10", "dog 2"]);
    expect(await targets(subset)).toEqual([
      [0.25, 0.5],
      [1, 0],
    ]);
    const joined = concat([subset, await openUntilEnd(at("folder"), { split: "test" })]);
    expect(joined.classNames).toEqual(["dog 10", "dog 2", "cat"]);
    const expected = [
      [0.25, 0.5, 0],
      [1, 0, 0],
      [0, 0, 1],
      [0, 1, 0],
      [1, 0, 0],
    ];
    expect(await targets(joined)).toEqual(expected);
    const again = await openRecipe(JSON.parse(JSON.stringify(joined.recipe)));
    expect([await targets(again), again.labels, again.vectorTargets]).toEqual([expected, joined.labels, true]);
    writeFileSync(path, labelLine(ids[0]!, 0));
    await expect(openRecipe(structuredClone(joined.recipe!))).rejects.toThrow(/list-\d+.txt" changed while/);
  });

  test.each([
    ["an unknown class", () => file(labelLine(ids[0]!, "cta")), /line 1: unknown class "cta"; did you mean "cat"\?/],
    ["a number too large", () => file(labelLine(ids[0]!, 3)), /unknown class 3; the 3 classes are cat, dog 2, dog 10/],
    ["a vector of another length", () => file(labelLine(ids[0]!, [1, 0])), /the vector has 2 numbers; expected 3/],
    ["a target above 1", () => file(labelLine(ids[0]!, [2, 0, 0])), /invalid target 2; expected a number from 0 to 1/],
    ["a vector of zeros", () => file(labelLine(ids[0]!, [0, 0, 0])), /all 0; to exclude the example/],
    ["an id twice", () => file(labelLine(ids[0]!, 0), labelLine(ids[0]!, 1)), /line 2: .*0.png has two lines/],
    ["no JSON", () => file('{"id": "x", "label"'), /line 1: not JSON/],
    ["another object", () => file('{"id": "x"}'), /expected \{"id": "...", "label": ...\}/],
    [
      "classes in the middle",
      () => file(labelLine(ids[0]!, 0), classesLine(["a"])),
      /line 2: classes are allowed only in the first line/,
    ],
    ["a class twice", () => file(classesLine(["a", "b", "a"])), /"classes" has "a" twice/],
    ["no CSV", () => file("cat"), /expected id,label/],
    [
      "other examples",
      () => file("x.png,cat"),
      /has none of the 6 examples .* its first id is "x.png", .* is ".*0.png"/,
    ],
    ["nothing", () => file(""), /it has no lines of labels/],
  ])("%s is refused", async (_, path, message) => {
    await expect(open(`labels=${path()}`)).rejects.toThrow(message);
  });

  test("a source made by hand is read for its ids", async () => {
    const path = file("number 3,odd", "number 0,odd");
    const source = await relabel(numbered(5), path);
    expect([source.length, [...source.labels], (await source.get(1)).id]).toEqual([2, [1, 1], "number 3"]);
  });
});

describe("include and exclude", () => {
  test("keep or leave out what is listed; ids that match nothing are said, by fovea data too", async () => {
    const path = file("# near-duplicates of the test split", ids[1]!, ids[4]!, "", "elsewhere.png");
    const note = `1 of the 3 ids of ${path} are not in ${at("folder")} (train), such as elsewhere.png`;
    const without = await open(`exclude=${path}`);
    expect([...without.labels]).toEqual([0, 1, 1, 2]);
    expect(without.notes).toEqual([note]);
    const only = await open(`include=${path}`);
    expect([only.length, (await only.get(1)).id]).toEqual([2, ids[4]]);
    const { splits, problems } = await describeSource(`${at("folder")}?exclude=${path}`, { split: "train" });
    expect(splits[0]!.examples).toBe(4);
    expect(problems).toEqual([{ level: "warning", text: note }]);
  });

  test("generated pictures are named by what makes them, whatever else the spec says", async () => {
    const made = "generated:shapes?label=shape&size=16&length=6";
    const whole = await openSource(made);
    const { id } = await whole.get(2);
    const rest = await openSource(`${made}&exclude=${file(id)}&take=4`);
    expect(rest.length).toBe(4);
    const found = await Promise.all([0, 1, 2, 3].map(async (index) => (await rest.get(index)).id));
    expect(found).not.toContain(id);
    expect(found.every((one) => one.startsWith(`${made}/`))).toBe(true);
  });

  test("workers open the same selection", async () => {
    const source = await open(`exclude=${file(ids[1]!)}`);
    const options = { batchSize: 5, preprocessing: "decode|value_range", evaluation: true };
    const [here, there] = await Promise.all(
      [0, 1].map((workers) => collect(createLoader(source, { ...options, workers }))),
    );
    expect(there).toEqual(here);
  });

  test("nothing left is an error that shows an id of each", async () => {
    await expect(open(`include=${file("x.png")}`)).rejects.toThrow(/has none of the 6 .* its first id is "x.png"/);
    await expect(open(`exclude=${file(...ids)}`)).rejects.toThrow(/lists every example of/);
    await expect(open(`exclude=${at("lost.txt")}`)).rejects.toThrow(/there is no ".*lost.txt"/);
  });
});

describe("balanced draws", () => {
  const uneven: ImageSource = {
    ...numbered(30),
    classNames: ["a", "b", "c", "d"],
    // 3 of a, 9 of b, 18 of c, none of d
    labels: Int32Array.from({ length: 30 }, (_, i) => (i % 10 === 0 ? 0 : i % 10 < 4 ? 1 : 2)),
  };
  const counts = ({ labels }: ImageSource) => [0, 1, 2, 3].map((k) => labels.filter((label) => label === k).length);

  test("give every class as many, and what one lacks to the others", () => {
    expect(counts(takeBalanced(uneven, 9))).toEqual([3, 3, 3, 0]);
    expect(counts(takeBalanced(uneven, 15))).toEqual([3, 6, 6, 0]);
    expect(counts(takeBalanced(uneven, 99))).toEqual([3, 9, 18, 0]);
    const [a, b, c] = counts(takeBalanced(uneven, 8)) as [number, number, number];
    expect([a + b + c, Math.min(a, b, c)]).toEqual([8, 2]);
  });

  test("follow from the seed and keep the order", async () => {
    const listed = async (seed: number) => {
      const source = takeBalanced(uneven, 10, seed);
      return Promise.all(Array.from({ length: 10 }, async (_, i) => Number((await source.get(i)).id.slice(7))));
    };
    const first = await listed(1);
    expect(first).toEqual([...first].sort((x, y) => x - y));
    expect(await listed(1)).toEqual(first);
    expect(await listed(2)).not.toEqual(first);
  });

  test("stand in specs", async () => {
    const source = await openUntilEnd("embedded:sign-digits?take=24&balanced=true&seed=2");
    const perClass = source.classNames.map((_, k) => source.labels.filter((label) => label === k).length).sort();
    expect(perClass).toEqual([2, 2, 2, 2, 2, 2, 3, 3, 3, 3]);
    await expect(open("balanced=true")).rejects.toThrow(/take=n; set both/);
    await expect(open("take=3&balanced=yes")).rejects.toThrow(/invalid balanced "yes"; expected true or false/);
  });
});
