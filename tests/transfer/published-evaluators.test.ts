/** Evaluators against the code they are published with: logistic regression by L-BFGS (PyTorch, DINOv2), k nearest neighbours (DINO). */
import { expect, test } from "vitest";
import type { Features } from "../../src/algebra/features.js";
import { minimise } from "../../src/algebra/lbfgs.js";
import { numpyGenerator } from "../../src/random/numpy-generator.js";
import { heldOutParts, inverseStrengths } from "../../src/transfer/evaluators/logistic.js";
import { accuracyOf, evaluatorNamed } from "../../src/transfer/index.js";

const classes = 3;
const width = 12;

/** The same numbers as numpy's `default_rng` gives: rows around a centre of their class, features of different sizes. */
function drawn(count: number, seed: number): { labels: number[]; features: Features } {
  const random = numpyGenerator(seed);
  const centres = numpyGenerator(99);
  const centre = Array.from({ length: classes * width }, () => centres.random());
  const labels = Array.from({ length: count }, (_, i) => i % classes);
  const rows = labels.flatMap((label) =>
    Array.from({ length: width }, (_, j) =>
      Math.fround((centre[label * width + j]! + 1.2 * random.random()) * (1 + (j % 4)) - 0.5),
    ),
  );
  return { labels, features: { data: Float32Array.from(rows), rows: count, columns: width } };
}

const logistic = evaluatorNamed("logistic");

/** Logarithms of the softmax of the first two rows of scores. */
function firstRows({ data }: Features): number[] {
  return [0, 1].flatMap((row) => {
    const z = Array.from(data.slice(row * classes, (row + 1) * classes), Number);
    const total = Math.log(z.reduce((sum, value) => sum + Math.exp(value), 0));
    return z.map((value) => value - total);
  });
}

// log_softmax of the first two queries, from torch 1.13 in float64: torch.optim.LBFGS with strong Wolfe conditions, to a gradient below
// 1e-7, on cross_entropy + |W|^2 / (2 C n); [training rows, C, values].
const golden: readonly (readonly [number, number, readonly number[]])[] = [
  [
    31,
    1e-4,
    [
      -1.0338581862623546, -1.136862013347756, -1.1284214008450997, -1.0414123532275237, -1.1207619818810346,
      -1.136273974374192,
    ],
  ],
  [
    31,
    0.1,
    [
      -0.7275679639557786, -2.5952300974870823, -0.815792078009719, -2.8789687371339214, -0.11104427061686364,
      -3.0178104671927026,
    ],
  ],
  [
    31,
    100,
    [
      -0.021678533267248976, -10.371428423970514, -3.843713719255572, -15.11716191518578, -3.8973399262693076e-7,
      -15.955536426484064,
    ],
  ],
  // fewer rows than features
  [
    9,
    0.1,
    [
      -0.8907754491138846, -1.955227070170446, -0.8026713942179693, -1.71033600697732, -0.37976553371547833,
      -2.001198368105826,
    ],
  ],
  [
    9,
    10,
    [
      -0.8060058028445442, -5.307403498805944, -0.6007380145037665, -4.532767945514687, -0.011530207983358859,
      -7.245870842106085,
    ],
  ],
];

test.each(golden)("%d rows at C %d are PyTorch's minimum", async (rows, c, values) => {
  const { features, labels } = drawn(rows, 1);
  const fitted = await logistic.fit({ features, labels }, classes, { c }, { seed: 0, threads: 1 });
  expect(fitted.chosen).toEqual({ c });
  const found = firstRows(await fitted.scores(drawn(14, 2).features));
  values.forEach((value, i) => {
    expect(Math.abs(found[i]! - value)).toBeLessThan(2e-5 * Math.max(1, Math.abs(value)));
  });
});

test("large problems, whose products the runtime does, have the same minimum", async () => {
  // every row 3,000 times: C / 3,000 is the same objective
  const few = drawn(31, 1);
  const times = 3000;
  const repeated = {
    features: {
      data: Float32Array.from({ length: times * 31 * width }, (_, i) => few.features.data[i % (31 * width)]!),
      rows: times * 31,
      columns: width,
    },
    labels: Array.from({ length: times * 31 }, (_, i) => few.labels[i % 31]!),
  };
  const queries = drawn(14, 2).features;
  const scoresOf = async (train: typeof repeated, c: number) =>
    firstRows(await (await logistic.fit(train, classes, { c }, { seed: 0, threads: 1 })).scores(queries));
  const [whole, part] = [await scoresOf(repeated, 0.1 / times), await scoresOf(few as typeof repeated, 0.1)];
  part.forEach((value, i) => {
    expect(whole[i]).toBeCloseTo(value, 5);
  });
});

