/** The few-shot evaluator against a reference in NumPy, ridge regression, and draws. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Features } from "../../src/algebra/features.js";
import { wilsonInterval } from "../../src/algebra/statistics.js";
import { numpyGenerator } from "../../src/random/numpy-generator.js";
import { supportOrder } from "../../src/transfer/fewshot/evaluate.js";
import {
  accuracyOf,
  evaluatorNamed,
  evaluators,
  fewShotOnFeatures,
  ridgeClassifier,
  ridgeClassifiers,
  selectRows,
} from "../../src/transfer/index.js";

/** Overlapping class patterns that a numpy script can write down too. */
function patterned(rows: number, columns: number, classes: number, phase: number) {
  const labels = Array.from({ length: rows }, (_, i) => (i * 7 + Math.floor(i / 5)) % classes);
  const data = Float64Array.from({ length: rows * columns }, (_, at) => {
    const i = Math.floor(at / columns);
    const j = at % columns;
    return Math.sin(1.7 * i + 0.9 * j * j + phase) + 0.6 * Math.cos(2.3 * labels[i]! + 0.7 * j);
  });
  return { features: { data, rows, columns } satisfies Features, labels };
}

function noise(rows: number, columns: number, seed: number): Features {
  const random = numpyGenerator(seed);
  return { data: Float64Array.from({ length: rows * columns }, () => 2 * random.random() - 1), rows, columns };
}

// [seed, shots, l2, right answers of 150, score of test row 3 for class 1], printed by a numpy 2.4.6 transcription of the
// reference evaluator (default_rng, eigh) on `patterned` features; width 6 takes the primal, width 60 mostly the dual form.
const golden: Record<number, [number, number, number, number, number][]> = {
  6: [
    [0, 1, 1024, 50, -0.487456261422938],
    [0, 1, 1, 65, -0.9484981761810704],
    [0, 5, 1024, 81, -0.48363381891222557],
    [0, 5, 1, 102, 0.7513656106300699],
    [0, 10, 1024, 81, -0.4554278068474673],
    [0, 10, 1, 117, 0.886246060031454],
    [1, 1, 1024, 62, -0.4838690105441651],
    [1, 1, 1, 67, 0.5557851230284689],
    [1, 5, 1024, 69, -0.47577123564529766],
    [1, 5, 1, 92, 0.9473051419103884],
    [1, 10, 1024, 78, -0.4482971625701823],
    [1, 10, 1, 103, 0.886185467604596],
    [2, 1, 1024, 72, -0.47927127893412963],
    [2, 1, 1, 56, 0.7061049508884285],
    [2, 5, 1024, 67, -0.45378197087734495],
    [2, 5, 1, 108, 0.8496854716043158],
    [2, 10, 1024, 86, -0.4398188869686809],
    [2, 10, 1, 135, 0.8593245592185916],
  ],
  60: [
    [0, 1, 1024, 58, -0.4889517502528299],
    [0, 1, 1, 61, -0.6234911234819637],
    [0, 5, 1024, 100, -0.43502965545567673],
    [0, 5, 1, 111, 0.768000307430121],
    [0, 10, 1024, 123, -0.2535568301021866],
    [0, 10, 1, 147, 0.8774678560738395],
    [1, 1, 1024, 56, -0.4532264990263406],
    [1, 1, 1, 66, 0.33966733974453395],
    [1, 5, 1024, 107, -0.3532572826546597],
    [1, 5, 1, 113, 1.0209000584075334],
    [1, 10, 1024, 112, -0.20897184492800888],
    [1, 10, 1, 124, 0.9453315605432441],
    [2, 1, 1024, 108, -0.3333518794957506],
    [2, 1, 1, 62, 2.51750552601788],
    [2, 5, 1024, 90, -0.25293781882561356],
    [2, 5, 1, 117, 0.9349124572829179],
    [2, 10, 1024, 122, -0.19542567591887916],
    [2, 10, 1, 150, 0.8820722181853355],
  ],
};

