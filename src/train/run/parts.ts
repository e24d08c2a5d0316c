/** The parts that a run consists of before its first step, and its current state. */

import type { ImageSource, LoaderPart } from "../../data/index.js";
import type { FolderLock } from "../../files/lock.js";
import { allFinite, type NumericArray } from "../../graph/index.js";
import { type LoadedCheckpoint, restoredState } from "../../networks/index.js";
import type { Program, Results } from "../../runtime/index.js";
import type { StartProgress } from "../../text/progress.js";
import type { Communicator } from "../distributed/index.js";
import type { Objective, StreamName } from "../objectives/index.js";
import { firstLossScale, type LossScale } from "../plan/loss-scale.js";
import type { RunPlan } from "../plan/plan.js";
import type { TrainingProgram } from "../plan/step.js";
import { notFiniteError } from "../plan/train-error.js";
import type { Recipe } from "../recipe/recipe.js";
import type { EvaluationResult } from "./evaluate.js";
import type { MetricsRecord } from "./metrics.js";

/** How a caller watches and stops a run. */
export interface RunHooks {
  /** Shows no progress and prints no messages. */
  readonly silent?: boolean;
  /** Starts the progress display, in steps. Default: `startProgress`, on stderr. */
  readonly progress?: StartProgress | undefined;
  /** Stops after the current step, saves a checkpoint and ends the run with `interrupted`. */
  readonly signal?: AbortSignal;
  /** Called with every metrics record when it is written (on rank 0). */
  readonly onMetrics?: (record: MetricsRecord) => void;
}

export interface RunParts {
  readonly recipe: Recipe;
  readonly folder: string;
  /** Only on rank 0, which alone writes into the folder. */
  readonly lock: FolderLock | undefined;
  readonly plan: RunPlan;
  readonly objective: Objective;
  readonly training: TrainingProgram;
  readonly program: Program;
  readonly streams: Readonly<Record<StreamName, ImageSource>>;
  /** The sources that the stream `train` is mixed from. */
  readonly trainingParts: readonly LoaderPart[];
  readonly evaluationSource: ImageSource | undefined;
  /** Lines to print when the run begins. */
  readonly notes: readonly string[];
  readonly restored: Restored | undefined;
  readonly communicator: Communicator;
  readonly hooks: RunHooks;
}

/** Where a resumed run continues, without the tensors. */
export type Restored = Pick<LoadedCheckpoint, "step" | "meta" | "path">;

/** The current state of a run. */
export interface RunState {
  /** Finished steps. */
  step: number;
  /** Loss of the last step; NaN before the first. */
  loss: number;
  lossScale: LossScale;
  /** Result of the last evaluation. */
  evaluation: EvaluationResult | undefined;
  /** Step of the newest checkpoint; -1 before the first. */
  lastSaved: number;
  /** Running time in seconds so far, including the time before a resume. */
  seconds(): number;
}

/** The state of a run that starts, or continues from a checkpoint. */
export function startState(restored: Restored | undefined): RunState {
  const started = performance.now();
  const before = (restored?.meta["seconds"] as number | undefined) ?? 0;
  const step = restored?.step ?? 0;
  return {
    step,
    loss: (restored?.meta["loss"] as number | undefined) ?? Number.NaN,
    lossScale: (restored?.meta["lossScale"] as LossScale | undefined) ?? firstLossScale,
    evaluation: undefined,
    lastSaved: step === 0 ? -1 : step,
    seconds: () => before + (performance.now() - started) / 1000,
  };
}

/**
 * The tensors a run starts with: those of a checkpoint, or the initial values. Throws CheckpointError as
 * `restoredState` does.
 */
export function initialTensors(
  training: TrainingProgram,
  checkpoint: LoadedCheckpoint | undefined,
): Record<string, NumericArray> {
  if (!checkpoint) return training.initialState();
  const expected = training.slots.map(({ name, input: { shape, dtype } }) => ({ name, shape, dtype }));
  return restoredState(expected, checkpoint);
}

/** Throws TrainError with the first tensor of a program's state that has a number that is not finite. */
export function requireFiniteState(values: Results, { step, lastSaved }: RunState): void {
  const broken = Object.entries(values).find(([, array]) => !allFinite(array))?.[0];
  if (broken !== undefined) throw notFiniteError(`${broken} is not finite after step ${step}`, lastSaved);
}
