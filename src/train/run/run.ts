/** A run under way: batches in, one program step each, metrics, evaluation and checkpoints out. */

import type { BadExample, Batch } from "../../data/index.js";
import type { StoredTensor, TypedArray } from "../../formats/stored.js";
import type { NumericArray } from "../../graph/index.js";
import { descriptionKey, type Json, type Score, saveCheckpoint } from "../../networks/index.js";
import { createRandom } from "../../random/keyed.js";
import { type Feeds, stackFeeds } from "../../runtime/index.js";
import { defined } from "../../text/defined.js";
import { percent } from "../../text/format.js";
import { type Progress, startProgress } from "../../text/progress.js";
import { shareJson, shareState, takeSteps } from "../distributed/index.js";
import { type Batches, returnedBatch, type StreamName } from "../objectives/index.js";
import { firstLossScale, type LossScale, nextLossScale, smallestLossScale } from "../plan/loss-scale.js";
import { TrainError } from "../plan/train-error.js";
import { isTime } from "../recipe/durations.js";
import { describeTrained } from "./description.js";
import { type EvaluationResult, evaluateSource } from "./evaluate.js";
import { closeFiles, openFiles, type RunFiles } from "./files.js";
import { firstState } from "./first-state.js";
import { bestSoFar, checkpointFolder, newestCheckpoint } from "./folder.js";
import { type Loaders, openLoaders } from "./loaders.js";
import type { RunParts } from "./parts.js";
import type { TrainResult } from "./train.js";

/** So many failed steps in a row are left out, and so often a run goes back to one checkpoint, before it is given up. */
const mostFailures = 5;

/** A run under way: owns the loaders and the open files. */
export class Run {
  private step: number;
  private loss = Number.NaN;
  /** Did a rank ask to stop? */
  private stop = false;
  private evaluation: EvaluationResult | undefined;
  private lastSaved: number;
  /** Steps in a row whose loss or gradients were not finite. */
  private failures = 0;
  /** The last checkpoint that the run went back to, and how often it did. */
  private rolledBack = { step: -1, times: 0 };
  private lossScale: LossScale;
  /** Examples that could not be read, by name. */
  private readonly bad = new Map<string, string>();
  private readonly before: number;
  private readonly started = performance.now();

  private constructor(
    private readonly parts: RunParts,
    private readonly loaders: Loaders,
    /** On rank 0, which alone writes. */
    private files: RunFiles | undefined,
    private readonly progress: Progress,
  ) {
    this.step = parts.restored?.step ?? 0;
    this.lastSaved = this.step === 0 ? -1 : this.step;
    this.loss = (parts.restored?.meta["loss"] as number | undefined) ?? Number.NaN;
    this.lossScale = (parts.restored?.meta["lossScale"] as LossScale | undefined) ?? firstLossScale;
    this.before = (parts.restored?.meta["seconds"] as number | undefined) ?? 0;
  }

  static async start(parts: RunParts): Promise<Run> {
    const { recipe, restored, folder, plan, options, communicator } = parts;
    const first = communicator.rank === 0;
    const files = first ? await openFiles(folder, restored?.step) : undefined;
    const progress = (options.progress ?? startProgress)({
      total: plan.totalSteps,
      start: restored?.step ?? 0,
      batchSize: recipe.batchSize,
      silent: options.silent === true || !first,
    });
    const run = new Run(parts, openLoaders(parts), files, progress);
    if (first && restored) run.best = (await bestSoFar(folder))?.value;
    for (const note of parts.notes) progress.note(note);
    if (communicator.size > 1)
      progress.note(
        `${communicator.size} ranks (${communicator.library}), ${recipe.batchSize / communicator.size} images of each batch on every one`,
      );
    if (restored) progress.note(`resumed from step ${restored.step} (${restored.path})`);
    return run;
  }

  private get seconds(): number {
    return this.before + (performance.now() - this.started) / 1000;
  }

  /** Runs every step that is left. */
  async finish(): Promise<TrainResult> {
    const { plan, options, folder, training, communicator } = this.parts;
    const { totalSteps } = plan;
    let interrupted = false;
    while (this.step < totalSteps && !interrupted) {
      const before = this.step;
      await this.trainSteps();
      // what is due at any of the steps of a run of the program is done after them
      const isDue = (every: number) => {
        for (let step = before + 1; step <= this.step; step++) if (isTime(step, every, totalSteps)) return true;
        return false;
      };
      const evaluated = isDue(plan.evaluateEvery) ? await this.evaluate() : undefined;
      // A rank of several stops when all do: its own wish goes with the next step.
      interrupted = this.stop || (communicator.size === 1 && options.signal?.aborted === true);
      const due = isDue(plan.checkpointEvery);
      if (this.isBest(evaluated) || due || interrupted) await this.save(evaluated);
    }
    interrupted &&= this.step < totalSteps;
    this.progress.finish();
    const bad = new Map(this.bad);
    for (let rank = 0; rank < communicator.size; rank++)
      for (const [id, reason] of await shareJson(communicator, [...this.bad], rank)) bad.set(id, reason);
    return {
      folder,
      step: this.step,
      totalSteps,
      loss: this.loss,
      evaluation: this.evaluation ?? (interrupted ? undefined : await this.measure()),
      interrupted,
      seconds: this.seconds,
      parameters: training.parameterCount,
      bad: [...bad].map(([id, reason]) => `${id}: ${reason}`),
    };
  }