describe("the reference evaluator in numpy", () => {
  it.each([6, 60])("gives the same answers and scores, width %i", async (width) => {
    const train = patterned(90, width, 4, 0);
    const test = patterned(150, width, 4, 1);
    const report = await fewShotOnFeatures({
      trainFeatures: train.features,
      trainLabels: train.labels,
      testFeatures: test.features,
      testLabels: test.labels,
      classes: 4,
      shots: [1, 5, 10],
      seeds: [0, 1, 2],
      settings: [{ l2: 1024 }, { l2: 1 }],
    });
    expect(report.warnings).toEqual([]);
    expect(report.chance).toBe(0.25);
    expect(report.results).toHaveLength(18);
    for (const [seed, shots, l2, right, score] of golden[width]!) {
      const result = report.results.find((r) => r.seed === seed && r.shots === shots && r.setting.l2 === l2);
      expect(result?.accuracy).toBe(right / 150);
      const rows = supportOrder(train.labels, 4, seed).flatMap((order) => order.slice(0, shots));
      const support = {
        data: Float64Array.from(
          rows.flatMap((row) => [...train.features.data.subarray(row * width, (row + 1) * width)]),
        ),
        rows: rows.length,
        columns: width,
      };
      const classifier = ridgeClassifier({
        features: support,
        labels: rows.map((row) => train.labels[row]!),
        classes: 4,
        l2,
      });
      expect(classifier.scores(test.features).data[3 * 4 + 1]).toBeCloseTo(score, 9);
    }
    expect(report.summary.map(({ shots, setting }) => [shots, setting.l2])).toEqual([
      [1, 1024],
      [1, 1],
      [5, 1024],
      [5, 1],
      [10, 1024],
      [10, 1],
    ]);
    for (const { shots, setting, mean } of report.summary) {
      const own = report.results.filter((r) => r.shots === shots && r.setting.l2 === setting.l2);
      expect(own.map(({ seed }) => seed)).toEqual([0, 1, 2]);
      expect(mean).toBeCloseTo(own.reduce((sum, { accuracy }) => sum + accuracy, 0) / 3, 14);
    }
  });

  it("draws each class's order as numpy does, classes in turn from one stream", () => {
    // [default_rng(1).permutation(np.where(y == c)[0]) for c in range(3)], one generator
    expect(supportOrder([0, 1, 2, 0, 1, 2, 0, 0, 1, 2, 2, 1, 0, 1, 2, 0], 3, 1)).toEqual([
      [12, 0, 6, 3, 15, 7],
      [8, 13, 11, 1, 4],
      [5, 2, 9, 10, 14],
    ]);
  });
});

