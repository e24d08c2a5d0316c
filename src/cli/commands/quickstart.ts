/** `fovea quickstart`: pre-trains on what is embedded, plays the few-shot game on unseen classes, writes a report. */
import { type QuickstartResult, quickstart as run } from "../../studies/quickstart/index.js";
import { formatDuration } from "../../text/format.js";
import { defineCommand } from "../command.js";
import { quickstart } from "../definitions.js";
import { interruption } from "../interrupt.js";
import { UsageError, wholeNumber } from "../words.js";

const percent = (share: number) => `${(100 * share).toFixed(1)} %`.padStart(7);

function textOf(result: QuickstartResult, output: string): string {
  if (result.interrupted) {
    return `stopped after step ${result.trained.step} of ${result.trained.totalSteps}; the same command goes on from there (${output})`;
  }
  const rows = result.sets.map(({ set, about, accuracy, interval, chance, rawPixels }) => {
    const margin = interval ? `± ${(50 * (interval[1] - interval[0])).toFixed(1)}` : "";
    return `  ${set.padEnd(12)} ${percent(accuracy)} ${margin.padEnd(6)} ${percent(chance)} ${percent(rawPixels)}   ${about}`;
  });
  return [
    "Three classes it has never seen, five pictures of each; then sixty new ones to name:",
    "",
    `  ${"set".padEnd(12)} ${"fovea".padStart(7)}        ${"chance".padStart(7)} ${"pixels".padStart(7)}`,
    ...rows,
    "",
    `report: ${result.report} (${formatDuration(result.seconds)} in all)`,
  ].join("\n");
}

export const command = defineCommand(quickstart, async ({ args, json, note }) => {
  const minutes = args.minutes === undefined ? undefined : Number(args.minutes);
  if (minutes !== undefined && !(minutes > 0)) {
    throw new UsageError(`--minutes: "${args.minutes}" is not a time; give minutes, such as 1.5`);
  }
  const { signal, release } = interruption(note);
  try {
    const result = await run({
      output: args.output,
      seed: wholeNumber(args.seed, "seed"),
      ...(minutes !== undefined && { minutes }),
      silent: json,
      signal,
      note,
    });
    return { document: result, text: textOf(result, args.output), failed: result.interrupted };
  } finally {
    release();
  }
});