  /** One run of the program: as many steps as it takes at once, or one where fewer are left. */
  private async trainSteps(): Promise<void> {
    const { program, training, objective, recipe, plan, communicator, options } = this.parts;
    const { rank } = communicator;
    const { stepsPerRun, onNotFinite } = recipe;
    const count = plan.totalSteps - this.step >= stepsPerRun ? stepsPerRun : 1;
    const taken: { readonly batches: Batches; readonly given: Feeds; readonly feeds: Feeds }[] = [];
    for (let i = 0; i < count; i++) {
      const batches = await this.nextBatches();
      // Ranks draw differently; rank 0 draws what a rank alone would.
      const random = createRandom("step", recipe.seed, this.step + i, ...(rank > 0 ? [rank] : []));
      const given = await objective.feeds(batches, random);
      const feeds = { ...given, ...training.stepInputs(this.step + i, recipe.seed, this.lossScale.scale, rank) };
      taken.push({ batches, given, feeds });
    }
    const feeds = stackFeeds(taken.map((one) => one.feeds));
    const { steps, committed, stop } = await takeSteps(program, communicator, {
      name: count < stepsPerRun ? "singleStep" : "step",
      count,
      feeds,
      scalars: training.scalars.map(({ name }) => name),
      commitWhenFinite: training.scalesLoss || onNotFinite !== "stop" ? ["loss", "gradientNorm"] : [],
      stopAsked: () => options.signal?.aborted === true,
    });
    this.stop = stop;
    for (const { batches, given } of taken) {
      for (const [stream, batch] of Object.entries(batches)) {
        this.loaders[stream as StreamName]!.recycle(count === 1 ? returnedBatch(batch, given, feeds) : batch);
      }
    }
    if (committed) {
      this.failures = 0;
      for (let i = 0; i < count; i++) this.lossScale = nextLossScale(this.lossScale, true);
    } else if (training.scalesLoss && steps.every(({ loss }) => Number.isFinite(loss))) {
      this.lowerLossScale(count);
    } else if (onNotFinite !== "stop" && (await this.dropped(steps)) === "rolled back") return;
    for (const values of steps) this.tellStep(values);
  }

  /** Counts a step and tells its numbers. */
  private tellStep(values: Readonly<Record<string, number>>): void {
    const { recipe, plan } = this.parts;
    this.step++;
    this.loss = values["loss"]!;
    if (!Number.isFinite(this.loss) && recipe.onNotFinite === "stop") throw this.notANumber();
    this.progress.update(this.step, defined({ loss: this.loss, accuracy: this.evaluation?.accuracy }));
    if (!isTime(this.step, plan.logEvery, plan.totalSteps, true)) return;
    this.record(
      defined({
        ...values,
        lossScale: this.parts.training.scalesLoss ? this.lossScale.scale : undefined,
        learningRate: recipe.optimizer.learningRate * plan.training.schedule(this.step - 1),
      }),
    );
  }

  /** Lowers the scale of the loss after steps whose gradients overflowed and which were dropped. */
  private lowerLossScale(steps: number): void {
    this.lossScale = nextLossScale(this.lossScale, false);
    const { scale } = this.lossScale;
    const which = stepsInWords(this.step, steps);
    if (scale < smallestLossScale) {
      throw this.notANumber(`gradients of ${which} overflow float16 even with the loss divided by ${1 / scale}`);
    }
    this.progress.note(`${which}: gradients overflow float16; left out, and the loss scale is now ${scale}`);
  }

  /** What a recipe's `onNotFinite` says is to be done when the loss or the gradients of steps were not finite; the state is as it was before. */
  private async dropped(steps: readonly Readonly<Record<string, number>>[]): Promise<"left out" | "rolled back"> {
    const { recipe } = this.parts;
    const finite = ({ loss, gradientNorm }: Readonly<Record<string, number>>) =>
      Number.isFinite(loss) && Number.isFinite(gradientNorm);
    const at = steps.findIndex((values) => !finite(values));
    const { loss, gradientNorm } = steps[at]!;
    this.loss = loss!;
    const what = `step ${this.step + at + 1}: the loss is ${loss}, the norm of the gradients ${gradientNorm}`;
    if (++this.failures > mostFailures)
      throw this.notANumber(`${what}, ${mostFailures} times without a good step between`);
    if (recipe.onNotFinite === "skip") {
      this.progress.note(
        `${what}; ${steps.length === 1 ? "the step is" : `${stepsInWords(this.step, steps.length)} are`} left out`,
      );
      return "left out";
    }
    await this.rollBack(what);
    return "rolled back";
  }

