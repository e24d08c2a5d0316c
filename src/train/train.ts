/**
 * Trains by a recipe: opens its data and objective, builds and compiles the program, and runs the training loop
 * (loop.ts).
 */

import type { ImageSource } from "../data/index.js";
import { makeFolder } from "../files/folder.js";
import { type FolderLock, lockFolder } from "../files/lock.js";
import type { LoadedCheckpoint } from "../networks/index.js";
import { availableThreads, compile, type Device, type Feeds, type Program, parseDevice } from "../runtime/index.js";
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
import { type Objective, objectiveKind } from "./objectives/index.js";
import { openPart, openTrainingData } from "./plan/open-part.js";
import { microbatchesOf } from "./plan/plan.js";
import { prepareTraining } from "./plan/prepare.js";
import { TrainError } from "./plan/train-error.js";
import { canonicalJson, type Recipe, type RecipeInput, type RecipePart, resolveRecipe } from "./recipe/recipe.js";
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
import { initialTensors, type Restored, type RunHooks, type RunParts } from "./run/parts.js";

export interface TrainOptions extends RunHooks {
  /** Continue the run in the recipe's output folder; start one if there is none. */
  readonly resume?: boolean;
  /** Replace an existing run. */
  readonly overwrite?: boolean;
  /** Opened sources to use instead of the recipe's (they are not closed). */
  readonly sources?: {
    readonly train: ImageSource;
    readonly unlabelled?: ImageSource;
    readonly evaluation?: ImageSource;
  };
  /** The ranks of distributed training, each of which calls `train` with the same recipe. Default: one process. */
  readonly communicator?: Communicator;
  /** The most bytes of gradients in one message between ranks. Default: 4 MiB. */
  readonly bucketBytes?: number;
}

/**
 * Trains by a recipe, in the recipe's output folder: `recipe.json`, `metrics.jsonl`, TensorBoard events,
 * `checkpoints/`. Throws TrainError when the folder already holds a run (and neither `resume` nor `overwrite` is
 * given), when the run to resume had other settings or classes or has only damaged checkpoints, and when the loss is
 * not finite. Throws LockError while another process trains in the folder. Also throws what the sources, the recipe and
 * the disk throw.
 *
 * With several ranks, each takes its part of every batch, and only rank 0 reads and writes the folder. A failure before
 * the first step is thrown on every rank. After that, a rank that fails ends the job (`Communicator.abort`), and the
 * last checkpoint is intact.
 */
export async function train(given: Recipe | RecipeInput, options: TrainOptions = {}): Promise<TrainResult> {
  const recipe = resolveRecipe(given);
  const { communicator = single } = options;
  const folder = runFolder(recipe);
  const local = await withComputing(recipe, options.resume ? await savedComputing(folder) : undefined, communicator);
  const opened: OpenedRun = { sources: [] };
  try {
    const parts = await agree(communicator, () => openRun(recipe, local, options, opened));
    await requireSameWork(communicator, recipe, parts);
    const restored = await shareJson(communicator, opened.checkpoint && restoredOf(opened.checkpoint));
    const loop = await agree(communicator, async () => {
      // Comes after all other checks: a mistyped source must not delete the run that is replaced.
      if (communicator.rank === 0 && !opened.lock) {
        makeFolder(folder);
        opened.lock = await lockFolder(folder);
        await prepareFolder(communicator.size > 1 ? { ...local, threads: recipe.threads } : local, folder);
      }
      const { lock } = opened;
      const started = { recipe, folder, lock, ...parts, restored, communicator, hooks: options };
      // stored immediately, so that it is closed if another rank fails
      opened.loop = await TrainingLoop.start(started);
      return opened.loop;
    });
    try {
      const { program, training } = parts;
      await program.writeState(await shareState(communicator, training.slots, opened.state), { transfer: true });
      // The program holds the tensors now; release the second copy.
      opened.checkpoint = undefined;
      opened.state = undefined;
      return await loop.run();
    } catch (error) {
      return await communicator.abort(error);
    }
  } finally {
    await closeRun(opened);
  }
}

/** What a run has opened so far (closed if the run fails), and its initial state. */
interface OpenedRun {
  /** Only on rank 0. */
  lock?: FolderLock;
  /** The sources that the run opened itself. */
  readonly sources: ImageSource[];
  objective?: Objective;
  program?: Program;
  loop?: TrainingLoop;
  /** On rank 0: the checkpoint to continue from. */
  checkpoint?: LoadedCheckpoint;
  /** On rank 0: the initial values of the program's state. */
  state?: Feeds;
}

async function closeRun({ lock, sources, objective, program, loop }: OpenedRun): Promise<void> {
  try {
    await loop?.close();
    await program?.close();
    await objective?.close?.();
    for (const source of sources) await source.close();
  } finally {
    await lock?.release();
  }
}

/**
 * Loads the checkpoint of a run to resume, opens the sources, and builds and compiles the program. `local` is the
 * recipe with this process's threads and microbatches. Nothing is written yet.
 */
