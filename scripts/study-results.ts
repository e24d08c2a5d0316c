/**
 * Carries the results of study jobs between this repository and a folder of studies, so that studies that share runs with those of
 * docs/studies train only what is missing.
 *
 * usage: npx jiti scripts/study-results.ts pack FOLDER      adds the results of the folder to docs/studies/results.jsonl
 *        npx jiti scripts/study-results.ts unpack FOLDER    adds those of docs/studies/results.jsonl to the folder
 *
 * FOLDER is the --output of `fovea study`. A result has no weights: a job that another one starts from is trained again.
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { requirePath } from "../src/files/paths.js";
import { type JobResult, JobStore } from "../src/studies/index.js";

const file = "docs/studies/results.jsonl";
const [action, folder] = process.argv.slice(2);
if (folder === undefined || (action !== "pack" && action !== "unpack")) {
  console.error("usage: npx jiti scripts/study-results.ts pack|unpack FOLDER");
  process.exit(1);
}
if (action === "pack") requirePath(folder);

const lines = existsSync(file) ? (await readFile(file, "utf8")).split("\n") : [];
const packed = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as JobResult);
const store = new JobStore(folder);

if (action === "pack") {
  // settings are left out: the recipe repeats what the study declares
  const found = (await store.results()).map(({ id, title, measurements, details }) => ({
    id,
    title,
    measurements,
    details,
  }));
  const all = new Map<string, JobResult>([...packed, ...found].map((one) => [one.id, one]));
  const sorted = [...all.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  await writeFile(file, sorted.map((one) => `${JSON.stringify(one)}\n`).join(""));
  console.log(`${all.size} results in ${file}`);
} else {
  const missing = packed.filter((one) => !store.isDone(one));
  for (const one of missing) await store.add(one);
  console.log(`${missing.length} results added to ${folder}`);
}
