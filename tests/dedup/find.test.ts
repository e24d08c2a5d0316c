/** The whole search on a folder in which it is known what is there twice. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSource } from "../../src/data/index.js";
import { type DescribedSet, describeSet, duplicatesPage, findDuplicates, summarise } from "../../src/dedup/index.js";
import { createRandom } from "../../src/random/keyed.js";
import { fovea } from "../support/command-line.js";

const [height, width] = [72, 96];

/** A picture of boxes and waves in colour; every seed another. */
function picture(seed: number): Uint8Array {
  const random = createRandom("picture", seed);
  const waves = Array.from({ length: 8 }, () => [
    random.range(-0.15, 0.15),
    random.range(-0.15, 0.15),
    random.range(0, 6),
    random.integer(3),
  ]);
  const boxes = Array.from({ length: 9 }, () => [
    random.integer(width),
    random.integer(height),
    5 + random.integer(18),
    random.integer(256),
  ]);
  const data = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = [128, 128, 128];
      for (const [fx, fy, phase, c] of waves) colour[c!]! += 25 * Math.sin(fx! * x + fy! * y + phase!);
      for (const [cx, cy, r, level] of boxes) {
        if (Math.abs(x - cx!) < r! && Math.abs(y - cy!) < r!) colour.fill(level!);
      }
      for (let c = 0; c < 3; c++) data[(y * width + x) * 3 + c] = Math.min(255, Math.max(0, colour[c]!));
    }
  }
  return data;
}

const of = (seed: number) => sharp(picture(seed), { raw: { height, width, channels: 3 } });

let root: string;
let photos: string;
const at = (...names: string[]) => join(photos, ...names);
const before = process.env["FOVEA_CACHE"];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "fovea-dedup-"));
  process.env["FOVEA_CACHE"] = join(root, "cache");
  photos = join(root, "photos");
  for (const split of ["train", "test"]) for (const name of ["a", "b"]) mkdirSync(at(split, name), { recursive: true });
  for (let i = 0; i < 8; i++) {
    await of(i)
      .png()
      .toFile(at("train", "a", `${i}.png`));
    await of(20 + i)
      .png()
      .toFile(at("train", "b", `${i}.png`));
    await of(40 + i)
      .jpeg()
      .toFile(at("test", i % 2 === 0 ? "a" : "b", `${i}.jpg`));
  }
  copyFileSync(at("train", "a", "0.png"), at("train", "b", "as-b.png"));
  await of(5)
    .png({ compressionLevel: 1, adaptiveFiltering: true })
    .toFile(at("train", "a", "5-again.png"));
  await of(3)
    .extract({ left: 6, top: 5, width: 84, height: 62 })
    .resize(60, 44)
    .jpeg({ quality: 50 })
    .toFile(at("test", "a", "part.jpg"));
  await of(24)
    .flop()
    .modulate({ brightness: 1.15 })
    .jpeg()
    .toFile(at("test", "b", "mirrored.jpg"));
  await of(6)
    .rotate(90)
    .greyscale()
    .jpeg()
    .toFile(at("train", "a", "turned.jpg"));
  writeFileSync(at("train", "a", "broken.jpg"), readFileSync(at("test", "a", "0.jpg")).subarray(0, 600));
  const blank = sharp({ create: { width: 40, height: 40, channels: 3, background: "#eeeeee" } });
  await blank.png().toFile(at("train", "b", "blank.png"));
  await blank
    .resize(41, 40)
    .png()
    .toFile(at("train", "b", "blank-2.png"));
});
afterAll(() => {
  if (before === undefined) delete process.env["FOVEA_CACHE"];
  else process.env["FOVEA_CACHE"] = before;
  rmSync(root, { recursive: true, force: true });
});

async function described(split: string): Promise<DescribedSet> {
  return describeSet(await openSource(photos, { split }));
}

async function closeAll(sets: readonly DescribedSet[]): Promise<void> {
  for (const set of sets) {
    await set.close();
    await set.source.close();
  }
}

const baseName = (id: string) => id.replace(/^.*[\\/](train|test)[\\/]/, "$1/").replaceAll("\\", "/");

