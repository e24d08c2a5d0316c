/** Speed against the image size: what is counted, and that measuring works; no timings. */
import { describe, expect, it, test } from "vitest";
import {
  analyses,
  analysesNamed,
  costAtSize,
  imagesPerSecond,
  largestBatch,
  openSubject,
  sizeOfShare,
  sizesToMeasure,
  sizeUnit,
  speed,
} from "../../src/analysis/index.js";
import { modelSize, parseModelName } from "../../src/models/index.js";

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

test("sizes are multiples of the unit around the network's own", async () => {
  expect(sizesToMeasure(224, 16)).toEqual([112, 176, 224, 336, 448, 672, 896]);
  expect(sizesToMeasure(32, 32)).toEqual([32, 64, 96, 128]);
  await using subject = await openSubject("embedded:small", { count: 10 });
  expect(sizeUnit(subject)).toBe(16);
});

test("speed runs only by name", () => {
  expect(analyses).toContain(speed);
  expect(analysesNamed(undefined)).not.toContain(speed);
  expect(analysesNamed(["speed"])).toEqual([speed]);
});

test("images per second are measured at any size", async () => {
  for (const config of [vit, parseModelName("Mixer-S/16", { classes: 10 })]) {
    const rate = await imagesPerSecond({ ...config, depth: 1 } as typeof config, 48, {
      batch: 2,
      threads: 1,
      seconds: 0,
    });
    expect(rate).toBeGreaterThan(0);
    expect(Number.isFinite(rate)).toBe(true);
  }
});
