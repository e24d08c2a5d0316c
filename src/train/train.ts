// Trains by a recipe: opens what it names, builds and compiles the program, and hands them to a run.
import type { ImageSource } from "../data/index.js";
import { compile, type Device, type Program, parseDevice } from "../runtime/index.js";
import type { EvaluationResult } from "./evaluate.js";
import type { MetricsRecord } from "./metrics.js";
import { type Objective, objectiveKind, type StreamName } from "./objectives/index.js";
import { openPart, openTrainingData } from "./open-part.js";
import { prepareTraining } from "./prepare.js";
import type { Recipe, RecipePart } from "./recipe.js";
import { Run } from "./run.js";
import { inspectFolder, prepareFolder, runFolder } from "./run-folder.js";
import { TrainError } from "./train-error.js";

export interface TrainOptions {
  /** Continue the run in the recipe's output folder. */
  readonly resume?: boolean;
  /** Replace a run that is there already. */
  readonly overwrite?: boolean;
  /** Already opened sources, in place of the ones the recipe names (they are not closed). */
  readonly sources?: {
    readonly train: ImageSource;
    readonly unlabelled?: ImageSource;
    readonly evaluation?: ImageSource;
  };
  readonly silent?: boolean;
  /** Stops after the step under way, saves, and ends the run with `interrupted`. */
  readonly signal?: AbortSignal;
  /** Told every line of metrics as it is written. */
  readonly onMetrics?: (record: MetricsRecord) => void;
}

export interface TrainResult {
  readonly folder: string;
  readonly step: number;
  readonly totalSteps: number;
  readonly loss: number;
  readonly evaluation: EvaluationResult | undefined;
  readonly interrupted: boolean;
  /** Seconds of running time, resumed parts added up. */
  readonly seconds: number;
  readonly parameters: number;
  readonly bad: readonly string[];
}

/**
 * Trains as a recipe says, into the recipe's output folder: `recipe.json`, `metrics.jsonl`, TensorBoard events,
 * `checkpoints/`. Throws TrainError when the folder already holds a run (and neither `resume` nor `overwrite` is given), when
 * the loss is not a number, and what the sources, the recipe and the disk throw.
 */
export async function train(recipe: Recipe, options: TrainOptions = {}): Promise<TrainResult> {
  const folder = runFolder(recipe);
  const restored = await inspectFolder(recipe, folder, options);
  const owned: ImageSource[] = [];
  const open = async (given: ImageSource | undefined, part: RecipePart, purpose: "train" | "evaluation") => {
    if (given) return given;
    const source = await openPart(part, purpose);
    owned.push(source);
    return source;
  };
  let objective: Objective | undefined;
  let run: Run | undefined;
  let program: Program | undefined;
  try {
    const kind = objectiveKind(recipe.objective);
    const { data } = recipe;
    const training = await openTrainingData(recipe, options.sources?.train);
    if (!options.sources?.train) owned.push(training.source);
    const trainSource = training.source;
    const streams: Record<string, ImageSource> = { train: trainSource };
    if (kind.streams.includes("unlabelled") && data.unlabelled)
      streams["unlabelled"] = await open(options.sources?.unlabelled, data.unlabelled, "train");
    const evaluationSource =
      data.evaluation && (await open(options.sources?.evaluation, data.evaluation, "evaluation"));
    if (evaluationSource && kind.headClasses(recipe.objective, 2) > 0)
      requireSameClasses(trainSource, evaluationSource);
    const prepared = await prepareTraining(
      recipe,
      trainSource.length,
      trainSource.classNames.length,
      trainSource.vectorTargets,
    );
    objective = prepared.objective;
    const device: Device = parseDevice(recipe.device);
    program = await compile(prepared.training.source, {
      device,
      ...(recipe.threads !== undefined && { threads: recipe.threads }),
    });
    // Only now, when all that could be refused was: a run that is replaced is not lost to a mistyped source.
    if (!options.resume) await prepareFolder(recipe, folder);
    run = await Run.start({
      recipe,
      folder,
      ...prepared,
      program,
      streams: streams as Readonly<Record<StreamName, ImageSource>>,
      trainingParts: training.parts,
      evaluationSource,
      restored,
      options,
    });
    return await run.finish();
  } finally {
    await run?.close();
    await program?.close();
    await objective?.close?.();
    for (const source of owned) await source.close();
  }
}

/** Labels are positions in the list of classes, so the two lists must agree; the evaluation may lack the last ones. */
function requireSameClasses(training: ImageSource, evaluation: ImageSource): void {
  const at = evaluation.classNames.findIndex((name, i) => name !== training.classNames[i]);
  if (at < 0) return;
  throw new TrainError(
    `class ${at} is "${training.classNames[at] ?? "(none)"}" in ${training.name} and "${evaluation.classNames[at]}" in ${evaluation.name}; data.train and data.evaluation must have the same classes`,
  );
}