  /** Takes up the newest checkpoint again (or the start of the run), and goes on with the batches that follow the last. */
  private async rollBack(what: string): Promise<void> {
    const { program, training, folder, communicator } = this.parts;
    const checkpoint = this.files && (await newestCheckpoint(folder, (text) => this.progress.note(text)));
    this.step = await shareJson(communicator, checkpoint?.step ?? 0);
    // Good steps alone are no progress: those after the checkpoint were good the last time too.
    const { step, times } = this.rolledBack;
    this.rolledBack = this.step > step ? { step: this.step, times: 1 } : { step, times: times + 1 };
    if (this.rolledBack.times > mostFailures) {
      throw this.notANumber(
        `${what}, and ${mostFailures} times before, each time after going back to step ${this.step}: the run does not get to its next checkpoint`,
      );
    }
    this.progress.note(`${what}; back to step ${this.step}, and on with other batches`);
    const state = this.files && firstState(training, checkpoint);
    await program.writeState(await shareState(communicator, training.slots, state));
    if (!this.files) return;
    // Lines past the checkpoint tell of steps that are no longer part of the run.
    closeFiles(this.files);
    this.files = await openFiles(folder, this.step);
  }

  /** The next batch of every stream. */
  private async nextBatches(): Promise<Batches> {
    const batches: Partial<Record<StreamName, Batch>> = {};
    for (const [stream, loader] of Object.entries(this.loaders)) {
      const batch = await loader.next();
      if (!batch) throw new TrainError(`the ${stream} data ended before the run did`);
      this.noteBad(loader.stats().bad);
      batches[stream as StreamName] = batch;
    }
    return batches as Batches;
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
    const averaged = this.parts.plan.training.average !== undefined;
    this.record(
      defined({
        "evaluation/loss": found.loss,
        "evaluation/accuracy": found.accuracy,
        "evaluation/averagedWeights": averaged ? 1 : undefined,
      }),
    );
    this.progress.note(
      `step ${this.step}: evaluation accuracy${averaged ? " of the averaged weights" : ""} ${percent(found.accuracy, 2)}, loss ${found.loss.toFixed(4)}`,
    );
    return found;
  }

  /** Evaluates without a word: a resumed run that was done already has its line of metrics. */
  private async measure(): Promise<EvaluationResult | undefined> {
    const { evaluationSource, recipe, plan, program, objective, communicator } = this.parts;
    const part = recipe.data.evaluation;
    if (!evaluationSource || !part) return undefined;
    this.evaluation = await evaluateSource(program, objective.evaluation, evaluationSource, {
      batchSize: plan.training.evaluationBatchSize * communicator.size,
      preprocessing: part.preprocessing,
      ranks: communicator,
      workers: recipe.data.workers,
    });
    this.noteBad(this.evaluation.bad);
    return this.evaluation;
  }

  private record(values: Readonly<Record<string, number>>): void {
    if (!this.files) return;
    const record = {
      step: this.step,
      epoch: this.step / this.parts.plan.stepsPerEpoch,
      time: this.seconds,
      ...values,
    };
    this.files.metrics.write(record);
    this.files.tensorBoard.scalars(this.step, values);
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
    if (!this.files) return;
    const { program, training, recipe, plan, folder, streams, communicator } = this.parts;
    const state = await program.readState();
    // A loss that is still a number may have gradients that are not: such a state must not replace a good checkpoint.
    const broken = Object.entries(state).find(([, values]) => !allFinite(values))?.[0];
    if (broken !== undefined) throw this.notANumber(`${broken} is not finite after step ${this.step}`);
    const tensors = new Map<string, StoredTensor>(
      training.slots.map(({ name, input }) => [
        name,
        { dtype: input.dtype, shape: [...input.shape], data: state[name] as TypedArray },
      ]),
    );
    const score = this.scoreOf(evaluated);
    const meta: Record<string, Json> = defined({
      loaders: Object.fromEntries(
        Object.entries(this.loaders).map(([stream, loader]) => [stream, loader.position() as unknown as Json]),
      ),
      seconds: this.seconds,
      loss: this.loss,
      lossScale: training.scalesLoss ? { ...this.lossScale } : undefined,
      classNames: streams.train.classNames,
      [descriptionKey]: describeTrained(recipe, plan),
      threads: program.threads,
      ranks: communicator.size,
    });
    await this.parts.lock?.check();
    await saveCheckpoint(
      checkpointFolder(folder),
      { step: this.step, tensors, meta },
      { keepLast: recipe.checkpoint.keepLast, score },
    );
    this.lastSaved = this.step;
  }

  async close(): Promise<void> {
    this.progress.finish();
    if (this.files) closeFiles(this.files);
    for (const loader of Object.values(this.loaders)) await loader.close();
  }
}

/** `step 7`, or `steps 7 to 9`: so many after those that are finished. */
const stepsInWords = (finished: number, steps: number): string =>
  steps === 1 ? `step ${finished + 1}` : `steps ${finished + 1} to ${finished + steps}`;

function allFinite(values: NumericArray): boolean {
  if (values instanceof BigInt64Array) return true;
  // float16, as its bits: an exponent of ones
  if (values instanceof Uint16Array) return values.every((bits) => (bits & 0x7c00) !== 0x7c00);
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}