describe("a search", () => {
  test("finds each pair, how it is one picture, and nothing else", async () => {
    const sets = [await described("train"), await described("test")];
    const found = await findDuplicates(sets);
    const roles = sets.map((set, i) => ({ set, name: i === 0 ? "train" : "test", upstream: i === 0 }));
    const summary = summarise(roles, found);
    const pairs = summary.groups.map(({ members, matches, leaks, conflict }) => [
      members
        .map(({ id }) => baseName(id))
        .sort()
        .join(" "),
      matches.map(({ kind }) => kind).join(),
      leaks,
      conflict?.join(),
    ]);
    expect(pairs.sort()).toEqual([
      ["test/a/part.jpg train/a/3.png", "near-duplicate", true, undefined],
      ["test/b/mirrored.jpg train/b/4.png", "near-duplicate", true, undefined],
      ["train/a/0.png train/b/as-b.png", "same bytes", false, "a,b"],
      ["train/a/5-again.png train/a/5.png", "same pixels", false, undefined],
      ["train/a/6.png train/a/turned.jpg", "near-duplicate", false, undefined],
    ]);
    expect(summary.matchesTest).toBe(2);
    expect(summary.repeated).toBe(3);
    expect(summary.leaked[0]!.ids.map(baseName).sort()).toEqual(["test/a/part.jpg", "test/b/mirrored.jpg"]);
    expect(sets[0]!.broken.map(({ id }) => baseName(id))).toEqual(["train/a/broken.jpg"]);
    const page = await duplicatesPage(summary, { title: "Twice", command: "fovea dedup" });
    expect(page.match(/<img /g)).toHaveLength(10);
    expect(page).toContain("mirrored left to right");
    await closeAll(sets);
  });

  test("remembers what it has described, but not of a file that has changed", async () => {
    const first = await described("test");
    const second = await described("test");
    expect(second.remembered).toBe(second.ids.length);
    expect(second.hashes).toEqual(first.hashes);
    await closeAll([first, second]);
    const path = at("test", "a", "0.jpg");
    const old = readFileSync(path);
    await of(99).jpeg().toFile(path);
    const third = await described("test");
    expect(third.remembered).toBe(third.ids.length - 1);
    await closeAll([third]);
    writeFileSync(path, old);
  });

  test("goes on after an interruption", async () => {
    process.env["FOVEA_CACHE"] = join(root, "other-cache");
    const controller = new AbortController();
    const source = await openSource(photos, { split: "train" });
    const onProgress = (images: number) => {
      if (images === 6) controller.abort(new Error("interrupted"));
    };
    await expect(describeSet(source, { signal: controller.signal, onProgress })).rejects.toThrow("interrupted");
    await source.close();
    const again = await described("train");
    expect(again.remembered).toBeGreaterThanOrEqual(5);
    expect(again.remembered).toBeLessThan(again.ids.length - 1);
    await closeAll([again]);
    process.env["FOVEA_CACHE"] = join(root, "cache");
  });
});

describe("fovea dedup", () => {
  test("writes lists that sources take, and a page", async () => {
    const [exclude, leaked, page] = ["exclude.txt", "leaked.txt", "page.html"].map((name) => join(root, name));
    const ran = await fovea("dedup", photos, "--exclude", exclude!, "--leaked", leaked!, "--report", page!);
    expect(ran.status).toBe(0);
    expect(ran.stderr).toContain("1 image could not be read and was excluded");
    expect(ran.stderr).toContain("broken.jpg");
    expect(ran.stdout).toContain(
      "exclude 5 training images: 2 near-duplicates of test images, 3 repetitions of other training images",
    );
    expect(ran.stdout).toMatch(/classes a, b/);
    expect(statSync(page!).size).toBeGreaterThan(10_000);
    const train = await openSource(photos, { split: "train" });
    const cleaned = await openSource(`${photos}?exclude=${exclude}`, { split: "train" });
    const test = await openSource(`${photos}?exclude=${leaked}`, { split: "test" });
    expect(cleaned.length).toBe(train.length - 5);
    expect(cleaned.notes ?? []).toEqual([]);
    expect(test.length).toBe(8);
    for (const source of [train, cleaned, test]) await source.close();
    const again = await fovea("dedup", photos, "--exclude", exclude!);
    expect(again.status).toBe(1);
    expect(again.stderr).toContain("--overwrite");
    // What is cleaned is clean.
    const clean = await fovea("dedup", `${photos}?exclude=${exclude}`, "--split", "train", "--no-crops", "--json");
    expect(JSON.parse(clean.stdout)).toMatchObject({ leaveOut: [], matchesTest: 0, repeated: 0 });
  });

  test("compares with test sets that are named", async () => {
    const other = join(root, "other");
    mkdirSync(join(other, "x"), { recursive: true });
    await of(2)
      .webp({ quality: 60 })
      .toFile(join(other, "x", "known.webp"));
    await of(60)
      .png()
      .toFile(join(other, "x", "new.png"));
    const ran = await fovea("dedup", photos, "--against", other, "--json");
    const { leaked, matchesTest, sets } = JSON.parse(ran.stdout);
    expect(sets).toHaveLength(2);
    expect(matchesTest).toBe(1);
    expect(leaked).toEqual([{ set: `${other} (all)`, ids: [expect.stringContaining("known.webp")] }]);
  });

  test("says what is wrong", async () => {
    expect((await fovea("dedup", photos, "more")).stderr).toContain("--against");
    expect((await fovea("dedup", photos, "--distance", "40")).stderr).toContain("--distance");
    expect((await fovea("dedup", photos, "--threshold", "2")).stderr).toContain("--threshold");
    const empty = join(root, "empty", "x");
    mkdirSync(empty, { recursive: true });
    expect((await fovea("dedup", join(root, "empty"))).status).toBe(1);
    writeFileSync(join(empty, "broken.png"), "no image");
    expect((await fovea("dedup", join(root, "empty"))).stderr).toContain("none of the images");
  });
});
