/**
 * Carries the results of study jobs between this repository and a folder of studies, so that studies that share runs with those of
 * docs/studies train only what is missing.
 *
 * usage: npx jiti scripts/study-results.ts pack FOLDER      adds the results of the folder to docs/studies/results.jsonl
 *        npx jiti scripts/study-results.ts unpack FOLDER    adds those of docs/studies/results.jsonl to the folder
 *
 * FOLDER is the --output of `fovea study`. A result has no weights: a job that another one starts from is trained again.
 */
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JobResult } from "../src/studies/index.js";

type Stored = Omit<JobResult, "settings">;

const file = "docs/studies/results.jsonl";
const [action, folder] = process.argv.slice(2);

async function results(): Promise<Map<string, Stored>> {
  const lines = existsSync(file) ? (await readFile(file, "utf8")).trimEnd().split("\n") : [];
  const found = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Stored);
  return new Map(found.map((one) => [one.id, one]));
}

async function pack(jobs: string): Promise<void> {
  const all = await results();
  for (const name of readdirSync(jobs)) {
    // settings are left out: the recipe repeats what the study declares, and the id is their hash
    const { id, title, measurements, details } = JSON.parse(await readFile(join(jobs, name), "utf8")) as JobResult;
    all.set(id, { id, title, measurements, details });
  }
  const byId = [...all.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  await writeFile(file, byId.map((one) => `${JSON.stringify(one)}\n`).join(""));
  console.log(`${all.size} results in ${file}`);
}

async function unpack(jobs: string): Promise<void> {
  await mkdir(jobs, { recursive: true });
  let added = 0;
  for (const one of (await results()).values()) {
    const path = join(jobs, `${one.id}.json`);
    if (existsSync(path)) continue;
    await writeFile(path, `${JSON.stringify(one)}\n`);
    added++;
  }
  console.log(`${added} results added to ${jobs}`);
}

if (folder === undefined || (action !== "pack" && action !== "unpack")) {
  console.error("usage: npx jiti scripts/study-results.ts pack|unpack FOLDER");
  process.exit(1);
}
await (action === "pack" ? pack : unpack)(join(folder, "jobs"));
