/** `fovea data` on folders made for the purpose. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { run } from "../../src/cli/main.js";
import { openSource } from "../../src/data/index.js";

let folder: string;
let stdout = "";
let stderr = "";

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "fovea-data-"));
  let shade = 0;
  for (const [split, each] of [
    ["train", 3],
    ["test", 1],
  ] as const) {
    for (const name of ["cat", "dog"]) {
      mkdirSync(join(folder, split, name), { recursive: true });
      for (let i = 0; i < each; i++) {
        shade += 20;
        const background = { r: shade, g: 0, b: 0 };
        const image = sharp({ create: { width: 12, height: 10, channels: 3, background } });
        await image.png().toFile(join(folder, split, name, `${i}.png`));
      }
    }
  }
  stdout = "";
  stderr = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

test("describes splits, classes and sizes", async () => {
  expect(await run(["data", folder])).toBe(0);
  expect(stderr).toBe("");
  expect(stdout).toMatch(/\(folder\)\n/);
  expect(stdout).toMatch(
    /\ntrain: 6 images of 2 classes\n {2}cat {2}3\n {2}dog {2}3\n {2}all decoded\n {2}12 x 10 colour, png {2}6\n/,
  );
  expect(stdout).toMatch(/\ntest: 2 images of 2 classes\n/);
  expect(stdout).toMatch(/\n\nno problems found\n$/);
});

test("one split as JSON", async () => {
  expect(await run(["data", folder, "--split", "test", "--json"])).toBe(0);
  const { kind, splits, problems } = JSON.parse(stdout);
  expect({ kind, problems }).toEqual({ kind: "folder", problems: [] });
  expect(splits).toMatchObject([{ split: "test", examples: 2, checked: 2, broken: [] }]);
});

test("a broken image and a copy under another label are named, and the command fails", async () => {
  writeFileSync(join(folder, "train", "cat", "broken.png"), "not an image");
  const twin = sharp({ create: { width: 9, height: 9, channels: 3, background: "white" } });
  for (const name of ["cat", "dog"])
    await twin
      .clone()
      .png()
      .toFile(join(folder, "train", name, "twin.png"));
  expect(await run(["data", folder, "--check"])).toBe(1);
  expect(stdout).toMatch(/problems\n/);
  expect(stdout).toMatch(/error: .*broken\.png/);
  expect(stdout).toMatch(/error: 1 image\(s\) are the same to the byte as one with another label: .*twin\.png/);
  expect(stdout).toMatch(/all decoded, 1 broken/);
});

test("long lists are cut short in the text only", async () => {
  for (let i = 0; i < 40; i++) mkdirSync(join(folder, "train", `class-${i}`));
  for (let i = 0; i < 40; i++) writeFileSync(join(folder, "train", `class-${i}`, "a.png"), "no image");
  expect(await run(["data", folder, "--split", "train"])).toBe(1);
  expect(stdout).toContain("... and 22 more");
  stdout = "";
  expect(await run(["data", folder, "--split", "train", "--json"])).toBe(1);
  expect(JSON.parse(stdout).splits[0].classes).toHaveLength(42);
});

test.each([
  ["a path that is not there", ["data", "/nowhere/at/all"], 1, /nowhere/],
  ["an unknown embedded set", ["data", "embedded:nothing"], 1, /nothing/],
  ["a missing argument", ["data"], 2, /missing argument IMAGES/],
])("%s is one clear message", async (_name, words, status, message) => {
  expect(await run(words)).toBe(status);
  expect(stdout).toBe("");
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n {4}at /);
});

test("an empty folder is one clear message", async () => {
  const empty = join(folder, "empty");
  mkdirSync(empty);
  expect(await run(["data", empty])).toBe(1);
  expect(stderr).toMatch(/empty/);
});

test("data fractals writes categories that a spec reads, and keeps a file that is there", async () => {
  const file = join(folder, "fractals.csv");
  expect(await run(["data", "fractals", file, "--categories", "2", "--fill", "0.05", "--json"])).toBe(0);
  const found = JSON.parse(stdout);
  expect(found).toMatchObject({ file, categories: 2, fill: 0.05, seed: 0 });
  expect(found.candidates).toBeGreaterThanOrEqual(2);
  stdout = "";
  // The same pictures as those of a set that searches for itself.
  const rest = "instances=1&size=32&points=500";
  const [read, searched] = await Promise.all([
    openSource(`generated:fractals?categories=${file}&${rest}`),
    openSource(`generated:fractals?categories=2&fill=0.05&${rest}`),
  ]);
  expect(read.classNames).toEqual(searched.classNames);
  expect((await read.get(1)).image).toEqual((await searched.get(1)).image);
  expect(await run(["data", "fractals", file, "--categories", "2"])).toBe(1);
  expect(stderr).toMatch(/exists already/);
  expect(await run(["data", "fractals", join(folder, "x.csv"), "--fill", "2"])).toBe(2);
});

test("a page of augmentations", async () => {
  const file = join(folder, "sheet.html");
  expect(await run(["data", folder, "--augmentations", file])).toBe(0);
  expect(stdout).toContain(`augmentations of its first image: ${file}`);
  const page = readFileSync(file, "utf8");
  for (const name of ["AutoContrast", "SolarizeAdd", "hsvnoise", "randaug(layers, magnitude", "fog"])
    expect(page).toContain(name);
  // Sixteen ops at five magnitudes, seven pipelines with five seeds and fifteen corruptions at five severities.
  expect(page.match(/<image /g)).toHaveLength((16 + 7 + 15) * 5);
});
