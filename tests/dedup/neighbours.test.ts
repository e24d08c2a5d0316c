/** The all-pairs search of features against float64 loops over all pairs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nearestRows, nearPairs, rowsInFile, rowsInMemory } from "../../src/dedup/index.js";
import { boundingRows, planBound, principalDirections, rowsToPlanBy } from "../../src/dedup/search/bounds.js";
import { createRandom } from "../../src/random/keyed.js";

/** Rows near a few centres, of different lengths; row 7 is zeros. */
function clustered(rows: number, columns: number, seed: number): Float32Array {
  const random = createRandom("features", seed);
  const normal = () => random.uniform() + random.uniform() + random.uniform() + random.uniform() - 2;
  const centres = Array.from({ length: 9 }, () => Float64Array.from({ length: columns }, normal));
  const data = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const centre = centres[random.integer(9)]!;
    const [length, spread] = [random.range(0.5, 3), random.range(0.1, 1)];
    for (let c = 0; c < columns; c++) data[row * columns + c] = length * (centre[c]! + spread * normal());
  }
  data.fill(0, 7 * columns, 8 * columns);
  return data;
}

function cosine(a: Float32Array, i: number, b: Float32Array, j: number, columns: number): number {
  let [dot, left, right] = [0, 0, 0];
  for (let c = 0; c < columns; c++) {
    const [x, y] = [a[i * columns + c]!, b[j * columns + c]!];
    dot += x * y;
    left += x * x;
    right += y * y;
  }
  return left === 0 || right === 0 ? 0 : dot / Math.sqrt(left * right);
}

const columns = 48;
const rows = 210;
const data = clustered(rows, columns, 1);
const others = clustered(130, columns, 2);
others.set(data.subarray(0, 20 * columns)); // twenty rows are in both

/** Rows that have little in common, but for twelve that are nearly those ten places before them. */
const sparse = (() => {
  const random = createRandom("sparse");
  const values = Float32Array.from({ length: rows * columns }, () => random.range(-1, 1));
  for (let i = 0; i < 12; i++) {
    const to = (100 + 9 * i) * columns;
    for (let c = 0; c < columns; c++) values[to + c] = 2 * values[to - 10 * columns + c]! + random.range(-0.2, 0.2);
  }
  return values;
})();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-dedup-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function pairsFound(
  ...args: [Parameters<typeof nearPairs>[0], Parameters<typeof nearPairs>[1], number, Parameters<typeof nearPairs>[3]]
) {
  const found: string[] = [];
  await nearPairs(...args, (i, j) => found.push(`${i} ${j}`));
  return found.sort();
}

describe("pairs from a threshold on", () => {
  test.each([
    ["by a bound", sparse, 0.93, { block: 2048 }],
    ["of a small set", data, 0.93, {}],
    ["by a bound, in small blocks, read again and again", sparse, 0.93, { block: 64, memory: 1 }],
    ["in small blocks, read again and again", data, 0.93, { block: 64, memory: 1 }],
    ["so low that no bound helps", data, 0.4, { block: 96 }],
  ] as const)("%s, are those of all pairs", async (_, features, threshold, options) => {
    const expected: string[] = [];
    for (let i = 0; i < rows; i++) {
      for (let j = i + 1; j < rows; j++)
        if (cosine(features, i, features, j, columns) >= threshold) expected.push(`${i} ${j}`);
    }
    expect(expected.length).toBeGreaterThan(9);
    const found = await pairsFound(rowsInMemory(features, rows, columns), undefined, threshold, options);
    expect(found).toEqual(expected.sort());
  });

  test("between two sets in files", async () => {
    const [left, right] = [join(folder, "left"), join(folder, "right")];
    writeFileSync(left, Buffer.concat([Buffer.from("header12"), Buffer.from(data.buffer)]));
    writeFileSync(right, Buffer.from(others.buffer));
    const a = await rowsInFile(left, rows, columns, 8);
    const b = await rowsInFile(right, 130, columns);
    const expected: string[] = [];
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < 130; j++) if (cosine(data, i, others, j, columns) >= 0.95) expected.push(`${i} ${j}`);
    }
    expect(expected.length).toBeGreaterThan(19);
    expect(await pairsFound(a, b, 0.95, { block: 64, memory: 1 })).toEqual(expected.sort());
    await a.close();
    await b.close();
    await expect(rowsInFile(right, 131, columns)).rejects.toThrow(/131 rows of 48 numbers .* need 25152/);
  });
});

