/**
 * The quickstart from end to end: with the backbone of the package, and with a network too small to learn that is trained
 * first: the three games, the report, going on.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type QuickstartResult, quickBackbone, quickstart } from "../../src/commands/quickstart/quickstart.js";
import { episodeSets, openPool } from "../../src/commands/quickstart/sets.js";
import { openSource } from "../../src/data/index.js";
import { loadRecipe, trainingParts } from "../../src/train/index.js";
import { fovea } from "../support/command-line.js";

const folder = mkdtempSync(join(tmpdir(), "fovea-quickstart-"));
const tiny = [
  ["model.width", "16"],
  ["model.heads", "2"],
  ["model.mlpDim", "16"],
  ["model.depth", "1"],
  ["total.steps", "2"],
  ["batchSize", "8"],
].map(([path, value]) => ({ path: path!, value: value! }));
let result: QuickstartResult;
let shipped: QuickstartResult;
const notes: string[] = [];

const options = { output: folder, train: { overrides: tiny }, silent: true, note: (text: string) => notes.push(text) };

beforeAll(async () => {
  result = await quickstart(options);
});
beforeAll(async () => {
  shipped = await quickstart({ output: join(folder, "shipped") });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the game is played on three sets, each beside chance and raw pixels on the same rounds", () => {
  expect(result.sets.map(({ set }) => set)).toEqual(["natural", "specialised", "counting"]);
  for (const { accuracy, interval, chance, rawPixels } of result.sets) {
    expect(chance).toBeCloseTo(1 / 3, 12);
    expect(accuracy).toBeGreaterThan(0.2);
    expect(accuracy).toBeLessThanOrEqual(1);
    expect(interval![0]).toBeLessThan(accuracy);
    expect(interval![1]).toBeGreaterThan(accuracy);
    expect(rawPixels).toBeGreaterThan(0.3);
  }
  // raw pixels do not depend on the network: these figures belong to the sets and the seed
  expect(result.sets.map(({ rawPixels }) => rawPixels.toFixed(3))).toEqual(["0.550", "0.640", "0.380"]);
});

test("the backbone of the package plays the same rounds, trains nothing, and beats raw pixels on photos", () => {
  expect([shipped.backbone, shipped.trained, shipped.interrupted]).toEqual([quickBackbone, undefined, false]);
  expect(shipped.sets.map(({ set }) => set)).toEqual(result.sets.map(({ set }) => set));
  for (const { set, accuracy, interval, rawPixels } of shipped.sets) {
    expect(accuracy, set).toBeGreaterThan(rawPixels + 0.1);
    expect(interval![0]).toBeLessThan(accuracy);
  }
  expect(readdirSync(join(folder, "shipped"))).toEqual(["report.html"]);
});

test.each(["trained", "shipped"])(
  "the report (%s) is one page with every figure, the pictures and nothing from elsewhere",
  (which) => {
    const { report, sets } = which === "trained" ? result : shipped;
    const page = readFileSync(report, "utf8");
    for (const { accuracy, rawPixels } of sets) {
      expect(page).toContain(`${(100 * accuracy).toFixed(1)}`);
      expect(page).toContain(`${(100 * rawPixels).toFixed(1)}`);
    }
    expect(page.match(/<img /g)!.length).toBe(3 * (15 + 15));
    expect(page).not.toMatch(/(src|href)="https?:/);
    expect(page.includes("Training")).toBe(which === "trained");
  },
);

test("the command prints the games at once and says which option trains", async () => {
  const output = join(folder, "command");
  const { status, stdout, stderr } = await fovea("quickstart", "--output", output);
  expect(status, stderr).toBe(0);
  for (const { set, accuracy } of shipped.sets) {
    expect(stdout).toMatch(new RegExp(`${set} +${(100 * accuracy).toFixed(1)} %`));
  }
  expect(stdout).toContain("npx fovea quickstart --train");
  expect(readdirSync(output)).toEqual(["report.html"]);
});

test("the classes of the games are left out of training, by the sources themselves", async () => {
  const recipe = await loadRecipe(new URL("../../recipes/quickstart.ts", import.meta.url).pathname);
  const trained = new Set<string>();
  for (const spec of trainingParts(recipe).flatMap(({ source }) => source.split(" + "))) {
    const source = await openSource(spec);
    for (const name of source.classNames) trained.add(`${spec.split("?")[0]}/${name}`);
    await source.close();
  }
  expect(trained.size).toBe(20);
  for (const set of episodeSets) {
    const pool = await openPool(set);
    expect(pool.classNames).toHaveLength(3);
    for (const name of pool.classNames) {
      expect(trained).not.toContain(`${set.pools[0]!.source.split("?")[0]}/${name}`);
    }
    await pool.close();
  }
});

test("called again it plays with the finished run and trains nothing", async () => {
  const again = await quickstart(options);
  expect(notes.join("\n")).toContain("holds step 2 of 2");
  expect(again.sets).toEqual(result.sets);
  expect(again.trained!.loss).toBe(result.trained!.loss);
});
