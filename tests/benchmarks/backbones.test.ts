/** `fovea compare` on sets made for the purpose: equal to `fovea fewshot`, kept from one call to the next. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Comparison } from "../../src/benchmarks/index.js";
import { fovea } from "../support/command-line.js";
import { tar } from "../support/records.js";
import { imageFolder, temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("bench-backbones");
const network = join(root, "run");
const sets = join(root, "sets");
const cache = join(root, "cache");

/** A tar of a folder's files, under the same names. */
function tarOfFolder(folder: string, file: string): void {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".png"));
  writeFileSync(file, tar(Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name))]))));
}

beforeAll(async () => {
  await trainTiny(network);
  mkdirSync(sets);
  const made: Record<string, Record<string, number>> = {
    fruit: { apple: 9, leaf: 7 },
    weather: { fog: 8, rain: 6, sun: 7 },
  };
  for (const [name, counts] of Object.entries(made)) {
    for (const split of ["train", "test"]) await imageFolder(join(root, name, split), counts);
    tarOfFolder(join(root, name), join(sets, `${name}.tar`));
  }
});
afterAll(() => rmSync(root, { recursive: true }));

const words = (...more: string[]) => [
  ...["compare", network, `random:${network}`, "--data", sets, "--cache", cache, "--threads", "1"],
  ...["--shots", "1,3", "--seeds", "2", "--test-images", "100", ...more],
];
const kept = () => new Map(readdirSync(cache).map((name) => [name, statSync(join(cache, name)).mtimeMs]));

test("the figures of each set are those of fovea fewshot, beside raw pixels and the untrained network", async () => {
  const output = join(root, "figures.json");
  const { status, stdout } = await fovea(...words("--json", "--output", output));
  expect(status).toBe(0);
  const found = JSON.parse(stdout) as Comparison;
  expect(JSON.parse(readFileSync(output, "utf8"))).toEqual(found);
  const again = await fovea(...words("--output", output));
  expect([again.status, again.stderr]).toEqual([1, expect.stringMatching(/figures\.json.*--overwrite/)]);
  expect(found.sets).toEqual([
    { name: "fruit", classes: 2, tested: 16 },
    { name: "weather", classes: 3, tested: 21 },
  ]);
  expect(found.backbones.map(({ spec, kind, width }) => [spec, kind, width])).toEqual([
    ["pixels:16", "pixels", 768],
    [network, "network", 16],
    [`random:${network}`, "network", 16],
  ]);
  const [pixels, trained, random] = found.backbones;
  for (const { name: set } of found.sets) {
    const direct = await fovea(
      ...["fewshot", network, join(sets, `${set}.tar`), "--shots", "1,3", "--seeds", "2", "--threads", "1", "--json"],
    );
    const { summary } = JSON.parse(direct.stdout) as { summary: { shots: number; mean: number }[] };
    expect(trained!.sets[set]!.map(({ shots, mean }) => [shots, mean])).toEqual(summary.map((s) => [s.shots, s.mean]));
    // each class is shades of a colour of its own
    expect(pixels!.sets[set]![1]!.mean).toBeGreaterThan(0.9);
  }
  for (const one of found.backbones) {
    const [fruit, weather] = [one.sets["fruit"]!, one.sets["weather"]!];
    expect(one.mean.map(({ mean }) => mean)).toEqual([0, 1].map((i) => (fruit[i]!.mean + weather[i]!.mean) / 2));
    expect(one.imagesPerSecond).toBeGreaterThan(0);
  }
  expect(trained!.imageShape).toEqual([16, 16, 3]);
  // its checkpoint holds the optimiser's state too, so the size of that file says nothing
  expect(trained!.fileBytes).toBeUndefined();
  expect(random!.parameters).toBe(trained!.parameters);
  // the ONNX file holds every parameter of the features in four bytes, and little else
  expect(trained!.onnxBytes).toBeGreaterThan(4 * 3000);
});

test("what is done is not done again, and what is missing is", async () => {
  const before = kept();
  expect(before.size).toBe(6);
  const [gone] = [...before.keys()];
  rmSync(join(cache, gone!));
  const { status, stdout } = await fovea(...words());
  expect(status).toBe(0);
  const after = kept();
  expect([...after.keys()].sort()).toEqual([...before.keys()].sort());
  for (const [name, time] of after) if (name !== gone) expect(time).toBe(before.get(name));
  const rows = stdout.split("\n").filter((line) => line.startsWith("|"));
  expect(rows[0]).toMatch(/^\| backbone \| image \| parameters \| MB \| images\/s \| mean \| fruit \| weather \|$/);
  expect(rows).toHaveLength(5);
});

test("another protocol is measured anew; another set or backbone is asked for by name", async () => {
  const fewer = await fovea(...words("--sets", "fruit", "--seeds", "1", "--json"));
  expect((JSON.parse(fewer.stdout) as Comparison).sets.map(({ name }) => name)).toEqual(["fruit"]);
  expect(kept().size).toBe(9);
  expect((await fovea(...words("--sets", "snow"))).stderr).toMatch(/has no dataset snow; available: fruit, weather/);
  expect((await fovea(...words(network))).stderr).toContain(`${network} is given twice`);
  expect((await fovea("compare", network, "--data", network)).stderr).toMatch(/has no \.tar file/);
});
