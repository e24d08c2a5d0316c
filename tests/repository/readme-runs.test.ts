/** The cheap command lines of README and of the guides are run, in their order, in a folder with small files of the names that it uses. */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRandom } from "../../src/random/keyed.js";
import { inMarkdown, needsPublishedWeights } from "../support/command-lines.js";
import { tar } from "../support/records.js";
import { imageFolder, trainTiny } from "../support/trained-run.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = join(root, "bin/fovea.js");
const home = mkdtempSync(join(tmpdir(), "fovea-readme-"));
afterAll(() => rmSync(home, { recursive: true }));

/** README, then the guides, in an order in which each finds what those before it have written. */
const documents = [
  "README",
  "docs/few-shot",
  "docs/data",
  "docs/near-duplicates",
  "docs/robustness",
  "docs/training",
  "docs/browser",
  "docs/weights",
  "docs/vtab",
];
const lines = documents
  .flatMap((name) => inMarkdown(readFileSync(join(root, `${name}.md`), "utf8"), `${name}.md`))
  .filter(({ mention }) => !mention);

/** What is not run, and why. */
const costly: readonly (readonly [RegExp, string])[] = [
  [/^(train|finetune) /, "trains"],
  [/^quickstart/, "has tests of its own"],
  [/^(vtab|compare|speed) /, "measures for minutes"],
  [needsPublishedWeights, "needs published weights"],
];
/** Less of the same where a line would take long. */
const less: Readonly<Record<string, readonly string[]>> = {
  "--patch-size": ["--objects", "1"],
  "--test-images": ["--corruptions", "fog,contrast", "--severities", "1,5"],
};

const isCostly = (text: string) => costly.some(([pattern]) => pattern.test(text));
// a line that a guide repeats is run once
const cheap = [...new Map(lines.filter(({ text }) => !isCostly(text)).map((line) => [line.text, line])).values()];

/** A picture like no other: coarse noise. */
async function noise(file: string): Promise<void> {
  const random = createRandom("picture", file.slice(home.length));
  const data = Uint8Array.from({ length: 8 * 8 * 3 }, () => random.integer(256));
  await sharp(data, { raw: { width: 8, height: 8, channels: 3 } })
    .resize(48, 48)
    .png()
    .toFile(file);
}

beforeAll(async () => {
  const photos = await imageFolder(join(home, "photos"), { boots: 6, hats: 6, shirts: 6 }, 40);
  await imageFolder(join(home, "new-photos"), { boots: 3, hats: 3, shirts: 3 }, 36);
  for (const name of ["red", "green"]) {
    mkdirSync(join(home, "pretraining-images", name), { recursive: true });
    for (let i = 0; i < 4; i++) await noise(join(home, "pretraining-images", name, `${i}.png`));
  }
  // One image for pre-training is in the test set too.
  copyFileSync(join(photos, "boots/0.png"), join(home, "pretraining-images/red/9.png"));
  copyFileSync(join(photos, "hats/1.png"), join(home, "photo.jpg"));
  writeFileSync(join(home, "classes.txt"), "boots\nhats\nshirts\n");
  for (const name of readdirSync(photos)) {
    for (let i = 0; i < 6; i++) writeFileSync(join(photos, name, `${i}.txt`), `one of our ${name}\n`);
  }
  const hat = readFileSync(join(photos, "hats/2.png"));
  writeFileSync(join(home, "cifar.tar"), tar({ "a/1.png": hat, "b/2.png": readFileSync(join(photos, "hats/3.png")) }));
  mkdirSync(join(home, "runs"));
  await trainTiny(join(home, "runs/one"));
});

test("many lines are cheap, and nothing is skipped for another reason", () => {
  expect(cheap.length).toBeGreaterThan(12);
  for (const [pattern, why] of costly) {
    expect(lines.filter(({ text }) => pattern.test(text)).length, why).toBeGreaterThan(0);
  }
});

test.each(cheap.map((line) => [line.text, line.words] as const))("fovea %s", (text, words) => {
  const more = Object.entries(less).flatMap(([flag, added]) => (words.includes(flag) ? added : []));
  const environment = { ...process.env, FOVEA_CACHE: join(home, "cache") };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words, ...more], {
    cwd: home,
    encoding: "utf8",
    env: environment,
  });
  expect(status, `${text}\n${stderr}`).toBe(0);
  expect(stdout.length).toBeGreaterThan(10);
});

test("the lines leave what README says they do", () => {
  for (const path of [
    "models/photos/classifier.json",
    "exclude.txt",
    "duplicates.html",
    "leaked.html",
    "grid.svg",
    "web/config.json",
    "model.onnx",
  ]) {
    expect(existsSync(join(home, path)), path).toBe(true);
  }
  expect(readFileSync(join(home, "exclude.txt"), "utf8")).toContain("red/9.png");
});
