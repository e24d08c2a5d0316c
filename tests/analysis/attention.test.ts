/** Attention that is traced from the program, its maps and its rollout, against an independent computation in float64 (plain-vit.ts). */
import { rm } from "node:fs/promises";
import { describe, expect, it, test } from "vitest";
import {
  attentionMaps,
  attentionOfQuery,
  attentionRollout,
  attentionRolloutAnalysis,
  meanOfHeads,
  type Subject,
  shareOfHalf,
} from "../../src/analysis/index.js";
import { type ModelConfig, type ViTConfig, vitConfig } from "../../src/models/index.js";
import { plainViT } from "../support/plain-vit.js";
import * as models from "../support/seeded-models.js";
import { seededSubject } from "../support/seeded-subject.js";
import { relativeError, tiny, uniform } from "../support/vit-cases.js";

/** A grid of 2 rows and 3 columns with patches of 4. */
const wide = { height: 8, width: 12, channels: 3 };
const vit = (changes: Partial<ViTConfig>): ModelConfig => ({
  family: "vit",
  ...vitConfig("Ti/4", { ...tiny, ...changes }),
});
const block = (l: number) => `Transformer/encoderblock_${l}/MultiHeadDotProductAttention_0/attentionWeights`;
const probe = "MAPHead_0/MultiHeadDotProductAttention_0/attentionWeights";

async function withSubject(config: ModelConfig, use: (subject: Subject) => Promise<void>): Promise<void> {
  const { subject, folder } = await seededSubject(config, config.family === "vit" ? wide : undefined);
  try {
    await use(subject);
  } finally {
    await subject.close();
    await rm(folder, { recursive: true });
  }
}

/** All intermediates of one image of a subject, as plain loops in float64. */
function plain({ config, images, imageShape, network, parameter }: Subject, image: number) {
  if (config.family !== "vit") throw new Error("a Vision Transformer is needed");
  const [height, width, channels] = imageShape;
  const size = height * width * channels;
  const parameters = Object.fromEntries(
    [...network.tensors.keys()].map((name) => [name, Float64Array.from(parameter(name).data)]),
  );
  const pixels = images.data.subarray(image * size, (image + 1) * size);
  return plainViT(parameters, pixels, [1, height, width, channels], config);
}

type Square = number[][];
const times = (a: Square, b: Square): Square =>
  a.map((row) => (b[0] ?? []).map((_, j) => row.reduce((sum, value, k) => sum + value * (b[k]?.[j] ?? 0), 0)));

/** Rollout as the text of papers.md 9.4 has it: whole matrices, the first block rightmost. */
function plainRollout(blocks: readonly ArrayLike<number>[], heads: number, tokens: number, identity: boolean): Square {
  const matrices = blocks.map((weights) =>
    Array.from({ length: tokens }, (_, q) => {
      const row = Array.from({ length: tokens }, (_, k) => {
        let sum = identity && q === k ? heads : 0;
        for (let h = 0; h < heads; h++) sum += weights[(h * tokens + q) * tokens + k] ?? 0;
        return sum;
      });
      const total = row.reduce((sum, value) => sum + value, 0);
      return row.map((value) => value / total);
    }),
  );
  return matrices.slice(1).reduce((product, next) => times(next, product), matrices[0] ?? []);
}

const cases = [
  ["a class token with a row in the table", { pooling: "tok", classTokenOrder: "before" }],
  ["a class token without position", { pooling: "tok", classTokenOrder: "after" }],
  ["no class token", { pooling: "gap" }],
  ["attention pooling", { pooling: "map" }],
  ["relative positions", { pooling: "tok", posEmbedding: "relative" }],
] as const;

describe("attention that is traced", () => {
  it.each(cases)("with %s equals the computation in float64", async (_, changes) => {
    await withSubject(vit(changes), async (subject) => {
      const names = [block(0), block(1), ...(changes.pooling === "map" ? [probe] : [])];
      let image = 0;
      for await (const traced of subject.trace(names, [0, 3])) {
        const expected = plain(subject, [0, 3][image++] ?? 0);
        const tokens = changes.pooling === "tok" ? 7 : 6;
        for (const name of names) {
          expect(traced[name]?.shape).toEqual([2, name === probe ? 1 : tokens, tokens]);
          expect(relativeError(traced[name]?.data ?? [], expected[name] ?? [])).toBeLessThan(1e-5);
        }
      }
      expect(image).toBe(2);
    });
  });
});

