/** Nearest training images and agreement, against plain loops and counts by hand. */
import { expect, test } from "vitest";
import { createRandom } from "../../src/random/keyed.js";
import { type Row, studyNamed } from "../../src/studies/index.js";
import { agreementOf, nearestRows } from "../../src/studies/jobs/nearest.js";

function features(rows: number, columns: number, seed: number) {
  const random = createRandom("nearest", seed);
  return { data: Float32Array.from({ length: rows * columns }, () => random.range(-1, 1)), rows, columns };
}

test("finds the row of the highest cosine similarity, over several blocks of queries", async () => {
  const columns = 7;
  const [queries, bank] = [features(300, columns, 1), features(23, columns, 2)];
  // a long row: the nearest by scalar product, but not by angle
  for (let j = 0; j < columns; j++) bank.data[j] = (bank.data[j] ?? 0) * 100;
  const { rows, similarities } = await nearestRows(queries, bank, 1);
  for (let i = 0; i < queries.rows; i++) {
    let best = { row: -1, cosine: -2 };
    for (let r = 0; r < bank.rows; r++) {
      let [xy, xx, yy] = [0, 0, 0];
      for (let j = 0; j < columns; j++) {
        const [x, y] = [queries.data[i * columns + j] ?? 0, bank.data[r * columns + j] ?? 0];
        xy += x * y;
        xx += x * x;
        yy += y * y;
      }
      const cosine = xy / Math.sqrt(xx * yy);
      if (cosine > best.cosine) best = { row: r, cosine };
    }
    expect(rows[i]).toBe(best.row);
    expect(similarities[i]).toBeCloseTo(best.cosine, 12);
  }
});

test("counts agreement of predictions with the nearest image", () => {
  // right and agrees; right, disagrees; wrong and agrees; wrong, disagrees; wrong, the nearest is right
  const predicted = [1, 2, 3, 4, 0];
  const nearest = [1, 0, 3, 0, 2];
  const labels = [1, 2, 0, 1, 2];
  expect(agreementOf({ predicted, nearest, labels })).toEqual({
    agreement: 2 / 5,
    nearestAccuracy: 2 / 5,
    accuracy: 2 / 5,
    agreementOfMistakes: 1 / 3,
  });
  expect(agreementOf({ predicted: [1], nearest: [1], labels: [1] }).agreementOfMistakes).toBeNaN();
});

test("the study compares large with small networks by the agreement alone", async () => {
  const row = (seed: number, series: string, x: number, y: number): Row => {
    return { job: "a", seed, series, x, y, images: 0, flops: 0, seconds: 0 };
  };
  const rows = [0, 1].flatMap((seed) => [
    row(seed, "ViT small", 1, 0.1),
    row(seed, "ViT large", 1, 0.2),
    row(seed, "ViT large, accuracy", 1, 0.9),
    row(seed, "ResNet small", 1, 0.1),
    row(seed, "ResNet large", 1, 0.4 + 0.1 * seed),
    row(seed, "ResNet small", 2, 0.2),
    row(seed, "ResNet large", 2, 0.3),
  ]);
  const { effect, n } = await studyNamed("memorisation").judge(rows);
  // seed 0: (0.2 + 0.4 + 0.3) / 3 - (0.1 + 0.1 + 0.2) / 3; seed 1: 1/30 more
  expect(effect).toBeCloseTo(0.5 / 3 + 0.05 / 3, 12);
  expect(n).toBe(2);
});
