/** Few-shot episodes: their rules, chance, and repeatability by seed. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Features, joinFeatures, rawPixelFeatures } from "../../src/algebra/features.js";
import { numpyGenerator } from "../../src/random/numpy-generator.js";
import { runEpisodes } from "../../src/transfer/index.js";

/** Clusters around one corner a class, `spread` wide. */
function clusters(labels: number[], columns: number, spread: number, seed: number): Features {
  const random = numpyGenerator(seed);
  const data = new Float32Array(labels.length * columns);
  labels.forEach((label, i) => {
    for (let j = 0; j < columns; j++) {
      data[i * columns + j] = (j % 7 === label % 7 ? 1 : 0) + spread * (2 * random.random() - 1);
    }
  });
  return { data, rows: labels.length, columns };
}

describe("few-shot episodes", () => {
  it("have their classes, support and query images", () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 1, max: 6 }),
        (seed, shots, classes, queries) => {
          const labels = Array.from({ length: 50 }, (_, i) => [3, 4, 9, 12, 20][i % 5]!);
          const features = clusters(labels, 14, 0.5, 1);
          const result = runEpisodes({ features, labels, shots, classes, queries, episodes: 4, seed });
          expect(result.episodes).toHaveLength(4);
          expect(result.chance).toBe(1 / classes);
          expect(result.queries).toBe(4 * classes * queries);
          for (const episode of result.episodes) {
            expect(new Set(episode.classes).size).toBe(classes);
            expect(episode.support.map((indices) => indices.length)).toEqual(new Array(classes).fill(shots));
            episode.support.forEach((indices, c) => {
              for (const index of indices) expect(labels[index]).toBe(episode.classes[c]);
            });
            const shown = new Set(episode.support.flat());
            expect(shown.size).toBe(shots * classes);
            expect(new Set(episode.queries.map(({ index }) => index)).size).toBe(classes * queries);
            for (const { index, truth, guess, scores } of episode.queries) {
              expect(shown.has(index)).toBe(false);
              expect(truth).toBe(labels[index]);
              expect(scores).toHaveLength(classes);
              expect(guess).toBe(episode.classes[scores.indexOf(Math.max(...scores))]);
            }
            const right = episode.queries.filter(({ truth, guess }) => truth === guess).length;
            expect(episode.accuracy).toBe(right / episode.queries.length);
          }
          const mean = result.episodes.reduce((sum, { accuracy }) => sum + accuracy, 0) / 4;
          expect(result.accuracy).toBeCloseTo(mean, 14);
          expect(result.confidence95![0]).toBeLessThanOrEqual(result.accuracy);
          expect(result.confidence95![1]).toBeGreaterThanOrEqual(result.accuracy);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("asks about all other images unless limited, and is won with separable features", () => {
    const labels = Array.from({ length: 60 }, (_, i) => i % 3);
    const result = runEpisodes({ features: clusters(labels, 21, 0.2, 2), labels, episodes: 5 });
    expect(result.queries).toBe(5 * (60 - 15));
    expect(result.episodes[0]?.classes).toEqual([0, 1, 2]);
    expect(result.accuracy).toBe(1);
  });

  it("is at chance on noise", () => {
    const labels = Array.from({ length: 300 }, (_, i) => i % 3);
    const { accuracy } = runEpisodes({
      features: clusters(
        labels.map(() => 0),
        10,
        1,
        3,
      ),
      labels,
      episodes: 20,
    });
    expect(accuracy).toBeGreaterThan(0.28);
    expect(accuracy).toBeLessThan(0.39);
  });

  it("repeats itself, draws the same episodes for other features, and other episodes for another seed", () => {
    const labels = Array.from({ length: 40 }, (_, i) => i % 4);
    const options = { features: clusters(labels, 14, 1, 4), labels, shots: 3, episodes: 3, seed: 5 };
    const first = runEpisodes(options);
    expect(runEpisodes(options)).toEqual(first);
    const other = runEpisodes({ ...options, features: clusters(labels, 6, 1, 5) });
    const drawn = (result: typeof first) =>
      result.episodes.map(({ classes, support, queries }) => ({
        classes,
        support,
        asked: queries.map(({ index }) => index),
      }));
    expect(drawn(other)).toEqual(drawn(first));
    expect(drawn(runEpisodes({ ...options, seed: 6 }))).not.toEqual(drawn(first));
  });

  it("balanced accuracy gives a constant answer chance, however uneven the queries", () => {
    const labels = [...new Array(50).fill(0), ...new Array(10).fill(1)];
    const features = { data: new Float32Array(60), rows: 60, columns: 1 };
    const result = runEpisodes({ features, labels, classes: 2, shots: 2, episodes: 2 });
    expect(result.accuracy).toBeCloseTo(48 / 56, 12);
    expect(result.balancedAccuracy).toBe(0.5);
  });

  it("says what is missing", () => {
    const labels = [0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2];
    const features = clusters(labels, 3, 1, 0);
    expect(() => runEpisodes({ features, labels })).toThrow(
      /expected 3 classes with more than 5 images each; found 2 \(class 1 has 2\)/,
    );
    expect(() => runEpisodes({ features, labels, classes: 1 })).toThrow(/classes is 1; give at least 2/);
    expect(() => runEpisodes({ features, labels, shots: 0 })).toThrow(/shots is 0/);
    expect(() => runEpisodes({ features, labels: labels.slice(1) })).toThrow(/14 rows of features but 13 labels/);
  });
});

