/** Preprocessing pipelines: their string form, every op, and their errors. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AnyImage,
  applyPreprocessing,
  customOp,
  type DataRecord,
  definePreprocessing,
  describePreprocessing,
  ExampleError,
  exampleRandom,
  listOps,
  type PixelImage,
  preprocessImage,
  preprocessing,
  type RawImage,
  rawImage,
} from "../../src/images/index.js";
import { roundToEven, sampleCrop } from "../../src/images/preprocessing/crop-sampler.js";
import { splitPreprocessing } from "../../src/images/preprocessing/pipeline.js";
import { createRandom } from "../../src/random/keyed.js";
import { flat } from "../support/pictures.js";

/** An image whose pixels name their place: value = 16 * row + column. */
function grid(height: number, width: number, channels = 1): RawImage {
  const data = Uint8Array.from({ length: height * width * channels }, (_, i) => {
    const place = Math.floor(i / channels);
    return 16 * Math.floor(place / width) + (place % width);
  });
  return rawImage(data, height, width, channels);
}

async function run(pipeline: string, image: AnyImage, seed = 0, label: DataRecord["label"] = 0): Promise<DataRecord> {
  return applyPreprocessing(preprocessing(pipeline), { id: "picture", image, label }, createRandom("test", seed));
}

async function pixels(pipeline: string, image: AnyImage, seed = 0): Promise<PixelImage> {
  const { image: out } = await run(pipeline, image, seed);
  if (out.kind === "encoded") throw new Error("still encoded");
  return out;
}

test("value_range maps 0 to -1 and 255 to 1 in the float32 steps of the reference", async () => {
  const image = rawImage(
    Uint8Array.from({ length: 256 }, (_, i) => i),
    16,
    16,
    1,
  );
  const out = await pixels("value_range(-1,1)", image);
  const expected = Float32Array.from({ length: 256 }, (_, i) => Math.fround(Math.fround(Math.fround(i / 255) * 2) - 1));
  expect(out.kind).toBe("float");
  expect(out.data).toEqual(expected);
  expect([out.data[0], out.data[255]]).toEqual([-1, 1]);
  expect((await pixels("value_range(0,1)", image)).data[51]).toBe(Math.fround(0.2));
  expect((await pixels("value_range(0,10,100,200)", image)).data[150]).toBe(5);
});

test("value_range by channel: the op, the loader's table, and an image of other channels", async () => {
  const text = "value_range((-1,0,-2),(1,4,2))";
  expect(describePreprocessing(text)).toBe(text);
  const out = await pixels(text, rawImage(Uint8Array.of(0, 51, 255, 255, 0, 51), 1, 2, 3));
  const expected = [-1, 0.8, 2, 1, 0, -1.2];
  for (const [i, value] of expected.entries()) expect(out.data[i]).toBeCloseTo(value, 6);
  const { lookup } = splitPreprocessing(preprocessing(text));
  expect(lookup).toHaveLength(768);
  expect([lookup![0], lookup![256 + 51], lookup![512 + 255]]).toEqual([...out.data.slice(0, 3)]);
  await expect(pixels(text, rawImage(Uint8Array.of(1, 2), 1, 2, 1))).rejects.toThrow(
    /numbers for 3 channels, the image has 1; put to_rgb or grey/,
  );
});

test("the loader's table for value_range holds the same numbers as the op, and only stands in for a single last one", async () => {
  const image = rawImage(
    Uint8Array.from({ length: 256 }, (_, i) => i),
    16,
    16,
    1,
  );
  const { lookup, fixed, rest } = splitPreprocessing(preprocessing("decode(0)|flip_lr|value_range(-2,3)|onehot(4)"));
  expect(lookup).toEqual((await pixels("value_range(-2,3)", image)).data);
  expect(describePreprocessing(fixed)).toBe("decode(0)");
  expect(describePreprocessing(rest)).toBe("flip_lr|onehot(4)");
  expect(splitPreprocessing(preprocessing("value_range(0,1)|value_range(0,1,0,1)")).lookup).toBeUndefined();
  expect(splitPreprocessing(preprocessing("value_range(0,1)|resize(4)")).lookup).toBeUndefined();
});

