/** Every intermediate of the Vision Transformer against a plain float64 one, for every choice of its configuration. */
import { describe, expect, test } from "vitest";
import { elementCount } from "../../src/graph/index.js";
import type { ViTConfig } from "../../src/models/index.js";
import { testDevices } from "../support/devices.js";
import { expectIntermediates } from "../support/intermediates.js";
import { plainViT } from "../support/plain-vit.js";
import {
  type ImageShape,
  parameterValues,
  relativeError,
  successors,
  traceTiny,
  uniform,
} from "../support/vit-cases.js";

interface Case {
  readonly changes: Partial<ViTConfig>;
  readonly image: ImageShape;
}

const poolings = ["tok", "gap", "map", "none"] as const;
const posEmbeddings = ["learn", "learn2d", "relative", "sincos2d", "none"] as const;
const layers = ["everyLayer", "everyLayerShared"] as const;
const orders = ["before", "after"] as const;
const plain: ImageShape = [2, 8, 12, 3];

const cases: Record<string, Case> = {
  ...Object.fromEntries(
    poolings.flatMap((pooling) =>
      posEmbeddings.map((posEmbedding) => [
        `pooling ${pooling}, position embedding ${posEmbedding}`,
        { changes: { pooling, posEmbedding }, image: plain },
      ]),
    ),
  ),
  ...Object.fromEntries(
    posEmbeddings.map((posEmbedding) => [
      `class token joined after, position embedding ${posEmbedding}`,
      { changes: { pooling: "tok", posEmbedding, classTokenOrder: "after" }, image: plain },
    ]),
  ),
  ...Object.fromEntries(
    layers.flatMap((posEmbeddingLayers) =>
      posEmbeddings
        .slice(0, 4)
        .flatMap((posEmbedding) => [
          [
            `${posEmbedding}, ${posEmbeddingLayers}`,
            { changes: { posEmbedding, posEmbeddingLayers, depth: 3 }, image: plain },
          ],
          ...orders.map((classTokenOrder) => [
            `${posEmbedding}, ${posEmbeddingLayers}, class token ${classTokenOrder}`,
            { changes: { posEmbedding, posEmbeddingLayers, pooling: "tok", classTokenOrder, depth: 3 }, image: plain },
          ]),
        ]),
    ),
  ),
  "relative, a single patch": { changes: { posEmbedding: "relative", pooling: "tok" }, image: [3, 4, 4, 3] },
  "pre-logits as wide as the model": { changes: { preLogits: true, pooling: "tok" }, image: plain },
  "pre-logits of another width": { changes: { preLogits: 5, pooling: "map" }, image: plain },
  "pre-logits of every token": { changes: { preLogits: 5, pooling: "none" }, image: plain },
  "the norm after the mean": { changes: { poolNorm: "after" }, image: plain },
  "no head": { changes: { classes: 0 }, image: plain },
  "erf GELU": { changes: { gelu: "erf" }, image: plain },
  "erf GELU in the pooling head": { changes: { gelu: "erf", pooling: "map" }, image: plain },
  "another layer norm epsilon": { changes: { layerNormEpsilon: 0.1 }, image: plain },
  "taller than wide": { changes: { posEmbedding: "sincos2d" }, image: [1, 20, 8, 3] },
  "sides no patch divides": { changes: { pooling: "tok" }, image: [2, 11, 15, 3] },
  "one channel": { changes: {}, image: [2, 9, 8, 1] },
  "four channels": { changes: {}, image: [2, 8, 8, 4] },
  "a single patch": { changes: { pooling: "map" }, image: [3, 4, 4, 3] },
  "patch 3, width 12, 3 heads, depth 3": {
    changes: { patchSize: 3, width: 12, heads: 3, depth: 3, mlpDim: 20, posEmbedding: "sincos2d", pooling: "tok" },
    image: [1, 10, 7, 3],
  },
  "one head": { changes: { heads: 1 }, image: plain },
  ...Object.fromEntries(Object.entries(successors).map(([name, changes]) => [name, { changes, image: plain }])),
  "depth 0": { changes: { depth: 0 }, image: plain },
};

// what every device runs when it is as slow as a software one
const few = [
  "DINOv3: rotary, registers, no key bias",
  "EVA-02: rotary cells, inner norms, mean without the class token",
  "pooling tok, position embedding learn",
  "pooling map, position embedding sincos2d",
  "relative, everyLayer, class token before",
  "learn2d, everyLayerShared",
  "erf GELU",
  "sides no patch divides",
];

for (const { device, missing } of testDevices) {
  const names = device === "cpu" ? Object.keys(cases) : few;
  const label = missing === undefined ? device : `${device} (skipped: ${missing})`;
  describe.skipIf(missing !== undefined)(`on ${label}`, () => {
    test.each(names)("%s", async (name) => {
      const { changes, image } = cases[name]!;
      const { config, output, parameters } = traceTiny(changes, image);
      const plainNetwork = (values: Record<string, Float64Array>, pixels: Float32Array) =>
        plainViT(values, pixels, image, config);
      await expectIntermediates(output.intermediates, parameters, image, plainNetwork, device);
    });
  });
}

test("the norm after another pooling than the mean is refused", () => {
  expect(() => traceTiny({ pooling: "tok", poolNorm: "after" }, plain)).toThrow(/poolNorm "after" needs pooling "gap"/);
});

test("the comparison sees a wrong model: other GELU, epsilon, or pooling", () => {
  const { config, parameters } = traceTiny({}, plain);
  const values = parameterValues(parameters);
  const doubles = Object.fromEntries(Object.entries(values).map(([name, data]) => [name, Float64Array.from(data)]));
  const pixels = uniform(elementCount(plain), "pixels");
  const right = plainViT(doubles, pixels, plain, config).logits!;
  for (const change of [{ gelu: "erf" }, { layerNormEpsilon: 1e-3 }, { heads: 4 }] as const) {
    const wrong = plainViT(doubles, pixels, plain, { ...config, ...change }).logits!;
    expect(relativeError(wrong, right)).toBeGreaterThan(1e-5);
  }
});
