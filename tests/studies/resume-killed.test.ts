/** A study whose processes were killed in the middle of a job continues: its table is that of a study that was not interrupted. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Row, readTable, type StudyOptions, scales } from "../../src/studies/index.js";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "fovea-killed-study-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const script = fileURLToPath(new URL("../support/study-process.mjs", import.meta.url));
/** Two jobs, one for each seed: the networks of its three sizes are one here. */
const name = "sample-efficiency";

function optionsOf(folder: string, processes: number): StudyOptions {
  const model = { name: "vit" as const, patchSize: 8, width: 16, depth: 1, heads: 1, mlpDim: 16, imageSize: 16 };
  const models = { ...scales.minutes.models, ViT: { small: model, medium: model, large: model } };
  const scale = { ...scales.minutes, imageSize: 16, subsets: [64], examples: 512, batchSize: 8, models };
  const upstream = "generated:shapes?label=count&length=64";
  return { scale, seeds: 2, upstream, downstream: ["embedded:sign-digits"], folder, processes, threads: 1 };
}

function start(folder: string, processes: number): { readonly child: ChildProcess; readonly errors: () => string } {
  const child = spawn(process.execPath, [script, name, JSON.stringify(optionsOf(folder, processes))], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors += text.toString();
  });
  return { child, errors: () => errors };
}

async function runWhole(folder: string, processes: number): Promise<Row[]> {
  const { child, errors } = start(folder, processes);
  const [status] = (await once(child, "close")) as [number | null];
  expect(status, errors()).toBe(0);
  return await readTable(join(folder, "minutes", `${name}.jsonl`));
}

const listed = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** Jobs that have a checkpoint and no result. */
const interrupted = (folder: string): string[] =>
  listed(join(folder, "work")).filter(
    (id) =>
      listed(join(folder, "work", id, "run", "checkpoints")).length > 0 &&
      !existsSync(join(folder, "jobs", `${id}.json`)),
  );

test("two processes that are killed in the middle of a job, and started again, give the table of one that is not", {
  timeout: 300_000,
}, async () => {
  const folder = join(root, "killed");
  const { child, errors } = start(folder, 2);
  while (interrupted(folder).length === 0 && child.exitCode === null) await sleep(2);
  child.kill("SIGKILL");
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  expect(signal, errors()).toBe("SIGKILL");
  expect(interrupted(folder).length).toBeGreaterThan(0);
  expect(listed(join(folder, "minutes"))).toEqual([]);
  const withoutTime = (rows: readonly Row[]) => rows.map(({ seconds: _, ...row }) => row);
  const continued = await runWhole(folder, 2);
  // two seeds, three sizes, four milestones
  expect(continued).toHaveLength(24);
  expect(withoutTime(continued)).toEqual(withoutTime(await runWhole(join(root, "whole"), 2)));
});