test("central_crop starts at half of what is left over, rounded down", async () => {
  const out = await pixels("central_crop(2,3)", grid(5, 6));
  expect([...out.data]).toEqual([17, 18, 19, 33, 34, 35]);
  const square = await pixels("central_crop", grid(3, 6));
  expect([square.height, square.width, square.data[0]]).toEqual([3, 3, 1]);
  await expect(run("central_crop(8)", grid(5, 6))).rejects.toThrow(
    "picture: central_crop of 8x8 does not fit into the 5x6 image; resize first",
  );
});

test("resize_small brings the smaller side to the size and rounds the other half to even", async () => {
  const shape = async (h: number, w: number, small: number) => {
    const { height, width } = await pixels(`resize_small(${small})`, grid(h, w));
    return [height, width];
  };
  expect(await shape(10, 15, 5)).toEqual([5, 8]);
  expect(await shape(15, 10, 3)).toEqual([4, 3]);
  expect(await shape(4, 10, 1)).toEqual([1, 2]);
  expect(await shape(1, 1, 7)).toEqual([7, 7]);
  expect([0.5, 1.5, 2.5, 2.4, 2.6].map(roundToEven)).toEqual([0, 2, 2, 2, 3]);
});

test("random_crop takes every place, the last one too, equally often", async () => {
  const counts = new Map<number, number>();
  for (let seed = 0; seed < 1200; seed++) {
    const { data, height, width } = await pixels("random_crop(3)", grid(4, 5), seed);
    expect([height, width]).toEqual([3, 3]);
    counts.set(data[0]!, (counts.get(data[0]!) ?? 0) + 1);
  }
  expect([...counts.keys()].sort((a, b) => a - b)).toEqual([0, 1, 2, 16, 17, 18]);
  // 200 expected, standard deviation 13.
  for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(66);
  await expect(run("random_crop(6)", grid(4, 5))).rejects.toBeInstanceOf(ExampleError);
});

test("flip_lr mirrors every image or none where its probability is 1 or 0", async () => {
  for (let seed = 0; seed < 20; seed++) {
    expect((await pixels("flip_lr(1)", grid(2, 2), seed)).data[0]).toBe(1);
    expect((await pixels("flip_lr(0)", grid(2, 2), seed)).data[0]).toBe(0);
  }
  expect(describePreprocessing(preprocessing("flip_lr(0.5)|flip_lr(1)"))).toBe("flip_lr|flip_lr(1)");
  expect(() => preprocessing("flip_lr(2)")).toThrow(/flip_lr/);
});

test("flip_lr mirrors about half of the images", async () => {
  let flipped = 0;
  for (let seed = 0; seed < 400; seed++) flipped += (await pixels("flip_lr", grid(2, 2), seed)).data[0] === 1 ? 1 : 0;
  expect(Math.abs(flipped - 200)).toBeLessThan(50);
});

test("the crop sampler keeps to its limits", () => {
  const side = fc.integer({ min: 1, max: 400 });
  fc.assert(
    fc.property(side, side, fc.integer({ min: 1, max: 99 }), fc.nat(), (height, width, least, seed) => {
      const limits = { areaMin: least / 100, areaMax: 1, ratioMin: 0.75, ratioMax: 1.33 };
      const box = sampleCrop(height, width, limits, createRandom(seed));
      expect(box.top).toBeGreaterThanOrEqual(0);
      expect(box.left).toBeGreaterThanOrEqual(0);
      expect(box.top + box.height).toBeLessThanOrEqual(height);
      expect(box.left + box.width).toBeLessThanOrEqual(width);
      const isWhole = box.height === height && box.width === width;
      if (isWhole) return;
      expect(box.height * box.width).toBeGreaterThanOrEqual(limits.areaMin * height * width);
      // width = round(height * ratio), so the ratio is met within half a pixel of width.
      expect(box.width).toBeGreaterThanOrEqual(box.height * limits.ratioMin - 0.5);
      expect(box.width).toBeLessThanOrEqual(box.height * limits.ratioMax + 0.5);
    }),
  );
});

test("the crop sampler draws heights evenly, as TensorFlow's kernel and not as torchvision", () => {
  const limits = { areaMin: 0.05, areaMax: 1, ratioMin: 1, ratioMax: 1 };
  const random = createRandom("heights");
  const counts = new Map<number, number>();
  for (let i = 0; i < 16_000; i++) {
    const { height, width } = sampleCrop(20, 20, limits, random);
    expect(width).toBe(height);
    counts.set(height, (counts.get(height) ?? 0) + 1);
  }
  // From round(sqrt(0.05) * 20) = 4, whose area 16 is below the 20 asked for and becomes 5, to 20.
  expect([...counts.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => i + 5));
  // 17 draws: 5 twice as often as each other height.
  for (const [height, count] of counts)
    expect(Math.abs(count - (height === 5 ? 2 : 1) * (16_000 / 17))).toBeLessThan(220);
});

