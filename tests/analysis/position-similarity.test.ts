/** Similarity of position embeddings against closed forms, a plain computation and the golden values of papers.md 12.3. */
import { rm } from "node:fs/promises";
import { describe, expect, it, test } from "vitest";
import {
  cosines,
  positionSimilarity,
  positionStructure,
  positionsOf,
  resizedByEach,
} from "../../src/analysis/index.js";
import { type ModelConfig, type ViTConfig, vitConfig } from "../../src/models/index.js";
import { sincos2d } from "../../src/nn/index.js";
import * as models from "../support/seeded-models.js";
import { seededSubject } from "../support/seeded-subject.js";
import { tiny, uniform } from "../support/vit-cases.js";

const vit = (changes: Partial<ViTConfig>): ModelConfig => ({
  family: "vit",
  ...vitConfig("Ti/4", { ...tiny, ...changes }),
});
/** A grid of 2 rows and 3 columns with patches of 4. */
const wide = { height: 8, width: 12, channels: 3 };

interface SimilarityData {
  readonly kind: string;
  readonly layer: number;
  readonly grid: { readonly rows: number; readonly columns: number };
  readonly cosines: number[][];
  readonly resized: { readonly reference: string; readonly differences: Record<string, number> };
}

async function similarityOf(config: ModelConfig, size = wide, layer?: number) {
  const { subject, folder } = await seededSubject(config, size);
  try {
    const reason = positionSimilarity.unavailable(subject);
    if (reason !== undefined) return { reason, data: undefined, charts: [] };
    const { data, charts } = await positionSimilarity.run(subject, { layer });
    return { reason, data: data as SimilarityData, charts, parameter: subject.parameter };
  } finally {
    await subject.close();
    await rm(folder, { recursive: true });
  }
}

/** Cosine of two rows of a table as plain loops. */
function plainCosine(table: ArrayLike<number>, width: number, a: number, b: number): number {
  let [dot, left, right] = [0, 0, 0];
  for (let k = 0; k < width; k++) {
    const [x, y] = [table[a * width + k] ?? 0, table[b * width + k] ?? 0];
    dot += x * y;
    left += x * x;
    right += y * y;
  }
  return dot / Math.sqrt(left * right);
}

