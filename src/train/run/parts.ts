/** What a run is put together from before it begins. */

import type { ImageSource, LoaderPart } from "../../data/index.js";
import type { FolderLock } from "../../files/lock.js";
import type { LoadedCheckpoint } from "../../networks/index.js";
import type { Program } from "../../runtime/index.js";
import type { Communicator } from "../distributed/index.js";
import type { Objective, StreamName } from "../objectives/index.js";
import type { RunPlan } from "../plan/plan.js";
import type { TrainingProgram } from "../plan/step.js";
import type { Recipe } from "../recipe/recipe.js";
import type { TrainOptions } from "./train.js";

export interface RunParts {
  readonly recipe: Recipe;
  readonly folder: string;
  /** On rank 0, which alone writes into the folder. */
  readonly lock: FolderLock | undefined;
  readonly plan: RunPlan;
  readonly objective: Objective;
  readonly training: TrainingProgram;
  readonly program: Program;
  readonly streams: Readonly<Record<StreamName, ImageSource>>;
  /** What the stream `train` is mixed of. */
  readonly trainingParts: readonly LoaderPart[];
  readonly evaluationSource: ImageSource | undefined;
  /** What is worth telling when it begins. */
  readonly notes: readonly string[];
  readonly restored: Restored | undefined;
  readonly communicator: Communicator;
  readonly options: TrainOptions;
}

/** Where a run goes on, but for the tensors. */
export type Restored = Pick<LoadedCheckpoint, "step" | "meta" | "path">;
