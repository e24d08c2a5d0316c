// Gradients of the whole ResNets against central differences of the plain float64 model.

import { describe, test } from "vitest";
import type { ResNetConfig } from "../../src/models/index.js";
import { testDevices } from "../support/devices.js";
import { evenlySpread, expectGradients } from "../support/gradients.js";
import { plainResNet } from "../support/plain-resnet.js";
import { resnetValues, traceTinyResNet } from "../support/resnet-cases.js";
import type { ImageShape } from "../support/vit-cases.js";

const image: ImageShape = [2, 13, 18, 3];

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

for (const { device, missing } of testDevices) {
  const names = device === "cpu" ? Object.keys(cases) : few;
  const label = missing === undefined ? device : `${device} (skipped: ${missing})`;
  describe.skipIf(missing !== undefined)(`on ${label}`, () => {
    test.each(names)("%s", async (title) => {
      const traced = traceTinyResNet(cases[title]!, image);
      const from = traced.output.logits ? "logits" : "preLogits";
      await expectGradients(
        { ...traced, answers: traced.output.intermediates[from]! },
        (values) => plainResNet(values, values["image"]!, image, traced.config)[from]!,
        device,
        // the bias of a key moves all scores of a query alike: softmax takes it out
        (name) => name.endsWith("phi/bias"),
        (length) => evenlySpread(length, 6),
        resnetValues(traced.parameters),
      );
    });
  });
}
