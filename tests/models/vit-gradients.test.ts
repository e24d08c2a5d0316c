/** Gradients of the whole Vision Transformer against central differences of the plain float64 model. */
import { describe, expect, test } from "vitest";
import {
  elementCount,
  grad,
  input,
  logSoftmax,
  multiply,
  reduceSum,
  scale,
  type Tensor,
} from "../../src/graph/index.js";
import type { ViTConfig } from "../../src/models/index.js";
import type { Device } from "../../src/runtime/index.js";
import { testDevices } from "../support/devices.js";
import { firstOf } from "../support/extent.js";
import { evenlySpread, expectDifferences } from "../support/gradients.js";
import { plainViT } from "../support/plain-vit.js";
import { evaluateAmong } from "../support/run.js";
import {
  type ImageShape,
  parameterValues,
  relativeError,
  successors,
  type TracedViT,
  traceTiny,
  uniform,
} from "../support/vit-cases.js";

const image: ImageShape = [2, 9, 12, 3];
const step = 1e-4; // central differences in float64: errors near 1e-8

const lastAttention = "Transformer/encoderblock_1/MultiHeadDotProductAttention_0";
const poolings = ["tok", "gap", "map", "none"] as const;
const posEmbeddings = ["learn", "sincos2d", "none"] as const;
const cases: Record<string, Partial<ViTConfig>> = {
  ...Object.fromEntries(
    poolings.flatMap((pooling) =>
      posEmbeddings.map((posEmbedding) => [`${pooling}, ${posEmbedding}`, { pooling, posEmbedding }]),
    ),
  ),
  ...Object.fromEntries(
    posEmbeddings.map((posEmbedding) => [
      `tok, ${posEmbedding}, class token joined after`,
      { pooling: "tok", posEmbedding, classTokenOrder: "after" },
    ]),
  ),
  "tok, learn in every layer": { pooling: "tok", posEmbeddingLayers: "everyLayer" },
  "gap, learn shared by every layer, rematerialised": { posEmbeddingLayers: "everyLayerShared", rematerialise: true },
  "tok, by axis in every layer": { pooling: "tok", posEmbedding: "learn2d", posEmbeddingLayers: "everyLayer" },
  "gap, by axis": { posEmbedding: "learn2d" },
  "tok, relative": { pooling: "tok", posEmbedding: "relative" },
  "gap, relative, shared, rematerialised": {
    posEmbedding: "relative",
    posEmbeddingLayers: "everyLayerShared",
    rematerialise: true,
  },
  "tok, learn, pre-logits": { pooling: "tok", preLogits: true },
  "none, sincos2d, pre-logits of another width": { pooling: "none", posEmbedding: "sincos2d", preLogits: 5 },
  "gap, learn, the norm after the mean": { poolNorm: "after" },
  "gap, learn, no head": { classes: 0 },
  "map, learn, erf GELU": { pooling: "map", gelu: "erf" },
  "gap, learn, rematerialised": { rematerialise: true },
  "through the attention weights alone": { pooling: "tok" },
  "through tokens of a block": { pooling: "gap", rematerialise: true },
  ...successors,
  "map, sincos2d, width 16, 4 heads": { pooling: "map", posEmbedding: "sincos2d", width: 16, heads: 4, mlpDim: 24 },
};

/** What the loss reads where it is not the logits, or the representation of a model without a head. */
const lossFrom: Readonly<Record<string, string>> = {
  "through the attention weights alone": `${lastAttention}/attentionWeights`,
  "through tokens of a block": "Transformer/encoderblock_0/output",
};

/** Targets that sum to one over the classes of every row. */
function targetsFor(shape: readonly number[]): Float32Array {
  const classes = shape.at(-1)!;
  const raw = uniform(elementCount(shape), "targets").map((u) => Math.exp(u));
  return raw.map((value, i) => {
    const start = Math.floor(i / classes) * classes;
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += raw[start + c]!;
    return value / sum;
  });
}

/** The mean cross-entropy of one of the model's tensors, read as logits over its last axis, to fixed soft targets. */
function lossOf({ output }: TracedViT, from: string): { loss: Tensor; targets: Tensor; answers: Tensor } {
  const answers = output.intermediates[from]!;
  const targets = input("targets", "float32", answers.shape);
  const rows = elementCount(answers.shape) / answers.shape.at(-1)!;
  return { loss: scale(reduceSum(multiply(targets, logSoftmax(answers))), -1 / rows), targets, answers };
}

function plainLoss(answers: Float64Array, targets: Float32Array, classes: number): number {
  let total = 0;
  for (let start = 0; start < answers.length; start += classes) {
    const row = answers.subarray(start, start + classes);
    const top = Math.max(...row);
    const norm = top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
    row.forEach((value, c) => {
      total -= targets[start + c]! * (value - norm);
    });
  }
  return total / (answers.length / classes);
}

/** Loss and gradients of the graph. */
async function graphGradients(traced: TracedViT, from: string, device: Device) {
  const { loss, targets, answers } = lossOf(traced, from);
  const tensors = traced.parameters.map(({ tensor }) => tensor);
  const gradients = grad(loss, [...tensors, traced.image]);
  const values = parameterValues(traced.parameters);
  const given = { pixels: uniform(elementCount(image), "pixels"), targets: targetsFor(targets.shape) };
  const names = [...traced.parameters.map(({ name }) => name), "image"];
  const outputs = Object.fromEntries(names.map((name, i) => [`d ${name}`, gradients[i]!]));
  const found = await evaluateAmong(
    { loss, ...outputs },
    { ...values, image: given.pixels, targets: given.targets },
    { device },
  );
  return { found, names, values, given, classes: answers.shape.at(-1)! };
}

const few = firstOf([
  "DINOv3: rotary, registers, no key bias",
  "EVA-02: rotary cells, inner norms, mean without the class token",
  "tok, learn",
  "tok, relative",
  "tok, by axis in every layer",
  "map, sincos2d",
  "gap, learn, rematerialised",
]);

for (const { device, missing } of testDevices) {
  const names = device === "cpu" ? Object.keys(cases) : few;
  const label = missing === undefined ? device : `${device} (skipped: ${missing})`;
  describe.skipIf(missing !== undefined)(`on ${label}`, () => {
    test.each(names)("%s", async (title) => {
      const traced = traceTiny(cases[title]!, image);
      const from = lossFrom[title] ?? (traced.output.logits ? "logits" : "preLogits");
      const { found, names, values, given, classes } = await graphGradients(traced, from, device);
      const doubles: Record<string, Float64Array> = Object.fromEntries(
        Object.entries({ ...values, image: given.pixels }).map(([name, data]) => [name, Float64Array.from(data)]),
      );
      const loss = (): number => {
        const answers = plainViT(doubles, doubles["image"]!, image, traced.config);
        return plainLoss(answers[from]!, given.targets, classes);
      };
      expect(relativeError(found["loss"]!, [loss()])).toBeLessThan(1e-5);
      expectDifferences({
        names,
        found,
        doubles,
        loss,
        step,
        positions: (length) => evenlySpread(length, 12),
        tolerance: { own: 2e-5, largest: 1e-7 },
        // a key's bias moves all scores of a query alike: softmax takes it out, so its gradient is zero
        // and of the last block only the class token is read, which has no place that could be relative to another
        mayVanish: (name) =>
          name.endsWith("key/bias") ||
          (traced.config.pooling === "tok" && name === `${lastAttention}/relative_embedding`) ||
          lossFrom[title] !== undefined,
      });
    });
  });
}
