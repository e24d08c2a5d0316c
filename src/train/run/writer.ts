/** Writes the files of a run: metrics as JSON lines and as TensorBoard events, and checkpoints. */

import { join } from "node:path";
import type { StoredTensor, TypedArray } from "../../formats/stored.js";
import {
  descriptionKey,
  evaluationPreprocessing,
  type Json,
  type Score,
  saveCheckpoint,
  storedDescription,
} from "../../networks/index.js";
import { defined } from "../../text/defined.js";
import { objectiveKind } from "../objectives/index.js";
import type { RunPlan } from "../plan/plan.js";
import { type Recipe, trainingParts } from "../recipe/recipe.js";
import type { EvaluationResult } from "./evaluate.js";
import { bestSoFar, checkpointFolder } from "./folder.js";
import { MetricsWriter } from "./metrics.js";
import { type RunParts, type RunState, requireFiniteState } from "./parts.js";
import { TensorBoardWriter } from "./tensorboard.js";

/** Owns the open files of a run; only rank 0 has one. Close it. */
export class RunWriter {
  private constructor(
    private readonly parts: RunParts,
    private readonly state: RunState,
    private files: RunFiles,
    /** The best score of an evaluation so far. */
    private best: number | undefined,
  ) {}

  static async open(parts: RunParts, state: RunState): Promise<RunWriter> {
    const { folder, restored } = parts;
    const files = await openFiles(folder, restored?.step);
    return new RunWriter(parts, state, files, restored && (await bestSoFar(folder))?.value);
  }

  /** Writes one record of metrics. */
  record(values: Readonly<Record<string, number>>): void {
    const { step } = this.state;
    const record = { step, epoch: step / this.parts.plan.stepsPerEpoch, time: this.state.seconds(), ...values };
    this.files.metrics.write(record);
    this.files.tensorBoard.scalars(step, values);
    this.parts.hooks.onMetrics?.(record);
  }

  /** Removes the metrics after `step`, which are no longer part of the run. */
  async truncate(step: number): Promise<void> {
    closeFiles(this.files);
    this.files = await openFiles(this.parts.folder, step);
  }

  /**
   * Whether an evaluation is the best so far, by the metric of `checkpoint.keepBest`. If so, later ones are compared
   * with it.
   */
  isBest(evaluation: EvaluationResult | undefined): boolean {
    const score = this.scoreOf(evaluation);
    if (!score) return false;
    const better =
      this.best === undefined || (score.mode === "max" ? score.value > this.best : score.value < this.best);
    if (better) this.best = score.value;
    return better;
  }

  /** Saves a checkpoint of the current step. Throws TrainError when a state tensor is not finite. */
  async saveCheckpoint(loaders: Json, evaluation: EvaluationResult | undefined): Promise<void> {
    const { program, training, recipe, plan, folder, streams, communicator, lock } = this.parts;
    const { step, loss, lossScale, seconds } = this.state;
    const values = await program.readState();
    // A finite loss may have gradients that are not finite: such a state must not replace a good checkpoint.
    requireFiniteState(values, this.state);
    const tensors = new Map<string, StoredTensor>(
      training.slots.map(({ name, input }) => [
        name,
        { dtype: input.dtype, shape: [...input.shape], data: values[name] as TypedArray },
      ]),
    );
    const meta: Record<string, Json> = defined({
      loaders,
      seconds: seconds(),
      loss,
      lossScale: training.scalesLoss ? { ...lossScale } : undefined,
      classNames: streams.train.classNames,
      [descriptionKey]: describeTrained(recipe, plan),
      threads: program.threads,
      ranks: communicator.size,
    });
    await lock?.check();
    await saveCheckpoint(
      checkpointFolder(folder),
      { step, tensors, meta },
      { keepLast: recipe.checkpoint.keepLast, score: this.scoreOf(evaluation) },
    );
    this.state.lastSaved = step;
  }

  close(): void {
    closeFiles(this.files);
  }

  private scoreOf(evaluation: EvaluationResult | undefined): Score | undefined {
    const keep = this.parts.recipe.checkpoint.keepBest;
    if (!keep || !evaluation) return undefined;
    return { metric: keep.metric, mode: keep.mode, value: evaluation[keep.metric] };
  }
}

interface RunFiles {
  readonly metrics: MetricsWriter;
  readonly tensorBoard: TensorBoardWriter;
}

/** Opens the files in the run's folder. Records of steps after `resumedStep` are removed. */
async function openFiles(folder: string, resumedStep: number | undefined): Promise<RunFiles> {
  const metrics = await MetricsWriter.open(join(folder, "metrics.jsonl"), resumedStep);
  return { metrics, tensorBoard: new TensorBoardWriter(folder, resumedStep) };
}

function closeFiles({ metrics, tensorBoard }: RunFiles): void {
  metrics.close();
  tensorBoard.close();
}

/**
 * The description of the network that is stored in a checkpoint; undefined for images with other than 1 or 3 channels,
 * which no image file has.
 */
export function describeTrained(recipe: Recipe, { training: { model, image } }: RunPlan): Json | undefined {
  if (image[2] !== 1 && image[2] !== 3) return undefined;
  const [first] = trainingParts(recipe);
  return storedDescription({
    config: model,
    imageShape: image,
    preprocessing: evaluationPreprocessing(
      { training: first?.preprocessing ?? "", evaluation: recipe.data.evaluation?.preprocessing },
      image,
    ),
    loss: objectiveKind(recipe.objective).probabilities ?? "softmax",
  });
}
