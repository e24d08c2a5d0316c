/** How the loader answers examples that cannot be read, and threads that fail. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { createLoader, type LoaderOptions, openSource } from "../../../src/data/index.js";
import { epochOrder } from "../../../src/data/loader/plan.js";
import { customOp, preprocessing as makePreprocessing } from "../../../src/images/index.js";
import { collect, training, writeLoaderFolders } from "../../support/batches.js";
import { flat, numbered, temporaryFolder, write } from "../../support/pictures.js";

const root = temporaryFolder();
const folder = join(root, "images");
const faulty = join(root, "faulty");
beforeAll(() => writeLoaderFolders(root));

describe("bad examples", () => {
  const options = { ...training, preprocessing: "decode|resize(4)|value_range(-1,1)", maxBadFraction: 0.1 };

  test.each([0, 1, 2])(
    "in training they are named, counted once, and replaced by the next good one (%i workers)",
    async (workers) => {
      const loader = createLoader(faulty, { ...options, workers, epochs: 3 });
      const batches = await collect(loader);
      expect(batches.length).toBe(18);
      expect(batches.flatMap(({ mask }) => mask).every((valid) => valid === 1)).toBe(true);
      const { bad } = loader.stats();
      expect(bad.map(({ id }) => id).sort()).toEqual([join(faulty, "a/broken.png"), join(faulty, "b/cut.jpg")]);
      expect(bad.map(({ reason }) => reason).sort()).toEqual([
        expect.stringMatching(/^not an image/),
        expect.stringMatching(/truncated/),
      ]);
      const used = new Set(batches.flatMap(({ indices }) => indices));
      for (const { index } of bad) expect(used.has(index)).toBe(false);
    },
  );

  test("which example takes the place does not depend on workers or on where one continues", async () => {
    const whole = await collect(createLoader(faulty, { ...options, workers: 0, epochs: 2 }));
    expect(await collect(createLoader(faulty, { ...options, workers: 2, epochs: 2 }))).toEqual(whole);
    expect(
      await collect(createLoader(faulty, { ...options, workers: 1, epochs: 2, position: whole[3]!.position })),
    ).toEqual(whole.slice(4));
    const order = [...epochOrder({ length: 25, batchSize: 4, seed: 7, shuffle: true, evaluation: false }, 0).indices];
    const source = await openSource(faulty);
    const ids = await Promise.all(order.map(async (index) => (await source.get(index)).id));
    const isBad = ids.map((id) => /broken|cut/.test(id));
    const expected = order.slice(0, 24).map((_, i) => {
      let at = i;
      while (isBad[at % 25]) at++;
      return order[at % 25]!;
    });
    expect(whole.slice(0, 6).flatMap(({ indices }) => indices)).toEqual(expected);
  });

  test("in evaluation they are masked, their pixels zero, their label kept", async () => {
    const loader = createLoader(faulty, { ...options, evaluation: true, workers: 1 });
    const batches = await collect(loader);
    const indices = batches.flatMap((batch) => batch.indices);
    const mask = batches.flatMap((batch) => batch.mask);
    expect(indices.slice(0, 25)).toEqual(Array.from({ length: 25 }, (_, i) => i));
    expect(mask.reduce((a, b) => a + b)).toBe(23);
    const { bad, images } = loader.stats();
    expect([bad.length, images]).toEqual([2, 23]);
    for (const { index } of bad) {
      const batch = batches[Math.floor(index / 4)]!;
      expect(batch.mask[index % 4]).toBe(0);
      expect(new Set(batch.image.slice((index % 4) * 48, ((index % 4) + 1) * 48))).toEqual(new Set([0]));
    }
  });

  test.each([0, 1])("past the threshold the run fails and names them (%i workers)", async (workers) => {
    const loader = createLoader(faulty, { ...options, workers, maxBadFraction: 0.01, epochs: 2 });
    const failure = await collect(loader).catch((error: unknown) => error as Error);
    expect((failure as Error).message).toMatch(
      /^2 of the 25 examples of .*faulty \(8\.0 %\) could not be read, more than maxBadFraction 0.01 allows:/,
    );
    expect((failure as Error).message).toContain(`${join(faulty, "a/broken.png")}: not an image`);
    expect((failure as Error).message).toContain(join(faulty, "b/cut.jpg"));
  });

  test("one is forgiven in a small set, unless none may be", async () => {
    const one = numbered(12, new Set([5]));
    await collect(
      createLoader(one, { ...options, preprocessing: "decode", workers: 0, epochs: 2, maxBadFraction: 0.01 }),
    );
    await expect(
      collect(createLoader(one, { ...options, preprocessing: "decode", workers: 0, epochs: 2, maxBadFraction: 0 })),
    ).rejects.toThrow(/number 5: not an image/);
  });

  test("a set of nothing but bad examples fails by name instead of searching for ever", async () => {
    const none = numbered(6, new Set([0, 1, 2, 3, 4, 5]));
    await expect(
      createLoader(none, { ...options, batchSize: 2, preprocessing: "decode", workers: 0, maxBadFraction: 1 }).next(),
    ).rejects.toThrow(/number 0: not an image .*no example of this batch could be read/);
  });

  test("an image that does not fit a crop is bad, but images of different sizes are a mistake in the preprocessing", async () => {
    const mixed = join(root, "mixed");
    write(mixed, {
      "a/1.png": await flat(1),
      "a/2.png": await flat(2),
      "a/small.png": await flat(3, 4),
      "b/4.png": await flat(4),
    });
    const loader = createLoader(mixed, {
      ...training,
      batchSize: 2,
      preprocessing: "decode|central_crop(6)",
      workers: 1,
      epochs: 2,
      maxBadFraction: 0.3,
    });
    await collect(loader);
    expect(loader.stats().bad.map(({ reason }) => reason)).toEqual([
      "central_crop of 6x6 does not fit into the 4x4 image; resize first",
    ]);
    await expect(
      collect(
        createLoader(mixed, {
          ...training,
          batchSize: 4,
          preprocessing: "decode",
          workers: 1,
          shuffle: false,
          concurrency: 1,
        }),
        3,
      ),
    ).rejects.toThrow(
      /images of a batch must have the same size, but after "decode" .*small.png is 4x4x3 and .*1.png is 8x8x3; add resize\(size\)/,
    );
  });
});

describe("the life of a loader", () => {
  test("arrays given back are written again", async () => {
    const source = numbered(64);
    const loader = createLoader(source, { batchSize: 4, preprocessing: "decode|value_range", workers: 0 });
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; i < 10; i++) {
      const batch = (await loader.next())!;
      buffers.add(batch.image.buffer);
      loader.recycle(batch);
    }
    await loader.close();
    expect(buffers.size).toBeLessThanOrEqual(3);
  });

  test("calls of next that overlap get batches in order", async () => {
    const loader = createLoader(folder, { ...training, workers: 1 });
    const batches = await Promise.all(Array.from({ length: 5 }, () => loader.next()));
    expect(batches.map((batch) => batch!.position.batch)).toEqual([1, 2, 3, 4, 0]);
    await loader.close();
  });

  test("the end is undefined, again and again, and position stands after it", async () => {
    const loader = createLoader(folder, { ...training, workers: 1, epochs: 1 });
    let count = 0;
    for await (const batch of loader) {
      expect(batch.epoch).toBe(0);
      count++;
    }
    expect(count).toBe(5);
    expect(await loader.next()).toBeUndefined();
    expect(loader.position()).toMatchObject({ epoch: 1, batch: 0 });
    await loader.close();
    await loader.close();
    await expect(loader.next()).rejects.toThrow("the loader is closed");
  });

  test("closing while batches are on their way ends without a stray error", async () => {
    const loader = createLoader(folder, { ...training, workers: 2, prefetch: 6 });
    await loader.next();
    await loader.close();
  });

  test("a source that cannot be opened fails next, with the reason", async () => {
    const loader = createLoader(join(root, "imagse"), { ...training });
    await expect(loader.next()).rejects.toThrow(/did you mean "images"/);
    await expect(loader.next()).rejects.toThrow(/did you mean "images"/);
    await loader.close();
  });

  test("a source that shrinks between opening and reading is found out", async () => {
    const moving = join(root, "moving");
    write(moving, { "a/1.png": await flat(1), "b/2.png": await flat(2), "b/3.png": await flat(3) });
    const source = await openSource(moving);
    writeFileSync(join(moving, "a/4.png"), await flat(4));
    const loader = createLoader(source, { ...training, batchSize: 2, workers: 1 });
    await expect(loader.next()).rejects.toThrow(/changed while it was read: it had 3 examples and now has 4/);
    await loader.close();
  });

  test("a loader that nobody waits for does not keep the process alive", () => {
    const url = new URL("../../../dist/data/index.js", import.meta.url).href;
    const script = `
      const { createLoader } = await import(${JSON.stringify(url)});
      const loader = createLoader(${JSON.stringify(folder)}, { batchSize: 4, preprocessing: "decode|value_range" });
      const batch = await loader.next();
      console.log(batch.mask.length);`;
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
      timeout: 60_000,
    });
    expect(output.trim()).toBe("4");
  });

  test("wrong options are refused at once", () => {
    const make = (options: Partial<LoaderOptions>) => () => createLoader(folder, { ...training, ...options });
    expect(make({ preprocessing: "decode|flip" })).toThrow(/unknown preprocessing op "flip"/);
    expect(make({ workers: 1.5 })).toThrow(/invalid workers 1.5; expected an integer of at least 0/);
    expect(make({ prefetch: 0 })).toThrow(/invalid prefetch 0; expected an integer of at least 1/);
    expect(make({ maxBadFraction: 2 })).toThrow(/invalid maxBadFraction 2; expected a number from 0 to 1/);
    expect(make({ preprocessing: [customOp("mine", (record) => record)], workers: 1 })).toThrow(
      /op "mine" is a custom function.*without workers/,
    );
  });

  test("by default, sources in memory and custom ops need no worker thread", async () => {
    const doubled = customOp("doubled", (record) => record, { random: false });
    const plain = "decode|resize(4)|value_range(-1,1)";
    const preprocessing = [...makePreprocessing(plain), doubled];
    for (const [source, options] of [
      [numbered(8), { ...training, preprocessing: plain }],
      [folder, { ...training, preprocessing }],
    ] as const) {
      await using loader = createLoader(source, options);
      expect((await loader.next())?.mask.length).toBe(training.batchSize);
    }
  });

  test("wrong numbers and sources made by hand are refused with what to do", async () => {
    await expect(createLoader(folder, { ...training, batchSize: 0 }).next()).rejects.toThrow(
      /invalid batchSize 0; expected an integer of at least 1/,
    );
    await expect(createLoader(folder, { ...training, seed: 0.5 }).next()).rejects.toThrow(
      /invalid seed 0.5; expected an integer/,
    );
    await expect(createLoader(numbered(8), { ...training, workers: 1 }).next()).rejects.toThrow(
      /numbered was created in memory, so a worker thread cannot open it; use the loader without workers/,
    );
    await expect(createLoader([], training).next()).rejects.toThrow(/list of sources is empty/);
  });

  test("a mistake that only shows in the worker comes back as its message", async () => {
    const loader = createLoader(folder, { ...training, preprocessing: "decode|onehot(2)", workers: 1 });
    await expect(collect(loader)).rejects.toThrow(
      /onehot\(2\) cannot hold the label 2 of .*\.png; labels must be whole numbers from 0 to 1/,
    );
  });
});
