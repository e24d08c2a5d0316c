/** Loaders that make one share of every batch each: put together, the shares are the batches of one loader. */
import { expect, test } from "vitest";
import { type Batch, createLoader, type LoaderOptions } from "../../../src/data/index.js";

const source = "generated:shapes?label=shape&size=12&length=22";

async function batchesOf(options: Partial<LoaderOptions>, count: number): Promise<Batch[]> {
  await using loader = createLoader(source, {
    batchSize: 6,
    preprocessing: "decode|random_crop(8)|flip_lr|value_range(-1,1)",
    seed: 3,
    workers: 0,
    ...options,
  });
  const batches: Batch[] = [];
  for (let i = 0; i < count; i++) batches.push((await loader.next())!);
  return batches;
}

const joined = (shares: readonly Batch[], name: "image" | "label" | "mask" | "indices") =>
  shares.flatMap((share) => Array.from(share[name]));

test.each([
  ["training, over two epochs", {}, 6],
  // 22 images: four in the last batch, so that a share of it is all padding
  ["evaluation", { evaluation: true }, 4],
])("%s", async (_, options, count) => {
  const whole = await batchesOf(options, count);
  const shares = await Promise.all([0, 1, 2].map((index) => batchesOf({ ...options, share: { index, of: 3 } }, count)));
  for (const [i, batch] of whole.entries()) {
    const own = shares.map((batches) => batches[i]!);
    expect(own.map(({ label }) => label.length)).toEqual([2, 2, 2]);
    for (const name of ["label", "mask", "indices"] as const)
      expect(joined(own, name)).toEqual(Array.from(batch[name]));
    // a share of padding alone has no pixels: nothing told it the size of the images
    const pixels = joined(own, "image");
    expect(pixels).toEqual(Array.from(batch.image.subarray(0, pixels.length)));
    expect(own.map(({ position }) => position)).toEqual([batch.position, batch.position, batch.position]);
  }
});

test("a batch that does not divide is refused", async () => {
  await expect(batchesOf({ share: { index: 0, of: 4 } }, 1)).rejects.toThrow(
    "a batch of 6 cannot be divided into 4 equal shares",
  );
});