describe("cosines", () => {
  test("of fixed embeddings depend on the offset alone", () => {
    // sin a sin b + cos a cos b = cos(a - b), so the cosine is the mean over the frequencies of cos(w dx) and cos(w dy);
    // the squared norms of 14 x 14 rows of d = 384 sum to 37632 (papers.md 12.3)
    const [side, d] = [14, 384];
    const table = sincos2d(side, side, d);
    expect(table.reduce((sum, value) => sum + value, 0)).toBeCloseTo(34742.763012, 2);
    expect(table.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(37632, 2);
    const found = cosines(table, side * side);
    const quarter = d / 4;
    for (const [a, b] of [
      [0, 0],
      [0, 13],
      [17, 100],
      [195, 3],
    ] as const) {
      const dx = (a % side) - (b % side);
      const dy = Math.floor(a / side) - Math.floor(b / side);
      let expected = 0;
      for (let k = 0; k < quarter; k++) {
        const omega = 10000 ** (-k / (quarter - 1));
        expected += (Math.cos(omega * dx) + Math.cos(omega * dy)) / (2 * quarter);
      }
      expect(found[a * side * side + b]).toBeCloseTo(expected, 6);
    }
  });

  test("of chosen rows are those rows of all, and a row of zeros has none", () => {
    const table = uniform(6 * 5, "table").fill(0, 10, 15);
    const all = cosines(table, 6);
    expect([...cosines(table, 6, [4, 1])]).toEqual([...all.slice(24, 30), ...all.slice(6, 12)]);
    expect(all[4 * 6 + 1]).toBeCloseTo(plainCosine(table, 5, 4, 1), 12);
    expect(all[2 * 6 + 3]).toBe(0);
  });
});

test("positionStructure separates neighbours, rows and columns, and the rest", () => {
  // the similarity is 4 to neighbours, 2 in the same row or column, 1 elsewhere on a grid of 3 x 3
  const similarity = Array.from({ length: 81 }, (_, i) => {
    const [a, b] = [Math.floor(i / 9), i % 9];
    const down = Math.abs(Math.floor(a / 3) - Math.floor(b / 3));
    const across = Math.abs((a % 3) - (b % 3));
    if (down + across === 1) return 4;
    return down === 0 || across === 0 ? 2 : 1;
  });
  // each row or column of 3 has 2 pairs of neighbours and 1 of ends
  expect(positionStructure(similarity, { rows: 3, columns: 3 })).toEqual({
    neighbours: 4,
    sameLine: (2 * 4 + 2) / 3,
    elsewhere: 1,
  });
});

describe("resizedByEach", () => {
  test("has the golden values of papers.md 12.3 for a row of 0, 1, 2, 3 at 6 positions", () => {
    const line = { table: Float32Array.of(0, 1, 2, 3), grid: { rows: 1, columns: 4 } };
    const found = Object.fromEntries(
      resizedByEach(line, { rows: 1, columns: 6 }).map(({ method, ...one }) => [method, one]),
    );
    const original = [0, 0.6, 1.2, 1.8, 2.4, 3];
    const halfPixel = [0, 0.5, 7 / 6, 11 / 6, 2.5, 3];
    for (const [i, value] of original.entries()) expect(found["original"]?.table[i]).toBeCloseTo(value, 6);
    for (const [i, value] of halfPixel.entries()) expect(found["timm-npz"]?.table[i]).toBeCloseTo(value, 6);
    const norm = Math.hypot(...original);
    const difference = Math.hypot(...original.map((value, i) => value - (halfPixel[i] ?? 0))) / norm;
    expect(found["original"]?.difference).toBe(0);
    expect(found["timm-npz"]?.difference).toBeCloseTo(difference, 6);
    expect(Object.keys(found)).toEqual(["original", "timm-npz", "timm", "huggingface"]);
  });

  test("measures fixed embeddings against those of the new grid", () => {
    const exact = sincos2d(1, 6, 8);
    const found = resizedByEach(
      { table: sincos2d(1, 4, 8), grid: { rows: 1, columns: 4 } },
      { rows: 1, columns: 6 },
      exact,
    );
    // corners aligned stretches the positions 0 to 3 over 0 to 5, and so do all others: none is right
    for (const { difference } of found) expect(difference).toBeGreaterThan(0.1);
  });
});

describe("the analysis", () => {
  it.each([
    [
      "a table with the class token's row",
      { pooling: "tok", classTokenOrder: "before" },
      "Transformer/posembed_input/pos_embedding",
      1,
    ],
    ["a table without it", { pooling: "tok", classTokenOrder: "after" }, "pos_embedding", 0],
    ["a table of a network without class token", { pooling: "gap" }, "pos_embedding", 0],
  ] as const)("takes the rows of the patches of %s", async (_, changes, name, first) => {
    const { data, parameter } = await similarityOf(vit({ ...changes, posEmbedding: "learn" }));
    const table = parameter?.(name).data ?? new Float32Array();
    expect(data?.grid).toEqual({ rows: 2, columns: 3 });
    for (let a = 0; a < 6; a++) {
      for (let b = 0; b < 6; b++)
        expect(data?.cosines[a]?.[b]).toBeCloseTo(plainCosine(table, tiny.width, a + first, b + first), 3);
    }
  });

  test("joins the tables of columns and rows", async () => {
    const { data, parameter } = await similarityOf(vit({ posEmbedding: "learn2d", pooling: "gap" }));
    const [x, y] = [parameter?.("pos_embedding_x").data, parameter?.("pos_embedding_y").data];
    const vector = (row: number, column: number) => [
      ...(x?.slice(column * 4, column * 4 + 4) ?? []),
      ...(y?.slice(row * 4, row * 4 + 4) ?? []),
    ];
    // patch (0, 2) with patch (1, 0)
    expect(data?.cosines[2]?.[3]).toBeCloseTo(plainCosine([...vector(0, 2), ...vector(1, 0)], 8, 0, 1), 3);
  });

  test("computes fixed embeddings for the new grid", async () => {
    const { data, charts } = await similarityOf(vit({ posEmbedding: "sincos2d", pooling: "gap" }));
    expect(data).toMatchObject({ kind: "sincos2d", resized: { reference: "computed" } });
    expect(data?.resized.differences["original"]).toBeGreaterThan(0);
    for (const { draw } of charts) for (const width of [350, 920]) expect(draw(width)).toMatch(/^<svg/);
  });

  test("takes the table of a block where every block has its own", async () => {
    const config = vit({ posEmbedding: "learn", posEmbeddingLayers: "everyLayer", pooling: "gap" });
    const { data, parameter } = await similarityOf(config, wide, 1);
    const table = parameter?.("Transformer/encoderblock_1/pos_embedding").data ?? [];
    expect(data?.layer).toBe(1);
    expect(data?.cosines[0]?.[5]).toBeCloseTo(plainCosine(table, 8, 0, 5), 3);
  });

  it.each([
    ["relative", vit({ posEmbedding: "relative", pooling: "gap" }), /relative: a term in the attention/],
    ["none", vit({ posEmbedding: "none", pooling: "gap" }), /posEmbedding "none"/],
    ["a ResNet", models.resnet, /a ResNet has no position embedding/],
    ["a Mixer", models.mixer, /an MLP-Mixer has no position embedding/],
  ])("says what %s has instead", async (_, config, reason) => {
    expect((await similarityOf(config, models.imageOf(config))).reason).toMatch(reason);
  });
});

test("positionsOf gives the table at the size of the images", async () => {
  const { subject, folder } = await seededSubject(vit({ posEmbedding: "learn", pooling: "gap" }), wide);
  const found = positionsOf(subject);
  expect(found?.table).toHaveLength(6 * tiny.width);
  await subject.close();
  await rm(folder, { recursive: true });
});
