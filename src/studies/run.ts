/** Runs a study: its jobs, its table, its figures and its verdict. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder } from "../files/folder.js";
import { threadsEach } from "../runtime/index.js";
import type { Hooks } from "../text/progress.js";
import { evaluateMatmulRate, launchOf } from "../train/index.js";
import { defaultDownstream, fractals, studyData } from "./framework/data.js";
import { JobStore, runJobs, withNeeds } from "./framework/job.js";
import { type Scale, type ScaleName, scales } from "./framework/scale.js";
import { lastValue, type Run, type Study, type StudyContext } from "./framework/study.js";
import { type Row, readTable, writeTable } from "./framework/table.js";
import { startProcesses } from "./processes.js";
import { figureFile, type Reported, studyHtml } from "./report.js";

/** Options of `runStudy` and `planStudy`. */
export interface StudyOptions extends Hooks {
  /** A scale by its name, or one with other numbers, whose results are written as those of its name. Default: minutes. */
  readonly scale?: ScaleName | Scale | undefined;
  /** Number of seeds. Default: that of the study or of the scale. */
  readonly seeds?: number | undefined;
  /** Spec of the labelled dataset to pre-train on. Default: `fractals` of the scale's image size. */
  readonly upstream?: string | undefined;
  /** Specs of the datasets to transfer to. Default: three datasets of the package. */
  readonly downstream?: readonly string[] | undefined;
  /** Folder of jobs, tables and figures. Default: `runs/studies`. */
  readonly folder?: string | undefined;
  /** Processes that share the jobs. Default: 1. */
  readonly processes?: number | undefined;
  /** Threads of a job. Default: the cores divided among the processes and ranks. */
  readonly threads?: number | undefined;
  /** The rank of this process and their number: all run jobs, the first writes the table and figures. Default: those of the MPI launcher. */
  readonly rank?: { readonly rank: number; readonly size: number } | undefined;
}

/** Results of a study. */
export interface StudyReport extends Reported {
  /** Files that were written, the report first. */
  readonly files: readonly string[];
}

export const defaultFolder = "runs/studies";

/** Width of the figures that are written as files, in CSS pixels. */
const figureWidth = 720;

const ranksOf = ({ rank }: StudyOptions) => rank ?? launchOf() ?? { rank: 0, size: 1 };

function threadsOf(options: StudyOptions): number {
  const { threads, processes = 1 } = options;
  return threads ?? threadsEach(processes * ranksOf(options).size);
}

const scaleOf = ({ scale = "minutes" }: StudyOptions): Scale => (typeof scale === "string" ? scales[scale] : scale);

async function contextOf(study: Study, options: StudyOptions): Promise<StudyContext> {
  const scale = scaleOf(options);
  const count = options.seeds ?? study.seeds ?? scale.seeds;
  return {
    scale,
    seeds: Array.from({ length: count }, (_, seed) => seed),
    data: await studyData(options.upstream ?? fractals(scale.imageSize), options.downstream ?? defaultDownstream),
  };
}

/** Runs the open jobs of a study and nothing else: what each further process does. */
export async function runStudyJobs(study: Study, options: StudyOptions): Promise<void> {
  const jobs = study.runs(await contextOf(study, options)).map(({ job }) => job);
  await runJobs(new JobStore(options.folder ?? defaultFolder), jobs, { threads: options.threads });
}

/** What a study will cost. */
export interface StudyPlan {
  readonly jobs: number;
  /** Jobs that are to be run. */
  readonly open: number;
  /** Matrix FLOPs of the open jobs. */
  readonly flops: number;
  /** Estimated seconds of the open jobs on machines like this one, with the given processes, threads and MPI ranks. */
  readonly seconds: number;
}

/** Share of the rate of a large matrix multiplication that the small models of studies reach, measuring and evaluation included. */
const assumedRatio = 0.25;