test("an impossible crop ends as the whole image", () => {
  const limits = { areaMin: 0.9, areaMax: 1, ratioMin: 0.75, ratioMax: 1.33 };
  expect(sampleCrop(10, 1000, limits, createRandom(1))).toEqual({ top: 0, left: 0, height: 10, width: 1000 });
});

test("inception_crop gives the size asked for, and without one the crop itself", async () => {
  const out = await pixels("inception_crop(7)", grid(9, 12, 3), 3);
  expect([out.height, out.width, out.channels]).toEqual([7, 7, 3]);
  const all = await pixels("inception_crop(6,area_min=100,ratio_min=1,ratio_max=1)", grid(6, 6));
  expect(all.data).toEqual(grid(6, 6).data);
});

test("onehot sets one target, or one for each of several labels", async () => {
  const vector = async (text: string, label: DataRecord["label"]) => [
    ...(await run(text, grid(2, 2), 0, label)).labels!,
  ];
  expect(await vector("onehot(4)", 2)).toEqual([0, 0, 1, 0]);
  expect(await vector("onehot(4)", [0, 3])).toEqual([1, 0, 0, 1]);
  expect(await vector("onehot(3,on=2,off=-1)", 1)).toEqual([-1, 2, -1]);
  await expect(run("onehot(3)", grid(2, 2), 0, 3)).rejects.toThrow(
    "onehot(3) cannot hold the label 3 of picture; labels must be whole numbers from 0 to 2",
  );
});

test("keep drops the other fields", async () => {
  const kept = await run("onehot(2)|keep(image,labels)", grid(2, 2), 0, 1);
  expect([kept.label, [...kept.labels!]]).toEqual([-1, [0, 1]]);
  expect((await run("onehot(2)|keep(image,label)", grid(2, 2), 0, 1)).labels).toBeUndefined();
});

test("grey and to_rgb change channels", async () => {
  const colour = rawImage(Uint8Array.of(200, 50, 10), 1, 1, 3);
  expect([...(await pixels("grey", colour)).data]).toEqual([90]);
  expect([...(await pixels("grey|to_rgb", colour)).data]).toEqual([90, 90, 90]);
  expect([...(await pixels("decode", grid(1, 2))).data]).toEqual([0, 0, 0, 1, 1, 1]);
  expect((await pixels("decode(0)", grid(1, 2))).channels).toBe(1);
});

test("ops leave the record they are given alone", async () => {
  const image = grid(6, 6, 3);
  const before = image.data.slice();
  const record = Object.freeze({ id: "picture", image: Object.freeze(image), label: 1 });
  for (const { name } of listOps()) {
    const text =
      {
        resize: "resize(4)",
        resize_small: "resize_small(4)",
        decode_resize: "decode_resize(4)",
        random_crop: "random_crop(4)",
        onehot: "onehot(3)",
        keep: "keep(image)",
        randaug: "randaug(4,10)",
        augreg: "augreg(light1)",
        corrupt: "corrupt(fog,3)",
        rotate90: "rotate90(1)",
        patch_grid: "patch_grid(2,3,2)",
        permute_patches: "permute_patches(3)",
        shuffle_patches: "shuffle_patches(3)",
        views: 'views(2,"random_crop(4)|hsvnoise")',
        branches: 'branches("random_crop(4)","central_crop(4)")',
      }[name] ?? name;
    await applyPreprocessing(preprocessing(text), record, createRandom(1));
    expect(image.data).toEqual(before);
  }
});

test("a missing decode is said", async () => {
  const encoded = { kind: "encoded", bytes: await flat(9) } as const;
  await expect(run("resize(4)", encoded)).rejects.toThrow(
    "resize needs pixels, but the image is still an encoded file; put decode before it",
  );
  await expect(preprocessImage("", encoded)).rejects.toThrow(/does not decode; put decode first/);
});

