/** Published golden values (papers.md 12.2, 12.3) through the runtime. */
import { expect, test } from "vitest";
import { bilinearWeights, constant, gelu, resizeBilinear } from "../../src/graph/index.js";
import { run } from "../support/run.js";

const points = [-3, -2, -1, -0.5, 0.5, 1, 2, 3];
const golden = {
  tanh: [-0.003637392, -0.045402306, -0.158808009, -0.15428599, 0.34571401, 0.841191991, 1.954597694, 2.996362608],
  erf: [-0.004049694, -0.045500264, -0.158655254, -0.154268769, 0.345731231, 0.841344746, 1.954499736, 2.995950306],
};
test.each(["tanh", "erf"] as const)("gelu, %s form", async (form) => {
  const { y } = await run({ y: gelu(constant(points, [8]), form) }, {});
  golden[form].forEach((wanted, i) => {
    expect(Math.abs(y!.values[i]! - wanted)).toBeLessThan(3e-7 * Math.max(1, Math.abs(wanted)));
  });
});

const resizes = [
  [[0, 1, 2, 3], 6, "alignCorners", [0, 0.6, 1.2, 1.8, 2.4, 3]],
  [[0, 1, 2, 3], 6, "halfPixel", [0, 0.5, 1.166667, 1.833333, 2.5, 3]],
  [[0, 1, 4], 5, "alignCorners", [0, 0.5, 1, 2.5, 4]],
] as const;
test.each(resizes)("resize [%s] to %i, %s", async (values, to, convention, wanted) => {
  const row = constant([...values], [1, values.length]);
  const column = constant([...values], [values.length, 1]);
  const results = await run(
    { row: resizeBilinear(row, 1, to, convention), column: resizeBilinear(column, to, 1, convention) },
    {},
  );
  for (const { values: got } of Object.values(results)) {
    wanted.forEach((value, i) => {
      expect(got[i]!).toBeCloseTo(value, 6);
    });
  }
});

test("interpolation weights of every output sum to one", () => {
  for (const convention of ["halfPixel", "alignCorners"] as const) {
    for (const [from, to] of [
      [1, 1],
      [1, 5],
      [5, 1],
      [7, 3],
      [3, 7],
      [14, 24],
      [24, 14],
    ] as const) {
      const weights = bilinearWeights(from, to, convention);
      for (let i = 0; i < to; i++) {
        const own = weights.subarray(i * from, (i + 1) * from);
        expect(own.reduce((total, weight) => total + weight, 0)).toBeCloseTo(1, 12);
        expect(own.every((weight) => weight >= 0)).toBe(true);
      }
    }
  }
});
