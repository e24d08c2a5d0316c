/** Counts over the size of images, against differences of whole counts and a search. */
import { describe, expect, test } from "vitest";
import { costOf, input } from "../../src/graph/index.js";
import { model, modelSize, parseModelName } from "../../src/models/index.js";
import { Scope } from "../../src/nn/index.js";
import { attentionShare, inferenceSeconds, largestBatch } from "../../src/speed/index.js";

describe("over the size of images", () => {
  test.each(["Ti/16", "S/16", "B/32"])("the quadratic part of the FLOPs of %s", (name) => {
    const config = { ...parseModelName(name), pooling: "gap" as const } as ReturnType<typeof parseModelName>;
    // FLOPs are a + b n + c n^2 of the tokens n: c by divided differences
    const patch = Number(name.split("/")[1]);
    const [first, second, third] = [4, 8, 16].map((grid) => {
      return { n: grid ** 2, flops: modelSize(config, { size: grid * patch }).flops };
    }) as [Point, Point, Point];
    const slope = (a: Point, b: Point) => (b.flops - a.flops) / (b.n - a.n);
    const c = (slope(second, third) - slope(first, second)) / (third.n - first.n);
    expect(attentionShare(config, 16 * patch)).toBeCloseTo((c * third.n ** 2) / third.flops, 9);
    expect(attentionShare(config, 16 * patch)).toBeGreaterThan(0.01);
  });

  test("a ResNet has no quadratic part, and its FLOPs grow with the pixels", () => {
    const config = parseModelName("R50x1");
    expect(attentionShare(config, 256)).toBe(0);
    const at = (size: number) => modelSize(config, { size }).flops;
    expect(Math.log2(at(512) / at(256))).toBeCloseTo(2, 2);
  });

  test.each(["Ti/16", "R50x1"])("the largest batch of %s fits, one more does not", (name) => {
    const config = parseModelName(name);
    const bytes = 400e6;
    const batch = largestBatch(config, 64, bytes);
    const peak = (count: number): number => {
      const output = model(Scope.root(), input("image", "float32", [count, 64, 64, 3]), config);
      return costOf([output.logits ?? output.preLogits]).peakBytes;
    };
    expect(batch).toBeGreaterThan(2);
    expect(peak(batch)).toBeLessThanOrEqual(bytes);
    expect(peak(batch + 1)).toBeGreaterThan(bytes);
    expect(largestBatch(config, 64, 1e6)).toBe(0);
  });

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
});

interface Point {
  readonly n: number;
  readonly flops: number;
}