test("preprocessImage prepares one picture, the same for the same seed", async () => {
  const encoded = { kind: "encoded", bytes: await flat(255) } as const;
  const image = await preprocessImage("decode|resize(4)|value_range(-1,1)", encoded);
  expect([image.kind, image.height, [...new Set(image.data)]]).toEqual(["float", 4, [1]]);
  const crop = (seed: number) => preprocessImage("random_crop(2)", grid(9, 9), { seed });
  expect(await crop(3)).toEqual(await crop(3));
});

test("an op of one's own runs among the others", async () => {
  const invert = customOp("invert", (record) => {
    const { image } = record;
    return image.kind === "raw" ? { ...record, image: { ...image, data: image.data.map((x) => 255 - x) } } : record;
  });
  const out = await applyPreprocessing(
    preprocessing("decode", invert, "value_range(0,1)"),
    { id: "x", image: grid(1, 1), label: 0 },
    createRandom(1),
  );
  expect(out.image.kind === "float" && out.image.data[0]).toBe(1);
});

test("the numbers of an example follow from seed, epoch, index and attempt, each of them", () => {
  const first = [
    exampleRandom(1, 2, 3),
    exampleRandom(2, 2, 3),
    exampleRandom(1, 3, 3),
    exampleRandom(1, 2, 4),
    exampleRandom(1, 2, 3, 1),
  ].map((r) => r.next());
  expect(new Set(first).size).toBe(5);
  expect(exampleRandom(1, 2, 3).next()).toBe(first[0]);
});

describe("torchvision's whole pixels", () => {
  // Every pixel tells where it is: its column in red, its row in green.
  const places = (height: number, width: number) => {
    const data = new Uint8Array(height * width * 3);
    for (let i = 0; i < height * width; i++) data.set([i % width, Math.floor(i / width), 0], 3 * i);
    return rawImage(data, height, width, 3);
  };

  // Python: int(256 * max(h, w) / min(h, w)), and round(256 * ...) beside it
  test.each([
    [427, 640, 383, 384],
    [333, 500, 384, 384],
    [300, 400, 341, 341],
    [375, 500, 341, 341],
    [101, 230, 582, 583],
  ])("the longer side of %d x %d", async (height, width, floor, even) => {
    const image = places(height, width);
    const sides = async (text: string) => {
      const resized = await preprocessImage(text, image);
      return [resized.height, resized.width];
    };
    expect(await sides("resize_small(256,rounding=floor)")).toEqual([256, floor]);
    expect(await sides("resize_small(256)")).toEqual([256, even]);
  });

  // Python: round((w - 4) / 2.0), and (w - 4) // 2 beside it
  test.each([
    [9, 2, 2],
    [11, 4, 3],
    [13, 4, 4],
    [15, 6, 5],
    [10, 3, 3],
  ])("the middle of %d columns", async (width, even, floor) => {
    const left = async (text: string) => (await preprocessImage(text, places(4, width))).data[0];
    expect(await left("central_crop(4,rounding=even)")).toBe(even);
    expect(await left("central_crop(4)")).toBe(floor);
  });

  test("is kept in the string form", () => {
    const text =
      "decode|resize_small(256,method=bicubic,antialias=true,rounding=floor)|central_crop(224,rounding=even)";
    expect(describePreprocessing(preprocessing(text))).toBe(text);
  });
});

test("a user-defined stage is named in the string form", async () => {
  const invert = definePreprocessing({
    name: "inverted",
    random: false,
    apply: (image) => (image.kind === "raw" ? { ...image, data: image.data.map((value) => 255 - value) } : image),
  });
  expect(invert).toBe('custom("inverted","1")');
  const pipeline = preprocessing(`decode|${invert}|keep("image")`);
  expect(describePreprocessing(pipeline)).toContain('|custom("inverted","1")|');
  expect(pipeline.map(({ registered, random }) => [registered, random])).toEqual([
    [true, false],
    [false, false],
    [true, false],
  ]);
  const image = await preprocessImage(`decode|${invert}`, rawImage(Uint8Array.of(0, 100, 255), 1, 1, 3));
  expect([...image.data]).toEqual([255, 155, 0]);
  expect(() => preprocessing('decode|custom("inverted","2")')).toThrow(
    /"inverted" has version "1" here; expected version "2"/,
  );
  expect(() => preprocessing('decode|custom("invertd","1")')).toThrow(
    /did you mean "inverted"\?; first import the file/,
  );
  expect(() => preprocessing("decode|custom")).toThrow(/expected custom\("NAME","VERSION"\)/);
});