/** Counts the jobs and FLOPs of a study and estimates their time; trains nothing. */
export async function planStudy(study: Study, options: StudyOptions): Promise<StudyPlan> {
  const jobs = withNeeds(study.runs(await contextOf(study, options)).map(({ job }) => job));
  const store = new JobStore(options.folder ?? defaultFolder);
  const open = store.open(jobs);
  const flops = open.reduce((sum, job) => sum + job.flops(), 0);
  // processes and threads divide the same cores; every MPI rank has as many
  const cores = threadsOf(options) * (options.processes ?? 1);
  const gflops = open.length === 0 ? 1 : ranksOf(options).size * (await evaluateMatmulRate(cores));
  return { jobs: jobs.length, open: open.length, flops, seconds: flops / (gflops * 1e9 * assumedRatio) };
}

/** The table of a study from the stored results. Throws for a run whose job has none. */
async function tableOf(study: Study, runs: readonly Run[], store: JobStore): Promise<Row[]> {
  const rows: Row[] = [];
  for (const run of runs) {
    const result = await store.read(run.job);
    if (!result) throw new Error(`${run.job.title} has no result; run the study again`);
    for (const point of study.rows?.(run, result) ?? lastValue(run, result)) {
      const { series = run.series, x = run.x ?? point.images, y, images, flops, seconds } = point;
      rows.push({ job: run.job.id, seed: run.seed, series, x, y, images, flops, seconds });
    }
  }
  return rows;
}

const tableFile = (folder: string, study: Study, scale: ScaleName) => join(folder, scale, study.name);

/**
 * Runs what is missing of a study and writes `SCALE/NAME.csv`, `.jsonl` and `.svg` into its folder. The same call continues an interrupted study;
 * several processes and MPI ranks may run it at the same time. Throws what its jobs throw.
 */
export async function runStudy(study: Study, options: StudyOptions): Promise<StudyReport> {
  const { folder = defaultFolder, processes = 1, note, progress, signal } = options;
  const threads = threadsOf(options);
  const context = await contextOf(study, options);
  const store = new JobStore(folder);
  const runs = study.runs(context);
  const jobs = withNeeds(runs.map(({ job }) => job));
  const start = jobs.length - store.open(jobs).length;
  const shown = progress?.({ total: jobs.length, start, unit: "job" });
  const helpers = start < jobs.length ? startProcesses(study.name, { ...options, threads }, processes - 1) : [];
  try {
    await runJobs(store, jobs, { threads, signal, note, onJob: (_, done) => shown?.update(done) });
  } catch (error) {
    if (!signal?.aborted) throw error;
    const done = jobs.filter((job) => store.isDone(job)).length;
    const text = `interrupted with ${done} of ${jobs.length} jobs done; run the same command again to continue`;
    throw new Error(text, { cause: error });
  } finally {
    for (const one of helpers) one.kill("SIGKILL");
    shown?.finish();
  }
  const rows = await tableOf(study, runs, store);
  const { name } = context.scale;
  if (ranksOf(options).rank > 0) return { ...(await reportFrom(study, name, rows)), files: [] };
  const file = tableFile(folder, study, name);
  makeFolder(join(folder, name));
  await writeTable(file, rows);
  return await reportOf(study, name, rows, file);
}

/** Draws the figures and judges a study from its stored table alone. Throws when there is no table. */
export async function redrawStudy(study: Study, options: StudyOptions): Promise<StudyReport> {
  const { folder = defaultFolder } = options;
  const { name: scale } = scaleOf(options);
  const file = tableFile(folder, study, scale);
  const table = `${file}.jsonl`;
  if (!existsSync(table)) throw new Error(`there is no table ${table}; run the study without --figure-only first`);
  return await reportOf(study, scale, await readTable(table), file);
}

/** Draws the figures of a study and judges it, from its table alone. */
export async function reportFrom(study: Study, scale: ScaleName, rows: readonly Row[]): Promise<Reported> {
  return { study, scale, rows, figures: await study.figures(rows), verdict: await study.judge(rows) };
}

async function reportOf(study: Study, scale: ScaleName, rows: Row[], file: string): Promise<StudyReport> {
  const report = await reportFrom(study, scale, rows);
  const { figures } = report;
  const files = [`${file}.html`, `${file}.csv`, `${file}.jsonl`];
  await writeFile(`${file}.html`, studyHtml(report));
  for (const [i, { draw }] of figures.entries()) {
    const path = join(dirname(file), figureFile(study.name, i));
    await writeFile(path, draw(figureWidth));
    files.push(path);
  }
  return { ...report, files };
}
