/** The order of examples of the loader, its positions, and equal batches for any number of threads. */
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { createLoader, type LoaderOptions, type LoaderPosition, openSource } from "../../../src/data/index.js";
import { advance, batchesPerEpoch, checkPosition, epochOrder, type Plan } from "../../../src/data/loader/plan.js";
import { collect, training, writeLoaderFolders } from "../../support/batches.js";
import { detailedJpeg, numbered, temporaryFolder, write } from "../../support/pictures.js";

const root = temporaryFolder();
const folder = join(root, "images");
beforeAll(() => writeLoaderFolders(root));

describe("the order of examples", () => {
  const plans = fc.record({
    length: fc.integer({ min: 1, max: 60 }),
    batchSize: fc.integer({ min: 1, max: 20 }),
    seed: fc.integer(),
    shuffle: fc.boolean(),
    evaluation: fc.boolean(),
  });

  test("is a new full permutation each epoch, or that of the source", () => {
    fc.assert(
      fc.property(plans, fc.nat(50), (plan, epoch) => {
        const order = [...epochOrder(plan, epoch).indices];
        const sorted = [...order].sort((a, b) => a - b);
        if (!plan.evaluation && plan.length < plan.batchSize) return;
        expect(sorted).toEqual(Array.from({ length: plan.length }, (_, i) => i));
        if (!plan.shuffle) expect(order).toEqual(sorted);
        if (plan.shuffle && plan.length > 25) expect(order).not.toEqual([...epochOrder(plan, epoch + 1).indices]);
      }),
    );
  });

  test("of a set smaller than the batch goes through it several times, each time anew", () => {
    const small = fc.record({ length: fc.integer({ min: 1, max: 9 }), batchSize: fc.integer({ min: 10, max: 40 }) });
    fc.assert(
      fc.property(small, fc.integer(), fc.boolean(), (sizes, seed, shuffle) => {
        const plan: Plan = { ...sizes, seed, shuffle, evaluation: false };
        const epochs = [0, 1, 2].map((epoch) => epochOrder(plan, epoch));
        for (const { indices } of epochs) expect(indices).toHaveLength(plan.batchSize);
        const seen = epochs.flatMap(({ indices }) => [...indices]);
        const every = Array.from({ length: plan.length }, (_, i) => i);
        for (let i = 0; i + plan.length <= seen.length; i += plan.length) {
          const once = seen.slice(i, i + plan.length);
          expect(shuffle ? once.sort((a, b) => a - b) : once).toEqual(every);
        }
        // what is drawn for an example is drawn anew every time
        expect(epochs.flatMap(({ passes }) => [...passes])).toEqual(seen.map((_, i) => Math.floor(i / plan.length)));
      }),
    );
  });

  test("advance goes through every batch of every epoch", () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const each = batchesPerEpoch(plan);
        let position: LoaderPosition = { epoch: 0, batch: 0, ...plan };
        for (let i = 0; i < 2 * each + 1; i++) {
          expect([position.epoch, position.batch]).toEqual([Math.floor(i / each), i % each]);
          position = advance(plan, checkPosition(plan, position));
        }
      }),
    );
  });

  test("a position of other data is refused", () => {
    const plan: Plan = { length: 10, batchSize: 4, seed: 1, shuffle: true, evaluation: false };
    const position = { epoch: 1, batch: 1, seed: 1, batchSize: 4, length: 10 };
    expect(checkPosition(plan, position)).toBe(position);
    expect(() => checkPosition(plan, { ...position, seed: 2, length: 11 })).toThrow(
      /other data: seed was 2 and is 1, length was 11 and is 10/,
    );
    expect(() => checkPosition(plan, { ...position, batch: 2 })).toThrow(
      /epoch 1, batch 2\) does not exist; an epoch has 2 batches/,
    );
  });
});

