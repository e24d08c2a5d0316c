/** Colour noise, turns, views and patches, and their way through the string form and the loader. */
import { expect, test } from "vitest";
import { createLoader } from "../../src/data/index.js";
import { hsvNoise } from "../../src/images/augment/colour.js";
import {
  augreg,
  augregSettings,
  describePreprocessing,
  greyRandom,
  hsvnoise,
  type PixelImage,
  patchGridOp,
  permutePatchesOp,
  preprocessImage,
  preprocessing,
  quarterTurns,
  type RawImage,
  randaugOp,
  rawImage,
  shufflePatches,
  standardiseOp,
  views,
} from "../../src/images/index.js";
import { createRandom } from "../../src/random/keyed.js";
import { openUntilEnd } from "../support/pictures.js";

function noise(height: number, width: number, channels = 3, seed = 0): RawImage {
  const random = createRandom("noise", seed);
  return rawImage(
    Uint8Array.from({ length: height * width * channels }, () => random.integer(256)),
    height,
    width,
    channels,
  );
}

/** A square whose value is 10 * row + column. */
const square = (side: number): RawImage =>
  rawImage(
    Uint8Array.from({ length: side * side }, (_, i) => 10 * Math.floor(i / side) + (i % side)),
    side,
    side,
    1,
  );

test("the string form and the functions make the same ops, views within views too", () => {
  const nested = views(2, preprocessing(views(3, "flip_lr|hsvnoise"), quarterTurns(2)));
  const ops = preprocessing(
    randaugOp(2, 15),
    randaugOp(2, 0.5, "mean"),
    augreg("medium1"),
    augreg("none"),
    hsvnoise(),
    greyRandom(0.5),
    quarterTurns(3),
    patchGridOp(),
    patchGridOp(2, 8, 5, "centre"),
    permutePatchesOp(4),
    permutePatchesOp(4, 7),
    shufflePatches(4),
    standardiseOp(),
    standardiseOp(64),
    views(8, "inception_crop(64)|hsvnoise|flip_lr"),
    nested,
  );
  const text = describePreprocessing(ops);
  expect(text).toBe(
    `randaug(2,15)|randaug(2,0.5,contrast=mean)|augreg(medium1)|augreg("none")|hsvnoise|grey_random(0.5)|rotate90(3)|patch_grid|patch_grid(2,8,5,place=centre)|permute_patches(4)|permute_patches(4,seed=7)|shuffle_patches(4)|standardise|standardise(64)|views(8,"inception_crop(64)|hsvnoise|flip_lr")|views(2,'views(3,"flip_lr|hsvnoise")|rotate90(2)')`,
  );
  expect(describePreprocessing(text)).toBe(text);
  expect(preprocessing("augreg(none)")[0]!.args["name"]).toBe("none");
});

test("the AugReg table (papers.md 5.8)", () => {
  expect(Object.entries(augregSettings).map(([name, s]) => [name, s.layers, s.magnitude, s.mixup])).toEqual([
    ["none", 0, 0, 0],
    ["light1", 2, 0, 0],
    ["light2", 2, 10, 0.2],
    ["medium1", 2, 15, 0.2],
    ["medium2", 2, 15, 0.5],
    ["strong1", 2, 20, 0.5],
    ["strong2", 2, 20, 0.8],
  ]);
  expect(() => preprocessing("augreg(medium3)")).toThrow(/one of "none", light1/);
});

/** HSV noise of one pixel, step by step as papers.md 10.2 writes it, with a textbook HSV. */
function plainHsv(rgb: readonly number[], hue: number, power: number[], factor: number[], shift: number[]): number[] {
  const [r, g, b] = rgb.map((x) => x / 255) as [number, number, number];
  const [most, least] = [Math.max(r, g, b), Math.min(r, g, b)];
  const chroma = most - least;
  let degrees = 0;
  if (chroma > 0) {
    if (most === r) degrees = 60 * (((g - b) / chroma + 6) % 6);
    else if (most === g) degrees = 60 * ((b - r) / chroma + 2);
    else degrees = 60 * ((r - g) / chroma + 4);
  }
  const h = (1 + degrees / 360 + hue) % 1;
  const noisy = (x: number, i: number) => Math.min(1, Math.max(0, x ** power[i]! * factor[i]! + shift[i]!));
  const [s, v] = [noisy(most > 0 ? chroma / most : 0, 0), noisy(most, 1)];
  const channel = (n: number) => {
    const k = (n + 6 * h) % 6;
    return 255 * (v - v * s * Math.max(0, Math.min(k, 4 - k, 1)));
  };
  return [channel(5), channel(3), channel(1)];
}

