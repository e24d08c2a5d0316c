/** Stores standardised kernels in their standardised form, so that rounding them once is enough. */
import { elementCount, fromFloat16, toFloat16 } from "../src/graph/index.js";
import type { ModelConfig } from "../src/models/index.js";
import type { Weights, WeightTensor } from "../src/weights/index.js";

/** Whether a network standardises a parameter row by row before the convolution. */
function isStandardised(name: string, { shape }: WeightTensor, config: ModelConfig): boolean {
  if (shape.length !== 4 || !name.endsWith("/kernel")) return false;
  if (config.family === "resnet") return config.weightStandardisation !== "none";
  // in a hybrid those of the stem, but not the patch embedding after it
  return config.family === "vit" && config.stem.kind === "resnet" && !name.startsWith("embedding/");
}

/**
 * A kernel with a smaller deviation is left unchanged: the epsilon of the standardisation (1e-5; papers.md 3.1) would
 * not be negligible.
 */
const leastDeviation = 1e-3;

/**
 * The same network with each standardised kernel replaced by a power of two times its standardised form in half
 * precision; standardising and rounding it again gives the same numbers. An export standardises kernels and rounds
 * them. Any other kernel in half precision would be rounded twice, and its features would differ by that. The power of
 * two is close to the kernel's own deviation, so that fine-tuning changes it as before.
 */
export function withStandardisedKernels(weights: Weights): Weights {
  const tensors = new Map(weights.tensors);
  for (const [name, tensor] of weights.tensors) {
    const replaced = isStandardised(name, tensor, weights.config) ? standardised(tensor) : undefined;
    if (replaced) tensors.set(name, replaced);
  }
  return { ...weights, tensors };
}

/** Undefined if the deviation of a row is too small. */
function standardised({ shape, data }: WeightTensor): WeightTensor | undefined {
  const size = elementCount(shape) / shape[0]!;
  const first = rowsStandardised(data, size);
  if (!first) return undefined;
  // Rounding slightly changes means and deviations, and therefore numbers next to a rounding boundary; repeat until
  // none changes.
  let rounded = first.values.map(half);
  for (let pass = 0; pass < mostPasses; pass++) {
    const next = rowsStandardised(rounded, size)!.values.map(half);
    if (next.every((value, i) => value === rounded[i])) break;
    rounded = next;
  }
  const scale = 2 ** Math.round(Math.log2(first.deviation));
  return { shape, data: rounded.map((value) => value * scale) };
}

const mostPasses = 20;

const half = (value: number): number => fromFloat16(toFloat16(value));

/** Rows of `size` numbers standardised to mean 0 and deviation 1, and their original deviation over all rows. */
function rowsStandardised(data: Float32Array, size: number): { values: Float32Array; deviation: number } | undefined {
  const values = new Float32Array(data.length);
  let total = 0;
  for (let start = 0; start < data.length; start += size) {
    const row = data.subarray(start, start + size);
    const mean = row.reduce((sum, value) => sum + value, 0) / size;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size;
    if (variance < leastDeviation ** 2) return undefined;
    for (const [i, value] of row.entries()) values[start + i] = (value - mean) / Math.sqrt(variance);
    total += size * variance;
  }
  return { values, deviation: Math.sqrt(total / data.length) };
}
