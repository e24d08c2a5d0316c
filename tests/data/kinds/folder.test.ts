/** Folders of images: classes, links, unreadable parts, images without classes. */
import { chmodSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeSource, imageFiles, openRecipe, openSource } from "../../../src/data/index.js";
import { listFiles, naturalOrder } from "../../../src/files/paths.js";
import { ExampleError } from "../../../src/images/index.js";
import { flat, tar, temporaryFolder, write } from "../../support/pictures.js";
import { unprivileged } from "../../support/unprivileged.js";

const root = temporaryFolder();
const at = (path: string) => join(root, path);

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
    write(at("elsewhere"), { "4.png": await flat(4) });
    symlinkSync(at("elsewhere"), at("linked/c"));
    symlinkSync(at("linked/nothing"), at("linked/b/3.png"));
    const source = await openSource(at("linked"));
    expect([source.classNames, source.length]).toEqual([["a", "b", "c"], 3]);
    expect((await source.get(2)).id).toBe(join(at("linked"), "c/4.png"));
    unlinkSync(at("linked/b/2.png"));
    const failure = await source.get(1).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ExampleError);
    expect((failure as ExampleError).message).toContain(join(at("linked"), "b/2.png"));
  });

  test("a folder that may not be read is told and left out, the others are read", async () => {
    write(at("closed"), { "a/1.png": await flat(1), "b/2.png": await flat(2), "c/3.png": await flat(3) });
    for (const folder of [root, at("closed")]) chmodSync(folder, 0o755);
    chmodSync(at("closed/b"), 0o000);
    const note = `the folder ${at("closed")}/b cannot be read (this user may not read it); its files were excluded`;
    await unprivileged(async () => {
      const source = await openSource(at("closed"));
      expect([source.classNames, source.length, source.notes]).toEqual([["a", "c"], 2, [note]]);
      const { problems } = await describeSource(at("closed"));
      expect(problems).toEqual([{ level: "warning", text: note }]);
      const images = await imageFiles([at("closed")]);
      expect([images.length, images.notes]).toEqual([2, [note]]);
      await expect(openSource(at("closed/b"))).rejects.toThrow(
        `the folder "${at("closed/b")}" cannot be read: this user may not read it`,
      );
    });
    chmodSync(at("closed/b"), 0o755);
  });

  test("formats that are not decoded, such as BMP, are no images of a folder", async () => {
    write(at("formats"), { "a.bmp": Buffer.from("BM"), "b.png": await flat(1) });
    expect((await imageFiles([at("formats")])).length).toBe(1);
    write(at("bitmaps"), { "a.bmp": Buffer.from("BM") });
    await expect(imageFiles([at("bitmaps")])).rejects.toThrow(/with one of the extensions \.jpg, .*\.tiff, \.avif$/);
  });

  test("every file counts once, whatever links lead to it: loops neither multiply images nor mix classes", async () => {
    write(at("loops"), { "a/1.png": await flat(1), "b/2.png": await flat(2) });
    write(at("store"), { "x/3.png": await flat(3), "4.png": await flat(4) });
    symlinkSync("..", at("loops/a/up"));
    symlinkSync(at("loops"), at("loops/b/all"));
    symlinkSync(at("loops/a"), at("loops/c"));
    symlinkSync(at("loops/a/1.png"), at("loops/b/1.png"));
    symlinkSync(at("store/x"), at("loops/d"));
    symlinkSync(at("store"), at("loops/e"));
    symlinkSync(at("store/4.png"), at("loops/a/4.png"));
    const { files, problems } = await listFiles(at("loops"));
    expect(files).toEqual(["a/1.png", "a/4.png", "b/2.png", "d/3.png"]);
    expect(problems).toEqual([
      "6 links lead to files or folders that are listed already, and were skipped, such as a/up",
    ]);
    // a folder that is itself a link
    symlinkSync(at("loops"), at("loops-link"));
    expect((await listFiles(at("loops-link"))).files).toEqual(files);
    const { splits } = await describeSource(at("loops"));
    expect(splits.map(({ classes }) => classes)).toEqual([
      [
        { name: "a", examples: 2 },
        { name: "b", examples: 1 },
        { name: "d", examples: 1 },
      ],
    ]);
  });

  test("without class folders images are taken where classes do not matter", async () => {
    const images = {
      "1.png": await flat(1),
      "10.png": await flat(3),
      "2.png": await flat(2),
      "notes.txt": Buffer.from("x"),
    };
    write(at("no-classes"), images);
    writeFileSync(at("no-classes.tar"), tar(images));
    for (const path of [at("no-classes"), at("no-classes.tar")]) {
      await expect(openSource(path)).rejects.toThrow(/are not in class folders/);
      const source = await openSource(path, { unlabelled: true });
      expect([source.classNames, [...source.labels]]).toEqual([["unlabelled"], [0, 0, 0]]);
      expect([0, 1, 2].map((i) => source.idOf?.(i)?.replace(/.*[/:]/, ""))).toEqual(["1.png", "2.png", "10.png"]);
      // another thread opens the same
      const again = await openRecipe(source.recipe ?? { kind: "open", spec: "", split: "" });
      expect(again.length).toBe(3);
      await source.close();
      await again.close();
    }
    write(at("mixed-up"), { "1.png": await flat(1), "a/2.png": await flat(2) });
    expect((await openSource(at("mixed-up"), { unlabelled: true })).length).toBe(2);
    write(at("split-only"), { "train/1.png": await flat(1), "test/2.png": await flat(2) });
    expect((await openSource(at("split-only"), { unlabelled: true, split: "test" })).length).toBe(1);
    // labels that are there are kept
    write(at("with-classes"), { "a/1.png": await flat(1), "b/2.png": await flat(2) });
    expect((await openSource(at("with-classes"), { unlabelled: true })).classNames).toEqual(["a", "b"]);
  });

  test("a file of labels replaces classes, so images need no class folders", async () => {
    const classes = '{"classes": ["cat", "dog"]}';
    const labels = (ids: readonly string[]) => {
      const path = at("labels.jsonl");
      const lines = ids.map((id, i) => JSON.stringify({ id, label: i % 2 === 0 ? "dog" : "cat" }));
      writeFileSync(path, [classes, ...lines].join("\n"));
      return path;
    };
    const images = { "1.png": await flat(1), "2.png": await flat(2), "1.json": Buffer.from("{}") };
    write(at("no-classes-2"), images);
    writeFileSync(at("no-classes-2.tar"), tar({ ...images, "2.json": Buffer.from("{}") }));
    for (const [path, id] of [
      [at("no-classes-2"), (name: string) => at(`no-classes-2/${name}`)],
      [at("no-classes-2.tar"), (name: string) => `${at("no-classes-2.tar")}:${name}`],
    ] as const) {
      const source = await openSource(`${path}?labels=${labels([id("1.png"), id("2.png")])}`);
      expect([source.classNames, [...source.labels], source.idOf?.(1)]).toEqual([["cat", "dog"], [1, 0], id("2.png")]);
      const again = await openRecipe(source.recipe ?? { kind: "open", spec: "", split: "" });
      expect([...again.labels]).toEqual([1, 0]);
      await source.close();
      await again.close();
      const described = await describeSource(`${path}?labels=${at("labels.jsonl")}`);
      expect([described.splits.map(({ examples }) => examples), described.problems]).toEqual([[2], []]);
    }
    // with split folders
    write(at("flat-splits"), {
      "train/1.png": await flat(1),
      "train/2.png": await flat(3),
      "test/2.png": await flat(2),
    });
    const file = labels(["train/1.png", "train/2.png", "test/2.png"].map((name) => at(`flat-splits/${name}`)));
    const source = await openSource(`${at("flat-splits")}?labels=${file}`, { split: "train" });
    expect([source.classNames, [...source.labels]]).toEqual([
      ["cat", "dog"],
      [1, 0],
    ]);
    // images outside of class folders are labelled beside those in them; the classes of the folders stay
    write(at("stray"), { "1.png": await flat(1), "a/2.png": await flat(2), "b/3.png": await flat(3) });
    const csv = at("labels.csv");
    writeFileSync(csv, `${at("stray/1.png")},b\n${at("stray/a/2.png")},a\n`);
    const stray = await openSource(`${at("stray")}?labels=${csv}`);
    expect([stray.classNames, [...stray.labels]]).toEqual([
      ["a", "b"],
      [1, 0],
    ]);
    // without classes of their own, the file must define them
    writeFileSync(csv, `${at("no-classes-2/1.png")},cat\n`);
    await expect(openSource(`${at("no-classes-2")}?labels=${csv}`)).rejects.toThrow(
      /unknown class "cat"; the dataset has no class folders, so the first line of the file must be \{"classes"/,
    );
  });

  test("natural order", () => {
    const names = ["b", "a10", "a9", "a", "10", "9", "010", "a9b"];
    expect(names.sort(naturalOrder)).toEqual(["9", "010", "10", "a", "a9", "a9b", "a10", "b"]);
  });
});
