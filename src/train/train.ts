// The training loop: batches in, one program step each, metrics, evaluation and checkpoints out; stops and goes on as
// if it had never stopped.
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type BadExample, createLoader, type ImageSource, type Loader, type LoaderPosition } from "../data/index.js";
import { compile, type Device, type Program, parseDevice, type Results } from "../runtime/index.js";
import type { StoredTensor, TypedArray } from "../weights/index.js";
import {
  type Json,
  type LoadedCheckpoint,
  latestCheckpoint,
  listCheckpoints,
  type Score,
  saveCheckpoint,
} from "./checkpoint.js";
import { buildClassifier, type Classifier } from "./classifier.js";
import { isTime } from "./durations.js";
import { type EvaluationResult, evaluateClassifier } from "./evaluate.js";
import { resolvedRecipeFile, saveRecipe } from "./load-recipe.js";
import { type MetricsRecord, MetricsWriter } from "./metrics.js";
import { openPart } from "./open-part.js";
import { type Progress, startProgress } from "./progress.js";
import { type Recipe, recipeDifferences, resolveRecipe } from "./recipe.js";
import { restoredState } from "./restore.js";
import { planRun, type RunPlan } from "./settings.js";
import { TensorBoardWriter } from "./tensorboard.js";

export interface TrainOptions {
  /** Continue the run in the recipe's output folder. */
  readonly resume?: boolean;
  /** Replace a run that is there already. */
  readonly overwrite?: boolean;
  /** Already opened sources, in place of the ones the recipe names (they are not closed). */
  readonly sources?: { readonly train: ImageSource; readonly evaluation?: ImageSource };
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

/** A run cannot start or go on; the message says why and what to do. */
export class TrainError extends Error {
  override name = "TrainError";
}

/** The folder of a recipe's run. */
export const runFolder = (recipe: Recipe): string => recipe.output ?? join("runs", recipe.name ?? "run");
export const checkpointFolder = (folder: string): string => join(folder, "checkpoints");

/**
 * Trains a classifier as a recipe says, into the recipe's output folder: `recipe.json`, `metrics.jsonl`, TensorBoard
 * events, `checkpoints/`. Throws TrainError when the folder already holds a run (and neither `resume` nor `overwrite`
 * is given), when the loss is not a number, and what the sources, the recipe and the disk throw.
 */
export async function train(recipe: Recipe, options: TrainOptions = {}): Promise<TrainResult> {
  const folder = runFolder(recipe);
  const restored = await inspectFolder(recipe, folder, options);
  const owned: ImageSource[] = [];
  const open = async (
    given: ImageSource | undefined,
    part: Recipe["data"]["train"],
    purpose: "train" | "evaluation",
  ) => {
    if (given) return given;
    const source = await openPart(part, purpose);
    owned.push(source);
    return source;
  };
  let run: Run | undefined;
  let program: Program | undefined;
  try {
    const trainSource = await open(options.sources?.train, recipe.data.train, "train");
    const evaluationPart = recipe.data.evaluation;
    const evaluationSource = evaluationPart && (await open(options.sources?.evaluation, evaluationPart, "evaluation"));
    if (evaluationSource) requireSameClasses(trainSource, evaluationSource);
    const plan = planRun(recipe, trainSource.length, trainSource.classNames.length);
    const classifier = buildClassifier(plan.classifier, recipe.seed);
    const device: Device = parseDevice(recipe.device);
    program = await compile(classifier.source, {
      device,
      ...(recipe.threads !== undefined && { threads: recipe.threads }),
    });
    // Only now, when all that could be refused was: a run that is replaced is not lost to a mistyped source.
    if (!options.resume) await prepareFolder(recipe, folder);
    run = await Run.start({
      recipe,
      folder,
      plan,
      classifier,
      program,
      trainSource,
      evaluationSource,
      restored,
      options,
    });
    return await run.finish();
  } finally {
    await run?.close();
    await program?.close();
    for (const source of owned) await source.close();
  }
}

/** Makes sure the folder may be written, and finds what to continue from. Writes nothing. */
async function inspectFolder(
  recipe: Recipe,
  folder: string,
  options: TrainOptions,
): Promise<LoadedCheckpoint | undefined> {
  const recipePath = join(folder, resolvedRecipeFile);
  const { checkpoints, damaged } = await listCheckpoints(checkpointFolder(folder));
  const exists = checkpoints.length + damaged.length > 0;
  if (options.resume) {
    const before = await readFile(recipePath, "utf8").catch(() => undefined);
    if (before === undefined)
      throw new TrainError(`there is no run to resume in ${folder}; start one without --resume`);
    const changed = recipeDifferences(resolveRecipe(JSON.parse(before), recipePath), recipe);
    if (changed.length > 0) {
      throw new TrainError(
        `the run in ${folder} was started with other settings; resume with the same ones, or start anew with another --output:\n${changed.map((line) => `  ${line}`).join("\n")}`,
      );
    }
    return await latestCheckpoint(checkpointFolder(folder));
  }
  if (exists && !options.overwrite) {
    throw new TrainError(
      `${folder} already holds a run; continue it with --resume, replace it with --overwrite, or choose another --output`,
    );
  }
  return undefined;
}

/** Makes the folder of a new run; what another left in it goes. */
async function prepareFolder(recipe: Recipe, folder: string): Promise<void> {
  const left = existsSync(join(folder, resolvedRecipeFile)) ? await readdir(folder) : [];
  for (const name of left) if (name.startsWith("events.out.tfevents.")) await rm(join(folder, name));
  await rm(checkpointFolder(folder), { recursive: true, force: true });
  await saveRecipe(folder, recipe);
}

/** Labels are positions in the list of classes, so the two lists must agree; the evaluation may lack the last ones. */
function requireSameClasses(training: ImageSource, evaluation: ImageSource): void {
  const at = evaluation.classNames.findIndex((name, i) => name !== training.classNames[i]);
  if (at < 0) return;
  throw new TrainError(
    `class ${at} is "${training.classNames[at] ?? "(none)"}" in ${training.name} and "${evaluation.classNames[at]}" in ${evaluation.name}; data.train and data.evaluation must have the same classes`,
  );
}

interface RunParts {
  readonly recipe: Recipe;
  readonly folder: string;
  readonly plan: RunPlan;
  readonly classifier: Classifier;
  readonly program: Program;
  readonly trainSource: ImageSource;
  readonly evaluationSource: ImageSource | undefined;
  readonly restored: LoadedCheckpoint | undefined;
  readonly options: TrainOptions;
}

/** A run under way: owns the program, the loader and the open files. */
class Run {
  private step: number;
  private loss = Number.NaN;
  private evaluation: EvaluationResult | undefined;
  private lastSaved: number;
  /** Examples that could not be read, by name. */
  private readonly bad = new Map<string, string>();
  private readonly before: number;
  private readonly started = performance.now();

