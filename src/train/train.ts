/** Trains by a recipe: opens its data and objective, builds and compiles the program, and runs the training loop (loop.ts). */

import type { ImageSource } from "../data/index.js";
import { makeFolder } from "../files/folder.js";
import { type FolderLock, lockFolder } from "../files/lock.js";
import type { LoadedCheckpoint } from "../networks/index.js";
import {
  availableThreads,
  compile,
  type Device,
  type Feeds,
  type Program,
  type ProgramSource,
  parseDevice,
} from "../runtime/index.js";
import { defined } from "../text/defined.js";
import {
  agree,
  type Communicator,
  fingerprint,
  shareJson,
  shareState,
  single,
  threadsPerRank,
} from "./distributed/index.js";
import { TrainingLoop, type TrainResult } from "./loop.js";
import { type Objective, objectiveKind, type StreamName } from "./objectives/index.js";
import { openPart, openTrainingData } from "./plan/open-part.js";
import { microbatchesOf } from "./plan/plan.js";
import { prepareTraining } from "./plan/prepare.js";
import { TrainError } from "./plan/train-error.js";
import { canonicalJson, type Recipe, type RecipePart } from "./recipe/recipe.js";
import {
  hasRun,
  prepareFolder,
  requireNoRun,
  requireSameClassNames,
  resumeFrom,
  runFolder,
  savedComputing,
} from "./run/folder.js";
import { startFrom } from "./run/initial-weights.js";
import { initialTensors, type RunHooks, type RunParts } from "./run/parts.js";

export interface TrainOptions extends RunHooks {
  /** Continue the run in the recipe's output folder; start one where there is none. */
  readonly resume?: boolean;
  /** Replace a run that is there already. */
  readonly overwrite?: boolean;
  /** Already opened sources, in place of the ones the recipe names (they are not closed). */
  readonly sources?: {
    readonly train: ImageSource;
    readonly unlabelled?: ImageSource;
    readonly evaluation?: ImageSource;
  };
  /** The ranks of distributed training, each of which calls `train` alike. Default: one process. */
  readonly communicator?: Communicator;
  /** The most bytes of gradients in one message between ranks. Default: 4 MiB. */
  readonly bucketBytes?: number;
}

/**
 * Trains as a recipe says, into the recipe's output folder: `recipe.json`, `metrics.jsonl`, TensorBoard events,
 * `checkpoints/`. Throws TrainError when the folder already holds a run (and neither `resume` nor `overwrite` is given), when
 * the run to resume had other settings or classes, or has damaged checkpoints only, and when the loss is not a number; LockError
 * while another process trains into the folder; and what the sources, the recipe and the disk throw.
 *
 * Several ranks each take their part of every batch; rank 0 alone reads and writes the folder. What fails before the first step
 * is thrown on every rank; after that a rank that fails ends the job (`Communicator.abort`), and the last checkpoint is good.
 */
