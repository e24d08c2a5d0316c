/** The ranks of an MPI job share the jobs of a study; the first of them writes its files. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commands } from "../../src/commands/index.js";
import { defineJob } from "../../src/studies/framework/job.js";
import { runStudy, type StudyOptions, studyNamed } from "../../src/studies/index.js";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "fovea-study-ranks-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

test("every rank runs jobs, none runs twice, and only the first rank writes the table", async () => {
  const ran: number[] = [];
  const jobs = [0, 1, 2, 3].map((seed) =>
    defineJob({
      title: `job ${seed}`,
      settings: { seed },
      flops: () => 1,
      run: async () => {
        ran.push(seed);
        await new Promise((resolve) => setTimeout(resolve, 20));
        const values = { fewshot10: 0.5 + seed / 100 };
        return { measurements: [{ images: 1, flops: 1, seconds: 1, values }], details: {} };
      },
    }),
  );
  const positions = studyNamed("positions");
  const series = ["1-D learned", "none"];
  const study = {
    ...positions,
    runs: () => jobs.map((job, i) => ({ job, series: series[i % 2] ?? "", x: 0, seed: i >> 1 })),
  };
  const options = { scale: "minutes", upstream: "generated:shapes?label=count&length=8", folder: root } as const;
  const asRank = (rank: number): StudyOptions => ({ ...options, rank: { rank, size: 2 } });

  const second = await runStudy(study, { ...asRank(1), folder: join(root, "alone") });
  expect(second.files).toEqual([]);
  expect(existsSync(join(root, "alone", "minutes"))).toBe(false);

  ran.length = 0;
  const [first, other] = await Promise.all([runStudy(study, asRank(0)), runStudy(study, asRank(1))]);
  expect(ran.sort()).toEqual([0, 1, 2, 3]);
  expect(other.verdict).toEqual(first.verdict);
  expect(other.files).toEqual([]);
  for (const file of first.files) expect(existsSync(file), file).toBe(true);
});

test("the command runs on every rank, but only where jobs are run", () => {
  const distributed = (given: object) => commands.find(({ name }) => name === "study")?.distributed(given);
  const given = { name: "positions", figureOnly: false, dryRun: false };
  expect(distributed(given)).toBe(true);
  for (const other of [{ name: undefined }, { figureOnly: true }, { dryRun: true }]) {
    expect(distributed({ ...given, ...other })).toBe(false);
  }
});
