/** `fovea quickstart`: few-shot classification with a bundled backbone, or with one that is trained first; writes a report. */
import { z } from "zod";
import { formatDuration, percent } from "../../text/format.js";
import { command } from "../command.js";
import { flag, folder, option, seed } from "../options.js";
import * as json from "../results.js";

const result = z.object({
  sets: json.list(
    z.object({
      set: json.text,
      about: json.text,
      accuracy: json.number,
      interval: json.interval.nullable(),
      chance: json.number,
      rawPixels: json.number,
    }),
  ),
  backbone: json.text,
  trained: json.trainResult.optional().describe("the run of --train"),
  report: json.text,
  seconds: json.number,
  interrupted: json.flag,
});
type Result = z.output<typeof result>;

const inColumn = (share: number) => percent(share).padStart(7);

function resultText(found: Result, output: string): string[] {
  const { trained } = found;
  if (found.interrupted && !trained) return ["stopped; no report was written"];
  if (found.interrupted && trained) {
    return [`stopped after step ${trained.step} of ${trained.totalSteps}; the same command resumes it (${output})`];
  }
  const rows = found.sets.map(({ set, about, accuracy, interval, chance, rawPixels }) => {
    const margin = interval ? `± ${(50 * (interval[1] - interval[0])).toFixed(1)}` : "";
    return `  ${set.padEnd(12)} ${inColumn(accuracy)} ${margin.padEnd(6)} ${inColumn(chance)} ${inColumn(rawPixels)}   ${about}`;
  });
  return [
    `${trained ? "the trained network" : found.backbone}: 3-way 5-shot classification, 60 test images an episode`,
    "",
    `  ${"dataset".padEnd(12)} ${"fovea".padStart(7)}        ${"chance".padStart(7)} ${"pixels".padStart(7)}`,
    ...rows,
    "",
    `report: ${found.report} (${formatDuration(found.seconds)} in all)`,
    ...(trained
      ? [`the network: ${output}, which any command takes as a backbone`]
      : [
          "",
          "next:  npx fovea fit photos/             a classifier of your own classes, one folder a class",
          "       npx fovea quickstart --train      train a small network first; four minutes at most on two",
          "                                         cores, --minutes 1 for a shorter training",
        ]),
  ];
}

export default command({
  name: "quickstart",
  summary: "Run few-shot classification with a bundled backbone, in seconds; or train one first",
  options: {
    output: option(folder.default("runs/quickstart"), "Folder of the report, and of the run with --train"),
    train: option(flag, "First train a small network from random weights on other classes; a few minutes"),
    minutes: option(
      z.number().gt(0).optional(),
      "Train (as with --train) for about this many minutes at most, with a shorter schedule",
    ),
    seed,
  },
  examples: [
    { run: "fovea quickstart", does: "classify images of three datasets and write one HTML report" },
    { run: "fovea quickstart --train", does: "train a network first" },
    { run: "fovea quickstart --json --seed 1", does: "the accuracies beside chance and raw pixels, as JSON" },
  ],
  stopping: "stopping after this step",
  result,
  async run({ output, train, minutes, seed }, { signal, note, progress }) {
    const { quickstart } = await import("./quickstart.js");
    const training = train || minutes !== undefined ? { minutes } : undefined;
    return await quickstart({ output, seed, train: training, signal, note, progress });
  },
  text: (result, { output }) => resultText(result, output),
  failed: ({ interrupted }) => interrupted,
});