export async function train(recipe: Recipe, options: TrainOptions = {}): Promise<TrainResult> {
  const { communicator = single } = options;
  const { size } = communicator;
  const first = communicator.rank === 0;
  const folder = runFolder(recipe);
  const saved = options.resume ? await savedComputing(folder) : undefined;
  const threads = await threadsOf(recipe, saved?.threads, communicator);
  // a resumed run keeps its microbatches where they still divide the batch of a rank
  const kept = saved?.microbatches !== undefined && (recipe.batchSize / size) % saved.microbatches === 0;
  const microbatches = recipe.microbatches ?? (kept ? saved.microbatches : microbatchesOf(recipe, size));
  const local = { ...recipe, threads, microbatches };
  const owned: ImageSource[] = [];
  const open = async (given: ImageSource | undefined, part: RecipePart, purpose: "train" | "evaluation") => {
    if (given) return given;
    const source = await openPart(part, purpose);
    owned.push(source);
    return source;
  };
  let objective: Objective | undefined;
  let loop: TrainingLoop | undefined;
  let program: Program | undefined;
  let lock: FolderLock | undefined;
  try {
    let loaded: LoadedCheckpoint | undefined;
    let state: Feeds | undefined;
    const parts = await agree(communicator, async () => {
      if (first && options.resume === true && hasRun(folder)) {
        // From here on, so that the checkpoint is still the newest one when the run continues.
        lock = await lockFolder(folder);
        loaded = await resumeFrom(recipe, folder);
      } else if (first && options.overwrite !== true) await requireNoRun(folder);
      const kind = objectiveKind(recipe.objective);
      const { data } = recipe;
      const opened = await openTrainingData(recipe, options.sources?.train);
      if (!options.sources?.train) owned.push(opened.source);
      const trainSource = opened.source;
      if (loaded) requireSameClassNames(loaded, trainSource);
      const streams: Record<string, ImageSource> = { train: trainSource };
      if (kind.streams.includes("unlabelled") && data.unlabelled)
        streams["unlabelled"] = await open(options.sources?.unlabelled, data.unlabelled, "train");
      const evaluationSource =
        data.evaluation && (await open(options.sources?.evaluation, data.evaluation, "evaluation"));
      if (evaluationSource && kind.headClasses(recipe.objective, 2) > 0)
        requireSameClasses(trainSource, evaluationSource);
      const { length, classNames, vectorTargets } = trainSource;
      const prepared = await prepareTraining(local, length, classNames.length, vectorTargets, {
        ranks: size,
        bucketBytes: options.bucketBytes,
      });
      objective = prepared.objective;
      const notes = options.resume === true && !lock ? [`there is no run in ${folder} yet: this starts one`] : [];
      const { initialWeights } = recipe;
      const training =
        first && !loaded && initialWeights !== undefined
          ? await startFrom(prepared.training, initialWeights, prepared.plan.training, (text) => notes.push(text))
          : prepared.training;
      const device: Device = parseDevice(recipe.device);
      program = await compile(used(training.source, evaluationSource !== undefined), { device, threads });
      if (first) state = initialTensors(training, loaded);
      return {
        ...prepared,
        training,
        notes: [...notes, ...Object.values(streams).flatMap((source) => notesOf(source, recipe.batchSize))],
        program,
        streams: streams as Readonly<Record<StreamName, ImageSource>>,
        trainingParts: opened.parts,
        evaluationSource,
      };
    });
    await requireSameWork(communicator, recipe, parts);
    const restored = await shareJson(
      communicator,
      loaded && { step: loaded.step, meta: loaded.meta, path: loaded.path },
    );
    loop = await agree(communicator, async () => {
      // Only now that everything else was checked: a mistyped source must not cost the run that is replaced.
      if (first && !lock) {
        makeFolder(folder);
        lock = await lockFolder(folder);
        await prepareFolder(size > 1 ? { ...local, threads: recipe.threads } : local, folder);
      }
      return await TrainingLoop.start({ recipe, folder, lock, ...parts, restored, communicator, hooks: options });
    });
    try {
      await parts.program.writeState(await shareState(communicator, parts.training.slots, state), { transfer: true });
      [loaded, state] = [undefined, undefined];
      return await loop.run();
    } catch (error) {
      return await communicator.abort(error);
    }
  } finally {
    try {
      await loop?.close();
      await program?.close();
      await objective?.close?.();
      for (const source of owned) await source.close();
    } finally {
      await lock?.release();
    }
  }
}

/**
 * How many threads this process computes with: as the recipe says; else those of the run that is resumed, which repeats its losses
 * to the last bit; else all there are, divided among ranks that share them.
 */
async function threadsOf(recipe: Recipe, saved: number | undefined, communicator: Communicator): Promise<number> {
  if (recipe.threads !== undefined) return recipe.threads;
  return communicator.size > 1 ? await threadsPerRank(communicator) : (saved ?? availableThreads());
}

/** The functions of the program that a run calls: `evaluate` only where there is a source to evaluate on, `represent` never. */
function used({ state, functions }: ProgramSource, evaluates: boolean): ProgramSource {
  const { evaluate, represent: _, ...steps } = functions;
  return { state, functions: defined({ ...steps, evaluate: evaluates ? evaluate : undefined }) };
}

/** The notes on a source: its own, and whether it is smaller than a batch. */
function notesOf({ name, length, notes = [] }: ImageSource, batchSize: number): readonly string[] {
  if (length >= batchSize) return notes;
  const times = (batchSize / length).toFixed(1);
  return [
    ...notes,
    `${name} has ${length} images: every batch of ${batchSize} has each about ${times} times, drawn anew`,
  ];
}

/** Ranks must have the same recipe and the same data: each takes its part of batches that all of them plan alike. */
async function requireSameWork(
  communicator: Communicator,
  recipe: Recipe,
  { streams, evaluationSource }: Pick<RunParts, "streams" | "evaluationSource">,
): Promise<void> {
  const sources = [...Object.values(streams), ...(evaluationSource ? [evaluationSource] : [])];
  const data = sources.map(({ length, classNames }) => [length, classNames]);
  const found = await communicator.gather(fingerprint(canonicalJson([recipe, data])));
  const other = found.findIndex((one) => one !== found[0]);
  if (other < 0) return;
  throw new TrainError(
    `rank ${other} has another recipe or other data than rank 0; give every machine the same recipe, settings and images`,
  );
}

/** Labels are positions in the list of classes, so the two lists must agree; the evaluation may lack the last ones. */
function requireSameClasses(training: ImageSource, evaluation: ImageSource): void {
  const at = evaluation.classNames.findIndex((name, i) => name !== training.classNames[i]);
  if (at < 0) return;
  throw new TrainError(
    `class ${at} is "${training.classNames[at] ?? "(none)"}" in ${training.name} and "${evaluation.classNames[at]}" in ${evaluation.name}; data.train and data.evaluation must have the same classes`,
  );
}
