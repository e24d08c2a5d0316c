/** Linear CKA against direct formulas, and the similarity of the layers of networks. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import {
  analyse,
  batchSizes,
  centredGram,
  ckaMatrix,
  gramOf,
  hsic,
  linearCka,
  openSubject,
  similarity,
} from "../../src/analysis/index.js";
import { createRandom } from "../../src/random/keyed.js";

const matrix = (rows: number, columns: number, value: (row: number, column: number) => number) => ({
  data: Float64Array.from({ length: rows * columns }, (_, i) => value(Math.floor(i / columns), i % columns)),
  rows,
  columns,
});

function normal(rows: number, columns: number, key: string) {
  const random = createRandom("cka", key);
  return matrix(
    rows,
    columns,
    () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform()),
  );
}

describe("HSIC and CKA", () => {
  const x = matrix(7, 3, (i, j) => (7 * i * i + 3 * j * i + 5 * j) % 11);
  const y = matrix(7, 5, (i, j) => (5 * i * i + 2 * j * i + 3 * j * j + i) % 13);

  // numpy in float64. unbiased: 1 / (n (n - 3)) (tr K L + 1'K1 1'L1 / ((n - 1) (n - 2)) - 2 / (n - 2) 1'K L 1) with zero diagonals (Song et
  // al., 2012, equation 5); plain: tr(K H L H) / (n - 1)^2 with H = I - 1/n (Gretton et al., 2005)
  it.each([
    ["unbiased" as const, 20.619047619053163, 407.59047619047175, 473.0190476190432, 0.04695883058134313],
    ["plain" as const, 338.98412698412693, 651.761904761905, 968.5839002267577, 0.4266446003158865],
  ])("of the %s estimator equal the direct formula", async (estimator, xy, xx, yy, cka) => {
    const [a, b] = [await gramOf(x, estimator), await gramOf(y, estimator)];
    expect(hsic(a, b)).toBeCloseTo(xy, 8);
    expect(hsic(a, a)).toBeCloseTo(xx, 8);
    expect(hsic(b, b)).toBeCloseTo(yy, 8);
    expect(await linearCka(x, y, estimator)).toBeCloseTo(cka, 10);
  });

  it.each(["unbiased" as const, "plain" as const])(
    "of a rotated, scaled and shifted representation is 1 (%s)",
    async (estimator) => {
      const base = normal(12, 4, "base");
      // two plane rotations, a scale of -2.5 and an offset
      const turn = (row: Float64Array, i: number, j: number, angle: number) => {
        const [a = 0, b = 0] = [row[i], row[j]];
        row[i] = a * Math.cos(angle) - b * Math.sin(angle);
        row[j] = a * Math.sin(angle) + b * Math.cos(angle);
      };
      const moved = matrix(12, 4, () => 0);
      for (let r = 0; r < 12; r++) {
        const row = base.data.slice(4 * r, 4 * r + 4);
        turn(row, 0, 2, 0.7);
        turn(row, 1, 3, -1.9);
        turn(row, 0, 1, 2.3);
        moved.data.set(
          row.map((value, k) => -2.5 * value + 10 * k),
          4 * r,
        );
      }
      expect(await linearCka(base, moved, estimator)).toBeCloseTo(1, 10);
    },
  );

  test("of independent wide representations is near 0 for the unbiased estimator only", async () => {
    const [a, b] = [normal(40, 400, "a"), normal(40, 400, "b")];
    // standard error about 1 / n
    expect(Math.abs((await linearCka(a, b, "unbiased")) ?? 1)).toBeLessThan(0.1);
    expect(await linearCka(a, b, "plain")).toBeGreaterThan(0.8);
  });

  test("of a constant representation does not exist", async () => {
    expect(
      await linearCka(
        matrix(7, 3, (_, j) => 0.1 + j),
        y,
      ),
    ).toBeNull();
  });

  test("over batches take the mean of HSIC", async () => {
    const parts = await Promise.all(
      ["1", "2"].map(
        async (key) =>
          [await gramOf(normal(6, 3, key), "unbiased"), await gramOf(normal(6, 5, `${key}b`), "unbiased")] as const,
      ),
    );
    const mean = (of: (part: (typeof parts)[number]) => number) =>
      (of(parts[0] as (typeof parts)[0]) + of(parts[1] as (typeof parts)[0])) / 2;
    const expected = mean(([a, b]) => hsic(a, b)) / Math.sqrt(mean(([a]) => hsic(a, a)) * mean(([, b]) => hsic(b, b)));
    const found = ckaMatrix(
      parts.map(([a]) => [a]),
      parts.map(([, b]) => [b]),
    );
    expect(found[0]?.[0]).toBeCloseTo(expected, 12);
  });

  test("refuse too few images and different images", async () => {
    expect(() =>
      centredGram(
        matrix(3, 3, (i, j) => i * j),
        "unbiased",
      ),
    ).toThrow(/at least 4 images, given 3/);
    const [a, b] = [await gramOf(normal(6, 3, "6"), "unbiased"), await gramOf(normal(5, 3, "5"), "unbiased")];
    expect(() => hsic(a, b)).toThrow(/expected the same images/);
  });
});

test("batchSizes are equal within one image, not above the most and not below the fewest", () => {
  expect(batchSizes(20, 32, 4)).toEqual([20]);
  expect(batchSizes(70, 32, 4)).toEqual([23, 23, 24]);
  expect(batchSizes(10, 2, 4)).toEqual([5, 5]);
});

describe("similarity", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fovea-similarity-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  type Found = { rows: string[]; columns: string[]; cka: (number | null)[][] };

  test("of a network is symmetric with a diagonal of 1, and agrees with a plain computation", async () => {
    await using subject = await openSubject("embedded:small", { count: 10 });
    const { data } = await similarity.run(subject);
    const { rows, columns, cka } = (data as { within: Found }).within;
    expect(rows).toEqual(columns);
    expect(rows).toEqual(
      expect.arrayContaining(["root", "unit 2.1", "patches", "attention 0", "block 3", "last norm", "features"]),
    );
    for (const [i, row] of cka.entries()) {
      expect(row[i]).toBeCloseTo(1, 9);
      for (const [j, value] of row.entries()) expect(value).toBeCloseTo(cka[j]?.[i] ?? Number.NaN, 9);
    }
    const [one, two]: number[][][] = [[], []];
    for await (const { stem, preLogits } of subject.trace(["stem", "preLogits"])) {
      one?.push(Array.from(stem?.data ?? []));
      two?.push(Array.from(preLogits?.data ?? []));
    }
    const expected = plainUnbiasedCka(one ?? [], two ?? []);
    expect(cka[rows.indexOf("patches")]?.[rows.indexOf("features")]).toBeCloseTo(expected, 6);
  });

  test("with itself as the other network equals that within; another one has its own layers", async () => {
    const output = join(folder, "compare");
    const options = { output, count: 10, only: ["similarity"] };
    const { results } = await analyse("embedded:tiny", { ...options, compare: "embedded:tiny" });
    const data = results[0]?.data as { within: Found; between: Found };
    expect(data.between).toEqual(data.within);
    expect(results[0]?.charts).toHaveLength(3);
    const other = await analyse("embedded:tiny", { ...options, compare: "embedded:small" });
    const between = (other.results[0]?.data as { between: Found } | undefined)?.between ?? {
      rows: [],
      columns: [],
      cka: [],
    };
    expect(between.rows).toContain("unit 4.1");
    expect(between.columns).toContain("block 3");
    expect(between.cka.flat().every((value) => value !== null && Math.abs(value) <= 1)).toBe(true);
    expect(await readFile(join(output, "report.html"), "utf8")).toContain(
      "Of the two networks, the most similar layers are",
    );
  });

  test("compares only where an analysis uses the other network", async () => {
    const run = analyse("embedded:tiny", {
      output: join(folder, "none"),
      only: ["filters"],
      compare: "embedded:small",
    });
    await expect(run).rejects.toThrow(/compare is used by the analysis similarity/);
  });

  test("needs four images", async () => {
    await using subject = await openSubject("embedded:tiny", { count: 10 });
    const few = { ...subject, images: { ...subject.images, count: 3 } };
    expect(similarity.unavailable(few)).toMatch(/at least 4 images, there are 3/);
  });
});

/** Song et al. (2012), equation 5, term by term. */
function plainUnbiasedCka(x: readonly (readonly number[])[], y: readonly (readonly number[])[]): number {
  const n = x.length;
  const gram = (rows: readonly (readonly number[])[]) =>
    rows.map((a, i) => rows.map((b, j) => (i === j ? 0 : a.reduce((sum, value, k) => sum + value * (b[k] ?? 0), 0))));
  const unbiased = (k: number[][], l: number[][]) => {
    let [trace, sumK, sumL, both] = [0, 0, 0, 0];
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        trace += (k[i]?.[j] ?? 0) * (l[j]?.[i] ?? 0);
        sumK += k[i]?.[j] ?? 0;
        sumL += l[i]?.[j] ?? 0;
        for (let m = 0; m < n; m++) both += (k[i]?.[j] ?? 0) * (l[j]?.[m] ?? 0);
      }
    }
    return trace + (sumK * sumL) / ((n - 1) * (n - 2)) - (2 * both) / (n - 2);
  };
  const [k, l] = [gram(x), gram(y)];
  return unbiased(k, l) / Math.sqrt(unbiased(k, k) * unbiased(l, l));
}
