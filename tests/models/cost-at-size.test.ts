/** What a network costs at an image size, against formulas, divided differences and the peak of whole graphs. */
import { describe, expect, it, test } from "vitest";
import { costOf, input } from "../../src/graph/index.js";
import { costAtSize, largestBatch, model, modelSize, parseModelName, sizeOfShare } from "../../src/models/index.js";
import { Scope } from "../../src/nn/index.js";

const vit = parseModelName("Ti/16", { classes: 10 });
const resnet = parseModelName("R26x1", { classes: 10 });

describe("costAtSize", () => {
  it.each([32, 64, 128])("of a Vision Transformer at %i pixels has the quadratic term of the formula", (size) => {
    const { flops, attentionFlops, fixedBytes } = costAtSize(vit, size);
    const [t, d] = [(size / 16) ** 2, 192];
    expect(attentionFlops).toBe(12 * 4 * t * t * d);
    // patches, 12 blocks of 12 d^2 multiply-adds a token, head
    expect(flops - attentionFlops).toBe(2 * t * 768 * d + 12 * 2 * 12 * t * d * d + 2 * d * 10);
    expect(flops).toBe(modelSize(vit, { size }).flops);
    const { parameters } = modelSize(vit, { size });
    expect(fixedBytes / (4 * parameters)).toBeGreaterThanOrEqual(1);
    expect(fixedBytes / (4 * parameters)).toBeLessThan(1.1);
  });

  test("of a ResNet has no quadratic term, and needs memory in proportion to pixels", () => {
    const [small, large] = [costAtSize(resnet, 64), costAtSize(resnet, 128)];
    expect(small.attentionFlops).toBe(0);
    expect(large.bytesPerImage / small.bytesPerImage).toBeCloseTo(4, 1);
    expect(sizeOfShare(resnet, 0.1, 32, 512)).toBeUndefined();
  });

  test("counts scores and weights of attention among the bytes of an image", () => {
    const { bytesPerImage } = costAtSize(vit, 256);
    // 256 tokens, 3 heads
    expect(bytesPerImage).toBeGreaterThan(2 * 4 * 3 * 256 * 256 + 4 * 256 * 192);
  });

  it.each(["Ti/16", "S/16", "B/32"])("finds the quadratic part of the FLOPs of %s", (name) => {
    const config = { ...parseModelName(name), pooling: "gap" as const } as ReturnType<typeof parseModelName>;
    // FLOPs are a + b n + c n^2 of the tokens n: c by divided differences
    const patch = Number(name.split("/")[1]);
    const [first, second, third] = [4, 8, 16].map((grid) => {
      return { n: grid ** 2, flops: modelSize(config, { size: grid * patch }).flops };
    }) as [Point, Point, Point];
    const slope = (a: Point, b: Point) => (b.flops - a.flops) / (b.n - a.n);
    const c = (slope(second, third) - slope(first, second)) / (third.n - first.n);
    const { flops, attentionFlops } = costAtSize(config, 16 * patch);
    expect(attentionFlops / flops).toBeCloseTo((c * third.n ** 2) / third.flops, 9);
    expect(attentionFlops / flops).toBeGreaterThan(0.01);
  });

  it.each([
    ["Ti/16", 2 * 4 * 3 * 16 * 16],
    ["R50x1", 0],
  ])("gives the peak of whole graphs of %s for batches", (name, scores) => {
    const config = parseModelName(name);
    const { fixedBytes, bytesPerImage } = costAtSize(config, 64);
    for (const batch of [40, 100]) {
      const output = model(Scope.root(), input("image", "float32", [batch, 64, 64, 3]), config);
      const peak = costOf([output.logits ?? output.preLogits]).peakBytes;
      // beside the peak: the scores and weights of attention, and the caller's copy of the images
      const more = batch * (scores + 4 * 64 * 64 * 3);
      expect((fixedBytes + batch * bytesPerImage) / (peak + more)).toBeCloseTo(1, 2);
    }
  });
});

test("largestBatch fills the memory", () => {
  const cost = { size: 8, flops: 1, attentionFlops: 0, fixedBytes: 100, bytesPerImage: 30 };
  expect(largestBatch(cost, 190)).toBe(3);
  expect(largestBatch(cost, 189)).toBe(2);
  expect(largestBatch(cost, 90)).toBe(0);
});

test("sizeOfShare is the first size that reaches the share", () => {
  const share = ({ flops, attentionFlops }: { flops: number; attentionFlops: number }) => attentionFlops / flops;
  const size = sizeOfShare(vit, 0.1, 16, 2048) ?? 0;
  expect(share(costAtSize(vit, size))).toBeGreaterThanOrEqual(0.1);
  expect(share(costAtSize(vit, size - 16))).toBeLessThan(0.1);
  // without the small head and patches: 4 t^2 d / (4 t^2 d + 24 t d^2) = 0.1 at t = 0.667 d = 128, a side of 11.3 patches
  expect(size).toBe(12 * 16);
  expect(sizeOfShare(vit, 0.99, 16, 512)).toBeUndefined();
});

interface Point {
  readonly n: number;
  readonly flops: number;
}
