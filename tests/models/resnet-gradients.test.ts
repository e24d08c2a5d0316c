/**
 * Gradients of the whole ResNets against central differences of the plain float64 model; other devices against the CPU's.
 */
import { describe, test } from "vitest";
import type { ResNetConfig } from "../../src/models/index.js";
import { testDevice } from "../support/devices.js";
import { firstOf } from "../support/extent.js";
import { evenlySpread, expectGradients, expectGradientsOfCpu } from "../support/gradients.js";
import { plainResNet } from "../support/plain-resnet.js";
import { resnetValues, traceTinyResNet } from "../support/resnet-cases.js";
import type { ImageShape } from "../support/vit-cases.js";

const image: ImageShape = [2, 9, 14, 3];

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
  "version 2, first stage pooled, rematerialised, no head": { pooledStages: [1], rematerialise: true, classes: 0 },
  "version 2, whitened": { whitening: 3 },
  "version 1, whitened": { version: 1, whitening: 3 },
  "version 1": { version: 1 },
  "version 1, non-local, rematerialised": {
    version: 1,
    attention: { kind: "nonLocal", every: 1 },
    rematerialise: true,
  },
};
/** All between them: both versions, both kinds of attention, rematerialised convolutions. */
const few = firstOf(["version 1, non-local, rematerialised", "version 2, squeeze-and-excitation, rematerialised"]);

function traced(title: string) {
  const network = traceTinyResNet(cases[title]!, image);
  const from = network.output.logits ? "logits" : "preLogits";
  return { ...network, from, answers: network.output.intermediates[from]! } as const;
}

/** Values of the parameters; features far from 0 if their square roots follow, whose gradients at 0 magnify rounding. */
function valuesOf({ config, parameters }: ReturnType<typeof traced>): Record<string, Float32Array> {
  const values = resnetValues(parameters);
  const bias = values["norm/bias"];
  if (config.whitening && bias) values["norm/bias"] = bias.map((value) => value + 1);
  return values;
}

test.each(Object.keys(cases))("%s, on the cpu", async (title) => {
  const network = traced(title);
  await expectGradients(
    network,
    (values) => plainResNet(values, values["image"]!, image, network.config)[network.from]!,
    "cpu",
    // the bias of a key moves all scores of a query alike: softmax takes it out
    (name) => name.endsWith("phi/bias"),
    (length) => evenlySpread(length, 6),
    valuesOf(network),
  );
});

const { missing } = testDevice("webgpu");
describe.skipIf(missing !== undefined)(`on webgpu${missing === undefined ? "" : ` (skipped: ${missing})`}`, () => {
  test.each(few)("%s: every number as on the cpu", async (title) => {
    const network = traced(title);
    await expectGradientsOfCpu(network, "webgpu", resnetValues(network.parameters));
  });
});