describe("attentionRollout", () => {
  it.each([true, false])("is a row of the product of whole matrices, identity %s", (identity) => {
    const [heads, tokens] = [2, 5];
    const blocks = Array.from({ length: 3 }, (_, l) => {
      const raw = uniform(heads * tokens * tokens, `attention ${l}`).map((value) => Math.exp(2 * value));
      return raw.map((value, i) => {
        const start = i - (i % tokens);
        return value / raw.subarray(start, start + tokens).reduce((sum, one) => sum + one, 0);
      });
    });
    const expected = plainRollout(blocks, heads, tokens, identity);
    const means = blocks.map((weights) => meanOfHeads(weights, heads));
    for (let q = 0; q < tokens; q++) {
      const output = Float64Array.from({ length: tokens }, (_, i) => (i === q ? 1 : 0));
      const found = attentionRollout(means, output, { identity });
      for (let k = 0; k < tokens; k++) expect(found[k]).toBeCloseTo(expected[q]?.[k] ?? Number.NaN, 6);
      expect(found.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6);
    }
  });

  test("of attention to the token itself stays there, and of one uniform block is half uniform with the identity", () => {
    const self = Float64Array.from({ length: 9 }, (_, i) => (i % 4 === 0 ? 1 : 0));
    expect([...attentionRollout([self, self], [0, 1, 0])]).toEqual([0, 1, 0]);
    const even = new Float64Array(9).fill(1 / 3);
    const found = [...attentionRollout([even], [1, 0, 0])];
    expect(found.map((value) => value.toFixed(6))).toEqual(["0.666667", "0.166667", "0.166667"]);
    expect(attentionRollout([even], [1, 0, 0], { identity: false })[0]).toBeCloseTo(1 / 3, 12);
  });
});

interface RolloutData {
  readonly images: readonly { readonly withIdentity: number[]; readonly attentionOnly: number[] }[];
}

interface MapsData {
  readonly layer: number;
  readonly query: unknown;
  readonly images: readonly { readonly heads: number[][] }[];
  readonly pooling?: readonly { readonly heads: number[][] }[];
}

describe("the analyses", () => {
  it.each(cases)("give the rollout and the maps of a network with %s", async (_, changes) => {
    await withSubject(vit(changes), async (subject) => {
      const hasClassToken = changes.pooling === "tok";
      const tokens = hasClassToken ? 7 : 6;
      const { data, charts } = await attentionRolloutAnalysis.run(subject);
      const expected = plain(subject, 1);
      const weights = [expected[block(0)] ?? [], expected[block(1)] ?? []];
      for (const [key, identity] of [
        ["withIdentity", true],
        ["attentionOnly", false],
      ] as const) {
        const product = plainRollout(weights, 2, tokens, identity);
        const output = Array.from({ length: tokens }, (_, i) => {
          if (changes.pooling === "map")
            return ((expected[probe]?.[i] ?? 0) + (expected[probe]?.[tokens + i] ?? 0)) / 2;
          return hasClassToken ? Number(i === 0) : 1 / tokens;
        });
        const row = times([output], product)[0] ?? [];
        const found = (data as RolloutData).images[1]?.[key] ?? [];
        expect(relativeError(found, hasClassToken ? row.slice(1) : row)).toBeLessThan(1e-5);
      }
      const maps = await attentionMaps.run(subject);
      const { layer, query, images, pooling } = maps.data as MapsData;
      expect([layer, query]).toEqual([1, hasClassToken ? "class token" : [1, 1]]);
      const last = expected[block(1)] ?? [];
      for (const h of [0, 1]) {
        const at = (h * tokens + (hasClassToken ? 0 : 1 * 3 + 1)) * tokens + (hasClassToken ? 1 : 0);
        expect(relativeError(images[1]?.heads[h] ?? [], last.slice(at, at + 6))).toBeLessThan(1e-3);
      }
      expect(pooling?.length).toBe(changes.pooling === "map" ? 2 : undefined);
      for (const { draw } of [...charts, ...maps.charts])
        for (const width of [350, 920]) expect(draw(width)).toMatch(/^<svg/);
    });
  });

  test("take another block and a patch instead of the class token", async () => {
    await withSubject(vit({ pooling: "tok" }), async (subject) => {
      const { data } = await attentionMaps.run(subject, { layer: 0, patch: [0, 2] });
      const { layer, query, images } = data as MapsData;
      expect([layer, query]).toEqual([0, [0, 2]]);
      const at = (7 + 1 + 2) * 7 + 1;
      // head 1 begins after 7 rows of queries; the class token is the first query and the first key
      const expected = (plain(subject, 0)[block(0)] ?? []).slice(at, at + 6);
      expect(relativeError(images[0]?.heads[1] ?? [], expected)).toBeLessThan(1e-3);
    });
  });

  test("are not for networks without attention", async () => {
    await withSubject(models.mixer, async (subject) => {
      for (const analysis of [attentionMaps, attentionRolloutAnalysis])
        expect(analysis.unavailable(subject)).toMatch(/an MLP-Mixer has no attention/);
    });
  });
});

test("attentionOfQuery leaves the class token out of the keys", () => {
  // 1 head, 2 queries, 3 keys of which the first is the class token
  const sizes = { heads: 1, queries: 2, keys: 3, patches: 2 };
  expect(attentionOfQuery([1, 2, 3, 4, 5, 6], sizes, 1).map((map) => [...map])).toEqual([[5, 6]]);
});

test("shareOfHalf is a half of a uniform map and small for a focused one", () => {
  expect(shareOfHalf([1, 1, 1, 1, 1])).toBeCloseTo(0.5, 12);
  expect(shareOfHalf([0, 0, 8, 0])).toBeCloseTo(0.125, 12);
  // 4 of 10 are in the first cell, 1 of the 3 in the second is needed
  expect(shareOfHalf([3, 4, 2, 1])).toBeCloseTo((1 + 1 / 3) / 4, 12);
});
