/** Matrix products, eigenvalues and linear systems against their definitions. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { symmetricEigen } from "../../src/algebra/eigen.js";
import {
  type Matrix,
  multiply,
  multiplyTransposed,
  rowProducts,
  solvePositiveDefinite,
  transpose,
  zeros,
} from "../../src/algebra/matrix.js";
import { numpyGenerator } from "../../src/random/numpy-generator.js";

function randomMatrix(rows: number, columns: number, seed: number): Matrix {
  const random = numpyGenerator(seed);
  return { data: Float64Array.from({ length: rows * columns }, () => 2 * random.random() - 1), rows, columns };
}

function largestDifference(a: Matrix, b: Matrix): number {
  expect([a.rows, a.columns]).toEqual([b.rows, b.columns]);
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i]!)), 0);
}

/** Checks A = V^T diag(values) V and V V^T = I. */
function expectDecomposition(a: Matrix) {
  const { values, vectors } = symmetricEigen(a);
  const n = a.rows;
  const scaled = zeros(n, n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) scaled.data[i * n + j] = values[i]! * vectors.data[i * n + j]!;
  const size = a.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-300);
  expect(largestDifference(multiply(transpose(vectors), scaled), a) / size).toBeLessThan(1e-12);
  const identity = zeros(n, n);
  for (let i = 0; i < n; i++) identity.data[i * n + i] = 1;
  expect(largestDifference(multiplyTransposed(vectors, vectors), identity)).toBeLessThan(1e-12);
  return values;
}

describe("products", () => {
  it("agree with the definition for every remainder of the unrolled loop", () => {
    for (let m = 1; m <= 9; m++) {
      const a = randomMatrix(3, 5, m);
      const b = randomMatrix(5, m, m + 100);
      const product = multiply(a, b);
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < m; j++) {
          let sum = 0;
          for (let k = 0; k < 5; k++) sum += a.data[i * 5 + k]! * b.data[k * m + j]!;
          expect(product.data[i * m + j]).toBeCloseTo(sum, 14);
        }
      }
    }
    for (let n = 1; n <= 9; n++) {
      const a = randomMatrix(n, 6, n);
      expect(rowProducts(a)).toEqual(multiplyTransposed(a, a));
    }
    expect(() => multiply(zeros(2, 3), zeros(2, 3))).toThrow(/\[2, 3\] and \[2, 3\]/);
    expect(() => multiplyTransposed(zeros(2, 3), zeros(2, 4))).toThrow(/\[2, 3\] and \[2, 4\]/);
  });
});

describe("symmetric eigenvalues", () => {
  it("reproduces random symmetric matrices of every small size", () => {
    for (let n = 1; n <= 40; n++) {
      const a = randomMatrix(n, n, n);
      const b = transpose(a);
      expectDecomposition({ ...a, data: a.data.map((value, i) => value + b.data[i]!) });
    }
  });

  it("knows the eigenvalues of the discrete Laplacian, 2 - 2 cos(pi k / (n + 1))", () => {
    const n = 50;
    const a = zeros(n, n);
    for (let i = 0; i < n; i++) {
      a.data[i * n + i] = 2;
      if (i + 1 < n) a.data[i * n + i + 1] = a.data[(i + 1) * n + i] = -1;
    }
    const values = [...expectDecomposition(a)].sort((x, y) => x - y);
    values.forEach((value, k) => {
      expect(value).toBeCloseTo(2 - 2 * Math.cos((Math.PI * (k + 1)) / (n + 1)), 12);
    });
  });

  it("handles zero, diagonal, rank-one, rank-deficient and badly scaled matrices", () => {
    expectDecomposition(zeros(5, 5));
    expectDecomposition({ data: Float64Array.of(3, 0, 0, 0, -1, 0, 0, 0, 3), rows: 3, columns: 3 });
    const ones = { data: new Float64Array(400).fill(1), rows: 20, columns: 20 };
    expect(Math.max(...expectDecomposition(ones))).toBeCloseTo(20, 12);
    const thin = randomMatrix(60, 4, 9);
    expectDecomposition(multiplyTransposed(thin, thin));
    const scaled = randomMatrix(12, 12, 10);
    const gram = multiplyTransposed(scaled, scaled);
    for (const factor of [1e-200, 1e150])
      expectDecomposition({ ...gram, data: gram.data.map((value) => value * factor) });
  });

  it("refuses what it cannot decompose", () => {
    expect(() => symmetricEigen(zeros(2, 3))).toThrow(/square/);
    expect(() => symmetricEigen({ data: Float64Array.of(Number.NaN), rows: 1, columns: 1 })).toThrow(/finite/);
  });
});

describe("Cholesky solve", () => {
  it("solves (A + shift I) X = B", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5 }), (seed, n, m) => {
        const x = randomMatrix(n, n + 2, seed);
        const a = multiplyTransposed(x, x);
        const b = randomMatrix(n, m, seed + 1);
        const solution = solvePositiveDefinite(a, 0.5, b);
        const shifted = { ...a, data: a.data.map((value, i) => value + (i % (n + 1) === 0 ? 0.5 : 0)) };
        expect(largestDifference(multiply(shifted, solution), b)).toBeLessThan(1e-10);
      }),
      { numRuns: 50 },
    );
  });

  it("says which system is not positive definite", () => {
    const a = { data: Float64Array.of(1, 2, 2, 1), rows: 2, columns: 2 };
    expect(() => solvePositiveDefinite(a, 0, zeros(2, 1))).toThrow(
      /2x2 system with l2 = 0 is not positive definite.*larger l2/,
    );
  });
});
