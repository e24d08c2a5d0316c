/** Gradients of a traced network against central differences of its plain float64 twin. */
import { expect } from "vitest";
import { elementCount, grad, input, multiply, reduceSum, type Tensor } from "../../src/graph/index.js";
import type { Parameter } from "../../src/nn/index.js";
import type { Device } from "../../src/runtime/index.js";
import { evaluateAmong } from "./run.js";
import { parameterValues, uniform } from "./vit-cases.js";

export interface TracedNetwork {
  readonly image: Tensor;
  readonly parameters: readonly Parameter[];
  readonly answers: Tensor;
}

/** Small, so that a difference seldom crosses the kink of a ReLU; float64 leaves errors near 1e-9. */
const kinkStep = 1e-6;

/** A few positions of an array, spread without a beat with its axes; all of them when it is short. */
const sampled = (length: number, most: number): number[] => [
  ...new Set(Array.from({ length: Math.min(length, most) }, (_, i) => (length <= most ? i : (i * 7919 + 13) % length))),
];

/** Evenly spread positions of an array, all of them when it is short. */
export const evenlySpread = (length: number, most: number): number[] =>
  Array.from({ length: Math.min(length, most) }, (_, i) => Math.floor(((i + 0.5) * length) / Math.min(length, most)));

export interface Differences {
  /** Names of what the loss was differentiated by; `found` has the gradients as `d NAME`. */
  readonly names: readonly string[];
  readonly found: Readonly<Record<string, ArrayLike<number | bigint>>>;
  /** The values by name; moved and put back one by one. */
  readonly doubles: Readonly<Record<string, Float64Array>>;
  /** The plain loss of the values as they stand. */
  readonly loss: () => number;
  readonly step: number;
  readonly positions: (length: number) => readonly number[];
  /** Allowed error: this times the parameter's own largest difference, plus this times the largest gradient of all. */
  readonly tolerance: { readonly own: number; readonly largest: number };
  /** Parameters that may have no gradient. */
  readonly mayVanish: (name: string) => boolean;
}

/** Compares gradients with central differences of the loss at the positions. */
export function expectDifferences(given: Differences): void {
  const { names, found, doubles, loss, step, tolerance } = given;
  const most = (all: ArrayLike<number | bigint>) =>
    Array.from(all, (v) => Math.abs(Number(v))).reduce((a, b) => Math.max(a, b), 0);
  const largest = Math.max(...names.map((name) => most(found[`d ${name}`]!)));
  for (const name of names) {
    const data = doubles[name]!;
    const gradient = found[`d ${name}`]!;
    expect(gradient.length, name).toBe(data.length);
    const positions = given.positions(data.length);
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
    // float32 gradients: relative to the parameter's own largest, or to rounding of the model's largest
    const own = Math.max(...difference.map(Math.abs));
    const worst = Math.max(...actual.map((value, k) => Math.abs(value - difference[k]!)));
    const message = `${name}: ${actual.slice(0, 4)} for ${difference.slice(0, 4)}`;
    expect(worst, message).toBeLessThan(tolerance.own * own + tolerance.largest * largest);
    if (!given.mayVanish(name)) expect(own, name).toBeGreaterThan(1e-5);
  }
}

type Values = Readonly<Record<string, Float32Array>>;

/** The gradients of a weighted sum of the answers by every parameter and the image, as `d NAME`. */
function gradientsOf({ image, parameters, answers }: TracedNetwork, values: Values) {
  const weights = input("weights", "float32", answers.shape);
  const gradients = grad(reduceSum(multiply(answers, weights)), [...parameters.map(({ tensor }) => tensor), image]);
  const names = [...parameters.map(({ name }) => name), "image"];
  const outputs = Object.fromEntries(names.map((name, i) => [`d ${name}`, gradients[i]!]));
  const all: Values = { ...values, image: uniform(elementCount(image.shape), "pixels") };
  const factors = uniform(elementCount(answers.shape), "weights");
  const on = (device: Device) => evaluateAmong(outputs, { ...all, weights: factors }, { device });
  return { names, all, factors, on };
}

/**
 * Compares, at a few positions of every parameter and of the image, the gradient of a weighted sum of the answers. `plain`
 * gives the answers from the values by name, the image's under `image`. Parameters for which `mayVanish` is true may have
 * no gradient.
 */
export async function expectGradients(
  traced: TracedNetwork,
  plain: (values: Readonly<Record<string, Float64Array>>) => Float64Array,
  device: Device,
  mayVanish: (name: string) => boolean = () => false,
  positions: (length: number) => readonly number[] = (length) => sampled(length, 5),
  values: Values = parameterValues(traced.parameters),
): Promise<void> {
  const { names, all, factors, on } = gradientsOf(traced, values);
  const doubles = Object.fromEntries(Object.entries(all).map(([name, data]) => [name, Float64Array.from(data)]));
  expectDifferences({
    names,
    found: await on(device),
    doubles,
    loss: () => plain(doubles).reduce((sum, value, i) => sum + value * factors[i]!, 0),
    step: kinkStep,
    positions,
    tolerance: { own: 1e-4, largest: 1e-6 },
    mayVanish,
  });
}

/**
 * Compares every number of the same gradients with what the CPU gives, which `expectGradients` compares with differences:
 * each may be off by its tolerance, so together by twice that.
 */
export async function expectGradientsOfCpu(traced: TracedNetwork, device: Device, values: Values): Promise<void> {
  const { names, on } = gradientsOf(traced, values);
  const [found, expected] = [await on(device), await on("cpu")];
  const most = (all: ArrayLike<number | bigint>) =>
    Array.from(all, Number).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const largest = Math.max(...names.map((name) => most(expected[`d ${name}`]!)));
  for (const name of names) {
    const [here, there] = [found[`d ${name}`]!, expected[`d ${name}`]!];
    expect(here.length, name).toBe(there.length);
    const worst = most(Array.from(here as ArrayLike<number | bigint>, (value, i) => Number(value) - Number(there[i])));
    expect(worst, name).toBeLessThan(2e-4 * most(there) + 2e-6 * largest);
  }
}
