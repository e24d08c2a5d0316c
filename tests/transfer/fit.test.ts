/** Choosing, measuring and calibrating a classifier of one's own. */

import { describe, expect, it } from "vitest";
import type { Features } from "../../src/algebra/features.js";
import { wilsonInterval } from "../../src/algebra/statistics.js";
import { headScores } from "../../src/networks/index.js";
import { numpyGenerator } from "../../src/random/numpy-generator.js";
import { calibration } from "../../src/transfer/fit/calibrate.js";
import { copiesOf, foldsOf } from "../../src/transfer/fit/folds.js";
import { confusedPairs, confusionEntries, type Evaluator, fitClassifier } from "../../src/transfer/index.js";

/** Rows around one centre a class, `noise` times as far from it as centres are from one another. */
function drawn(labels: readonly number[], width: number, noise: number, seed: number): Features {
  const random = numpyGenerator(seed);
  const data = Float32Array.from(
    labels.flatMap((label) =>
      Array.from({ length: width }, (_, j) => (j === label ? 1 : 0) + noise * (random.random() - 0.5)),
    ),
  );
  return { data, rows: labels.length, columns: width };
}

describe("folds", () => {
  const labels = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3, 3];
  const groups = [0, 1, 2, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12];
  const rows = labels.map((_, row) => row);
  const folds = foldsOf(labels, groups, rows, 3, 0);

  it("name every image once, but for the only one of a class, and learn from all others", () => {
    expect(folds.flatMap(({ test }) => test).sort((a, b) => a - b)).toEqual(rows.filter((row) => row !== 10));
    for (const { train, test } of folds) {
      expect([...train, ...test].sort((a, b) => a - b)).toEqual(rows);
      expect(train).toContain(10);
      for (const label of [0, 1, 3]) expect(train.some((row) => labels[row] === label)).toBe(true);
    }
    const sizes = folds.map(({ test }) => test.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(2);
  });

  it("keep copies together, and follow from the seed", () => {
    expect(folds.filter(({ test }) => test.includes(2) || test.includes(3))).toHaveLength(1);
    expect(foldsOf(labels, groups, rows, 3, 0)).toEqual(folds);
    expect(foldsOf(labels, groups, rows, 3, 1)).not.toEqual(folds);
    const data = Float32Array.of(1, 2, 3, 4, 1, 2, 3, 5);
    expect([...copiesOf({ data, rows: 4, columns: 2 })]).toEqual([0, 1, 0, 3]);
  });
});

it("Wilson's interval, as printed for 0, 1 and 10 of 10 and 81 of 263", () => {
  const close = ([low, high]: [number, number], expected: [number, number]) => {
    expect(low).toBeCloseTo(expected[0], 4);
    expect(high).toBeCloseTo(expected[1], 4);
  };
  close(wilsonInterval(0, 10), [0, 0.2775]);
  close(wilsonInterval(1, 10), [0.0179, 0.4042]);
  close(wilsonInterval(10, 10), [0.7225, 1]);
  // Newcombe, Statistics in Medicine 17 (1998), table I
  close(wilsonInterval(81, 263), [0.2553, 0.3662]);
  expect(() => wilsonInterval(1, 0)).toThrow(/no meaning/);
});

it("calibration finds the factor that labels were drawn with", () => {
  const random = numpyGenerator(4);
  const rows = 4000;
  const data = Float64Array.from({ length: rows * 3 }, () => random.random());
  const labels = Array.from({ length: rows }, (_, row) => {
    const weights = [0, 1, 2].map((c) => Math.exp(7 * data[row * 3 + c]!));
    let left = random.random() * weights.reduce((a, b) => a + b);
    return weights.findIndex((weight) => {
      left -= weight;
      return left < 0;
    });
  });
  expect(calibration({ data, rows, columns: 3 }, labels)).toBeCloseTo(7, 0);
});

