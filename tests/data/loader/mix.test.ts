/** Sources mixed by weight. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createLoader, type ImageSource } from "../../../src/data/index.js";
import { batchesPerEpoch, epochOrder, type Plan, slotsOfParts } from "../../../src/data/loader/plan.js";
import { collect } from "../../support/batches.js";
import { numbered, openUntilEnd } from "../../support/pictures.js";

const plan = (parts: Plan["parts"], batchSize = 4): Plan => ({
  length: parts!.reduce((sum, { length }) => sum + length, 0),
  batchSize,
  seed: 5,
  shuffle: true,
  evaluation: false,
  parts: parts!,
});

test("an epoch has exactly each part's share, batches nearly so, and every part goes through whole permutations", () => {
  const part = fc.record({ length: fc.integer({ min: 1, max: 30 }), weight: fc.integer({ min: 1, max: 9 }) });
  fc.assert(
    fc.property(fc.array(part, { minLength: 2, maxLength: 4 }), fc.integer({ min: 1, max: 8 }), (parts, batchSize) => {
      const mixed = plan(parts, batchSize);
      const slots = batchesPerEpoch(mixed) * batchSize;
      if (slots === 0) return;
      const counts = slotsOfParts(slots, parts);
      expect(counts.reduce((a, b) => a + b)).toBe(slots);
      const sum = parts.reduce((total, { weight }) => total + weight, 0);
      const seen = parts.map((): number[] => []);
      const passes = parts.map((): number[] => []);
      for (let epoch = 0; epoch < 3; epoch++) {
        const order = epochOrder(mixed, epoch);
        expect(order.indices.length).toBe(slots);
        for (const [p, { weight }] of parts.entries()) {
          const start = parts.slice(0, p).reduce((total, { length }) => total + length, 0);
          const own = [...order.indices.keys()].filter((slot) => {
            const index = order.indices[slot]!;
            return index >= start && index < start + parts[p]!.length;
          });
          expect(own.length).toBe(counts[p]);
          expect(Math.abs(own.length - (slots * weight) / sum)).toBeLessThan(1);
          for (let batch = 0; batch < slots; batch += batchSize) {
            const inBatch = own.filter((slot) => slot >= batch && slot < batch + batchSize).length;
            expect(Math.abs(inBatch - (batchSize * counts[p]!) / slots)).toBeLessThanOrEqual(parts.length);
          }
          for (const slot of own) {
            seen[p]!.push(order.indices[slot]! - start);
            passes[p]!.push(order.passes[slot]!);
          }
        }
      }
      for (const [p, { length }] of parts.entries()) {
        for (let i = 0; i + length <= seen[p]!.length; i += length)
          expect(new Set(seen[p]!.slice(i, i + length)).size).toBe(length);
        expect(passes[p]).toEqual(seen[p]!.map((_, i) => Math.floor(i / length)));
      }
    }),
    { numRuns: 60 },
  );
});

const levels: ImageSource = { ...numbered(6), name: "small" };
const many: ImageSource = { ...numbered(18), name: "large", classNames: ["odd", "prime"] };

test("each part has its preprocessing, labels are merged by name or kept apart", async () => {
  const parts = [
    { source: levels, preprocessing: "decode|value_range(0, 255)", weight: 1 },
    { source: many, preprocessing: "decode|value_range(0, -255)", weight: 1 },
  ];
  const options = { batchSize: 4, preprocessing: "unused", workers: 0, epochs: 1 };
  const loader = createLoader(parts, options);
  expect((await loader.info()).classNames).toEqual(["even", "odd", "prime"]);
  const batches = await collect(loader);
  for (const { indices, image, label } of batches) {
    expect(indices.filter((index) => index < 6).length).toBe(2);
    for (const [slot, index] of indices.entries()) {
      const value = index < 6 ? index : -(index - 6);
      expect(image[slot * 48]).toBeCloseTo(value, 3);
      expect(label[slot]).toBe(index < 6 ? index % 2 : 1 + ((index - 6) % 2));
    }
  }
  const apart = createLoader(parts, { ...options, mergeClasses: "disjoint" });
  expect((await apart.info()).classNames).toEqual(["even", "small/odd", "large/odd", "prime"]);
  await apart.close();
});

test("exact on any number of threads and from any position; a repeated example is cropped anew", async () => {
  const spec = (length: number, seed: number) => `generated:shapes?label=shape&size=16&length=${length}&seed=${seed}`;
  const parts = [
    { source: spec(3, 1), preprocessing: "decode|random_crop(12)|value_range", weight: 3 },
    { source: await openUntilEnd(spec(17, 2)), preprocessing: "decode|resize(12)|value_range", weight: 1 },
  ];
  const options = { batchSize: 5, preprocessing: "decode", seed: 9, epochs: 3 };
  const whole = await collect(createLoader(parts, { ...options, workers: 0 }));
  const { position } = whole[4]!;
  expect(await collect(createLoader(parts, { ...options, workers: 2, position }))).toEqual(whole.slice(5));
  const crops = whole
    .filter(({ epoch }) => epoch === 0)
    .flatMap(({ indices, image }) =>
      indices.flatMap((index, slot) => (index === 0 ? [image.slice(slot * 432, (slot + 1) * 432).join()] : [])),
    );
  expect(crops.length).toBeGreaterThan(3);
  expect(new Set(crops).size).toBeGreaterThan(1);
});

test("a bad example is replaced by one of its own part", async () => {
  const broken = numbered(6, new Set([2]));
  const parts = [
    { source: broken, weight: 1 },
    { source: many, weight: 1 },
  ];
  const loader = createLoader(parts, { batchSize: 4, preprocessing: "decode", workers: 0, epochs: 2 });
  for (const { indices } of await collect(loader)) expect(indices.filter((index) => index < 6).length).toBe(2);
  expect(loader.stats().bad.map(({ id }) => id)).toEqual(["number 2"]);
});

test("in evaluation every example comes once, whatever the weights", async () => {
  const parts = [
    { source: levels, weight: 9 },
    { source: many, weight: 1 },
  ];
  const loader = createLoader(parts, { batchSize: 5, preprocessing: "decode", workers: 0, evaluation: true });
  const seen = (await collect(loader)).flatMap(({ indices }) => indices).filter((index) => index >= 0);
  expect(seen).toEqual(Array.from({ length: 24 }, (_, i) => i));
});

test("weights that mean nothing are refused", async () => {
  const options = { batchSize: 4, preprocessing: "decode", workers: 0 };
  const zero = createLoader(
    [
      { source: levels, weight: 0 },
      { source: many, weight: 1 },
    ],
    options,
  );
  await expect(zero.next()).rejects.toThrow(/invalid weight 0; expected a number above 0/);
  const one = createLoader([{ source: levels, weight: 2 }, { source: many }], options);
  await expect(one.next()).rejects.toThrow(/1 of 2 sources have a weight; set it for each or for none/);
});
