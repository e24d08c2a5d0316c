/** `fovea quickstart`: plays the few-shot game with the backbone of the package, or with one it trains first; writes a report. */
import { type QuickstartResult, quickstart as run } from "../../studies/quickstart/index.js";
import { formatDuration } from "../../text/format.js";
import { defineCommand } from "../command.js";
import { quickstart } from "../definitions.js";
import { interruption } from "../interrupt.js";
import { UsageError, wholeNumber } from "../words.js";

const percent = (share: number) => `${(100 * share).toFixed(1)} %`.padStart(7);

function textOf(result: QuickstartResult, output: string): string {
  const { trained } = result;
  if (result.interrupted && !trained) return "stopped; no report was written";
  if (result.interrupted && trained) {
    return `stopped after step ${trained.step} of ${trained.totalSteps}; the same command goes on from there (${output})`;
  }
  const rows = result.sets.map(({ set, about, accuracy, interval, chance, rawPixels }) => {
    const margin = interval ? `± ${(50 * (interval[1] - interval[0])).toFixed(1)}` : "";
    return `  ${set.padEnd(12)} ${percent(accuracy)} ${margin.padEnd(6)} ${percent(chance)} ${percent(rawPixels)}   ${about}`;
  });
  return [
    `${trained ? "The network that was trained" : result.backbone} is shown five pictures of each of three classes, then names sixty others:`,
    "",
    `  ${"set".padEnd(12)} ${"fovea".padStart(7)}        ${"chance".padStart(7)} ${"pixels".padStart(7)}`,
    ...rows,
    "",
    `report: ${result.report} (${formatDuration(result.seconds)} in all)`,
    ...(trained
      ? [`the network: ${output}, which any command takes as a backbone`]
      : [
          "",
          "next:  npx fovea fit photos/             a classifier of your own classes, one folder a class",
          "       npx fovea quickstart --train      watch a small network learn from nothing, then play with it; four minutes",
          "                                         at most on two cores, --minutes 1 for a shorter training",
        ]),
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
      ...((args.train || minutes !== undefined) && { train: minutes === undefined ? {} : { minutes } }),
      silent: json,
      signal,
      note,
    });
    return { document: result, text: textOf(result, args.output), failed: result.interrupted };
  } finally {
    release();
  }
});
