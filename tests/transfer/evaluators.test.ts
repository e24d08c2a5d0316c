/** Every evaluator against plain loops of doubles; what it fits, saved and read again, and run as ONNX. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Features } from "../../src/algebra/features.js";
import { multiply, rowProducts, solvePositiveDefinite, transpose } from "../../src/algebra/matrix.js";
import { gram, product, productOfColumns, productTransposed, solveManySides } from "../../src/algebra/products.js";
import { classifierOnnx, headScores, loadHead, open, type Setting, saveHead } from "../../src/networks/index.js";
import { numpyGenerator } from "../../src/random/numpy-generator.js";
import { compileOnnx, inspectOnnx } from "../../src/runtime/index.js";
import { leaveOneOut, strengths } from "../../src/transfer/evaluators/leave-one-out-ridge.js";
import { accuracyOf, type Evaluator, evaluatorNamed, evaluators } from "../../src/transfer/index.js";
import {
  plainLeaveOneOut,
  plainLogistic,
  plainNeighbours,
  plainProbe,
  plainPrototypes,
  plainRidge,
} from "../support/plain-evaluators.js";

const folder = mkdtempSync(join(tmpdir(), "fovea-evaluators-"));
afterAll(() => rmSync(folder, { recursive: true }));

const classes = 3;
const width = 12;

/** Rows around a centre of their class, with features of different sizes; as float32, as backbones give them. */
function drawn(count: number, seed: number): { rows: number[][]; labels: number[]; features: Features } {
  const random = numpyGenerator(seed);
  const centres = numpyGenerator(99);
  const centre = Array.from({ length: classes * width }, () => centres.random());
  const labels = Array.from({ length: count }, (_, i) => i % classes);
  const rows = labels.map((label) =>
    Array.from({ length: width }, (_, j) =>
      Math.fround((centre[label * width + j]! + 1.2 * random.random()) * (1 + (j % 4)) - 0.5),
    ),
  );
  return { rows, labels, features: { data: Float32Array.from(rows.flat()), rows: count, columns: width } };
}

const train = drawn(31, 1);
const queries = drawn(14, 2);

interface Case {
  readonly setting: Setting;
  readonly expected: () => number[][];
  /** Largest difference of a score, relative to the largest score. */
  readonly tolerance: number;
}

const wholeBatches = (steps: number, rows: number) => Array.from({ length: steps }, () => [...Array(rows).keys()]);

const cases: Readonly<Record<string, Case>> = {
  ridge: {
    setting: { l2: 1024 },
    expected: () => plainRidge(train.rows, train.labels, classes, 1024, queries.rows),
    tolerance: 1e-11,
  },
  "ridge-loo": {
    setting: {},
    expected: () => {
      const errors = strengths.map((l2) =>
        plainLeaveOneOut(train.rows, train.labels, classes, l2)
          .flatMap((row, i) => row.map((score, c) => (score - (train.labels[i] === c ? 1 : -1)) ** 2))
          .reduce((a, b) => a + b),
      );
      const best = strengths[errors.indexOf(Math.min(...errors))]!;
      return plainRidge(train.rows, train.labels, classes, best, queries.rows);
    },
    tolerance: 1e-9,
  },
  knn: {
    setting: { k: 5 },
    expected: () => plainNeighbours(train.rows, train.labels, classes, 5, queries.rows),
    tolerance: 1e-5,
  },
  prototypes: {
    setting: {},
    expected: () => plainPrototypes(train.rows, train.labels, classes, queries.rows),
    tolerance: 1e-12,
  },
  probe: {
    setting: { learningRate: 0.1, steps: 20 },
    expected: () => plainProbe(train.rows, train.labels, classes, 0.1, wholeBatches(20, 31), queries.rows),
    tolerance: 1e-5,
  },
  logistic: {
    setting: { c: 0.1 },
    expected: () => plainLogistic(train.rows, train.labels, classes, 0.1, queries.rows),
    tolerance: 1e-6,
  },
};

function largestDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(found.length).toBe(expected.length);
  const scale = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Array.from(found).reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0) / scale;
}

