/**
 * The training loop: prepare; repeat batches, steps, logging, evaluation and checkpoints until the last step; finish.
 *
 * `train.ts` opens what the loop works with; `plan/step.ts` builds the program of a step; `run/` holds the parts used
 * here.
 */

import { createRandom } from "../random/keyed.js";
import { type Feeds, stackFeeds } from "../runtime/index.js";
import { defined } from "../text/defined.js";
import { percent } from "../text/format.js";
import { type Progress, startProgress } from "../text/progress.js";
import { type StepsTaken, shareJson, takeSteps } from "./distributed/index.js";
import { type Batches, returnedBatch } from "./objectives/index.js";
import { isTime } from "./recipe/durations.js";
import { RunBatches } from "./run/batches.js";
import { type EvaluationResult, evaluateSource, openEvaluation } from "./run/evaluate.js";
import { Failures, type StepValues } from "./run/failures.js";
import { type RunParts, type RunState, requireFiniteState, startState } from "./run/parts.js";
import { RunWriter } from "./run/writer.js";

/** The result of a training. */
export interface TrainResult {
  /** Folder of the run. */
  readonly folder: string;
  /** Steps taken, including those before a resumption. */
  readonly step: number;
  readonly totalSteps: number;
  /** Loss of the last step. */
  readonly loss: number;
  /** The last evaluation; undefined without evaluation data. */
  readonly evaluation: EvaluationResult | undefined;
  /** Whether the run stopped before its last step. */
  readonly interrupted: boolean;
  /** Running time in seconds, including resumed parts. */
  readonly seconds: number;
  /** Number of parameters of the network. */
  readonly parameters: number;
  /** Training images that could not be read, as `ID: REASON`. */
  readonly bad: readonly string[];
}

/** The loop of one run. It owns the loaders, the open files and the progress line; close it. */
export class TrainingLoop {
  private readonly failures: Failures;

  private constructor(
    private readonly parts: RunParts,
    private readonly state: RunState,
    private readonly batches: RunBatches,
    /** Only on rank 0, which alone writes. */
    private readonly writer: RunWriter | undefined,
    private readonly progress: Progress,
  ) {
    this.failures = new Failures(parts, state, writer, (text) => progress.note(text));
  }

  // ---- Prepare ----

  /** Opens the files and the loaders of a run, which continues from `parts.restored` if it is resumed. */
  static async start(parts: RunParts): Promise<TrainingLoop> {
    const { recipe, restored, plan, hooks, communicator } = parts;
    const state = startState(restored);
    const writer = communicator.rank === 0 ? await RunWriter.open(parts, state) : undefined;
    const progress = (hooks.progress ?? startProgress)({
      total: plan.totalSteps,
      start: state.step,
      batchSize: recipe.batchSize,
      silent: hooks.silent === true || !writer,
    });
    const batches = new RunBatches(parts, (text) => progress.note(text));
    for (const note of parts.notes) progress.note(note);
    if (communicator.size > 1)
      progress.note(
        `${communicator.size} ranks (${communicator.library}), ${recipe.batchSize / communicator.size} images of each batch on every one`,
      );
    if (restored) progress.note(`resumed from step ${restored.step} (${restored.path})`);
    return new TrainingLoop(parts, state, batches, writer, progress);
  }

  // ---- Loop ----

  /** Runs all remaining steps. Throws TrainError when the run cannot continue. */
  async run(): Promise<TrainResult> {
    const { plan, hooks, communicator } = this.parts;
    const { state, writer } = this;
    let interrupted = false;
    while (state.step < plan.totalSteps && !interrupted) {
      const before = state.step;

      const { steps, committed, stop } = await this.takeSteps();
      if (await this.failures.handle(steps, committed)) for (const values of steps) this.log(values);

      // One run of the program takes several steps; what is due after any of them is done after the last.
      const isDue = (every: number) => {
        for (let step = before + 1; step <= state.step; step++) if (isTime(step, every, plan.totalSteps)) return true;
        return false;
      };
      const evaluation = isDue(plan.evaluateEvery) ? await this.evaluate() : undefined;

      // Several ranks stop together: a rank's request is sent with its next step.
      interrupted = stop || (communicator.size === 1 && hooks.signal?.aborted === true);
      const save = writer?.isBest(evaluation) || isDue(plan.checkpointEvery) || interrupted;
      if (save) await writer?.saveCheckpoint(this.batches.positions(), evaluation);
    }
    return await this.finish(interrupted && state.step < plan.totalSteps);
  }