describe("raw pixels", () => {
  it("averages whole and partial cells", () => {
    // One row of three pixels to two cells: each covers one and a half.
    const three = rawPixelFeatures({ data: Float32Array.of(0, 0.3, 0.9), shape: [1, 1, 3, 1] }, 2);
    expect(three.rows).toBe(1);
    expect(three.columns).toBe(4);
    const expected = [0.1, 0.7, 0.1, 0.7]; // (0 + 0.15) / 1.5 and (0.15 + 0.9) / 1.5, both rows of cells from the one row
    expected.forEach((value, i) => {
      expect(three.data[i]).toBeCloseTo(value, 6);
    });
  });

  it("is the identity at the image's own size and repeats pixels above it", () => {
    const data = Float32Array.from({ length: 2 * 4 * 4 * 3 }, (_, i) => Math.sin(i));
    expect(rawPixelFeatures({ data, shape: [2, 4, 4, 3] }, 4)).toEqual({ data, rows: 2, columns: 48 });
    const doubled = rawPixelFeatures({ data: Float32Array.of(-1, 1), shape: [1, 1, 2, 1] }, 4);
    expect([...doubled.data.subarray(0, 4)]).toEqual([-1, -1, 1, 1]);
  });

  it("keeps the mean of each channel", () => {
    fc.assert(
      fc.property(
        fc.nat(100),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        (seed, height, width) => {
          const random = numpyGenerator(seed);
          const data = Float32Array.from({ length: height * width * 3 }, () => 2 * random.random() - 1);
          const { data: small } = rawPixelFeatures({ data, shape: [1, height, width, 3] }, 5);
          const mean = (values: ArrayLike<number>, channel: number) => {
            const own = Array.from(values).filter((_, i) => i % 3 === channel);
            return own.reduce((sum, value) => sum + value, 0) / own.length;
          };
          for (let channel = 0; channel < 3; channel++)
            expect(mean(small, channel)).toBeCloseTo(mean(data, channel), 5);
        },
      ),
    );
  });

  it("is 16 x 16 x 3 unless told otherwise, and names bad shapes", () => {
    expect(rawPixelFeatures({ data: new Float32Array(32 * 32 * 3), shape: [1, 32, 32, 3] }).columns).toBe(768);
    expect(() => rawPixelFeatures({ data: new Float32Array(5), shape: [1, 2, 2, 1] })).toThrow(
      /needs 4 values, given 5/,
    );
    expect(() => rawPixelFeatures({ data: new Float32Array(4), shape: [1, 2, 2, 1] }, 0)).toThrow(/size is 0/);
  });

  it("joins batches", () => {
    const a = { data: Float32Array.of(1, 2), rows: 1, columns: 2 };
    expect(joinFeatures([a, { data: Float32Array.of(3, 4, 5, 6), rows: 2, columns: 2 }])).toEqual({
      data: Float32Array.of(1, 2, 3, 4, 5, 6),
      rows: 3,
      columns: 2,
    });
    expect(() => joinFeatures([a, { data: Float32Array.of(3), rows: 1, columns: 1 }])).toThrow(/widths 2 and 1/);
  });
});
