/** What decides a run and can be compared with another's. */
import { join } from "node:path";
import { expect } from "vitest";
import { latestCheckpoint, type MetricsRecord, readMetrics } from "../../src/train/index.js";

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