test("hsvnoise is the formula, for raw and floating-point images, and grey pixels", async () => {
  const image = noise(9, 8);
  image.data.set([0, 0, 0, 77, 77, 77, 255, 255, 255, 255, 0, 0]);
  for (let seed = 0; seed < 5; seed++) {
    const random = createRandom("image", seed);
    // The draws in the order of the op: hue, powers, factors, shifts.
    const hue = random.range(-0.1, 0.1);
    const power = [2 ** random.range(-2, 2), 2 ** random.range(-2, 2)] as [number, number];
    const factor = [2 ** random.range(-0.5, 0.5), 2 ** random.range(-0.5, 0.5)] as [number, number];
    const shift = [random.range(-0.1, 0.1), random.range(-0.1, 0.1)] as [number, number];
    const found = await preprocessImage("hsvnoise", image, { seed });
    const float = hsvNoise(
      { ...image, kind: "float", data: Float32Array.from(image.data) },
      { hue, power, factor, shift },
    );
    expect(found.kind).toBe("float");
    for (let i = 0; i < image.data.length; i += 3) {
      const expected = plainHsv([...image.data.subarray(i, i + 3)], hue, power, factor, shift);
      for (let c = 0; c < 3; c++) {
        expect(found.data[i + c]).toBeCloseTo(expected[c]!, 3);
        expect(float.data[i + c]).toBeCloseTo(expected[c]!, 3);
      }
    }
  }
  await expect(preprocessImage("hsvnoise", square(3))).rejects.toThrow(/takes images of 3 channels, not 1/);
});

test("value_range after hsvnoise reaches the batch", async () => {
  const source = await openUntilEnd("generated:shapes?size=12", { split: "train" });
  const preprocess = "decode|hsvnoise|value_range(-1,1)";
  const loader = createLoader(source, { batchSize: 4, preprocessing: preprocess, workers: 0, seed: 5 });
  const batch = (await loader.next())!;
  await loader.close();
  let [low, high] = [9, -9];
  for (const x of batch.image) [low, high] = [Math.min(low, x), Math.max(high, x)];
  expect(low).toBeGreaterThanOrEqual(-1.000001);
  expect(high).toBeLessThanOrEqual(1.000001);
  expect(high - low).toBeGreaterThan(0.1);
});

test("grey_random is the mean of the channels, at its probability", async () => {
  const image = rawImage(Uint8Array.from([255, 0, 0, 10, 20, 31]), 1, 2, 3);
  expect([...(await preprocessImage("grey_random(1)", image)).data]).toEqual([85, 85, 85, 20, 20, 20]);
  expect(await preprocessImage("grey_random(0)", image)).toBe(image);
  let turned = 0;
  for (let seed = 0; seed < 400; seed++)
    if ((await preprocessImage("grey_random", image, { seed })) !== image) turned++;
  expect(turned / 400).toBeGreaterThan(0.58);
  expect(turned / 400).toBeLessThan(0.74);
});

test("rotate90 in rows and columns", async () => {
  const image = rawImage(Uint8Array.from([1, 2, 3, 4, 5, 6]), 2, 3, 1);
  const turned = async (k: number) => {
    const { height, width, data } = await preprocessImage(`rotate90(${k})`, image);
    return [height, width, ...data];
  };
  expect(await turned(0)).toEqual([2, 3, 1, 2, 3, 4, 5, 6]);
  expect(await turned(1)).toEqual([3, 2, 3, 6, 2, 5, 1, 4]);
  expect(await turned(2)).toEqual([2, 3, 6, 5, 4, 3, 2, 1]);
  expect(await turned(3)).toEqual([3, 2, 4, 1, 5, 2, 6, 3]);
  const colour = noise(3, 5);
  expect(await preprocessImage("rotate90(1)|rotate90(3)", colour)).toEqual(colour);
  expect(await preprocessImage("rotate90(1)|rotate90(1)", colour)).toEqual(
    await preprocessImage("rotate90(2)", colour),
  );
});

