// Gradients of the whole ResNets against central differences of the plain float64 model.

import { describe, expect, test } from "vitest";
import { elementCount, grad, input, multiply, reduceSum } from "../../src/graph/index.js";
import type { ResNetConfig } from "../../src/models/index.js";
import { evaluate } from "../../src/runtime/index.js";
import { testDevices } from "../support/devices.js";
import { plainResNet } from "../support/plain-resnet.js";
import { resnetValues, traceTinyResNet } from "../support/resnet-cases.js";
import { type ImageShape, uniform } from "../support/vit-cases.js";

const image: ImageShape = [2, 13, 18, 3];
const step = 1e-6; // small, so that a difference seldom crosses the kink of a ReLU; float64 leaves errors near 1e-9

const cases: Record<string, Partial<ResNetConfig>> = {
  "version 2": {},
  "version 2, flax form of standardisation": { weightStandardisation: "flax" },
  "version 2, plain kernels, nothing around the root pool": { weightStandardisation: "none", rootPoolPadding: "none" },
  "version 2, squeeze-and-excitation, rematerialised": {
    attention: { kind: "squeezeExcitation", reduction: 2 },
    rematerialise: true,
  },
  "version 2, non-local, no head": {
    attention: { kind: "nonLocal", stages: [1], every: 1, subsample: true },
    classes: 0,
  },
  "version 1": { version: 1 },
  "version 1, non-local, rematerialised": {
    version: 1,
    attention: { kind: "nonLocal", every: 1 },
    rematerialise: true,
  },
};
const few = ["version 2, squeeze-and-excitation, rematerialised", "version 1, non-local, rematerialised"];

/** Evenly spread positions of an array, all of them when it is short. */
const sampled = (length: number, most: number): number[] =>
  Array.from({ length: Math.min(length, most) }, (_, i) => Math.floor(((i + 0.5) * length) / Math.min(length, most)));

for (const { device, missing } of testDevices) {
  const names = device === "cpu" ? Object.keys(cases) : few;
  const label = missing === undefined ? device : `${device} (skipped: ${missing})`;
  describe.skipIf(missing !== undefined)(`on ${label}`, () => {
    test.each(names)("%s", async (title) => {
      const traced = traceTinyResNet(cases[title]!, image);
      const from = traced.output.logits ? "logits" : "preLogits";
      const answers = traced.output.intermediates[from]!;
      const weights = input("weights", "float32", answers.shape);
      const tensors = [...traced.parameters.map(({ tensor }) => tensor), traced.image];
      const gradients = grad(reduceSum(multiply(answers, weights)), tensors);
      const values = resnetValues(traced.parameters);
      const given = {
        image: uniform(elementCount(image), "pixels"),
        weights: uniform(elementCount(answers.shape), "w"),
      };
      const keys = [...traced.parameters.map(({ name }) => name), "image"];
      const found = await evaluate(
        Object.fromEntries(keys.map((name, i) => [`d ${name}`, gradients[i]!])),
        { ...values, ...given },
        { device },
      );
      const doubles = Object.fromEntries(
        Object.entries({ ...values, image: given.image }).map(([name, data]) => [name, Float64Array.from(data)]),
      );
      const loss = (): number => {
        const output = plainResNet(doubles, doubles["image"]!, image, traced.config)[from]!;
        return output.reduce((sum, value, i) => sum + value * given.weights[i]!, 0);
      };
      const largest = Math.max(
        ...keys.map((name) => Math.max(...(found[`d ${name}`] as Float32Array).map((value) => Math.abs(value)))),
      );
      for (const name of keys) {
        const data = doubles[name]!;
        const gradient = found[`d ${name}`]!;
        expect(gradient.length, name).toBe(data.length);
        const positions = sampled(data.length, 6);
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
        expect(worst, `${name}: ${actual.slice(0, 4)} for ${difference.slice(0, 4)}`).toBeLessThan(
          1e-4 * own + 1e-6 * largest,
        );
        // the bias of a key moves all scores of a query alike: softmax takes it out
        if (!/phi\/bias$/.test(name)) expect(own, name).toBeGreaterThan(1e-5);
      }
    });
  });
}
