/** The files that a run writes beside its checkpoints: metrics as lines of JSON, and as TensorBoard reads them. */
import { join } from "node:path";
import { MetricsWriter } from "./metrics.js";
import { TensorBoardWriter } from "./tensorboard.js";

/** The files that rank 0 writes. */
export interface RunFiles {
  readonly metrics: MetricsWriter;
  readonly tensorBoard: TensorBoardWriter;
}

/** Opens them in the run's folder; what they say of steps after `resumedStep` is no longer part of the run. */
export async function openFiles(folder: string, resumedStep: number | undefined): Promise<RunFiles> {
  const metrics = await MetricsWriter.open(join(folder, "metrics.jsonl"), resumedStep);
  return { metrics, tensorBoard: new TensorBoardWriter(folder, resumedStep) };
}

export function closeFiles({ metrics, tensorBoard }: RunFiles): void {
  metrics.close();
  tensorBoard.close();
}