test("views stacks draws of the inner ops, and its errors name them", async () => {
  const image = noise(20, 20);
  const found = await preprocessImage('views(3,"random_crop(8)|flip_lr")', image, { seed: 2 });
  expect([found.kind, found.height, found.width, found.channels]).toEqual(["raw", 24, 8, 3]);
  const parts = [0, 1, 2].map((i) => found.data.slice(i * 192, (i + 1) * 192));
  expect(parts[0]).not.toEqual(parts[1]);
  expect(parts[1]).not.toEqual(parts[2]);
  expect(await preprocessImage('views(3,"random_crop(8)|flip_lr")', image, { seed: 2 })).toEqual(found);
  const two = await preprocessImage('branches("random_crop(8)|flip_lr","central_crop(8)")', image, { seed: 2 });
  expect([two.height, two.width]).toEqual([16, 8]);
  const centre = await preprocessImage("central_crop(8)", image);
  expect(two.data.slice(two.data.length / 2)).toEqual(centre.data);
  expect(() => preprocessing('branches("flip_lr","onehot(3)")')).toThrow(/not about the image; put it after branches/);
  expect(() => preprocessing('views(2,"flip_rl")')).toThrow(
    /in views\(2,"flip_rl"\): unknown preprocessing op "flip_rl".*did you mean "flip_lr"/,
  );
  expect(() => preprocessing('views(2,"")')).toThrow(/in views\(2,""\): there is no op/);
  expect(() => preprocessing('views(2,"onehot(3)")')).toThrow(/onehot is not about the image; put it after views/);
  expect(() => preprocessing("views(2,3)")).toThrow(/"ops" must be text in quotes, not 3/);
  await expect(preprocessImage('views(2,"random_crop(40)")', image)).rejects.toThrow(
    /in views\(2,"random_crop\(40\)"\): random_crop of 40x40 does not fit/,
  );
  await expect(preprocessImage('views(9,"inception_crop")', image)).rejects.toThrow(
    /views of one image must have the same/,
  );
});

test("patch_grid takes a patch of every cell in row-major order, in the middle for evaluation", async () => {
  const centre = await preprocessImage("patch_grid(2,4,2,place=centre)", square(10));
  // The middle 8x8 starts at (1, 1), a patch one further in.
  expect([centre.height, centre.width]).toEqual([8, 2]);
  expect([...centre.data]).toEqual([22, 23, 32, 33, 26, 27, 36, 37, 62, 63, 72, 73, 66, 67, 76, 77]);
  const corners = [0, 1, 2, 3].map(() => new Set<number>());
  for (let seed = 0; seed < 300; seed++) {
    const { data } = await preprocessImage("patch_grid(2,4,2)", square(8), { seed });
    for (const [i, corner] of corners.entries()) {
      const first = data[4 * i]!;
      corner.add(first);
      expect([...data.subarray(4 * i, 4 * i + 4)]).toEqual([first, first + 1, first + 10, first + 11]);
    }
  }
  // All nine places of each cell, and none that crosses into another.
  for (const [i, corner] of corners.entries()) {
    const origin = 40 * Math.floor(i / 2) + 4 * (i % 2);
    expect([...corner].sort((a, b) => a - b)).toEqual([0, 1, 2, 10, 11, 12, 20, 21, 22].map((x) => origin + x));
  }
  await expect(preprocessImage("patch_grid", square(9))).rejects.toThrow(/needs an image of 255x255 \(3 cells of 85\)/);
  expect(() => preprocessing("patch_grid(3,8,9)")).toThrow(/a patch of 9 does not fit into a cell of 8/);
});

/** The patches of an image in row-major order, as text. */
function patchesOf({ data, height, width, channels }: PixelImage, patch: number): string[] {
  const found: string[] = [];
  for (let top = 0; top < height; top += patch) {
    for (let left = 0; left < width; left += patch) {
      const values: number[] = [];
      for (let y = top; y < top + patch; y++)
        for (let x = left; x < left + patch; x++)
          for (let c = 0; c < channels; c++) values.push(data[(y * width + x) * channels + c]!);
      found.push(values.join(" "));
    }
  }
  return found;
}

