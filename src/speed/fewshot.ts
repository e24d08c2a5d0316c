/** Measures the closed-form ridge on a large support set, compared with the same algebra in plain loops. */
import { median } from "../algebra/statistics.js";
import { numpyGenerator } from "../random/numpy-generator.js";
import { fitRidges, ridgeClassifiers } from "../transfer/index.js";

export interface FewShotBenchOptions {
  readonly classes: number;
  readonly shots: number;
  /** Number of features per image. */
  readonly width: number;
  /** Fits of each kind, measured in alternation. */
  readonly rounds: number;
  readonly threads?: number;
  readonly onProgress?: (text: string) => void;
}

export interface FewShotBench {
  readonly classes: number;
  readonly shots: number;
  readonly width: number;
  /** Median time of a fit (standardisation, normal equations, Cholesky factorisation, weights of all classes). */
  readonly seconds: number;
  /** The same with products in plain loops. */
  readonly plainSeconds: number;
  /** plainSeconds / seconds. */
  readonly ratio: number;
  /** Largest difference of a weight, relative to the largest weight. */
  readonly largestDifference: number;
}

/** Measures the fit on random features. */
export async function benchFewShot(options: FewShotBenchOptions): Promise<FewShotBench> {
  const { classes, shots, width, rounds, threads, onProgress } = options;
  const rows = classes * shots;
  const random = numpyGenerator(0);
  const features = { data: Float32Array.from({ length: rows * width }, () => random.random()), rows, columns: width };
  const labels = Int32Array.from({ length: rows }, (_, i) => i % classes);
  const support = { features, labels, classes, threads };
  const times: { readonly fast: number[]; readonly plain: number[] } = { fast: [], plain: [] };
  let largestDifference = 0;
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    const [fast] = await fitRidges(support, [1024]);
    const between = performance.now();
    const [plain] = ridgeClassifiers(support, [1024]);
    times.fast.push((between - started) / 1000);
    times.plain.push((performance.now() - between) / 1000);
    onProgress?.(
      `round ${round + 1} of ${rounds}: ${times.fast.at(-1)!.toFixed(2)} s, in plain loops ${times.plain.at(-1)!.toFixed(2)} s`,
    );
    const largest = plain!.weights.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const difference = plain!.weights.data.reduce(
      (most, value, at) => Math.max(most, Math.abs(value - fast!.weights.data[at]!)),
      0,
    );
    largestDifference = Math.max(largestDifference, difference / largest);
  }
  const [seconds, plainSeconds] = [median(times.fast), median(times.plain)];
  return { classes, shots, width, seconds, plainSeconds, ratio: plainSeconds / seconds, largestDifference };
}
