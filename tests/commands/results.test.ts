/** What commands print with --json is what their result schemas describe, on commands that are cheap to run. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { commands } from "../../src/commands/index.js";
import { fovea } from "../support/command-line.js";
import { imageFolder, temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("results");
const at = (name: string) => join(root, name);
const photos = at("photos");
const network = at("run");

beforeAll(async () => {
  await trainTiny(network);
  await imageFolder(photos, { apple: 8, leaf: 8 });
  writeFileSync(at("words.txt"), "apple\nleaf\n");
  writeFileSync(at("texts.jsonl"), ['{"id":"a","text":"an apple"}', '{"id":"b","text":"none"}'].join("\n"));
});
afterAll(() => rmSync(root, { recursive: true }));

/** The same schema, refusing keys that it does not name where objects are closed. */
function strict(schema: z.core.$ZodType): z.ZodType {
  if (schema instanceof z.ZodObject) {
    if (schema.def.catchall !== undefined && !(schema.def.catchall instanceof z.ZodNever)) return schema;
    return z.strictObject(Object.fromEntries(Object.entries(schema.shape).map(([key, value]) => [key, strict(value)])));
  }
  if (schema instanceof z.ZodArray) return z.array(strict(schema.element));
  if (schema instanceof z.ZodOptional) return strict(schema.def.innerType).optional();
  if (schema instanceof z.ZodReadonly) return strict(schema.def.innerType);
  if (schema instanceof z.ZodNullable) return strict(schema.def.innerType).nullable();
  if (schema instanceof z.ZodUnion) return z.union(schema.options.map(strict));
  return schema as z.ZodType;
}

const quick = ["--threads", "1"];
const cases: readonly (readonly [string, readonly string[]])[] = [
  ["data", [photos]],
  ["data weak-labels", [at("texts.jsonl"), "--vocabulary", at("words.txt"), "--output", at("weak.jsonl")]],
  ["data fractals", [at("few.csv"), "--categories", "2", "--fill", "0.05"]],
  ["settings", ["optimizer"]],
  ["models", ["S/16"]],
  ["models", ["--published"]],
  ["inspect", [network]],
  ["convert", [network, at("tiny.safetensors")]],
  ["inspect", [at("tiny.safetensors")]],
  ["export", [network, at("tiny.onnx")]],
  ["fit", [photos, "--backbone", "pixels:4", "--output", at("model"), "--folds", "2", ...quick]],
  ["predict", [at("model"), photos, "--top", "2", ...quick]],
  ["evaluate", [at("model"), photos, ...quick]],
  ["embed", ["pixels:4", photos, "--output", at("rows.safetensors"), ...quick]],
  ["fewshot", ["pixels:4", photos, "--shots", "1,2", "--seeds", "2", ...quick]],
  ["pseudo-label", [network, photos, "--output", at("labels.jsonl"), "--crops", "1", "--rotations", "1", ...quick]],
  ["dedup", [photos, "--neighbours", "0", "--no-cache", ...quick]],
  ["corruptions", ["pixels:4", photos, "--corruptions", "fog,contrast", "--severities", "1,5", ...quick]],
  ["patch-grid", ["pixels:48", "--patch-size", "8", "--objects", "1", ...quick]],
  ["train", [join(network, "recipe.json"), "--dry-run"]],
  ["finetune", [network, photos, "--dry-run", "--steps", "2", "--batch", "4", "--image-size", "16"]],
  ["speed backbones", ["random:mu/16?size=32", "--batch", "2", "--rounds", "1", ...quick]],
  ["speed ridge", ["--classes", "3", "--shots", "2", "--width", "8", "--rounds", "1", ...quick]],
];

test.each(cases)("%s %j", async (name, words) => {
  const { status, stdout, stderr } = await fovea(...name.split(" "), ...words, "--json");
  expect(stderr.split("\n").filter((line) => line.startsWith("fovea:"))).toEqual([]);
  expect(status).toBe(0);
  const command = commands.find((one) => one.name === name);
  const parsed = strict(command?.result ?? z.never()).safeParse(JSON.parse(stdout));
  expect(parsed.error?.issues ?? []).toEqual([]);
});
