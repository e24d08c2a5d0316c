/** The names of the Vision Transformer's parameters and intermediates: checkpoints, logs and analyses read them. */
import { describe, expect, test } from "vitest";
import { grad, input, reduceSum, ShapeError } from "../../src/graph/index.js";
import { vit, vitConfig } from "../../src/models/index.js";
import { Scope } from "../../src/nn/index.js";
import { type ImageShape, tiny, traceTiny } from "../support/vit-cases.js";

const image: ImageShape = [2, 8, 12, 3]; // a grid of 2 rows of 3 patches
const shapes = (traced: ReturnType<typeof traceTiny>) =>
  traced.parameters.map(({ name, tensor }) => `${name} [${tensor.shape.join(", ")}]`);

/** The layout of papers.md 1.9 with the block's names as they are today (0, 0, 1). */
const blockParameters = (l: number): string[] => {
  const path = `Transformer/encoderblock_${l}`;
  const attention = `${path}/MultiHeadDotProductAttention_0`;
  return [
    `${path}/LayerNorm_0/scale [8]`,
    `${path}/LayerNorm_0/bias [8]`,
    ...["query", "key", "value"].flatMap((name) => [
      `${attention}/${name}/kernel [8, 2, 4]`,
      `${attention}/${name}/bias [2, 4]`,
    ]),
    `${attention}/out/kernel [2, 4, 8]`,
    `${attention}/out/bias [8]`,
    `${path}/LayerNorm_1/scale [8]`,
    `${path}/LayerNorm_1/bias [8]`,
    `${path}/MlpBlock_0/Dense_0/kernel [8, 12]`,
    `${path}/MlpBlock_0/Dense_0/bias [12]`,
    `${path}/MlpBlock_0/Dense_1/kernel [12, 8]`,
    `${path}/MlpBlock_0/Dense_1/bias [8]`,
  ];
};
const embedding = ["embedding/kernel [4, 4, 3, 8]", "embedding/bias [8]"];
const norm = ["Transformer/encoder_norm/scale [8]", "Transformer/encoder_norm/bias [8]"];
const head = ["head/kernel [8, 3]", "head/bias [3]"];

describe("parameters, in order of first use", () => {
  test("tok, learned embedding, pre-logits", () => {
    expect(shapes(traceTiny({ pooling: "tok", preLogits: true }, image))).toEqual([
      ...embedding,
      "cls [1, 1, 8]",
      "Transformer/posembed_input/pos_embedding [1, 7, 8]",
      ...blockParameters(0),
      ...blockParameters(1),
      ...norm,
      "pre_logits/kernel [8, 8]",
      "pre_logits/bias [8]",
      ...head,
    ]);
  });

  test("tok, class token joined after the position embedding", () => {
    expect(shapes(traceTiny({ pooling: "tok", classTokenOrder: "after", depth: 0 }, image))).toEqual([
      ...embedding,
      "pos_embedding [1, 6, 8]",
      "cls [1, 1, 8]",
      ...norm,
      ...head,
    ]);
  });

  test("gap, fixed embedding, no head", () => {
    expect(shapes(traceTiny({ posEmbedding: "sincos2d", depth: 0, classes: 0 }, image))).toEqual([
      ...embedding,
      ...norm,
    ]);
  });

  test("map", () => {
    const attention = "MAPHead_0/MultiHeadDotProductAttention_0";
    expect(shapes(traceTiny({ pooling: "map", depth: 0 }, image))).toEqual([
      ...embedding,
      "pos_embedding [1, 6, 8]",
      ...norm,
      "MAPHead_0/probe [1, 1, 8]",
      ...["query", "key", "value"].flatMap((name) => [
        `${attention}/${name}/kernel [8, 2, 4]`,
        `${attention}/${name}/bias [2, 4]`,
      ]),
      `${attention}/out/kernel [2, 4, 8]`,
      `${attention}/out/bias [8]`,
      "MAPHead_0/LayerNorm_0/scale [8]",
      "MAPHead_0/LayerNorm_0/bias [8]",
      "MAPHead_0/MlpBlock_0/Dense_0/kernel [8, 12]",
      "MAPHead_0/MlpBlock_0/Dense_0/bias [12]",
      "MAPHead_0/MlpBlock_0/Dense_1/kernel [12, 8]",
      "MAPHead_0/MlpBlock_0/Dense_1/bias [8]",
      ...head,
    ]);
  });
});

