/** Microbatches where a recipe does not say: how many, that a run records and keeps them, and that they change no result. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parseModelName } from "../../../src/models/index.js";
import { loadRecipe, readMetrics, resolveRecipe, train } from "../../../src/train/index.js";
import { fastestMicrobatches } from "../../../src/train/plan/microbatches.js";
import { microbatchesOf } from "../../../src/train/plan/plan.js";
import { stoppedAt } from "../../support/course.js";
import { temporaryFolder, tinyRecipe } from "../../support/trained-run.js";

const root = temporaryFolder("microbatches");
afterAll(() => rmSync(root, { recursive: true, force: true }));

// Bytes of the hidden layer of a part: images * tokens * hidden width * 4; at most 5 MB, or 800 tokens.
test.each([
  ["S/16", 224, 4, 1], // 784 tokens
  ["S/16", 224, 8, 2],
  ["S/16", 224, 64, 8], // no more than eight parts
  ["S/16", 224, 7, 7], // 7 is prime
  ["Ti/16", 224, 8, 1], // 4.8 MB
  ["Ti/16", 224, 16, 2],
  ["B/16", 224, 4, 1],
  ["Ti/16", 32, 128, 1],
  ["Mixer-S/16", 224, 32, 8],
  ["R50x1", 224, 64, 1],
  ["R50+ViT-B/16", 224, 16, 1],
] as const)("%s at %i pixels, batch %i: %i", (name, side, batchSize, parts) => {
  expect(fastestMicrobatches(parseModelName(name), [side, side], batchSize)).toBe(parts);
});

const wide = { name: "vit", patchSize: 4, width: 32, depth: 1, heads: 2, mlpDim: 1024, imageSize: 64 } as const;
const recipe = (name: string) =>
  tinyRecipe(join(root, name), {
    model: wide,
    data: {
      train: { source: "generated:shapes?label=shape&size=64&length=24", preprocessing: "decode|value_range(-1,1)" },
      workers: 0,
    },
    batchSize: 8,
    total: { steps: 3 },
    log: { every: { steps: 1 } },
    checkpoint: { every: { steps: 100 }, keepLast: 2 },
  });

test("are one for other devices, half precision, and objectives that are not classifications", () => {
  const chosen = (changes: object) => microbatchesOf(resolveRecipe({ ...recipe("chosen"), ...changes }));
  expect(chosen({})).toBe(2);
  expect(chosen({ microbatches: 8 })).toBe(8);
  expect(chosen({ device: "webgpu" })).toBe(1);
  expect(chosen({ compute: "float16" })).toBe(1);
  expect(chosen({ objective: { name: "rotation" } })).toBe(1);
  expect(microbatchesOf(resolveRecipe(recipe("chosen")), 2)).toBe(1);
});

test("a run records them, goes on with them, and has the losses of one that takes the batch whole", async () => {
  const lossesOf = async (name: string) =>
    (await readMetrics(join(root, name, "metrics.jsonl"))).flatMap(({ loss }) => loss ?? []);
  await train(resolveRecipe({ ...recipe("whole"), microbatches: 1 }), { silent: true });
  await stoppedAt(recipe("parts"), 2);
  const saved = join(root, "parts", "recipe.json");
  expect((await loadRecipe(saved)).microbatches).toBe(2);
  await train(resolveRecipe(recipe("parts")), { silent: true, resume: true });
  const [whole, parts] = [await lossesOf("whole"), await lossesOf("parts")];
  expect(parts).toHaveLength(3);
  parts.forEach((loss, i) => {
    expect(Math.abs(loss - whole[i]!) / whole[i]!).toBeLessThan(1e-5);
  });
  await expect(
    train(resolveRecipe({ ...recipe("parts"), microbatches: 4 }), { silent: true, resume: true }),
  ).rejects.toThrow(/microbatches: 2 -> 4$/);
});

test("a run that recorded none took the batch whole, and goes on so", async () => {
  await stoppedAt({ ...recipe("before"), microbatches: 1 }, 1);
  const path = join(root, "before", "recipe.json");
  writeFileSync(path, readFileSync(path, "utf8").replace(/ *"microbatches": 1,\n/, ""));
  expect((await loadRecipe(path)).microbatches).toBeUndefined();
  const result = await train(resolveRecipe(recipe("before")), { silent: true, resume: true });
  expect(result.step).toBe(3);
  const losses = async (name: string) =>
    (await readMetrics(join(root, name, "metrics.jsonl"))).flatMap(({ loss }) => loss ?? []);
  expect(await losses("before")).toEqual(await losses("whole"));
});
