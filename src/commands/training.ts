/** Options and texts that `train` and `finetune` share. */
import { z } from "zod";
import { formatBytes, formatDuration, groupDigits, percent, plural } from "../text/format.js";
import { bytes, flag, option } from "./options.js";
import * as json from "./results.js";

/** The estimated cost of a run. */
export const dryRunResult = z.object({
  trainingImages: json.number,
  classes: json.number,
  parameters: json.number,
  totalSteps: json.number,
  epochs: json.number,
  flopsPerStep: json.number,
  totalFlops: json.number,
  stateBytes: json.number.describe("size of a checkpoint"),
  memoryBytes: json.number.describe("estimated peak memory"),
  matmulGflops: json.number.describe("measured rate of a 1024 x 1024 matrix product"),
  expectedSeconds: json.number,
  assumedRatio: json.number.describe("share of that rate that a step is assumed to reach"),
  choices: json.list(
    z.object({
      settings: z.object({
        rematerialise: json.flag,
        microbatches: json.number,
        momentumDtype: z.enum(["float16"]).optional(),
      }),
      description: json.text,
      memoryBytes: json.number,
      expectedSeconds: json.number,
      taken: json.flag.describe("is it the one that a run would use?"),
    }),
  ),
});

/** Result of `train` and `finetune`: the run, or its estimated cost. */
export const trainingResult = z.union([json.trainResult, dryRunResult.describe("with `--dry-run`")]);

/** Options of both. */
export const trainingOptions = {
  memory: option(
    bytes.optional(),
    "Memory limit, such as 2GB or 1.5GiB: the fastest combination of gradient accumulation (microbatches) and activation checkpointing (rematerialisation) that fits is chosen (default: the settings of the recipe)",
  ),
  resume: option(flag, "Resume from the newest checkpoint in the folder; start a new run if there is none"),
  overwrite: option(flag, "Replace the run that is in the folder"),
  dryRun: option(flag, "Print parameters, FLOPs, memory, steps and expected time, and stop"),
} as const;

function dryRunLines(found: z.output<typeof dryRunResult>): string[] {
  const first = found.choices[0]?.expectedSeconds ?? 1;
  return [
    `images      ${groupDigits(found.trainingImages)} of ${groupDigits(found.classes)} classes`,
    `parameters  ${groupDigits(found.parameters)}`,
    `steps       ${groupDigits(found.totalSteps)} (${found.epochs.toFixed(1)} epochs)`,
    `FLOPs       ${(found.flopsPerStep / 1e9).toFixed(2)} G a step, ${(found.totalFlops / 1e12).toFixed(1)} T in all`,
    `memory      about ${formatBytes(found.memoryBytes)}; a checkpoint takes ${formatBytes(found.stateBytes)}`,
    `time        about ${formatDuration(found.expectedSeconds)} (this machine: ${found.matmulGflops.toFixed(0)} GFLOP/s on a 1024 x 1024 product, of which ${percent(found.assumedRatio, 0)} is assumed)`,
    "choices",
    ...found.choices.map(({ description, memoryBytes, expectedSeconds, taken }) => {
      const time = `time x ${(expectedSeconds / first).toFixed(2)}`;
      return `  ${formatBytes(memoryBytes).padStart(8)}  ${time}  ${description}${taken ? "  <- taken" : ""}`;
    }),
  ];
}

/** The run or its cost as text. */
export function trainingLines(found: z.output<typeof trainingResult>): string[] {
  if ("choices" in found) return dryRunLines(found);
  const { folder, step, totalSteps, loss, evaluation, seconds, interrupted, bad } = found;
  return [
    interrupted
      ? `stopped after step ${step} of ${totalSteps}; the state is saved in ${folder}; continue with --resume`
      : `trained ${totalSteps} steps in ${formatDuration(seconds)}; the run is in ${folder}`,
    `loss ${loss.toFixed(4)}`,
    ...(evaluation ? [`accuracy ${percent(evaluation.accuracy, 2)} on ${groupDigits(evaluation.images)} images`] : []),
    ...(bad.length === 0
      ? []
      : [`${plural(bad.length, "image")} could not be read:`, ...bad.slice(0, 10).map((one) => `  ${one}`)]),
  ];
}

/** Whether the run was interrupted. */
export const wasInterrupted = (found: z.output<typeof trainingResult>): boolean =>
  "interrupted" in found && found.interrupted;
