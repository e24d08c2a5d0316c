/** The whitening of a backbone's features: what it does to the features it was fitted to, and files of it. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { fitWhitening } from "../../scripts/whitening.js";
import { input } from "../../src/graph/index.js";
import type { ModelConfig } from "../../src/models/index.js";
import { whitened } from "../../src/models/whitening.js";
import { Scope } from "../../src/nn/index.js";
import { evaluate } from "../../src/runtime/index.js";
import { loadWeights, saveWeights } from "../../src/weights/index.js";
import { seeded } from "../support/arrays.js";
import * as models from "../support/seeded-models.js";
import { temporaryFolder } from "../support/trained-run.js";

const folder = temporaryFolder("whitening");
afterAll(() => rmSync(folder, { recursive: true }));

const width = 8;
const rows = 4000;

/** Means that are not negative, correlated, and of very different deviations. */
function correlated(): Float32Array {
  const random = seeded(3);
  return Float32Array.from({ length: rows }).reduce<Float32Array>(
    (out, _, n) => {
      const common = random();
      for (let k = 0; k < width; k++) out[n * width + k] = (common + 0.3 * random()) * 2 ** -k;
      return out;
    },
    new Float32Array(rows * width),
  );
}

/** Correlation matrix and variances of the columns. */
function statistics(values: Float32Array | Float64Array) {
  const mean = Array.from({ length: width }, () => 0);
  for (const [at, value] of values.entries()) mean[at % width]! += value / rows;
  const covariance = Array.from({ length: width }, (_, i) =>
    Array.from({ length: width }, (_, j) => {
      let sum = 0;
      for (let n = 0; n < rows; n++)
        sum += ((values[n * width + i]! - mean[i]!) * (values[n * width + j]! - mean[j]!)) / rows;
      return sum;
    }),
  );
  const variances = covariance.map((row, i) => row[i]!);
  const correlations = covariance.flatMap((row, i) =>
    row.slice(i + 1).map((value, k) => Math.abs(value) / Math.sqrt(variances[i]! * variances[i + 1 + k]!)),
  );
  return { mean, variances, correlation: correlations.reduce((a, b) => a + b) / correlations.length };
}

test("features are centred and less correlated, and directions after those that are scaled keep their size", async () => {
  const means = correlated();
  const { mean, components, scales } = await fitWhitening(means, width, 4);
  const scope = Scope.root();
  const image = input("means", "float32", [rows, width]);
  const features = whitened(scope, image, 4);
  const values = { means, mean, components, scales };
  const { found } = await evaluate({ found: features }, values);
  const [before, after] = [statistics(means), statistics(found as Float32Array)];
  for (const one of after.mean) expect(Math.abs(one)).toBeLessThan(1e-4);
  expect(before.correlation).toBeGreaterThan(0.85);
  expect(after.correlation).toBeLessThan(0.6 * before.correlation);
  const spread = (some: readonly number[]) => Math.max(...some) / Math.min(...some);
  expect(spread(before.variances)).toBeGreaterThan(1e4);
  expect(spread(after.variances)).toBeLessThan(10);
  // the columns of the components are orthonormal, and the factors grow to 1
  for (let k = 0; k < 4; k++) {
    const column = Array.from({ length: width }, (_, i) => components[i * 4 + k]!);
    expect(column.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 5);
    expect(scales[k]).toBeLessThan(0);
    expect(scales[k]).toBeGreaterThan(k === 0 ? -1 : scales[k - 1]!);
  }
  await expect(fitWhitening(means, width, width)).rejects.toThrow(/8 directions; expected fewer than the 8 features/);
});

test("a file keeps whether a ResNet whitens its features, or refuses it where a layout has no place for that", async () => {
  const config = { ...models.resnet, pooledStages: [1], whitening: 3 } as ModelConfig;
  const path = join(folder, "whitened.safetensors");
  await saveWeights(path, models.weightsOf(config), "fovea");
  const loaded = await loadWeights(path);
  expect(loaded.config).toMatchObject({ pooledStages: [1], whitening: 3 });
  expect(loaded.tensors.get("whitening/block1/components")!.shape).toEqual([32, 3]);
  const whitened = { ...models.resnet, whitening: 3 } as ModelConfig;
  for (const [file, layout] of [
    ["whitened.npz", "bit"],
    ["refused.safetensors", "timm"],
  ] as const) {
    await expect(saveWeights(join(folder, file), models.weightsOf(whitened), layout)).rejects.toThrow(
      /that only pool their last stage, without whitening/,
    );
  }
});
