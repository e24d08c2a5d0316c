/** Gradients of a traced network against central differences of its plain float64 twin. */
import { expect } from "vitest";
import { elementCount, grad, input, multiply, reduceSum, type Tensor } from "../../src/graph/index.js";
import type { Parameter } from "../../src/nn/index.js";
import { type Device, evaluate } from "../../src/runtime/index.js";
import { parameterValues, uniform } from "./vit-cases.js";

export interface TracedNetwork {
  readonly image: Tensor;
  readonly parameters: readonly Parameter[];
  readonly answers: Tensor;
}

/** Small, so that a difference seldom crosses the kink of a ReLU; float64 leaves errors near 1e-9. */
const step = 1e-6;

/** A few positions of an array, spread without a beat with its axes; all of them when it is short. */
const sampled = (length: number, most: number): number[] => [
  ...new Set(Array.from({ length: Math.min(length, most) }, (_, i) => (length <= most ? i : (i * 7919 + 13) % length))),
];

/**
 * Compares, at a few positions of every parameter and of the image, the gradient of a weighted sum of the answers. `plain`
 * gives the answers from the values by name, the image's under `image`. Parameters for which `mayVanish` is true may have
 * no gradient.
 */
export async function expectGradients(
  { image, parameters, answers }: TracedNetwork,
  plain: (values: Readonly<Record<string, Float64Array>>) => Float64Array,
  device: Device,
  mayVanish: (name: string) => boolean = () => false,
): Promise<void> {
  const weights = input("weights", "float32", answers.shape);
  const gradients = grad(reduceSum(multiply(answers, weights)), [...parameters.map(({ tensor }) => tensor), image]);
  const names = [...parameters.map(({ name }) => name), "image"];
  const values = { ...parameterValues(parameters), image: uniform(elementCount(image.shape), "pixels") };
  const factors = uniform(elementCount(answers.shape), "weights");
  const outputs = Object.fromEntries(names.map((name, i) => [`d ${name}`, gradients[i]!]));
  const found = await evaluate(outputs, { ...values, weights: factors }, { device });
  const doubles = Object.fromEntries(Object.entries(values).map(([name, data]) => [name, Float64Array.from(data)]));
  const loss = () => plain(doubles).reduce((sum, value, i) => sum + value * factors[i]!, 0);
  const most = (all: ArrayLike<number | bigint>) =>
    Array.from(all, (v) => Math.abs(Number(v))).reduce((a, b) => Math.max(a, b), 0);
  const largest = Math.max(...names.map((name) => most(found[`d ${name}`]!)));
  for (const name of names) {
    const data = doubles[name]!;
    const gradient = found[`d ${name}`]!;
    expect(gradient.length, name).toBe(data.length);
    const positions = sampled(data.length, 5);
    const difference = positions.map((i) => {
      const kept = data[i]!;
      data[i] = kept + step;
      const above = loss();
      data[i] = kept - step;
      const below = loss();
      data[i] = kept;
      return (above - below) / (2 * step);
    });
    const actual = positions.map((i) => Number(gradient[i]));
    const own = Math.max(...difference.map(Math.abs));
    const worst = Math.max(...actual.map((value, k) => Math.abs(value - difference[k]!)));
    const message = `${name}: ${actual.slice(0, 4)} for ${difference.slice(0, 4)}`;
    expect(worst, message).toBeLessThan(1e-4 * own + 1e-6 * largest);
    if (!mayVanish(name)) expect(own, name).toBeGreaterThan(1e-5);
  }
}
