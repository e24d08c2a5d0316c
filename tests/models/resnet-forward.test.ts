/** Every intermediate of the ResNets against a plain float64 one. */
import { describe, expect, test } from "vitest";
import { elementCount } from "../../src/graph/index.js";
import type { ResNetConfig } from "../../src/models/index.js";
import { testDevices } from "../support/devices.js";
import { expectIntermediates } from "../support/intermediates.js";
import { plainResNet } from "../support/plain-resnet.js";
import { resnetValues, traceTinyResNet } from "../support/resnet-cases.js";
import { type ImageShape, relativeError, uniform } from "../support/vit-cases.js";

interface Case {
  readonly changes: Partial<ResNetConfig>;
  readonly image: ImageShape;
}

const plain: ImageShape = [2, 18, 23, 3];
const everyUnit = { kind: "nonLocal", every: 1 } as const;

const cases: Record<string, Case> = {
  "version 2": { changes: {}, image: plain },
  "version 2, flax form of standardisation": { changes: { weightStandardisation: "flax" }, image: plain },
  "version 2, plain kernels": { changes: { weightStandardisation: "none" }, image: plain },
  "version 2, nothing around the root pool": { changes: { rootPoolPadding: "none" }, image: plain },
  "version 2, another epsilon": { changes: { groupNormEpsilon: 0.1 }, image: plain },
  "version 2, no head": { changes: { classes: 0 }, image: plain },
  "version 2, one channel, taller than wide": { changes: {}, image: [1, 25, 11, 1] },
  "version 2, four channels": { changes: {}, image: [1, 12, 12, 4] },
  "version 2, a single pixel": { changes: {}, image: [3, 1, 1, 3] },
  "version 2, four stages": { changes: { blocks: [1, 1, 1, 1], widthFactor: 1 / 16 }, image: [1, 33, 40, 3] },
  "version 2, two groups, wider": { changes: { groups: 2, widthFactor: 1 / 4, blocks: [1] }, image: [1, 9, 10, 3] },
  "version 2, squeeze-and-excitation": { changes: { attention: { kind: "squeezeExcitation" } }, image: plain },
  "version 2, squeeze-and-excitation in stage 2": {
    changes: { attention: { kind: "squeezeExcitation", stages: [2] } },
    image: plain,
  },
  "version 2, non-local": { changes: { attention: { kind: "nonLocal" } }, image: plain },
  "version 2, non-local after every unit, subsampled": {
    changes: { attention: { ...everyUnit, subsample: true } },
    image: plain,
  },
  "version 2, three stages, two of them pooled": {
    changes: { blocks: [1, 2, 1], widthFactor: 1 / 16, pooledStages: [2] },
    image: plain,
  },
  "version 2, non-local, every stage pooled": {
    changes: { attention: { kind: "nonLocal" }, blocks: [1, 1, 1], widthFactor: 1 / 16, pooledStages: [1, 2] },
    image: plain,
  },
  "version 1, both stages pooled": { changes: { version: 1, pooledStages: [1] }, image: plain },
  "version 2, both stages pooled and whitened": {
    changes: { pooledStages: [1], whitening: 3 },
    image: plain,
  },
  "version 1, whitened": { changes: { version: 1, whitening: 3 }, image: plain },
  "version 1": { changes: { version: 1 }, image: plain },
  "version 1, other odd and even sides": { changes: { version: 1 }, image: [1, 19, 16, 3] },
  "version 1, BiT's standardisation and epsilon": {
    changes: { version: 1, weightStandardisation: "bit", groupNormEpsilon: 0.1 },
    image: plain,
  },
  "version 1, squeeze-and-excitation": {
    changes: { version: 1, attention: { kind: "squeezeExcitation", stages: [1] } },
    image: plain,
  },
  "version 1, non-local": { changes: { version: 1, attention: everyUnit }, image: plain },
};

// what every device runs when it is as slow as a software one
const few = ["version 2, squeeze-and-excitation", "version 1, non-local"];

for (const { device, missing } of testDevices) {
  const names = device === "cpu" ? Object.keys(cases) : few;
  const label = missing === undefined ? device : `${device} (skipped: ${missing})`;
  describe.skipIf(missing !== undefined)(`on ${label}`, () => {
    test.each(names)("%s", async (name) => {
      const { changes, image } = cases[name]!;
      const { config, output, parameters } = traceTinyResNet(changes, image);
      const values = resnetValues(parameters, config.weightStandardisation === "none" ? 1 : 0.01);
      const tolerance = device === "cpu" ? 1e-5 : 3e-5; // a GPU's exp has fewer digits
      const plainNetwork = (doubles: Record<string, Float64Array>, pixels: Float32Array) =>
        plainResNet(doubles, pixels, image, config);
      await expectIntermediates(output.intermediates, parameters, image, plainNetwork, device, { values, tolerance });
    });
  });
}

test.each([[[2]], [[0]], [[1, 1]], [[0.5]]])(
  "pooled stages %j are refused: there are two, and the last is pooled anyway",
  (pooledStages) => {
    expect(() => traceTinyResNet({ pooledStages }, plain)).toThrow(
      /pooledStages \[.*\]; expected ascending numbers from 1 to 1, because the last of 2 stages is always pooled/,
    );
  },
);

test("the comparison sees a wrong model: other padding, standardisation, groups, epsilon", () => {
  const { config, parameters } = traceTinyResNet({}, plain);
  const values = resnetValues(parameters, 0.01);
  const doubles = Object.fromEntries(Object.entries(values).map(([key, data]) => [key, Float64Array.from(data)]));
  const pixels = uniform(elementCount(plain), "pixels");
  const right = plainResNet(doubles, pixels, plain, config);
  const changes = [
    { rootPoolPadding: "none" },
    { weightStandardisation: "flax" },
    { groups: 2 },
    { groupNormEpsilon: 1e-3 },
  ] as const;
  for (const change of changes) {
    const wrong = plainResNet(doubles, pixels, plain, { ...config, ...change });
    expect(relativeError(wrong["logits"]!, right["logits"]!), JSON.stringify(change)).toBeGreaterThan(1e-5);
  }
});