  private constructor(
    private readonly parts: RunParts,
    private readonly loader: Loader,
    private readonly metrics: MetricsWriter,
    private readonly tensorBoard: TensorBoardWriter,
    private readonly progress: Progress,
  ) {
    this.step = parts.restored?.step ?? 0;
    this.lastSaved = this.step === 0 ? -1 : this.step;
    this.loss = (parts.restored?.meta["loss"] as number | undefined) ?? Number.NaN;
    this.before = (parts.restored?.meta["seconds"] as number | undefined) ?? 0;
  }

  static async start(parts: RunParts): Promise<Run> {
    const { recipe, restored, classifier, program, folder, plan, options } = parts;
    const wanted = classifier.slots.map(({ name, input }) => ({ name, shape: input.shape }));
    await program.writeState(restored ? restoredState(wanted, restored) : classifier.initialState());
    const position = restored?.meta["loader"] as unknown as LoaderPosition | undefined;
    const loader = createLoader(parts.trainSource, {
      batchSize: recipe.batchSize,
      preprocessing: recipe.data.train.preprocessing,
      seed: recipe.seed,
      ...(recipe.data.workers !== undefined && { workers: recipe.data.workers }),
      ...(position && { position }),
    });
    const metrics = await MetricsWriter.open(join(folder, "metrics.jsonl"), restored?.step);
    const progress = startProgress({
      total: plan.totalSteps,
      start: restored?.step ?? 0,
      batchSize: recipe.batchSize,
      ...(options.silent !== undefined && { silent: options.silent }),
    });
    const run = new Run(parts, loader, metrics, new TensorBoardWriter(folder, restored?.step), progress);
    if (restored) run.best = (await bestSoFar(folder))?.value;
    if (restored) progress.note(`resumed from step ${restored.step} (${restored.path})`);
    return run;
  }