async function openRun(recipe: Recipe, local: LocalRecipe, options: TrainOptions, opened: OpenedRun) {
  const { resume, overwrite, communicator = single, bucketBytes } = options;
  const first = communicator.rank === 0;
  const folder = runFolder(recipe);
  if (first && resume === true && hasRun(folder)) {
    // Locked from here on, so that the checkpoint is still the newest one when the run continues.
    opened.lock = await lockFolder(folder);
    opened.checkpoint = await resumeFrom(recipe, folder);
  } else if (first && overwrite !== true) await requireNoRun(folder);
  const sources = await openSources(recipe, options.sources, opened);
  const { length, classNames, vectorTargets } = sources.streams.train;
  const sharing = { ranks: communicator.size, bucketBytes };
  const prepared = await prepareTraining(local, length, classNames.length, vectorTargets, sharing);
  opened.objective = prepared.objective;
  const notes = resume === true && !opened.lock ? [`there is no run in ${folder} yet: this starts one`] : [];
  const { initialWeights } = recipe;
  const training =
    first && !opened.checkpoint && initialWeights !== undefined
      ? await startFrom(prepared.training, initialWeights, prepared.plan.training, (text) => notes.push(text))
      : prepared.training;
  const device: Device = parseDevice(recipe.device);
  const program = await compile(training.source, { device, threads: local.threads });
  opened.program = program;
  if (first) opened.state = initialTensors(training, opened.checkpoint);
  const sourceNotes = Object.values(sources.streams).flatMap((source) => notesOf(source, recipe.batchSize));
  return { ...prepared, ...sources, training, notes: [...notes, ...sourceNotes], program };
}

/**
 * Opens the sources of an objective and the evaluation source, or uses the given ones instead. Throws TrainError when
 * their classes differ from each other or from those of the checkpoint to resume.
 */
async function openSources(
  recipe: Recipe,
  given: TrainOptions["sources"],
  opened: OpenedRun,
): Promise<Pick<RunParts, "streams" | "trainingParts" | "evaluationSource">> {
  const kind = objectiveKind(recipe.objective);
  const { unlabelled, evaluation } = recipe.data;
  const open = async (part: RecipePart, purpose: "train" | "evaluation") => {
    const source = await openPart(part, purpose);
    opened.sources.push(source);
    return source;
  };
  const { source: train, parts: trainingParts } = await openTrainingData(recipe, given?.train);
  if (!given?.train) opened.sources.push(train);
  if (opened.checkpoint) requireSameClassNames(opened.checkpoint, train);
  const streams: Record<string, ImageSource> = { train };
  if (kind.streams.includes("unlabelled") && unlabelled)
    streams["unlabelled"] = given?.unlabelled ?? (await open(unlabelled, "train"));
  if (given?.evaluation && !evaluation) {
    throw new TrainError(
      "sources.evaluation is given, but the recipe has no data.evaluation; add it, because its preprocessing is needed",
    );
  }
  const evaluationSource = evaluation && (given?.evaluation ?? (await open(evaluation, "evaluation")));
  if (evaluationSource && kind.headClasses(recipe.objective, 2) > 0) requireSameClasses(train, evaluationSource);
  return { streams: streams as RunParts["streams"], trainingParts, evaluationSource };
}

type LocalRecipe = Recipe & { readonly threads: number };

/** The recipe with the threads and microbatches of this process. `saved`: those of the run that is resumed. */
async function withComputing(
  recipe: Recipe,
  saved: Pick<Recipe, "threads" | "microbatches"> | undefined,
  communicator: Communicator,
): Promise<LocalRecipe> {
  const { size } = communicator;
  const threads = await threadsOf(recipe, saved?.threads, communicator);
  // a resumed run keeps its microbatches if they still divide the batch of a rank
  const kept = saved?.microbatches !== undefined && (recipe.batchSize / size) % saved.microbatches === 0;
  const microbatches = recipe.microbatches ?? (kept ? saved.microbatches : microbatchesOf(recipe, size));
  return { ...recipe, threads, microbatches };
}

/** Where a resumed run continues, without the tensors. */
const restoredOf = ({ step, meta, path }: LoadedCheckpoint): Restored => ({ step, meta, path });

/**
 * The number of threads of this process: the recipe's; otherwise those of the run that is resumed, which reproduces its
 * losses bit for bit; otherwise all cores, divided among the ranks that share them.
 */
async function threadsOf(recipe: Recipe, saved: number | undefined, communicator: Communicator): Promise<number> {
  if (recipe.threads !== undefined) return recipe.threads;
  return communicator.size > 1 ? await threadsPerRank(communicator) : (saved ?? availableThreads());
}

/** Messages about a source: its own, and a warning if it is smaller than a batch. */
function notesOf({ name, length, notes = [] }: ImageSource, batchSize: number): readonly string[] {
  if (length >= batchSize) return notes;
  const times = (batchSize / length).toFixed(1);
  return [
    ...notes,
    `${name} has ${length} images: every batch of ${batchSize} contains each about ${times} times, with new augmentations`,
  ];
}

/**
 * Throws unless all ranks have the same recipe and the same data: each takes its part of batches that all ranks plan
 * identically.
 */
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
    `rank ${other} has a different recipe or different data than rank 0; use the same recipe, settings and images on every machine`,
  );
}

/** Labels are indices in the list of classes, so the two lists must agree; the evaluation may lack the last classes. */
function requireSameClasses(training: ImageSource, evaluation: ImageSource): void {
  const at = evaluation.classNames.findIndex((name, i) => name !== training.classNames[i]);
  if (at < 0) return;
  throw new TrainError(
    `class ${at} is "${training.classNames[at] ?? "(none)"}" in ${training.name} and "${evaluation.classNames[at]}" in ${evaluation.name}; data.train and data.evaluation must have the same classes`,
  );
}
