/** `fovea vtab`: evaluates a backbone on the 19 tasks of VTAB or on the embedded suite. */

import { z } from "zod";
import { command } from "./command.js";
import { backbone, count, distinct, file, flag, folder, list, natural, option, text, threads } from "./options.js";
import * as json from "./results.js";

const suites = ["vtab", "embedded"] as const;
const sweeps = ["none", "light", "heavy"] as const;

const summary = z.object({
  mean: json.number,
  standardDeviation: json.number,
  confidence95: json.interval.nullable(),
});
const missing = json
  .list(z.object({ name: json.text, title: json.text, group: json.text, reason: json.text }))
  .describe("tasks whose files were not found");

const report = z.object({
  suite: z.enum(suites),
  backbone: z.object({ spec: json.text, kind: json.text, width: json.number, imageShape: json.list(json.number) }),
  preprocessing: json.text,
  method: json.text,
  sweep: z.enum(sweeps),
  settings: json.number.describe("number of settings that were compared"),
  seeds: json.list(json.number),
  seededDraws: json.flag.describe("was the training subset resampled for each seed?"),
  tasks: json.list(
    summary.extend({
      name: json.text,
      title: json.text,
      group: json.text,
      classes: json.number,
      train: json.number,
      validation: json.number,
      test: json.number,
      seeds: json.list(
        z.object({
          seed: json.number,
          accuracy: json.number,
          images: json.number,
          unreadable: json.number,
          setting: json.record(json.number),
          seconds: json.number,
        }),
      ),
    }),
  ),
  missing,
  score: z.object({
    tasks: json.list(summary.extend({ task: json.text, group: json.text, seeds: json.number })),
    mean: summary,
    groups: z.record(z.string(), summary),
  }),
  seconds: json.number,
});

const plan = z.object({
  backbone: json.text,
  seeds: json.list(json.number),
  tasks: json.list(
    z.object({
      name: json.text,
      title: json.text,
      train: json.number,
      test: json.number,
      order: json.text,
      licence: json.text,
    }),
  ),
  missing,
  settings: json.number.describe("number of settings to compare"),
  images: json.number.describe("images that pass the backbone"),
  fits: json.number.describe("classifiers to fit, or networks to train"),
  rate: json.number.describe("images per second of the backbone, measured"),
  searched: json.list(json.text).describe("settings that the heavy sweep draws"),
  seconds: json.number.describe("estimate"),
});

const result = z.union([
  report.extend({ baseline: report.optional().describe("the same of the baseline") }),
  plan.describe("with `--dry-run`"),
  z.object({ tasks: z.tuple([]), missing }).describe("where the files of no task are found"),
]);

export default command({
  name: "vtab",
  summary: "Measure a backbone on the 19 tasks of VTAB, or on the embedded suite",
  details: "Each task is learned from 1,000 examples; with --sweep, settings are chosen on 200 of them.",
  options: {
    suite: option(
      z.enum(suites).optional(),
      "vtab: the 19 published tasks, whose files are in --data; embedded: nine bundled tasks, and the small public datasets that --data has (docs/vtab.md) (default: vtab)",
    ),
    data: option(
      folder.optional(),
      "Folder of datasets. With --suite vtab, the command prints where to get a missing one; with --suite embedded, which files it found",
    ),
    backbone,
    baseline: option(
      text.optional().meta({ hint: "NETWORK|none" }),
      "Baseline backbone, evaluated with the same classifier (not with fine-tuning rules) (default: pixels:16)",
    ),
    method: option(
      text.optional(),
      "How the backbone is adapted: a classifier on its features (ridge, knn, probe, ...; docs/few-shot.md) or a fine-tuning rule; an unknown name lists them (default: ridge)",
    ),
    sweep: option(
      z.enum(sweeps).optional(),
      "Search for the method's settings on the 200 validation images: none (its default settings), light (a few settings) or heavy (a random search) (default: none)",
    ),
    trials: option(count.optional(), "Trials of the heavy sweep (default: 40)"),
    seeds: option(
      distinct(natural).optional(),
      "Seeds (a list of them, not a count); the accuracy is the mean over them (default: 0,1,2)",
    ),
    draws: option(
      z.enum(["published", "seeded"]).optional(),
      "Training subset of 1,000 examples: published, fixed as in TFDS; or seeded, resampled for each seed (default: published for vtab, seeded for embedded)",
    ),
    tasks: option(list(text).optional(), "Names of tasks (default: all of the suite)"),
    imageSize: option(count.optional(), "Input image size (default: the backbone's own)"),
    output: option(
      folder.optional(),
      "Folder of features and results; the same command resumes from them (default: runs/vtab)",
      {
        group: "output",
      },
    ),
    report: option(file.optional(), "HTML report to write", { group: "output" }),
    dryRun: option(flag, "Print the estimated cost, and stop"),
    processes: option(count.optional(), "Processes that share the work (default: 1)", { group: "compute" }),
    threads: option(threads, "Threads of ONNX Runtime in each process (default: a share of the cores)"),
  },
  examples: [
    {
      run: "fovea vtab --suite embedded",
      does: "nine bundled tasks, with raw pixels as a baseline; 5 to 11 minutes on two cores",
    },
    {
      run: "fovea vtab --data datasets/ --backbone B_16.npz --report vtab.html",
      does: "the tasks of the 19 whose files are there",
    },
    {
      run: "fovea vtab --data datasets/ --backbone B_16.npz --method probe --sweep light --processes 4",
      does: "with settings chosen on the validation images, in four processes",
    },
    {
      run: "fovea vtab --data datasets/ --dry-run",
      does: "the tasks that are there, where to get the others, what it would cost",
    },
  ],
  stopping: "stopping after this step",
  distributed: ({ dryRun }) => !dryRun,
  result,
  async run(
    { backbone, dryRun, ...options },
    { signal, note, progress },
  ): Promise<{ document: z.output<typeof result>; lines: string[] }> {
    const { NoTaskError, noTaskLines, planLines, planVtab, vtab, vtabLines } = await import(
      "../benchmarks/vtab/index.js"
    );
    const given = { ...options, signal, note, progress };
    if (dryRun) {
      const plan = await planVtab(backbone, given);
      return { document: plan, lines: planLines(plan) };
    }
    try {
      const document = await vtab(backbone, given);
      return { document, lines: vtabLines(document) };
    } catch (error) {
      if (!(error instanceof NoTaskError)) throw error;
      const { missing } = error;
      return { document: { tasks: [], missing }, lines: noTaskLines(missing, options.data) };
    }
  },
  document: ({ document }) => document,
  text: ({ lines }) => lines,
  failed: ({ document }) => document.tasks.length === 0,
});
