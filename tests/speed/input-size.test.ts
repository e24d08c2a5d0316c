/** The speed of inference over the size of images: that every case is measured; no timings. */
import { expect, test } from "vitest";
import { parseModelName } from "../../src/models/index.js";
import { inferenceSeconds } from "../../src/speed/index.js";

test("every case is measured, and an abort ends it", async () => {
  const config = parseModelName("Ti/16", { classes: 10 });
  const cases = [16, 32].map((side) => ({ config, side, batchSize: 2 }));
  const seconds = await inferenceSeconds(cases, { runs: 2, threads: 1 });
  expect(seconds).toHaveLength(2);
  for (const one of seconds) {
    expect(one).toBeGreaterThan(0);
    expect(one).toBeLessThan(Number.POSITIVE_INFINITY);
  }
  const signal = AbortSignal.abort(new Error("stopped"));
  await expect(inferenceSeconds(cases, { runs: 1, threads: 1, signal })).rejects.toThrow("stopped");
});
