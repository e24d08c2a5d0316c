/** What a network that learnt without labels can be asked: its representation by `fewshot` and `embed`, and no classes by `predict`. */

import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSafetensors } from "../../src/formats/safetensors.js";
import { open } from "../../src/networks/index.js";
import { planRun, resolveRecipe } from "../../src/train/index.js";
import { describeTrained } from "../../src/train/run/writer.js";
import { fovea } from "../support/command-line.js";
import { imageFolder, temporaryFolder, tinyRecipe, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("without-labels");
const network = join(root, "run");
const shapes = "generated:shapes?label=shape&size=16&length=24";

beforeAll(async () => {
  await trainTiny(network, { objective: { name: "rotation" } });
});
afterAll(() => rmSync(root, { recursive: true }));

test("few-shot classification and features work as with any network", async () => {
  const words = ["fewshot", network, shapes, "--shots", "2", "--seeds", "2", "--json"];
  const { status, stdout, stderr } = await fovea(...words);
  expect(status, stderr).toBe(0);
  const { summary, model } = JSON.parse(stdout);
  expect(summary).toMatchObject([{ shots: 2, mean: expect.any(Number) }]);
  expect(model).toMatchObject({ imageShape: [16, 16, 3] });

  const output = join(root, "features.safetensors");
  expect(await fovea("embed", network, shapes, "--output", output)).toMatchObject({ status: 0 });
  const { tensors } = await readSafetensors(output);
  expect(tensors.get("features")).toMatchObject({ dtype: "float32", shape: [24, 16] });
});

test("the head of the objective is in the checkpoint and not in the network", async () => {
  const model = await open(network, { threads: 1 });
  await model.close();
  expect(model.details).toMatchObject({ config: { classes: 0 } });
  const { tensors } = await readSafetensors(model.path);
  expect(tensors.get("objective/rotation/kernel")!.shape).toEqual([16, 4]);
});

test("it names no classes", async () => {
  const photos = await imageFolder(join(root, "photos"), { apple: 1 });
  const { status, stderr } = await fovea("predict", network, photos);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /was trained without classes and has no head, so it cannot classify; use its features \(fovea embed, fovea fewshot\)/,
  );
});

test.each([
  [
    "views",
    { name: "exemplar", views: 3, embedding: 8 },
    'decode|views(3,"inception_crop(16)|flip_lr")|value_range(-1,1)',
    'decode|views(3,"resize_small(18)|central_crop(16)")|value_range(-1,1)',
    "decode|resize_small(18)|central_crop(16)|value_range(-1,1)",
  ],
  [
    "patches",
    { name: "relativePatch", embedding: 8, hidden: 8 },
    "decode|random_crop(60)|patch_grid(3,20,16)|standardise(16)",
    "decode|central_crop(60)|patch_grid(3,20,16,place=centre)|standardise(16)",
    "decode|central_crop(60)|resize(16)|standardise",
  ],
] as const)(
  "a network that learnt from %s is shown whole images afterwards",
  async (name, objective, random, plain, seen) => {
    const source = "generated:shapes?label=shape&size=64&length=12";
    const folder = join(root, name);
    const train = { source, preprocessing: random };
    await trainTiny(folder, { objective, data: { train, evaluation: { source, preprocessing: plain }, workers: 0 } });
    const words = ["fewshot", folder, source, "--shots", "1", "--seeds", "1", "--json"];
    const { status, stdout, stderr } = await fovea(...words);
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout).model).toMatchObject({ imageShape: [16, 16, 3], preprocessing: seen });
    const given = resolveRecipe(tinyRecipe("unused", { objective, data: { train, workers: 0 } }));
    expect(describeTrained(given, planRun(given, 24, 4))).toMatchObject({ preprocessing: seen });
  },
);

test("folders without class folders are embedded and searched for duplicates", async () => {
  const flat = join(root, "flat");
  await imageFolder(join(root, "photos"), { apple: 2, leaf: 2 });
  mkdirSync(flat);
  for (const name of ["apple", "leaf"]) cpSync(join(root, "photos", name, "0.png"), join(flat, `${name}.png`));
  cpSync(join(flat, "leaf.png"), join(flat, "again.png"));
  const output = join(root, "flat.safetensors");
  const embedded = await fovea("embed", network, flat, "--output", output);
  expect([embedded.status, embedded.stderr]).toEqual([0, expect.any(String)]);
  expect((await readSafetensors(output)).tensors.get("features")).toMatchObject({ shape: [3, 16] });
  const found = await fovea("dedup", flat, "--no-cache", "--json");
  expect(found.status, found.stderr).toBe(0);
  const { groups } = JSON.parse(found.stdout);
  expect(groups).toHaveLength(1);
  expect(groups[0].members.map(({ id }: { id: string }) => id)).toEqual([
    join(flat, "again.png"),
    join(flat, "leaf.png"),
  ]);
  // what needs labels says so
  expect((await fovea("fit", flat)).stderr).toMatch(/are not in class folders .*; expected class\/file.jpg/);
});