test("permute_patches puts the patches of all images into one order, shuffle_patches into one for each", async () => {
  const images = [1, 2, 3].map((seed) => noise(8, 12, 3, seed));
  // Where each patch of a result comes from.
  const orders = async (text: string) =>
    await Promise.all(
      images.map(async (image, seed) => {
        const from = patchesOf(image, 4);
        expect(new Set(from).size).toBe(6);
        return patchesOf(await preprocessImage(text, image, { seed }), 4).map((one) => from.indexOf(one));
      }),
    );
  const identity = [0, 1, 2, 3, 4, 5];
  const fixed = await orders("permute_patches(4)");
  expect(fixed[0]!.toSorted()).toEqual(identity);
  expect(fixed[0]).not.toEqual(identity);
  expect(fixed).toEqual([fixed[0], fixed[0], fixed[0]]);
  expect(await orders("permute_patches(4,seed=1)")).not.toEqual(fixed);
  const each = await orders("shuffle_patches(4)");
  for (const one of each) expect(one.toSorted()).toEqual(identity);
  expect(new Set(each.map(String)).size).toBe(3);
  expect(await orders("shuffle_patches(4)")).toEqual(each);
  await expect(preprocessImage("permute_patches(5)", images[0]!)).rejects.toThrow(
    "patches of 5x5 do not divide an image of 8x12; resize or crop it to a multiple of 5 first",
  );
});

test("standardise works on the image or on every block of rows", async () => {
  const image = rawImage(Uint8Array.from([0, 2, 4, 6, 50, 50, 50, 50]), 4, 2, 1);
  const blocks = [...(await preprocessImage("standardise(patch=2)", image)).data];
  // Mean 3, variance 5; a flat block is 0, not divided by 0.
  for (const [i, x] of [-3, -1, 1, 3].entries()) expect(blocks[i]).toBeCloseTo(x / Math.sqrt(5), 6);
  expect(blocks.slice(4)).toEqual([0, 0, 0, 0]);
  const whole = [...(await preprocessImage("standardise", image)).data];
  expect(whole.reduce((a, x) => a + x, 0)).toBeCloseTo(0, 5);
  expect(whole.reduce((a, x) => a + x * x, 0) / 8).toBeCloseTo(1, 5);
  // The floor of the deviation: 1 / sqrt(4) where the deviation of (0, 0, 0, 0.1) is 0.0433.
  const faint = { kind: "float", data: Float32Array.from([0, 0, 0, 0.1]), height: 2, width: 2, channels: 1 } as const;
  expect((await preprocessImage("standardise", faint)).data[3]).toBeCloseTo(0.075 * 2, 6);
  await expect(preprocessImage("standardise(3)", image)).rejects.toThrow(
    /height 4 is not divisible by the patch height 3/,
  );
});

test("randaug says where it belongs", async () => {
  await expect(preprocessImage("value_range(0,1)|randaug(2,10)", noise(4, 4))).rejects.toThrow(
    /randaug takes 8-bit pixels.*put it before value_range/,
  );
});

test("batches follow from the seed, whatever was read before, and differ between epochs", async () => {
  const source = await openUntilEnd("generated:shapes?size=16", { split: "train" });
  const text = 'decode|views(2,"random_crop(12)|randaug(2,10)|hsvnoise|grey_random|flip_lr")|standardise(12)';
  const load = async (skip: number) => {
    const loader = createLoader(source, { batchSize: 4, preprocessing: text, workers: 0, seed: 7 });
    for (let i = 0; i < skip; i++) await loader.next();
    const position = loader.position()!;
    const batch = (await loader.next())!;
    await loader.close();
    return { position, image: batch.image.slice(), shape: batch.shape };
  };
  const third = await load(2);
  expect(third.shape).toEqual([4, 24, 12, 3]);
  const resumed = createLoader(source, {
    batchSize: 4,
    preprocessing: text,
    workers: 0,
    seed: 7,
    position: third.position,
  });
  expect((await resumed.next())!.image).toEqual(third.image);
  await resumed.close();
  expect((await load(1)).image).not.toEqual(third.image);
});