describe("training", () => {
  test("an epoch shows every example at most once, and full batches only", async () => {
    const batches = await collect(createLoader(folder, { ...training, epochs: 2, workers: 0 }));
    expect(batches.map(({ epoch }) => epoch)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    for (const epoch of [0, 1]) {
      const indices = batches.filter((batch) => batch.epoch === epoch).flatMap((batch) => batch.indices);
      expect(new Set(indices).size).toBe(20);
    }
    expect(batches.flatMap(({ mask }) => mask).every((valid) => valid === 1)).toBe(true);
    expect(batches[0]!.indices).not.toEqual(batches[5]!.indices);
  });

  test("pixels and labels are those of the indices", async () => {
    const source = await openSource(folder);
    const loader = createLoader(source, {
      ...training,
      preprocessing: "decode|value_range(0,255)|onehot(3)",
      workers: 0,
      epochs: 1,
    });
    for await (const batch of loader) {
      expect(batch.shape).toEqual([4, 8, 8, 3]);
      expect(batch.image.length).toBe(4 * 8 * 8 * 3);
      for (const [slot, index] of batch.indices.entries()) {
        expect(batch.label[slot]).toBe(source.labels[index]);
        expect([...batch.labels!.subarray(slot * 3, slot * 3 + 3)]).toEqual(
          [0, 1, 2].map((k) => (k === batch.label[slot] ? 1 : 0)),
        );
        const level = 10 * Number(/(\d+)\.png$/.exec((await source.get(index)).id)![1]);
        expect(new Set(batch.image.subarray(slot * 192, (slot + 1) * 192))).toEqual(new Set([level]));
      }
    }
    await loader.close();
    // A source that was handed in stays open.
    expect((await source.get(0)).label).toBe(0);
  });

  test("with views, the pictures of pass k come again in pass k + views, and no sooner; the order is new every time", async () => {
    const detailed = join(root, "detailed");
    const picture = await detailedJpeg();
    write(detailed, Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`a/${i}.jpg`, picture])));
    const seen = await collect(createLoader(detailed, { ...training, epochs: 4, views: 2, workers: 0 }));
    const pictures = (epoch: number) => {
      const found = new Map<number, string>();
      for (const batch of seen.filter((one) => one.epoch === epoch)) {
        for (const [slot, index] of batch.indices.entries())
          found.set(index, batch.image.slice(slot * 108, (slot + 1) * 108).join());
      }
      return found;
    };
    const [first, second, third] = [0, 1, 2].map(pictures);
    const both = [...first!.keys()].filter((index) => second!.has(index) && third!.has(index));
    expect(both.length).toBeGreaterThan(10);
    for (const index of both) expect(third!.get(index)).toBe(first!.get(index));
    expect(both.some((index) => second!.get(index) !== first!.get(index))).toBe(true);
    const order = (epoch: number) => seen.filter((one) => one.epoch === epoch).flatMap(({ indices }) => indices);
    expect(order(2)).not.toEqual(order(0));
    expect(() => createLoader(folder, { ...training, views: 0 })).toThrow(/views/);
  });

  test("the same batches come out with any number of workers, images in flight, batches ahead, and with or without a cache", async () => {
    const reference = await collect(
      createLoader(folder, { ...training, epochs: 3, workers: 0, concurrency: 1, cacheBytes: 0 }),
    );
    const variants: Partial<LoaderOptions>[] = [
      { workers: 0, concurrency: 5 },
      { workers: 1 },
      { workers: 2, prefetch: 5 },
      { workers: 1, prefetch: 1, concurrency: 3, cacheBytes: 1000 },
    ];
    for (const variant of variants)
      expect(await collect(createLoader(folder, { ...training, epochs: 3, ...variant }))).toEqual(reference);
  });

  test("another seed gives another order and other crops", async () => {
    const [a, b] = await Promise.all(
      [1, 2].map((seed) => collect(createLoader(folder, { ...training, seed, workers: 0 }), 1)),
    );
    expect(a![0]!.indices).not.toEqual(b![0]!.indices);
  });

  test("random ops draw anew in every epoch", async () => {
    const gradient = numbered(1);
    const source = {
      ...gradient,
      get: async () => ({
        id: "x",
        label: 0,
        image: {
          kind: "raw" as const,
          data: Uint8Array.from({ length: 256 }, (_, i) => i),
          height: 16,
          width: 16,
          channels: 1,
        },
      }),
    };
    const batches = await collect(
      createLoader(source, { batchSize: 1, preprocessing: "random_crop(2)", workers: 0, epochs: 8 }),
    );
    expect(new Set(batches.map(({ image }) => image[0])).size).toBeGreaterThan(4);
  });

  test("a restored position continues with the same batches", async () => {
    const whole = await collect(createLoader(folder, { ...training, epochs: 3, workers: 0 }));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (stop) => {
        const loader = createLoader(folder, { ...training, workers: 0 });
        expect(loader.position()).toBeUndefined();
        await loader.info();
        for (let i = 0; i < stop; i++) await loader.next();
        const position = JSON.parse(JSON.stringify(loader.position())) as LoaderPosition;
        await loader.close();
        expect(await collect(createLoader(folder, { ...training, epochs: 3, workers: 0, position }))).toEqual(
          whole.slice(stop),
        );
      }),
      { numRuns: 8 },
    );
    const position = whole[6]!.position;
    expect(await collect(createLoader(folder, { ...training, epochs: 3, workers: 2, position }))).toEqual(
      whole.slice(7),
    );
    await expect(collect(createLoader(folder, { ...training, seed: 8, workers: 0, position }))).rejects.toThrow(
      /seed was 7 and is 8/,
    );
  });

  test("pixels before the first random op are read once and kept", async () => {
    const reads: number[] = [];
    const source = numbered(12, new Set(), (index) => reads.push(index));
    await collect(createLoader(source, { ...training, preprocessing: "decode|flip_lr", workers: 0, epochs: 4 }));
    expect([...reads].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
    reads.length = 0;
    await collect(
      createLoader(source, { ...training, preprocessing: "decode|flip_lr", workers: 0, epochs: 4, cacheBytes: 3 * 48 }),
    );
    expect(reads.length).toBe(12 + 3 * 9);
  });

  test("several specs are one source", async () => {
    const loader = createLoader([folder, folder], { ...training, workers: 0 });
    expect(await loader.info()).toMatchObject({ length: 46, classNames: ["a", "b", "c"], batchesPerEpoch: 11 });
    await loader.close();
  });
});