test("C is one of the 45 values of SimCLR and DINOv2, and the one that classifies the held-out tenths best", async () => {
  // numpy.logspace(-6, 5, 45)
  expect(inverseStrengths).toHaveLength(45);
  for (const [i, value] of [
    [0, 1e-6],
    [1, 1.778279410038923e-6],
    [24, 1],
    [44, 1e5],
  ] as const)
    expect(inverseStrengths[i]! / value).toBeCloseTo(1, 12);
  const { features, labels } = drawn(60, 4);
  const { chosen } = await logistic.fit({ features, labels }, classes, {}, { seed: 3, threads: 1 });
  const part = (rows: number[]) => ({
    features: {
      data: Float32Array.from(rows.flatMap((row) => [...features.data.slice(row * width, (row + 1) * width)])),
      rows: rows.length,
      columns: width,
    },
    labels: rows.map((row) => labels[row]!),
  });
  const parts = heldOutParts(labels, classes, 3);
  const right: number[] = [];
  for (const c of inverseStrengths) {
    let count = 0;
    for (const held of parts) {
      const validation = part(held);
      const kept = part(labels.map((_, row) => row).filter((row) => !held.includes(row)));
      const fitted = await logistic.fit(kept, classes, { c }, { seed: 0, threads: 1 });
      count += held.length * accuracyOf(await fitted.scores(validation.features), validation.labels);
    }
    right.push(Math.round(count));
  }
  expect(new Set(right).size).toBeGreaterThan(1);
  expect(chosen).toEqual({ c: inverseStrengths[right.indexOf(Math.max(...right))] });
});

test("of each class a tenth is held out, one at least where there are two, and other tenths of few rows", () => {
  const few = [0, 0, 1, ...new Array<number>(35).fill(2)];
  const parts = heldOutParts(few, 4, 0);
  expect(parts.map((part) => part.map((row) => few[row]))).toEqual([
    [0, 2, 2, 2],
    [0, 2, 2, 2],
    ...new Array<number[]>(9).fill([2, 2, 2]),
  ]);
  expect(new Set(parts.flat()).size).toBe(parts.flat().length);
  expect(heldOutParts(few, 4, 0)).toEqual(parts);
  expect(heldOutParts(few, 4, 1)).not.toEqual(parts);
  const many = Array.from({ length: 2000 }, (_, i) => i % 4);
  expect(heldOutParts(many, 4, 0).map(({ length }) => length)).toEqual([200]);
  expect(heldOutParts([0, 1, 2], 3, 0)).toEqual([]);
});

test("one example a class leaves nothing to choose by: C is 1", async () => {
  const { features, labels } = drawn(3, 1);
  const { chosen } = await logistic.fit({ features, labels }, classes, {}, { seed: 0, threads: 1 });
  expect(chosen).toEqual({ c: 1 });
  await expect(logistic.fit({ features, labels }, classes, { c: 0 }, { seed: 0 })).rejects.toThrow(/c is 0; give/);
});

test("L-BFGS finds Rosenbrock's minimum, and says when it stops before it", async () => {
  const rosenbrock = async (point: Float64Array) => {
    const [x, y] = [point[0]!, point[1]!];
    return {
      value: (1 - x) ** 2 + 100 * (y - x * x) ** 2,
      gradient: Float64Array.of(-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)),
    };
  };
  const start = Float64Array.of(-1.2, 1);
  const found = await minimise(rosenbrock, start);
  expect(found.converged).toBe(true);
  expect(found.iterations).toBeLessThan(60);
  expect([...found.point].map((value) => Math.abs(value - 1) < 1e-8)).toEqual([true, true]);
  const early = await minimise(rosenbrock, start, { maxIterations: 5 });
  expect([early.converged, early.iterations]).toEqual([false, 5]);
  await expect(minimise(rosenbrock, start, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
});

test("k nearest neighbours reach what DINO's knn_classifier reaches", async () => {
  // facebookresearch/dino, eval_knn.py, run with torch 1.13 on these numbers (T = 0.07): per cent of 300 rows
  const reached = [
    [10, 28.333333333333332],
    [20, 34.666666666666664],
    [100, 34.666666666666664],
    [200, 36.333333333333336],
  ] as const;
  const many = 10;
  const points = (count: number, seed: number) => {
    const random = numpyGenerator(seed);
    const centres = numpyGenerator(99);
    const centre = Array.from({ length: many * width }, () => centres.random());
    const labels = Array.from({ length: count }, (_, i) => i % many);
    const data = labels.flatMap((label) =>
      Array.from({ length: width }, (_, j) => centre[label * width + j]! + 2.2 * random.random()),
    );
    return { labels, features: { data: Float32Array.from(data), rows: count, columns: width } };
  };
  const [train, queries] = [points(400, 1), points(300, 2)];
  const knn = evaluatorNamed("knn");
  expect(knn.settings[0]).toEqual({ k: 20 });
  for (const [k, accuracy] of reached) {
    const fitted = await knn.fit(train, many, { k }, { seed: 0, threads: 1 });
    expect(100 * accuracyOf(await fitted.scores(queries.features), queries.labels)).toBeCloseTo(accuracy, 9);
  }
});