describe("ridge", () => {
  it("the golden value of papers.md 12.7", () => {
    const { weights, mean, deviation } = ridgeClassifier({
      features: { data: Float64Array.of(0, 2), rows: 2, columns: 1 },
      labels: [0, 1],
      classes: 2,
    });
    expect(mean[0]).toBe(1);
    expect(deviation[0]).toBe(1 + 1e-5);
    expect(weights.data[0]).toBeCloseTo(-0.0019492983, 10);
    expect(weights.data[1]).toBeCloseTo(0.0019492983, 10);
    expect(weights.data[2]).toBeCloseTo(0, 14);
    expect(weights.data[3]).toBeCloseTo(0, 14);
  });

  // Plain Gaussian elimination with pivoting on the normal equations, written from the definition.
  function plainRidge(features: Features, labels: number[], classes: number, l2: number): number[][] {
    const { data, rows, columns } = features;
    const column = (j: number) => Array.from({ length: rows }, (_, i) => data[i * columns + j]!);
    const standard = Array.from({ length: columns }, (_, j) => {
      const values = column(j);
      const mean = values.reduce((a, b) => a + b) / rows;
      const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / rows) + 1e-5;
      return values.map((value) => (value - mean) / deviation);
    });
    standard.push(new Array(rows).fill(100));
    const size = columns + 1;
    const system = standard.map((left, i) => [
      ...standard.map((right, j) => left.reduce((sum, value, k) => sum + value * right[k]!, i === j ? l2 : 0)),
      ...Array.from({ length: classes }, (_, c) =>
        left.reduce((sum, value, k) => sum + value * (labels[k] === c ? 1 : -1), 0),
      ),
    ]);
    for (let i = 0; i < size; i++) {
      let pivot = i;
      for (let r = i + 1; r < size; r++) if (Math.abs(system[r]![i]!) > Math.abs(system[pivot]![i]!)) pivot = r;
      [system[i], system[pivot]] = [system[pivot]!, system[i]!];
      for (let r = 0; r < size; r++) {
        if (r === i) continue;
        const factor = system[r]![i]! / system[i]![i]!;
        for (let c = i; c < size + classes; c++) system[r]![c]! -= factor * system[i]![c]!;
      }
    }
    return system.map((row, i) => row.slice(size).map((value) => value / row[i]!));
  }

  it("both forms, Cholesky, the eigen-decomposition and plain Gaussian elimination agree", () => {
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.integer({ min: 2, max: 25 }),
        fc.integer({ min: 1, max: 25 }),
        fc.integer({ min: 2, max: 4 }),
        fc.constantFrom(0.5, 16, 1024),
        (seed, rows, columns, classes, l2) => {
          const features = noise(rows, columns, seed);
          const labels = Array.from({ length: rows }, (_, i) => i % classes);
          const expected = plainRidge(features, labels, classes, l2).flat();
          for (const form of ["primal", "dual", undefined] as const) {
            const options = { features, labels, classes, form };
            const one = ridgeClassifier({ ...options, l2 });
            const several = ridgeClassifiers(options, [l2 * 2, l2])[1]!;
            expect(several.l2).toBe(l2);
            // Forty strengths take the eigen-decomposition.
            const many = ridgeClassifiers(options, [l2, ...Array.from({ length: 39 }, (_, k) => k + 1)])[0]!;
            for (const { weights } of [one, several, many]) {
              expect(weights.data.length).toBe(expected.length);
              weights.data.forEach((value, i) => {
                expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-9);
              });
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("relabelling the classes permutes the scores", () => {
    const { features, labels } = patterned(24, 7, 3, 0);
    const order = [2, 0, 1];
    const plain = ridgeClassifier({ features, labels, classes: 3 }).scores(features);
    const renamed = ridgeClassifier({ features, labels: labels.map((label) => order[label]!), classes: 3 }).scores(
      features,
    );
    for (let i = 0; i < 24; i++) {
      for (let c = 0; c < 3; c++) expect(renamed.data[i * 3 + order[c]!]).toBeCloseTo(plain.data[i * 3 + c]!, 12);
    }
  });

  it("does not care about the scale or offset of a feature, nor about one that never changes", () => {
    const { features, labels } = patterned(30, 4, 3, 0);
    const moved = features.data.map((value, i) => (i % 4 === 1 ? value * 1000 + 77 : value));
    const constant = new Float64Array(30 * 5);
    for (let i = 0; i < 30; i++) {
      constant.set(features.data.subarray(i * 4, i * 4 + 4), i * 5);
      constant[i * 5 + 4] = 3;
    }
    const plain = ridgeClassifier({ features, labels, classes: 3, l2: 1 }).scores(features);
    for (const changed of [
      { data: moved, rows: 30, columns: 4 },
      { data: constant, rows: 30, columns: 5 },
    ]) {
      const scores = ridgeClassifier({ features: changed, labels, classes: 3, l2: 1 }).scores(changed);
      scores.data.forEach((value, i) => {
        expect(value).toBeCloseTo(plain.data[i]!, 4);
      });
    }
  });

  it("names bad input", () => {
    const features = { data: new Float32Array(4), rows: 2, columns: 2 };
    expect(() => ridgeClassifier({ features, labels: [0], classes: 2 })).toThrow(/2 rows of features but 1 labels/);
    expect(() => ridgeClassifier({ features, labels: [0, 2], classes: 2 })).toThrow(/label 2 of row 1/);
    expect(() => ridgeClassifier({ features, labels: [0, 1], classes: 2, l2: 0 })).toThrow(/l2 is 0/);
    expect(() => ridgeClassifier({ features: { ...features, rows: 3 }, labels: [0, 1, 1], classes: 2 })).toThrow(
      /needs 6 values.*given 4/,
    );
    const broken = { ...features, data: Float32Array.of(0, 1, Number.NaN, 0) };
    expect(() => ridgeClassifier({ features: broken, labels: [0, 1], classes: 2 })).toThrow(/row 1 holds NaN/);
    const { predict } = ridgeClassifier({ features: noise(2, 2, 0), labels: [0, 1], classes: 2 });
    expect(() => predict(noise(2, 3, 0))).toThrow(/fitted on 2 features; given 3/);
    expect(() =>
      ridgeClassifier({ features: { data: new Float64Array(0), rows: 0, columns: 2 }, labels: [], classes: 2 }),
    ).toThrow(/no examples/);
  });
});

describe("few-shot protocol", () => {
  const base = () => {
    const train = patterned(40, 5, 4, 0);
    const test = patterned(30, 5, 4, 1);
    return {
      trainFeatures: train.features,
      trainLabels: train.labels,
      testFeatures: test.features,
      testLabels: test.labels,
      classes: 4,
    };
  };

  it("larger supports contain the smaller ones, hold each class's own examples once, and change with the seed", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(fc.nat(3), { minLength: 12, maxLength: 80 }), (seed, labels) => {
        const orders = supportOrder(labels, 4, seed);
        orders.forEach((order, label) => {
          expect(new Set(order).size).toBe(order.length);
          expect([...order].sort((a, b) => a - b)).toEqual(labels.flatMap((l, i) => (l === label ? [i] : [])));
        });
        expect(supportOrder(labels, 4, seed)).toEqual(orders); // the k-shot support is the first k: nested by construction
      }),
    );
    const { trainLabels } = base();
    expect(supportOrder(trainLabels, 4, 0)).not.toEqual(supportOrder(trainLabels, 4, 1));
  });

  it("a class with too few examples gives what it has and is named; with none it is an error", async () => {
    const options = base();
    const report = await fewShotOnFeatures({
      ...options,
      shots: [5, 25],
      seeds: [0],
      classNames: ["ant", "bee", "cat", "dog"],
    });
    expect(report.warnings).toHaveLength(4);
    expect(report.warnings[1]).toMatch(/class 1 \(bee\) has \d+ training examples, fewer than 25 shots: all are used/);
    const everything = ridgeClassifier({ features: options.trainFeatures, labels: options.trainLabels, classes: 4 });
    const guesses = everything.predict(options.testFeatures);
    const right = options.testLabels.filter((label, i) => guesses[i] === label).length;
    expect(report.results[1]).toEqual({ shots: 25, seed: 0, setting: { l2: 1024 }, accuracy: right / 30 });
    expect(report.summary[1]).toMatchObject({
      shots: 25,
      setting: { l2: 1024 },
      mean: right / 30,
      standardDeviation: 0,
      confidence95: wilsonInterval(right, 30),
    });
    await expect(
      fewShotOnFeatures({ ...options, classes: 6, classNames: ["a", "b", "c", "d", "e", "f"] }),
    ).rejects.toThrow(/no training example of class 4 \(e\), class 5 \(f\)/);
  });

  it("uses the published protocol unless told otherwise", async () => {
    const { results } = await fewShotOnFeatures(base());
    expect([...new Set(results.map(({ shots }) => shots))]).toEqual([1, 5, 10, 25]);
    expect([...new Set(results.map(({ seed }) => seed))]).toEqual([0, 1, 2]);
    expect([...new Set(results.map(({ setting }) => setting.l2))]).toEqual([1024]);
  });

  it("takes any evaluator, at its first setting or at others", async () => {
    const options = { ...base(), shots: [5], seeds: [0, 1] };
    for (const evaluator of evaluators) {
      const { results, summary } = await fewShotOnFeatures({ ...options, evaluator, threads: 1 });
      expect(results.map(({ setting }) => setting)).toEqual([evaluator.settings[0], evaluator.settings[0]]);
      expect(summary).toHaveLength(1);
    }
    const knn = await fewShotOnFeatures({
      ...options,
      evaluator: evaluatorNamed("knn"),
      settings: [{ k: 1 }, { k: 5 }],
    });
    expect(knn.summary.map(({ setting }) => setting)).toEqual([{ k: 1 }, { k: 5 }]);
    const [first] = knn.results;
    const order = supportOrder(options.trainLabels, 4, 0).flatMap((rows) => rows.slice(0, 5));
    const support = {
      features: selectRows(options.trainFeatures, order),
      labels: order.map((row) => options.trainLabels[row]!),
    };
    const fitted = await evaluatorNamed("knn").fit(support, 4, { k: 1 }, { seed: 0 });
    expect(first?.accuracy).toBe(accuracyOf(await fitted.scores(options.testFeatures), options.testLabels));
    const logistic = await fewShotOnFeatures({ ...options, evaluator: evaluatorNamed("logistic") });
    expect(logistic.results.every(({ chosen }) => chosen !== undefined && chosen.c! > 0)).toBe(true);
  });

  it("separates what can be separated and is at chance on noise", async () => {
    const train = patterned(80, 8, 4, 0);
    train.features.data.forEach((_, at) => {
      train.features.data[at] = at % 8 === train.labels[Math.floor(at / 8)] ? 1 : 0;
    });
    const solved = await fewShotOnFeatures({
      trainFeatures: train.features,
      trainLabels: train.labels,
      testFeatures: train.features,
      testLabels: train.labels,
      classes: 4,
      shots: [1],
    });
    expect(solved.summary[0]?.mean).toBe(1);
    const labels = Array.from({ length: 2000 }, (_, i) => i % 4);
    const blind = await fewShotOnFeatures({
      trainFeatures: noise(200, 6, 1),
      trainLabels: labels.slice(0, 200),
      testFeatures: noise(2000, 6, 2),
      testLabels: labels,
      classes: 4,
      shots: [5],
    });
    expect(blind.summary[0]?.mean).toBeGreaterThan(0.2);
    expect(blind.summary[0]?.mean).toBeLessThan(0.3);
  });

  it("names bad input", async () => {
    const options = base();
    await expect(fewShotOnFeatures({ ...options, classes: 1 })).rejects.toThrow(/only one class/);
    await expect(fewShotOnFeatures({ ...options, shots: [0] })).rejects.toThrow(/shots contains 0/);
    await expect(fewShotOnFeatures({ ...options, shots: [] })).rejects.toThrow(/shots is empty/);
    await expect(fewShotOnFeatures({ ...options, seeds: [] })).rejects.toThrow(/at least one seed/);
    await expect(fewShotOnFeatures({ ...options, testLabels: options.testLabels.slice(1) })).rejects.toThrow(
      /test split: 30 rows/,
    );
    await expect(fewShotOnFeatures({ ...options, testFeatures: noise(0, 5, 0), testLabels: [] })).rejects.toThrow(
      /test split is empty/,
    );
  });
});
