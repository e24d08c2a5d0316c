/** `fovea study`: tests a claim of the field by runs, draws its figure, and gives a verdict. */
import { z } from "zod";
import { formatCount, formatDuration } from "../text/format.js";
import { columns } from "../text/table.js";
import { command, UsageError } from "./command.js";
import { argument, count, flag, folder, list, option, text, threads } from "./options.js";
import * as json from "./results.js";

const scaleNames = ["minutes", "hours", "paper"] as const;

const verdict = z.object({
  decision: z.enum(["supports", "contradicts", "cannot tell"]),
  effect: json.number.describe("in the direction of the claim, in units of the measure"),
  interval: json.interval.optional().describe("95 % interval of the effect over seeds"),
  n: json.number.describe("seeds that the interval is computed from"),
  text: json.text,
  next: json.text.describe("what would settle the question or change the verdict"),
});

const result = z.object({
  studies: json
    .list(z.object({ number: json.number, name: json.text, title: json.text, claim: json.text }))
    .optional()
    .describe("all studies, where none was given"),
  plan: z
    .object({
      jobs: json.number,
      open: json.number.describe("jobs still to run"),
      flops: json.number,
      seconds: json.number.describe("estimate"),
    })
    .optional()
    .describe("with --dry-run"),
  study: json.text.optional(),
  scale: z.enum(scaleNames).optional(),
  verdict: verdict.optional(),
  files: json.list(json.text).optional().describe("the report, the table and the figures"),
});
type Result = z.output<typeof result>;

function resultText({ studies, plan, verdict, files = [] }: Result): string[] {
  if (studies) {
    return columns(
      studies.map(({ number, name, title }) => [String(number), name, title]),
      (i) => i > 0,
    );
  }
  if (plan) {
    return [
      `${plan.jobs} jobs, ${plan.open} of them still to run; ${formatCount(plan.flops)} FLOPs to go, about ${formatDuration(plan.seconds)} here`,
    ];
  }
  if (!verdict) return [];
  const decision = verdict.decision === "cannot tell" ? "cannot tell at this scale" : `${verdict.decision} the claim`;
  return [decision, verdict.text, `next: ${verdict.next}`, "", ...files];
}

export default command({
  name: "study",
  summary: "Test a claim of the field: train what it needs, draw the figure, give a verdict",
  details:
    "Each study states its claim, its prediction and its decision rule before it runs. Runs are shared among studies, and an interrupted study continues with the same command.",
  options: {
    name: argument(text.optional(), "Name or number of the study; without one, all studies are listed"),
    scale: option(
      z.enum(scaleNames).optional(),
      "Size of models, data and length; paper: the published size, for large machines and data (default: minutes)",
    ),
    seeds: option(count.optional(), "Number of repetitions (default: as the study declares)"),
    upstream: option(
      text.optional().meta({ hint: "DATASET" }),
      "Labelled dataset to pre-train on, with a split train (default: generated fractals of 200 categories)",
    ),
    downstream: option(
      list(text).optional().meta({ hint: "DATASET,..." }),
      "Labelled datasets to transfer to (default: three bundled datasets)",
    ),
    figureOnly: option(flag, "Draw the figures and judge from the stored table, without any run"),
    dryRun: option(flag, "Print the number of jobs, their FLOPs and the expected time, and stop"),
    output: option(folder.optional(), "Folder of runs, tables and figures (default: runs/studies)", {
      group: "output",
    }),
    processes: option(count.optional(), "Processes that share the jobs (default: 1)", { group: "compute" }),
    threads: option(threads, "Threads of a job (default: the cores divided among the processes and MPI ranks)"),
  },
  examples: [
    { run: "fovea study", does: "list the studies" },
    { run: "fovea study positions --dry-run", does: "what the study of position embeddings would cost" },
    {
      run: "fovea study positions --upstream tiny-imagenet/ --processes 2",
      does: "pre-train on Tiny-ImageNet, two jobs side by side",
    },
    { run: "fovea study positions --figure-only", does: "draw the figures again from the stored table" },
  ],
  stopping: "stopping after this step",
  distributed: ({ name, figureOnly, dryRun }) => name !== undefined && !figureOnly && !dryRun,
  result,
  async run({ name, output, figureOnly, dryRun, ...rest }, hooks): Promise<Result> {
    const { planStudy, studies, study, studyNamed } = await import("../studies/index.js");
    if (name === undefined) {
      return {
        studies: studies.map(({ number, name, title, claim }) => ({ number, name, title, claim: claim.text })),
      };
    }
    if (figureOnly && dryRun) throw new UsageError("--figure-only and --dry-run exclude each other");
    const { note, progress, signal } = hooks;
    const options = { ...rest, note, progress, signal };
    if (dryRun) return { plan: await planStudy(studyNamed(name), { ...options, folder: output }) };
    const report = await study(name, { ...options, figureOnly, output });
    const { interval, ...found } = report.verdict;
    return {
      study: report.study.name,
      scale: report.scale,
      verdict: { ...found, interval: interval && [...interval] },
      files: [...report.files],
    };
  },
  text: (found) => resultText(found),
});
