/** The state a run starts with. */
import type { NumericArray } from "../../graph/index.js";
import { type LoadedCheckpoint, restoredState } from "../../networks/index.js";
import type { TrainingProgram } from "../plan/step.js";

/** The state a run starts with: a checkpoint's, or the first values. Throws CheckpointError as `restoredState` does. */
export function firstState(
  training: TrainingProgram,
  checkpoint: LoadedCheckpoint | undefined,
): Record<string, NumericArray> {
  if (!checkpoint) return training.initialState();
  const wanted = training.slots.map(({ name, input: { shape, dtype } }) => ({ name, shape, dtype }));
  return restoredState(wanted, checkpoint);
}