describe("a fitted classifier", () => {
  const labels = Array.from({ length: 60 }, (_, i) => i % 3);

  it("is expected to be as good as it turns out on new images, within its interval", async () => {
    const many = Array.from({ length: 3000 }, (_, i) => i % 3);
    const unseen = drawn(many, 6, 2.2, 2);
    let [optimism, overconfidence] = [0, 0];
    const seeds = [20, 21, 22, 23];
    for (const seed of seeds) {
      const train = drawn(labels, 6, 2.2, seed);
      const { expected, head } = await fitClassifier({ features: train, labels }, 3, { threads: 1, folds: 4 });
      const { data } = await headScores(head, unseen);
      const rows = many.map((_, i) => [...data.subarray(3 * i, 3 * i + 3)]);
      const right = rows.filter((row, i) => row.indexOf(Math.max(...row)) === many[i]).length / 3000;
      expect(right).toBeGreaterThan(expected.confidence95[0]);
      expect(right).toBeLessThan(expected.confidence95[1]);
      optimism += (expected.accuracy - right) / seeds.length;
      // the mean probability of its answers beside how often they are true
      const sure = (row: readonly number[]) => 1 / row.reduce((all, z) => all + Math.exp(z - Math.max(...row)), 0);
      overconfidence += (rows.reduce((sum, row) => sum + sure(row), 0) / 3000 - right) / seeds.length;
    }
    expect(Math.abs(optimism)).toBeLessThan(0.06);
    expect(Math.abs(overconfidence)).toBeLessThan(0.1);
  });

  it("names every image once, and tells how far it is", async () => {
    const train = drawn(labels, 6, 2.2, 1);
    const calls: [number, number][] = [];
    const { expected, named, confusion, candidates, chosen } = await fitClassifier({ features: train, labels }, 3, {
      threads: 1,
      folds: 4,
      onProgress: (...call) => calls.push(call),
    });
    expect(expected).toMatchObject({ images: 60, method: "nested cross-validation", folds: 4 });
    expect(expected.accuracy).toBe(expected.right / 60);
    expect(expected.confidence95).toEqual(wilsonInterval(expected.right, 60));
    expect(named.map(({ row }) => row)).toEqual(labels.map((_, row) => row));
    expect([0, 4, 8].reduce((sum, at) => sum + confusion[at]!, 0)).toBe(expected.right);
    expect(confusion.reduce((a, b) => a + b)).toBe(60);
    expect(candidates).toHaveLength(7);
    expect(candidates[0]!.accuracy).toBe(chosen.accuracy);
    expect(calls.at(-1)![0]).toBe(calls.at(-1)![1]);
    expect(calls.map(([done]) => done)).toEqual(calls.map((_, i) => i + 1));
  });

  it("does not mistake choosing the best of many useless candidates for skill", async () => {
    const noise = drawn(labels, 6, 1, 3).data.map((_, i) => numpyGenerator(i).random());
    const random = (seed: number): Evaluator => ({
      name: `random-${seed}`,
      title: "",
      settings: [{}],
      fit: async (_, classes) => {
        const draw = numpyGenerator(seed);
        const head = {
          kind: "linear",
          width: 6,
          classes,
          kernel: new Float64Array(18),
          bias: new Float64Array(3),
        } as const;
        const scores = async ({ rows }: Features) => {
          const data = Float64Array.from({ length: rows * classes }, () => draw.random());
          return { data, rows, columns: classes };
        };
        return { head, scores };
      },
    });
    const evaluators = Array.from({ length: 40 }, (_, seed) => random(seed));
    const features = { data: noise, rows: 60, columns: 6 };
    const { expected, chosen } = await fitClassifier({ features, labels }, 3, { evaluators });
    expect(chosen.accuracy).toBeGreaterThan(0.42);
    expect(expected.accuracy).toBeLessThan(0.42);
  });

  it("of a large set is measured on a fifth held out", async () => {
    const many = Array.from({ length: 1200 }, (_, i) => i % 3);
    const { expected } = await fitClassifier({ features: drawn(many, 4, 1.5, 5), labels: many }, 3, { threads: 1 });
    expect(expected).toMatchObject({ images: 240, method: "held out" });
    expect(expected.accuracy).toBeGreaterThan(0.7);
  });

  it("learns a class of one image, which is never named, and does with two images of two classes", async () => {
    const few = [...labels.slice(0, 12), 3];
    const { named, expected } = await fitClassifier({ features: drawn(few, 6, 1, 6), labels: few }, 4, { threads: 1 });
    expect(named.map(({ row }) => row)).not.toContain(12);
    expect(expected.images).toBe(12);
    const two = [0, 0, 1, 1];
    const smallest = await fitClassifier({ features: drawn(two, 3, 0.1, 7), labels: two }, 2, { threads: 1 });
    expect(smallest.expected.images).toBe(4);
    const { data } = await headScores(smallest.head, drawn([0, 1], 3, 0.1, 8));
    expect([data[0]! > data[1]!, data[2]! > data[3]!]).toEqual([true, false]);
  });

  it("is refused where nothing can be told apart or measured, and stops when told to", async () => {
    const features = drawn(labels, 6, 1, 1);
    await expect(fitClassifier({ features, labels: labels.map(() => 0) }, 3)).rejects.toThrow(/only one class/);
    const single = { features: drawn([0, 1], 3, 1, 1), labels: [0, 1] };
    await expect(fitClassifier(single, 2)).rejects.toThrow(/no class has two different images/);
    await expect(fitClassifier({ features, labels }, 3, { folds: 1 })).rejects.toThrow(/folds is 1/);
    const signal = AbortSignal.abort();
    await expect(fitClassifier({ features, labels }, 3, { signal })).rejects.toThrow(/abort/);
  });

  it("names the pair that is most confused", () => {
    const confusion = Int32Array.of(8, 2, 0, 1, 9, 0, 4, 0, 0);
    expect(confusedPairs(confusionEntries(confusion, 3))).toEqual([
      { classes: [0, 2], confused: 4, images: 14 },
      { classes: [0, 1], confused: 3, images: 20 },
    ]);
  });
});