describe("intermediates", () => {
  const shapesOf = (traced: ReturnType<typeof traceTiny>) =>
    Object.fromEntries(Object.entries(traced.output.intermediates).map(([name, { shape }]) => [name, shape]));
  const block = (l: number, t: number) =>
    Object.fromEntries([
      ...["attention", "afterAttention", "mlp", "output"].map((name) => [
        `Transformer/encoderblock_${l}/${name}`,
        [2, t, 8],
      ]),
      [`Transformer/encoderblock_${l}/MultiHeadDotProductAttention_0/attentionWeights`, [2, 2, t, t]],
    ]);

  test("tok with pre-logits of another width", () => {
    const traced = traceTiny({ pooling: "tok", preLogits: 5 }, image);
    expect(shapesOf(traced)).toEqual({
      stem: [2, 6, 8],
      withPositions: [2, 7, 8],
      ...block(0, 7),
      ...block(1, 7),
      encoded: [2, 7, 8],
      headInput: [2, 8],
      preLogits: [2, 5],
      logits: [2, 3],
    });
    const { output } = traced;
    expect(output.intermediates["preLogits"]).toBe(output.preLogits);
    expect(output.intermediates["logits"]).toBe(output.logits);
    expect(output.patches.shape).toEqual([2, 6, 8]);
    expect(output.grid).toEqual({ rows: 2, columns: 3 });
  });

  test("map", () => {
    const traced = traceTiny({ pooling: "map", depth: 1 }, image);
    expect(shapesOf(traced)).toEqual({
      stem: [2, 6, 8],
      withPositions: [2, 6, 8],
      ...block(0, 6),
      encoded: [2, 6, 8],
      "MAPHead_0/MultiHeadDotProductAttention_0/attentionWeights": [2, 2, 1, 6],
      headInput: [2, 8],
      preLogits: [2, 8],
      logits: [2, 3],
    });
    expect(traced.output.patches).toBe(traced.output.intermediates["encoded"]);
  });

  test("none without a head: one representation a token", () => {
    const traced = traceTiny({ pooling: "none", classes: 0, depth: 0 }, image);
    expect(shapesOf(traced)).toEqual({
      stem: [2, 6, 8],
      withPositions: [2, 6, 8],
      encoded: [2, 6, 8],
      headInput: [2, 6, 8],
      preLogits: [2, 6, 8],
    });
    expect(traced.output.logits).toBeUndefined();
  });

  test("are there in a rematerialised model too, and gradients still flow", () => {
    const traced = traceTiny({ pooling: "tok", rematerialise: true }, image);
    expect(Object.keys(shapesOf(traced))).toEqual(Object.keys(shapesOf(traceTiny({ pooling: "tok" }, image))));
    const [gradient] = grad(reduceSum(traced.output.preLogits), [traced.parameters[0]!.tensor]);
    expect(gradient!.shape).toEqual([4, 4, 3, 8]);
  });
});

describe("images and dimensions that do not fit", () => {
  const trace = (shape: readonly number[], changes = {}) =>
    vit(Scope.root(), input("image", "float32", shape), vitConfig("Ti/4", { ...tiny, ...changes }));

  test.each([[[2, 3, 8, 3]], [[2, 8, 3, 3]], [[8, 8, 3]], [[1, 2, 8, 8, 3]]])("images %j", (shape) => {
    expect(() => trace(shape)).toThrow(ShapeError);
    expect(() => trace(shape)).toThrow(
      /images float32 \[.*\] must be \[N, H, W, C\] with sides of at least one patch of 4/,
    );
  });
  test("heads that do not divide the width", () => {
    expect(() => trace([1, 8, 8, 3], { heads: 3 })).toThrow(/float32 \[1, 4, 8\] does not divide into 3 heads/);
  });
  test("a width that sincos2d cannot fill", () => {
    const changes = { posEmbedding: "sincos2d", width: 10 };
    expect(() => trace([1, 8, 8, 3], changes)).toThrow(
      /sincos2d position embedding needs a width that 4 divides.*got 10/,
    );
  });
  test("a second trace of the same scope with another image size", () => {
    const scope = Scope.root();
    const config = vitConfig("Ti/4", tiny);
    vit(scope, input("image", "float32", [1, 8, 8, 3]), config);
    expect(() => vit(scope, input("larger", "float32", [1, 12, 12, 3]), config)).toThrow(
      /parameter pos_embedding is float32 \[1, 4, 8\] and cannot also be \[1, 9, 8\]/,
    );
  });
});