  private get seconds(): number {
    return this.before + (performance.now() - this.started) / 1000;
  }

  /** Runs every step that is left. */
  async finish(): Promise<TrainResult> {
    const { plan, options, folder, classifier } = this.parts;
    const { totalSteps } = plan;
    let interrupted = false;
    while (this.step < totalSteps && !interrupted) {
      await this.trainStep();
      const evaluated = isTime(this.step, plan.evaluateEvery, totalSteps) ? await this.evaluate() : undefined;
      interrupted = options.signal?.aborted ?? false;
      const due = isTime(this.step, plan.checkpointEvery, totalSteps);
      if (this.isBest(evaluated) || due || interrupted) await this.save(evaluated);
    }
    interrupted &&= this.step < totalSteps;
    this.progress.finish();
    return {
      folder,
      step: this.step,
      totalSteps,
      loss: this.loss,
      evaluation: this.evaluation ?? (interrupted ? undefined : await this.measure()),
      interrupted,
      seconds: this.seconds,
      parameters: classifier.parameterCount,
      bad: [...this.bad].map(([id, reason]) => `${id}: ${reason}`),
    };
  }

  private async trainStep(): Promise<void> {
    const { program, classifier, recipe, plan } = this.parts;
    const batch = await this.loader.next();
    if (!batch) throw new TrainError("the training data ended before the run did");
    this.noteBad(this.loader.stats().bad);
    const feeds = { image: batch.image, label: batch.label, ...classifier.stepInputs(this.step, recipe.seed) };
    const results = await program.step(feeds);
    this.loader.recycle({ ...batch, image: feeds.image, label: feeds.label });
    this.step++;
    this.loss = numberOf(results, "loss");
    if (!Number.isFinite(this.loss)) throw this.notANumber();
    const shown: Record<string, number> = { loss: this.loss };
    if (results["gradientNorm"]) shown["gradientNorm"] = numberOf(results, "gradientNorm");
    this.progress.update(this.step, {
      loss: this.loss,
      ...(this.evaluation && { accuracy: this.evaluation.accuracy }),
    });
    if (isTime(this.step, plan.logEvery, plan.totalSteps, true)) {
      this.record({ ...shown, learningRate: recipe.optimizer.learningRate * plan.classifier.schedule(this.step - 1) });
    }
  }

  /** Names examples that could not be read, each once. */
  private noteBad(found: readonly BadExample[]): void {
    for (const { id, reason } of found) {
      if (this.bad.has(id)) continue;
      this.bad.set(id, reason);
      this.progress.note(`skipped ${id}: ${reason}`);
    }
  }

  private notANumber(what = `the loss of step ${this.step} is ${this.loss}`): TrainError {
    const saved =
      this.lastSaved >= 0 ? `the checkpoint of step ${this.lastSaved} is good` : "no checkpoint was saved yet";
    return new TrainError(
      `${what}; ${saved}. Try a lower optimizer.learningRate, a longer schedule.warmup or optimizer.clipNorm=1`,
    );
  }

