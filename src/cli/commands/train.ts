/** `fovea train`: trains by a recipe, or says what it would cost. */

import { formatBytes, formatDuration, plural } from "../../text/format.js";
import { parseBytes } from "../../text/parse-bytes.js";
import {
  agree,
  type DryRun,
  dataOf,
  describeSettings,
  dryRun,
  fitMemory,
  hasRun,
  launchOf,
  loadRecipe,
  openCommunicator,
  openTrainingData,
  type Recipe,
  runFolder,
  shareJson,
  type TrainResult,
  train as trainRecipe,
  withSavedMemory,
} from "../../train/index.js";
import { type CommandResult, defineCommand } from "../command.js";
import { train } from "../definitions.js";
import { interruption } from "../interrupt.js";

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
const count = (value: number) => value.toLocaleString("en-US");

/** The cost of a run as text. */
function dryRunText(found: DryRun): string {
  return [
    `images      ${count(found.trainingImages)} of ${count(found.classes)} classes`,
    `parameters  ${count(found.parameters)}`,
    `steps       ${count(found.totalSteps)} (${found.epochs.toFixed(1)} epochs)`,
    `FLOPs       ${(found.flopsPerStep / 1e9).toFixed(2)} G a step, ${(found.totalFlops / 1e12).toFixed(1)} T in all`,
    `memory      about ${formatBytes(found.memoryBytes)}; a checkpoint takes ${formatBytes(found.stateBytes)}`,
    `time        about ${formatDuration(found.expectedSeconds)} (this machine: ${found.matmulGflops.toFixed(0)} GFLOP/s on a 1024 x 1024 product, of which ${(100 * found.assumedRatio).toFixed(0)} % is assumed)`,
    "choices",
    ...choiceLines(found),
  ].join("\n");
}

/**
 * The recipe with the settings with which one of so many ranks fits into so much memory, telling which; those that a run has
 * already where it is resumed.
 */
async function fitted(
  recipe: Recipe,
  memory: number,
  ranks: number,
  resume: boolean,
  note: (text: string) => void,
): Promise<Recipe> {
  const folder = runFolder(recipe);
  if (resume && hasRun(folder)) return await withSavedMemory(recipe, folder);
  const { batchSize } = recipe;
  if (batchSize % ranks !== 0) return recipe; // to be refused with the rest of the plan
  const { source } = await openTrainingData(recipe);
  try {
    const fit = await fitMemory({ ...recipe, batchSize: batchSize / ranks }, memory, dataOf(source));
    note(`${describeSettings(fit.choice)}: about ${formatBytes(fit.choice.memoryBytes)} of memory`);
    return { ...fit.recipe, batchSize };
  } finally {
    await source.close();
  }
}

/** The choices of a dry run as lines of a table. */
function choiceLines({ choices }: DryRun): string[] {
  const first = choices[0]?.expectedSeconds ?? 1;
  return choices.map(({ settings, memoryBytes, expectedSeconds, taken }) => {
    const what = settings.momentumDtype ? "moments in half precision" : describeSettings(settings);
    const time = `time x ${(expectedSeconds / first).toFixed(2)}`;
    return `  ${formatBytes(memoryBytes).padStart(8)}  ${time}  ${what}${taken ? "  <- taken" : ""}`;
  });
}

function trainText(result: TrainResult): string {
  const { folder, step, totalSteps, evaluation, seconds, interrupted, bad } = result;
  const lines = [
    interrupted
      ? `stopped after step ${step} of ${totalSteps}; the state is saved in ${folder}; go on with --resume`
      : `trained ${totalSteps} steps in ${formatDuration(seconds)}; the run is in ${folder}`,
    `loss ${result.loss.toFixed(4)}`,
  ];
  if (evaluation) lines.push(`accuracy ${percent(evaluation.accuracy)} on ${count(evaluation.images)} images`);
  const unread =
    bad.length === 0
      ? []
      : [`${plural(bad.length, "image")} could not be read:`, ...bad.slice(0, 10).map((one) => `  ${one}`)];
  return [...lines, ...unread].join("\n");
}

/** What a rank other than the first gives: the first one prints for all. */
const quiet = (failed: boolean): CommandResult => ({ document: undefined, text: "", failed, quiet: true });

export interface TrainingCommand {
  /** The recipe, on every rank alike. */
  load(): Promise<Recipe>;
  readonly args: { readonly "dry-run"?: boolean; readonly resume?: boolean; readonly overwrite?: boolean };
  /** The most bytes to take; no matter how many when left out. */
  readonly memory?: number | undefined;
  readonly json: boolean;
  note(text: string): void;
}

/** Trains by a recipe, alone or among ranks, or says what it would cost. */
export async function runTraining({ load, args, memory, json, note }: TrainingCommand): Promise<CommandResult> {
  if (args["dry-run"]) {
    if ((launchOf()?.rank ?? 0) > 0) return quiet(false);
    const found = await dryRun(await load(), { ...(memory !== undefined && { memory }) });
    return { document: found, text: dryRunText(found) };
  }
  const communicator = await openCommunicator();
  const { size, rank } = communicator;
  const first = rank === 0;
  const { signal, release } = interruption(first ? note : () => undefined);
  try {
    const loaded = await agree(communicator, load);
    const recipe =
      memory === undefined
        ? loaded
        : await shareJson(
            communicator,
            await agree(communicator, async () =>
              first ? await fitted(loaded, memory, size, args.resume === true, note) : loaded,
            ),
          );
    const result = await trainRecipe(recipe, {
      resume: args.resume === true,
      overwrite: args.overwrite === true,
      silent: json,
      signal,
      communicator,
    });
    return first
      ? { document: result, text: trainText(result), failed: result.interrupted }
      : quiet(result.interrupted);
  } catch (error) {
    // what every rank throws is told once
    if (first) throw error;
    return quiet(true);
  } finally {
    release();
    await communicator.close();
  }
}

export const command = defineCommand(train, ({ args, overrides, json, note }): Promise<CommandResult> => {
  const output = args.output === undefined ? [] : [{ path: "output", value: args.output }];
  return runTraining({
    load: () => loadRecipe(args.recipe, [...overrides, ...output]),
    args,
    memory: args.memory === undefined ? undefined : parseBytes(args.memory),
    json,
    note,
  });
});