describe.each(evaluators.map((one) => [one.name, one] as const))("%s", (name, evaluator: Evaluator) => {
  const { setting, expected, tolerance } = cases[name]!;
  const fitted = () => evaluator.fit(train, classes, setting, { seed: 0, threads: 1 });

  it("gives the scores of its definition, and tells the classes apart", async () => {
    const found = await fitted();
    const scores = await found.scores(queries.features);
    expect([scores.rows, scores.columns]).toEqual([14, classes]);
    expect(largestDifference(scores.data, expected().flat())).toBeLessThan(tolerance);
    expect(accuracyOf(scores, queries.labels)).toBeGreaterThan(0.7);
    expect(evaluatorNamed(name)).toBe(evaluator);
  });

  it("is saved, read, and run as ONNX behind a backbone with the same answers", async () => {
    const { head } = await fitted();
    const scores = await headScores(head, queries.features);
    const file = join(folder, `${name}.safetensors`);
    await saveHead(file, head);
    const read = await loadHead(file);
    expect(read).toMatchObject({ kind: head.kind, width, classes });
    expect(largestDifference((await headScores(read, queries.features)).data, scores.data)).toBeLessThan(1e-5);

    // pixels of 2 x 2 x 3 are the 12 features themselves
    const backbone = await open("pixels:2");
    const bytes = await classifierOnnx(backbone, head, { classNames: '["a","b","c"]' });
    const model = await inspectOnnx("classifier.onnx", bytes);
    expect(model.metadata).toEqual({ classNames: '["a","b","c"]' });
    expect([model.inputs, model.outputs]).toMatchObject([
      [{ name: "pixel_values", dtype: "float32" }],
      [{ name: "logits", dtype: "float32" }],
    ]);
    const program = await compileOnnx(model, { pixel_values: [14, 3, 2, 2] }, { inThread: true, threads: 1 });
    const planes = queries.rows.flatMap((row) =>
      [0, 1, 2].flatMap((channel) => [0, 1, 2, 3].map((pixel) => row[pixel * 3 + channel]!)),
    );
    const { logits } = await program.run("run", { pixel_values: Float32Array.from(planes) });
    await program.close();
    expect(largestDifference(logits as Float32Array, scores.data)).toBeLessThan(1e-4);
  });

  it("refuses what it cannot fit or score", async () => {
    const { features, labels } = train;
    const fitTo = (changed: object) => evaluator.fit({ ...train, ...changed }, classes, setting, { seed: 0 });
    await expect(fitTo({ labels: labels.slice(1) })).rejects.toThrow(/31 rows of features but 30 labels/);
    await expect(fitTo({ labels: labels.map((label) => label + 1) })).rejects.toThrow(/label 3 of row 2/);
    const broken = features.data.slice();
    broken[17] = Number.NaN;
    await expect(fitTo({ features: { ...features, data: broken } })).rejects.toThrow(/row 1 holds NaN/);
    await expect(
      fitTo({ features: { ...features, data: features.data.slice(0, 0), rows: 0 }, labels: [] }),
    ).rejects.toThrow(/no examples/);
    const { scores } = await fitted();
    await expect(scores({ data: new Float32Array(5), rows: 1, columns: 5 })).rejects.toThrow(
      /fitted on features of width 12; given features of width 5/,
    );
  });

  it("copes with a class that has no example", async () => {
    const found = await evaluator.fit(train, classes + 1, setting, { seed: 0, threads: 1 });
    const scores = await found.scores(queries.features);
    expect(scores.columns).toBe(4);
    expect(accuracyOf(scores, queries.labels)).toBeGreaterThan(0.7);
  });
});

describe("leave-one-out", () => {
  it.each([
    ["dual", 9],
    ["primal", 31],
  ] as const)("in closed form is fitting without each row, %s", async (form, count) => {
    const { rows, labels, features } = drawn(count, 5);
    const { all, system } = await leaveOneOut({ features, labels, classes }, [0.25, 1024, 2 ** 20]);
    expect(system.form).toBe(form);
    for (const { l2, scores, accuracy } of all) {
      const expected = plainLeaveOneOut(rows, labels, classes, l2);
      expect(largestDifference(scores.data, expected.flat())).toBeLessThan(1e-8);
      const right = expected.filter((row, i) => row.indexOf(Math.max(...row)) === labels[i]).length;
      expect(accuracy).toBe(right / count);
    }
  });
});

it("the probe's batches are permutations drawn by the seed", async () => {
  const { rows, labels, features } = drawn(700, 7);
  const random = numpyGenerator(3);
  // 512 of 700: what is left of a permutation is no batch
  const batches = Array.from({ length: 6 }, () => random.permutation(700).slice(0, 512));
  const expected = plainProbe(rows, labels, classes, 0.01, batches, queries.rows);
  const probe = evaluatorNamed("probe");
  const found = await probe.fit(
    { features, labels },
    classes,
    { learningRate: 0.01, steps: 6 },
    { seed: 3, threads: 1 },
  );
  expect(largestDifference((await found.scores(queries.features)).data, expected.flat())).toBeLessThan(1e-5);
  const aborted = probe.fit({ features, labels }, classes, { steps: 10 }, { seed: 3, signal: AbortSignal.abort() });
  await expect(aborted).rejects.toThrow(/abort/);
});

it("products and solutions by the runtime are those of plain loops", async () => {
  const random = numpyGenerator(0);
  const matrix = (rows: number, columns: number) => ({
    data: Float64Array.from({ length: rows * columns }, () => random.random() - 0.5),
    rows,
    columns,
  });
  const options = { runtimeFrom: 0, threads: 1 };
  const [a, b, c] = [matrix(52, 64), matrix(64, 31), matrix(52, 31)];
  const same = (found: { data: Float64Array }, expected: { data: Float64Array }, tolerance = 1e-14) =>
    expect(largestDifference(found.data, expected.data)).toBeLessThan(tolerance);
  same(await product(a, b, options), multiply(a, b));
  same(await productTransposed(a, transpose(b), options), multiply(a, b));
  same(await productOfColumns(a, c, options), multiply(transpose(a), c));
  same(await gram(a, "columns", options), rowProducts(transpose(a)));
  same(await gram(a, "rows", options), rowProducts(a));
  const system = rowProducts(matrix(30, 64));
  const sides = matrix(30, 7);
  same(await solveManySides(system, 0.01, sides, options), solvePositiveDefinite(system, 0.01, sides), 1e-11);
  await expect(solveManySides({ ...system, data: system.data.map((x) => -x) }, 0.01, sides, options)).rejects.toThrow(
    /not positive definite/,
  );
});

it("an unknown evaluator is refused with the nearest name", () => {
  expect(() => evaluatorNamed("rigde")).toThrow(/unknown evaluator "rigde"; did you mean "ridge"\?/);
});
