/** Durations agree with the reference's conversions (papers.md 12.4) and refuse what they cannot convert. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Duration, type DurationContext, isTime, toSteps } from "../../../src/train/recipe/durations.js";

test.each<[Duration, DurationContext, number]>([
  [{ epochs: 3 }, { datasetSize: 1000, batchSize: 100 }, 30],
  [{ epochs: 3 }, { datasetSize: 1001, batchSize: 100 }, 30],
  [{ examples: 300 }, { batchSize: 100 }, 3],
  [{ examples: 300 }, { batchSize: 101 }, 3],
  [{ percent: 0.3 }, { totalSteps: 10 }, 3],
  [{ percent: 0.3 }, { totalSteps: 11 }, 3],
  [{ percent: 0 }, { totalSteps: 10 }, 0],
  [{ steps: 7 }, {}, 7],
  [{ steps: 0 }, {}, 0],
  // Negative values are ignored and the next unit is used.
  [{ steps: -1, examples: 300 }, { batchSize: 100 }, 3],
  [{ steps: -1, examples: -1, epochs: 2 }, { datasetSize: 50, batchSize: 10 }, 10],
  // What is not nothing takes at least one step.
  [{ examples: 1 }, { batchSize: 512 }, 1],
  [{ percent: 0.001 }, { totalSteps: 10 }, 1],
  // Halves round to even, as the reference's Python does.
  [{ epochs: 0.5 }, { datasetSize: 1000, batchSize: 200 }, 2],
  [{ epochs: 0.5 }, { datasetSize: 1400, batchSize: 200 }, 4],
])("%j with %j is %d steps", (duration, context, steps) => {
  expect(toSteps(duration, context)).toBe(steps);
});

test.each<[Duration, DurationContext, RegExp]>([
  [{}, {}, /has no unit; give one of steps, examples, epochs, percent/],
  [{ steps: -1 }, {}, /has no unit/],
  [{ steps: 1, epochs: 2 }, {}, /given in steps and epochs/],
  [{ epochs: 1 }, { batchSize: 10 }, /1 epochs .* without the number of training images, which is undefined/],
  [{ examples: 10 }, {}, /without the batch size/],
  [{ percent: 0.1 }, {}, /without the length of the run/],
  [{ percent: 10 }, { totalSteps: 100 }, /percent is 10; expected a fraction of the run, such as 0\.1/],
  [{ steps: Number.POSITIVE_INFINITY }, {}, /finite/],
])("%j with %j is refused", (duration, context, message) => {
  expect(() => toSteps(duration, context, "total")).toThrow(message);
});

test("an epoch in steps times the batch is the data, to within half a batch", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e7 }), fc.integer({ min: 1, max: 4096 }), (datasetSize, batchSize) => {
      const steps = toSteps({ epochs: 1 }, { datasetSize, batchSize });
      expect(steps).toBeGreaterThanOrEqual(1);
      if (steps > 1) expect(Math.abs(steps * batchSize - datasetSize)).toBeLessThanOrEqual(batchSize / 2);
    }),
  );
});

test("what is due every n steps is due at the end of the run too", () => {
  const due = (every: number, total: number, first = false) =>
    Array.from({ length: total }, (_, i) => i + 1).filter((finished) => isTime(finished, every, total, first));
  expect(due(4, 10)).toEqual([4, 8, 10]);
  expect(due(5, 10, true)).toEqual([1, 5, 10]);
  expect(due(0, 10)).toEqual([10]);
  expect(due(100, 3)).toEqual([3]);
});