describe("nearest rows", () => {
  function expectedNearest(right: Float32Array | undefined, k: number, floor: number) {
    return Array.from({ length: rows }, (_, i) => {
      const other = right ?? data;
      const all = Array.from({ length: other.length / columns }, (_, j) => ({
        j,
        cosine: !right && i === j ? -1 : cosine(data, i, other, j, columns),
      }));
      return all
        .filter((x) => x.cosine >= floor)
        .sort((x, y) => y.cosine - x.cosine || x.j - y.j)
        .slice(0, k);
    });
  }

  test.each([
    ["of the set itself", undefined, 3, 0.3, { block: 64, memory: 1 }],
    ["of the set itself, near ones only", undefined, 1, 0.95, { block: 2048 }],
    ["of the small set itself", undefined, 2, 0.9, {}],
    ["of another set", others, 2, 0.5, { block: 32 }],
  ] as const)("%s", async (_, right, k, floor, options) => {
    const { indices, cosines } = await nearestRows(
      rowsInMemory(data, rows, columns),
      right && rowsInMemory(right, 130, columns),
      k,
      floor,
      options,
    );
    for (const [i, expected] of expectedNearest(right, k, floor).entries()) {
      const row = Array.from(indices.subarray(i * k, (i + 1) * k));
      expect(row).toEqual([...expected.map(({ j }) => j), ...new Array(k - expected.length).fill(-1)]);
      for (const [n, { cosine }] of expected.entries()) expect(cosines[i * k + n]).toBeCloseTo(cosine, 6);
    }
  });

  test("refuses what cannot be compared", async () => {
    const left = rowsInMemory(data, rows, columns);
    await expect(nearestRows(left, rowsInMemory(data, rows * 2, columns / 2), 1, 0.5)).rejects.toThrow(/48 and of 24/);
    await expect(nearestRows(left, undefined, 1, 0.5, { block: 33 })).rejects.toThrow(/multiple of 32/);
    const damaged = data.slice();
    damaged[5 * columns] = Number.NaN;
    await expect(nearestRows(rowsInMemory(damaged, rows, columns), undefined, 1, 0.5)).rejects.toThrow(
      /row 5 .*not finite/,
    );
    await expect(nearestRows(left, undefined, 1, 0)).rejects.toThrow(/above/);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(nearestRows(left, undefined, 1, 0.5, { signal })).rejects.toThrow("enough");
  });
});

describe("bounds", () => {
  const unit = Float32Array.from(data, (value, at) => {
    const row = Math.floor(at / columns);
    const length = Math.hypot(...data.subarray(row * columns, (row + 1) * columns));
    return length === 0 ? 0 : value / length;
  });

  test("directions are orthonormal, and never below a cosine", () => {
    const directions = principalDirections(unit, columns, 12);
    expect(directions.count).toBe(12);
    for (let i = 0; i < 12; i++) {
      for (let j = 0; j < 12; j++) {
        let dot = 0;
        for (let c = 0; c < columns; c++) dot += directions.data[i * columns + c]! * directions.data[j * columns + c]!;
        expect(dot).toBeCloseTo(i === j ? 1 : 0, 10);
      }
    }
    const bounding = boundingRows(unit, directions, 12);
    let tight = 0;
    for (let i = 0; i < 50; i++) {
      for (let j = 0; j < i; j++) {
        let bound = 0;
        for (let k = 0; k < 13; k++) bound += bounding[i * 13 + k]! * bounding[j * 13 + k]!;
        const exact = cosine(data, i, data, j, columns);
        expect(bound).toBeGreaterThan(exact - 1e-6);
        if (bound < 0.9) tight++;
      }
    }
    expect(tight).toBeGreaterThan(500);
  });

  test("rows that span fewer directions give fewer", () => {
    const flat = new Float32Array(20 * columns);
    for (let row = 0; row < 20; row++) flat[row * columns + (row % 3)] = 1;
    expect(principalDirections(flat, columns, 10).count).toBe(3);
  });

  test.each([1, 3, 4, 7, 2048, 2049, 5000, 100_000])("are planned by rows of %i that are all different", (count) => {
    const { left, right, directions } = rowsToPlanBy(count);
    const all = [...left, ...right, ...directions];
    expect(new Set(all).size).toBe(all.length);
    expect(all.every((row) => Number.isInteger(row) && row >= 0 && row < count)).toBe(true);
    expect(left.length).toBe(Math.min(512, Math.floor(count / 4)));
    expect(directions.length).toBe(2 * right.length);
  });

  test("are planned where they help, and not where they do not", () => {
    const lengths = Array.from({ length: rows }, (_, i) =>
      Math.hypot(...sparse.subarray(i * columns, (i + 1) * columns)),
    );
    const even = (row: number) => row % 2 === 0;
    const ofRows = (keep: (row: number) => boolean) =>
      Float32Array.from(
        lengths.flatMap((length, i) =>
          keep(i) ? Array.from(sparse.subarray(i * columns, (i + 1) * columns), (value) => value / length) : [],
        ),
      );
    const [left, right] = [ofRows(even), ofRows((row) => !even(row))];
    expect(planBound(left, left, right, columns, 0.93, 32)?.count).toBeGreaterThan(0);
    expect(planBound(left, left, right, columns, 0.1, 32)).toBeUndefined();
  });
});