describe("evaluation", () => {
  test.each([0, 1])(
    "every example comes once and in order, the last batch padded and masked (%i workers)",
    async (workers) => {
      const loader = createLoader(folder, {
        batchSize: 5,
        preprocessing: "decode|resize(4)|value_range(-1,1)|onehot(3)",
        evaluation: true,
        workers,
      });
      expect(await loader.info()).toMatchObject({ batchesPerEpoch: 5, length: 23 });
      const batches = await collect(loader);
      expect(batches.flatMap(({ indices }) => indices)).toEqual([...Array.from({ length: 23 }, (_, i) => i), -1, -1]);
      expect(batches.flatMap(({ mask }) => mask)).toEqual([...new Array<number>(23).fill(1), 0, 0]);
      const last = batches.at(-1)!;
      const each = last.image.length / 5;
      expect(new Set(last.image.slice(3 * each))).toEqual(new Set([0]));
      expect(last.image[0]).not.toBe(0);
      expect(last.label.slice(3)).toEqual([0, 0]);
      expect(loader.stats()).toMatchObject({ batches: 5, images: 23, bad: [] });
    },
  );

  test("a set smaller than the batch is one padded batch in evaluation and repeated in training", async () => {
    const options = { batchSize: 50, preprocessing: "decode|value_range", workers: 0 };
    const [batch] = await collect(createLoader(folder, { ...options, evaluation: true }));
    expect(batch!.mask.reduce((a, b) => a + b)).toBe(23);
    const loader = createLoader(folder, options);
    expect(await loader.info()).toMatchObject({ batchesPerEpoch: 1, length: 23 });
    const training = (await loader.next())!;
    expect(training.mask.every((one) => one === 1)).toBe(true);
    const counts = new Array<number>(23).fill(0);
    for (const index of training.indices) counts[index]!++;
    expect([Math.min(...counts), Math.max(...counts)]).toEqual([2, 3]);
    expect(loader.position()).toMatchObject({ epoch: 1, batch: 0 });
    await loader.close();
  });
});