  /** One run of the program: `stepsPerRun` steps, or one step when fewer are left. */
  private async takeSteps(): Promise<StepsTaken> {
    const { program, training, objective, recipe, plan, communicator, hooks } = this.parts;
    const { step: first, lossScale } = this.state;
    const { rank } = communicator;
    const { stepsPerRun } = recipe;
    const count = plan.totalSteps - first >= stepsPerRun ? stepsPerRun : 1;

    const prepared: { readonly batches: Batches; readonly given: Feeds; readonly feeds: Feeds }[] = [];
    for (let step = first; step < first + count; step++) {
      const batches = await this.batches.next();
      // Ranks draw different numbers; rank 0 draws those of a single process.
      const random = createRandom("step", recipe.seed, step, ...(rank > 0 ? [rank] : []));
      const given = await objective.feeds(batches, random);
      const feeds = { ...given, ...training.stepInputs(step, recipe.seed, lossScale.scale, rank) };
      prepared.push({ batches, given, feeds });
    }

    const feeds = stackFeeds(prepared.map((one) => one.feeds));
    const taken = await takeSteps(program, communicator, {
      name: count < stepsPerRun ? "singleStep" : "step",
      count,
      feeds,
      scalars: training.scalars.map(({ name }) => name),
      commitWhenFinite: this.failures.commitWhenFinite,
      stopAsked: () => hooks.signal?.aborted === true,
    });

    for (const { batches, given } of prepared) {
      for (const [stream, batch] of Object.entries(batches))
        this.batches.recycle(stream, count === 1 ? returnedBatch(batch, given, feeds) : batch);
    }
    return taken;
  }

  /** Counts a step, and reports its metrics when `log.every` requires it. */
  private log(values: StepValues): void {
    const { recipe, plan, training } = this.parts;
    const { state } = this;
    state.step++;
    state.loss = values["loss"]!;
    if (!Number.isFinite(state.loss) && recipe.onNotFinite === "stop") throw this.failures.error();
    this.progress.update(state.step, defined({ loss: state.loss, accuracy: state.evaluation?.accuracy }));
    if (!isTime(state.step, plan.logEvery, plan.totalSteps, true)) return;
    this.writer?.record(
      defined({
        ...values,
        lossScale: training.scalesLoss ? state.lossScale.scale : undefined,
        learningRate: recipe.optimizer.learningRate * plan.training.schedule(state.step - 1),
      }),
    );
  }

  /** Evaluates, and writes the result to the metrics; undefined without an evaluation source. */
  private async evaluate(): Promise<EvaluationResult | undefined> {
    const result = await this.measure();
    if (!result) return undefined;
    const averaged = this.parts.plan.training.average !== undefined;
    this.writer?.record(
      defined({
        "evaluation/loss": result.loss,
        "evaluation/accuracy": result.accuracy,
        "evaluation/averagedWeights": averaged ? 1 : undefined,
      }),
    );
    this.progress.note(
      `step ${this.state.step}: evaluation accuracy${averaged ? " of the averaged weights" : ""} ${percent(result.accuracy, 2)}, loss ${result.loss.toFixed(4)}`,
    );
    return result;
  }

  private async measure(): Promise<EvaluationResult | undefined> {
    const { evaluationSource, recipe, plan, training, objective, communicator } = this.parts;
    const part = recipe.data.evaluation;
    if (!evaluationSource || !part) return undefined;
    const { device, threads } = this.parts.program;
    const weights = await this.parts.program.readState(Object.values(training.evaluation.weights));
    requireFiniteState(weights, this.state);
    await using program = await openEvaluation(training, weights, { device, threads });
    const result = await evaluateSource(program, objective.evaluation, evaluationSource, {
      batchSize: plan.training.evaluationBatchSize * communicator.size,
      preprocessing: part.preprocessing,
      ranks: communicator,
      workers: recipe.data.workers,
    });
    this.batches.addBad(result.bad);
    this.state.evaluation = result;
    return result;
  }

  // ---- Finish ----

  private async finish(interrupted: boolean): Promise<TrainResult> {
    const { plan, folder, training, communicator } = this.parts;
    const { state } = this;
    this.progress.finish();
    const bad = new Map(this.batches.bad);
    for (let rank = 0; rank < communicator.size; rank++)
      for (const [id, reason] of await shareJson(communicator, [...this.batches.bad], rank)) bad.set(id, reason);
    // A completed run that is resumed is evaluated here without a record, because its metrics already contain one.
    const evaluation = state.evaluation ?? (interrupted ? undefined : await this.measure());
    return {
      folder,
      step: state.step,
      totalSteps: plan.totalSteps,
      loss: state.loss,
      evaluation,
      interrupted,
      seconds: state.seconds(),
      parameters: training.parameterCount,
      bad: [...bad].map(([id, reason]) => `${id}: ${reason}`),
    };
  }

  async close(): Promise<void> {
    this.progress.finish();
    this.writer?.close();
    await this.batches.close();
  }
}