  private async evaluate(): Promise<EvaluationResult | undefined> {
    const found = await this.measure();
    if (!found) return undefined;
    this.record({ "evaluation/loss": found.loss, "evaluation/accuracy": found.accuracy });
    this.progress.note(
      `step ${this.step}: evaluation accuracy ${(100 * found.accuracy).toFixed(2)} %, loss ${found.loss.toFixed(4)}`,
    );
    return found;
  }

  /** Evaluates without a word: a resumed run that was done already has its line of metrics. */
  private async measure(): Promise<EvaluationResult | undefined> {
    const { evaluationSource, recipe, program } = this.parts;
    const part = recipe.data.evaluation;
    if (!evaluationSource || !part) return undefined;
    this.evaluation = await evaluateClassifier(program, evaluationSource, {
      batchSize: recipe.batchSize,
      preprocessing: part.preprocessing,
      ...(recipe.data.workers !== undefined && { workers: recipe.data.workers }),
    });
    this.noteBad(this.evaluation.bad);
    return this.evaluation;
  }

  private record(values: Readonly<Record<string, number>>): void {
    const record = {
      step: this.step,
      epoch: this.step / this.parts.plan.stepsPerEpoch,
      time: this.seconds,
      ...values,
    };
    this.metrics.write(record);
    this.tensorBoard.scalars(this.step, values);
    this.parts.options.onMetrics?.(record);
  }

  private scoreOf(evaluated: EvaluationResult | undefined): Score | undefined {
    const keep = this.parts.recipe.checkpoint.keepBest;
    if (!keep || !evaluated) return undefined;
    return { metric: keep.metric, mode: keep.mode, value: evaluated[keep.metric] };
  }

  private best: number | undefined;

  private isBest(evaluated: EvaluationResult | undefined): boolean {
    const score = this.scoreOf(evaluated);
    if (!score) return false;
    const better =
      this.best === undefined || (score.mode === "max" ? score.value > this.best : score.value < this.best);
    if (better) this.best = score.value;
    return better;
  }

  private async save(evaluated: EvaluationResult | undefined): Promise<void> {
    const { program, classifier, recipe, folder } = this.parts;
    const state = await program.readState();
    // A loss that is still a number may have gradients that are not: such a state must not replace a good checkpoint.
    const broken = Object.keys(state).find((name) => !allFinite(state[name] as Float32Array));
    if (broken !== undefined) throw this.notANumber(`${broken} is not finite after step ${this.step}`);
    const tensors = new Map<string, StoredTensor>(
      classifier.slots.map(({ name, input }) => [
        name,
        { dtype: "float32", shape: [...input.shape], data: state[name] as TypedArray },
      ]),
    );
    const score = this.scoreOf(evaluated);
    const meta: Record<string, Json> = {
      loader: this.loader.position() as unknown as Json,
      seconds: this.seconds,
      loss: this.loss,
      classNames: this.parts.trainSource.classNames,
    };
    await saveCheckpoint(
      checkpointFolder(folder),
      { step: this.step, tensors, meta },
      { keepLast: recipe.checkpoint.keepLast, ...(score && { score }) },
    );
    this.lastSaved = this.step;
  }

  async close(): Promise<void> {
    this.progress.finish();
    this.metrics.close();
    this.tensorBoard.close();
    await this.loader.close();
  }
}

/** The best score among the checkpoints of a run. */
async function bestSoFar(folder: string): Promise<Score | undefined> {
  const { checkpoints } = await listCheckpoints(checkpointFolder(folder));
  const scores = checkpoints.flatMap(({ score }) => score ?? []);
  return scores.sort((a, b) => (a.mode === "max" ? b.value - a.value : a.value - b.value))[0];
}

function allFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

function numberOf(results: Results, name: string): number {
  return Number(results[name]![0]);
}
