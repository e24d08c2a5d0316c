/** Jobs of studies: names, sharing among processes, the table. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockFolder } from "../../src/files/lock.js";
import { lastValue } from "../../src/studies/framework/study.js";
import { meanRows, rowsOfMeasure } from "../../src/studies/framework/table.js";
import {
  defineJob,
  type Job,
  JobStore,
  type Row,
  readTable,
  runJobs,
  tableCsv,
  writeTable,
} from "../../src/studies/index.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "fovea-jobs-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A job that counts how often it ran. */
function counted(settings: unknown, needs: readonly Job[] = []) {
  const runs: string[] = [];
  const job = defineJob({
    title: JSON.stringify(settings),
    settings,
    needs,
    flops: () => 1,
    run: async ({ folder: own }) => {
      runs.push(own);
      return { measurements: [{ images: 1, flops: 1, seconds: 1, values: { y: 2 } }], details: {} };
    },
  });
  return { job, runs };
}

describe("a job", () => {
  test("has the same id for equal settings, whatever the order of their keys", () => {
    expect(counted({ a: 1, b: [2] }).job.id).toBe(counted({ b: [2], a: 1 }).job.id);
    expect(counted({ a: 1 }).job.id).not.toBe(counted({ a: 2 }).job.id);
    expect(counted({ a: 1 }, [counted(1).job]).job.id).not.toBe(counted({ a: 1 }, [counted(2).job]).job.id);
  });

  test("runs once, and its result appears whole", async () => {
    const { job, runs } = counted("once");
    const store = new JobStore(folder);
    await runJobs(store, [job, job]);
    await runJobs(new JobStore(folder), [job]);
    expect(runs).toHaveLength(1);
    expect(await readdir(join(folder, "jobs"))).toEqual([`${job.id}.json`]);
    expect((await store.read(job))?.measurements[0]?.values).toEqual({ y: 2 });
  });

  test("runs after those that it needs, which nobody has to list", async () => {
    const first = counted("first");
    const second = counted("second", [first.job]);
    const order: string[] = [];
    await runJobs(new JobStore(folder), [second.job], { onJob: ({ title }) => void order.push(title) });
    expect(order).toEqual(['"first"', '"second"']);
  });

  test("is run again if another one needs its folder, which is gone", async () => {
    const first = counted("first");
    const second = counted("second", [first.job]);
    const third = counted("third", [first.job]);
    const store = new JobStore(folder);
    await runJobs(store, [second.job]);
    await rm(store.folderOf(first.job), { recursive: true });
    await runJobs(store, [second.job]);
    expect(first.runs).toHaveLength(1);
    expect(store.open([first.job, second.job])).toEqual([]);
    expect(store.open([first.job, second.job, third.job])).toEqual([first.job, third.job]);
    await runJobs(store, [second.job, third.job]);
    expect([first.runs.length, second.runs.length, third.runs.length]).toEqual([2, 1, 1]);
  });

  test("is not run where its result was carried to, even without settings", async () => {
    const { job, runs } = counted("carried");
    const [there, here] = [new JobStore(join(folder, "there")), new JobStore(join(folder, "here"))];
    await runJobs(there, [job]);
    await writeFile(join(folder, "there", "jobs", ".writing-1-half.json"), "{");
    for (const { settings: _, ...result } of await there.results()) await here.add(result);
    await runJobs(here, [job]);
    expect(runs).toHaveLength(1);
    expect((await here.read(job))?.measurements).toEqual((await there.read(job))?.measurements);
  });

  test("waits while another process runs it", async () => {
    const { job, runs } = counted("shared");
    const store = new JobStore(folder);
    await mkdir(store.folderOf(job), { recursive: true });
    const lock = await lockFolder(store.folderOf(job));
    expect(await store.run(job, {})).toBe(false);
    await lock.release();
    expect(await store.run(job, {})).toBe(true);
    expect(runs).toHaveLength(1);
  });

  test("that fails leaves no result, and its error is thrown", async () => {
    const job = defineJob({
      title: "fails",
      settings: "fails",
      flops: () => 0,
      run: () => Promise.reject(new Error("no")),
    });
    await expect(runJobs(new JobStore(folder), [job])).rejects.toThrow("no");
    expect(await readdir(join(folder, "jobs"))).toEqual([]);
  });

  test("tidies up after its result is stored", async () => {
    const store = new JobStore(folder);
    const seen: boolean[] = [];
    const job: Job = defineJob({
      title: "tidy",
      settings: "tidy",
      flops: () => 0,
      run: async () => ({ measurements: [], details: {}, tidy: async () => void seen.push(store.isDone(job)) }),
    });
    await runJobs(store, [job]);
    expect(seen).toEqual([true]);
  });
});

