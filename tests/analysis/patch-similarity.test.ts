/** Similarity of a patch against plain loops over an independent forward pass and over maps of channels. */
import { rm } from "node:fs/promises";
import { describe, expect, it, test } from "vitest";
import { meanPairCosine, patchSimilarity, type Subject } from "../../src/analysis/index.js";
import { type ModelConfig, type ViTConfig, vitConfig } from "../../src/models/index.js";
import { plainViT } from "../support/plain-vit.js";
import * as models from "../support/seeded-models.js";
import { seededSubject } from "../support/seeded-subject.js";
import { relativeError, tiny, uniform } from "../support/vit-cases.js";

const wide = { height: 8, width: 12, channels: 3 };
const vit = (changes: Partial<ViTConfig>): ModelConfig => ({
  family: "vit",
  ...vitConfig("Ti/4", { ...tiny, ...changes }),
});

interface Data {
  readonly patch: readonly [number, number];
  readonly layers: readonly { readonly name: string; readonly rows: number; readonly columns: number }[];
  readonly meanOfPairs: readonly number[];
  readonly images: readonly { readonly layers: readonly number[][] }[];
}

async function withSubject(
  config: ModelConfig,
  size: typeof wide | undefined,
  use: (subject: Subject) => Promise<void>,
) {
  const { subject, folder } = await seededSubject(config, size);
  try {
    await use(subject);
  } finally {
    await subject.close();
    await rm(folder, { recursive: true });
  }
}

/** Cosine of vectors `a` and `b`, whose numbers are `stride` apart. */
function plainCosine(data: ArrayLike<number>, a: number, b: number, width: number, stride: number): number {
  let [dot, left, right] = [0, 0, 0];
  for (let k = 0; k < width; k++) {
    const [x, y] = [data[a + k * stride] ?? 0, data[b + k * stride] ?? 0];
    dot += x * y;
    left += x * x;
    right += y * y;
  }
  return dot / Math.sqrt(left * right);
}

test("meanPairCosine is the mean over all pairs", () => {
  const table = uniform(5 * 3, "table");
  let [sum, count] = [0, 0];
  for (let a = 0; a < 5; a++) {
    for (let b = 0; b < a; b++) {
      sum += plainCosine(table, a * 3, b * 3, 3, 1);
      count++;
    }
  }
  expect(meanPairCosine(table, 5)).toBeCloseTo(sum / count, 6);
  expect(meanPairCosine([1, 2, 2, 4], 2)).toBeCloseTo(1, 12);
  expect(meanPairCosine([1, 0, 0, 1], 2)).toBeCloseTo(0, 12);
  expect(meanPairCosine([1, 2], 1)).toBeNaN();
});

describe("patchSimilarity", () => {
  it.each([
    ["with a class token", "tok", 1],
    ["without", "gap", 0],
  ] as const)("of a Vision Transformer %s compares the tokens of the patches", async (_, pooling, first) => {
    await withSubject(vit({ pooling }), wide, async (subject) => {
      const found = await patchSimilarity.run(subject, { patch: [0, 2] });
      const { layers, images, meanOfPairs } = found.data as Data;
      expect(layers.map(({ name }) => name)).toEqual([
        "stem",
        "Transformer/encoderblock_0/output",
        "Transformer/encoderblock_1/output",
        "encoded",
      ]);
      const { config, network, parameter } = subject;
      if (config.family !== "vit") throw new Error("a Vision Transformer is needed");
      const parameters = Object.fromEntries(
        [...network.tensors.keys()].map((name) => [name, Float64Array.from(parameter(name).data)]),
      );
      const pixels = subject.images.data.subarray(288, 576);
      const expected = plainViT(parameters, pixels, [1, 8, 12, 3], config);
      for (const [l, { name }] of layers.entries()) {
        const leading = name === "stem" ? 0 : first;
        const cosines = Array.from({ length: 6 }, (_, i) =>
          plainCosine(expected[name] ?? [], (2 + leading) * 8, (i + leading) * 8, 8, 1),
        );
        expect(relativeError(images[1]?.layers[l] ?? [], cosines)).toBeLessThan(1e-3);
      }
      expect(images).toHaveLength(3);
      expect(meanOfPairs.every((value) => Math.abs(value) <= 1)).toBe(true);
      for (const { draw } of found.charts) for (const width of [350, 920]) expect(draw(width)).toMatch(/^<svg/);
    });
  });

  test("of a ResNet compares the cells at the place of the patch in every grid", async () => {
    await withSubject(models.resnet, { height: 16, width: 32, channels: 3 }, async (subject) => {
      const { layers, images } = (await patchSimilarity.run(subject, { patch: [1, 1] })).data as Data;
      expect(layers.map(({ rows, columns }) => [rows, columns])).toEqual([
        [4, 8],
        [4, 8],
        [2, 4],
        [2, 4],
        [2, 4],
      ]);
      for await (const traced of subject.trace(["root", "features"], [2])) {
        for (const [name, layer, cell] of [
          // the centre of cell 1,1 of 2 x 4 is in cell 3,3 of 4 x 8
          ["root", 0, 3 * 8 + 3],
          ["features", 4, 1 * 4 + 1],
        ] as const) {
          const { data, shape } = traced[name] as { data: Float32Array; shape: readonly number[] };
          const cells = (shape[1] ?? 0) * (shape[2] ?? 0);
          const cosines = Array.from({ length: cells }, (_, i) => plainCosine(data, cell, i, shape[0] ?? 0, cells));
          expect(relativeError(images[2]?.layers[layer] ?? [], cosines)).toBeLessThan(1e-3);
        }
      }
    });
  });

  test("skips layers of one cell, and is not for networks of one patch", async () => {
    await withSubject(models.resnet, { height: 8, width: 8, channels: 3 }, async (subject) => {
      const { layers } = (await patchSimilarity.run(subject)).data as Data;
      expect(layers.map(({ name }) => name)).toEqual(["root", "block1/unit1/output"]);
    });
    await withSubject(vit({ pooling: "gap" }), { height: 4, width: 4, channels: 3 }, async (subject) => {
      expect(patchSimilarity.unavailable(subject)).toMatch(/every layer has one patch/);
    });
  });

  test("is there for a Mixer too", async () => {
    await withSubject(models.mixer, undefined, async (subject) => {
      const { patch, images } = (await patchSimilarity.run(subject)).data as Data;
      expect(patch).toEqual([1, 1]);
      expect(images[0]?.layers.map((map) => map[3])).toEqual([1, 1, 1, 1]);
    });
  });
});
