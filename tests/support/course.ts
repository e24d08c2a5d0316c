/** What decides a run and can be compared with another's, and runs that are stopped on the way. */

import { join } from "node:path";
import { expect } from "vitest";
import { latestCheckpoint } from "../../src/networks/index.js";
import {
  type MetricsRecord,
  type RecipeInput,
  readMetrics,
  resolveRecipe,
  type TrainOptions,
  train,
} from "../../src/train/index.js";

/** What decides a run: losses and evaluations by step without the clock, and every bit of its last checkpoint. */
export async function courseOf(folder: string) {
  const metrics = await readMetrics(join(folder, "metrics.jsonl"));
  const latest = (await latestCheckpoint(join(folder, "checkpoints"), (message) => expect.fail(message)))!;
  const { seconds: _, ...meta } = latest.meta;
  return {
    metrics: metrics.map(({ time: _, ...record }: MetricsRecord) => record),
    step: latest.step,
    meta,
    tensors: new Map(
      [...latest.tensors].map(([name, { data }]) => [
        name,
        Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex"),
      ]),
    ),
  };
}

/** Runs until the given step is logged, then asks it to stop. */
export async function stoppedAt(recipe: RecipeInput, step: number, options: TrainOptions = {}) {
  const stop = new AbortController();
  return train(resolveRecipe(recipe), {
    silent: true,
    ...options,
    signal: stop.signal,
    onMetrics: (record) => {
      if (record.step === step) stop.abort();
    },
  });
}