describe("the table", () => {
  const rows: Row[] = [
    { job: "a1", seed: 0, series: 'ViT "small", new', x: 1e3, y: 0.1 + 0.2, images: 1, flops: 1e12, seconds: 0.5 },
    { job: "b2", seed: 1, series: "plain", x: 2, y: -1e-9, images: 2, flops: 0, seconds: 3 },
  ];

  test("is read as it was written, to the last digit", async () => {
    await writeTable(join(folder, "t"), rows);
    expect(await readTable(join(folder, "t.jsonl"))).toEqual(rows);
  });

  test("is CSV with quoted names", () => {
    const [head, first] = tableCsv(rows).split("\n");
    expect(head).toBe("job,seed,series,x,y,images,flops,seconds");
    expect(first).toBe('a1,0,"ViT ""small"", new",1000,0.30000000000000004,1,1000000000000,0.5');
  });

  test("is averaged over rows of the same series, x and seed alone", () => {
    const [first] = rows;
    if (!first) throw new Error("no row");
    const of = (series: string, x: number, seed: number, y: number): Row => ({ ...first, series, x, seed, y });
    const means = meanRows([of("a", 1, 0, 2), of("a", 1, 1, 5), of("a", 1, 0, 4), of("a", 2, 0, 7), of("b", 1, 0, 9)]);
    expect(means.map(({ series, x, seed, y }) => [series, x, seed, y])).toEqual([
      ["a", 1, 0, 3],
      ["a", 1, 1, 5],
      ["a", 2, 0, 7],
      ["b", 1, 0, 9],
    ]);
  });

  test("is divided by what was measured", () => {
    const [first] = rows;
    if (!first) throw new Error("no row");
    const all = ["ViT", "ViT, loss", "Mixer, loss", "Mixer, final loss"].map((series) => ({ ...first, series }));
    expect(rowsOfMeasure(all, "loss").map(({ series }) => series)).toEqual(["ViT", "Mixer"]);
    expect(rowsOfMeasure(all).map(({ series }) => series)).toEqual(["ViT"]);
  });

  test("names the line that is no row", async () => {
    await writeFile(join(folder, "t.jsonl"), `${JSON.stringify(rows[0])}\n{"job":1}\n`);
    await expect(readTable(join(folder, "t.jsonl"))).rejects.toThrow(/t\.jsonl, line 2: expected a row with job/);
  });
});

test("a job that runs longer than others of its study is read where they end", () => {
  const job = { id: "", title: "long", settings: {}, needs: [], flops: () => 0, run: () => expect.fail() };
  const measurements = [25, 50, 100].map((images) => ({
    images,
    flops: 10 * images,
    seconds: 1,
    values: { fewshot10: images / 1000 },
  }));
  const result = { id: "", title: "long", settings: {}, measurements, details: {} };
  const at = (measuredAt?: number) => lastValue({ job, series: "long", seed: 0, measuredAt }, result)[0];
  expect(at()).toMatchObject({ y: 0.1, images: 100, flops: 1000 });
  expect(at(50)).toMatchObject({ y: 0.05, images: 50, flops: 500 });
  expect(() => at(200)).toThrow("the job of long has measured nothing at 200 images");
});
