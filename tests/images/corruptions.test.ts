/** The common corruptions against plain implementations, statistics and values worked by hand. */
import { describe, expect, test } from "vitest";
import { openSource } from "../../src/data/index.js";
import { diskKernel, zoomFactors } from "../../src/images/corruptions/blur.js";
import { gaussianBlur, inside, motionBlur, poisson } from "../../src/images/corruptions/unit.js";
import { plasmaFractal } from "../../src/images/corruptions/weather.js";
import {
  type CorruptionName,
  corrupt,
  corruption,
  corruptionNames,
  describePreprocessing,
  preprocessImage,
  type RawImage,
  rawImage,
  severities,
  severityTableFor,
} from "../../src/images/index.js";
import { createRandom } from "../../src/random/keyed.js";

const flat = (value: number, side = 64, channels = 3): RawImage =>
  rawImage(new Uint8Array(side * side * channels).fill(value), side, side, channels);

async function photo(side: number, channels: 1 | 3 = 3): Promise<RawImage> {
  const source = await openSource("embedded:clothing");
  const { image } = await source.get(0);
  await source.close();
  return (await preprocessImage(`decode_resize(${side})${channels === 1 ? "|grey" : ""}`, image)) as RawImage;
}

const apply = async (name: CorruptionName, severity: 1 | 2 | 3 | 4 | 5, image: RawImage, seed = 0): Promise<RawImage> =>
  await corruption(name, severity, severityTableFor(image.height))(image, createRandom("test", seed));

const difference = (a: RawImage, b: RawImage): number =>
  a.data.reduce((sum, x, i) => sum + Math.abs(x - b.data[i]!), 0) / a.data.length;

const moments = (values: ArrayLike<number>) => {
  const all = Array.from(values);
  const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
  return { mean, variance: all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / all.length };
};

const drawn = new Set<CorruptionName>([
  "gaussian_noise",
  "shot_noise",
  "impulse_noise",
  "glass_blur",
  "motion_blur",
  "snow",
  "frost",
  "fog",
  "elastic_transform",
]);

describe.each(corruptionNames)("%s", (name) => {
  test("changes more at severity 5 than at 1, keeps the size, draws from its generator alone", async () => {
    const image = await photo(64);
    const before = image.data.slice();
    const [mild, harsh] = [await apply(name, 1, image), await apply(name, 5, image)];
    expect(image.data).toEqual(before);
    expect([harsh.height, harsh.width, harsh.channels]).toEqual([64, 64, 3]);
    expect(difference(mild, image)).toBeGreaterThan(0.2);
    // elastic maps of severity 5 are rough where those of severity 1 are far: neither is more in pixels
    if (name !== "elastic_transform") expect(difference(harsh, image)).toBeGreaterThan(1.3 * difference(mild, image));
    expect((await apply(name, 5, image)).data).toEqual(harsh.data);
    expect(difference(await apply(name, 5, image, 1), harsh) > 0).toBe(drawn.has(name));
  });

  test("takes images that are grey, and not square", async () => {
    const grey = await photo(40, 1);
    const wide = { ...grey, height: 25, width: 64 };
    const out = await apply(name, 3, wide);
    expect([out.height, out.width, out.channels, out.data.length]).toEqual([25, 64, 1, 1600]);
  });
});

test("noises have the deviations and shares of the authors' constants", async () => {
  const grey = flat(128, 96);
  const gaussian = moments((await corruption("gaussian_noise", 1)(grey, createRandom("noise"))).data);
  // cut off to bytes: half a level less on average
  expect(gaussian.mean).toBeCloseTo(127.5, 0);
  expect(Math.sqrt(gaussian.variance) / 255).toBeCloseTo(0.08, 2);
  const photons = moments((await corruption("shot_noise", 1)(grey, createRandom("noise"))).data);
  expect(Math.sqrt(photons.variance) / 255).toBeCloseTo(Math.sqrt(128 / 255 / 60), 2);
  const lost = (await corruption("impulse_noise", 5)(grey, createRandom("noise"))).data;
  const count = (value: number): number => lost.filter((x) => x === value).length / lost.length;
  expect(count(0)).toBeCloseTo(0.135, 2);
  expect(count(255)).toBeCloseTo(0.135, 2);
  expect(count(128)).toBeCloseTo(0.73, 2);
});

test.each([0.3, 5, 60, 500])("Poisson draws of mean %d have that mean and variance", (mean) => {
  const random = createRandom("poisson");
  const { mean: found, variance } = moments(Array.from({ length: 20_000 }, () => poisson(mean, random)));
  expect(Math.abs(found - mean)).toBeLessThan(4 * Math.sqrt(mean / 20_000));
  expect(variance / mean).toBeCloseTo(1, 1);
  expect(poisson(0, random)).toBe(0);
});

test("zooms are numbered as numpy numbers them, whose rounding adds the end to some", () => {
  expect(
    (
      [
        [1.11, 0.01],
        [1.16, 0.01],
        [1.21, 0.02],
        [1.26, 0.02],
        [1.31, 0.03],
        [1.06, 0.01],
      ] as const
    ).map((range) => zoomFactors(range).length),
  ).toEqual([12, 16, 11, 13, 11, 7]);
});

test("what lies outside is the nearest pixel, or mirrored about the edge or about the last pixel", () => {
  const places = [-5, -2, -1, 0, 3, 4, 5, 9];
  expect(places.map((i) => inside(i, 4, "nearest"))).toEqual([0, 0, 0, 0, 3, 3, 3, 3]);
  expect(places.map((i) => inside(i, 4, "reflect"))).toEqual([3, 1, 0, 0, 3, 3, 2, 1]);
  expect(places.map((i) => inside(i, 4, "mirror"))).toEqual([1, 2, 1, 0, 3, 2, 1, 3]);
});

test.each([
  ["nearest", 1.1, 4],
  ["reflect", 6, 3],
] as const)("the Gaussian blur with border %s is the plain sum over both axes", (border, sigma, truncate) => {
  const random = createRandom("blur");
  const [height, width, channels] = [7, 9, 2];
  const data = Float64Array.from({ length: height * width * channels }, () => random.uniform());
  const out = gaussianBlur({ data, height, width, channels }, sigma, truncate, border).data;
  const radius = Math.trunc(truncate * sigma + 0.5);
  const weight = (d: number): number => Math.exp((-d * d) / (2 * sigma * sigma));
  let total = 0;
  for (let d = -radius; d <= radius; d++) total += weight(d);
  for (const [y, x, c] of [
    [0, 0, 0],
    [3, 8, 1],
    [6, 4, 0],
  ] as const) {
    let sum = 0;
    for (let dy = -radius; dy <= radius; dy++) {
      for (let dx = -radius; dx <= radius; dx++) {
        const at = (inside(y + dy, height, border) * width + inside(x + dx, width, border)) * channels + c;
        sum += (weight(dy) * weight(dx) * data[at]!) / (total * total);
      }
    }
    expect(out[(y * width + x) * channels + c]).toBeCloseTo(sum, 10);
  }
});

test("the disk of defocus is round, as large as its radius says, and sums to about 1", () => {
  for (const [radius, alias] of [
    [3, 0.1],
    [10, 0.5],
  ] as const) {
    const kernel = diskKernel(radius, alias);
    // mirrored at the grid's edge, the tips of the largest disks count a little more
    expect(kernel.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, radius === 3 ? 6 : 1);
    const at = (dy: number, dx: number): number => kernel.find((k) => k.dy === dy && k.dx === dx)?.weight ?? 0;
    expect(at(0, radius)).toBeCloseTo(at(radius, 0), 12);
    expect(at(0, radius - 2)).toBeCloseTo(at(0, 0), 3);
    expect(at(0, radius + 3)).toBe(0);
  }
});

test("motion blur smears a point along its direction, one way, by a Gaussian's weights", () => {
  const point = new Float64Array(11 * 11);
  point[5 * 11 + 8] = 1;
  const image = { data: point, height: 11, width: 11, channels: 1 };
  const weights = Array.from({ length: 7 }, (_, i) => Math.exp(-(i * i) / 8));
  const total = weights.reduce((sum, x) => sum + x, 0);
  const across = motionBlur(image, 3, 2, 0).data;
  for (let i = 0; i < 7; i++) expect(across[5 * 11 + 8 - i]).toBeCloseTo(weights[i]! / total, 2);
  expect(across.filter((x) => x > 0).length).toBe(7);
  const down = motionBlur(image, 3, 2, 90).data;
  expect([...down.keys()].filter((i) => down[i]! > 0).map((i) => i % 11)).toEqual(new Array(6).fill(8));
});

test("brightness keeps hue and saturation; contrast keeps the mean of each channel", async () => {
  const image = rawImage(Uint8Array.of(100, 50, 0, 0, 0, 0, 240, 120, 60), 1, 3, 3);
  // value + 0.3: 100 -> 176.5, 240 -> 255
  expect([...(await apply("brightness", 3, { ...image })).data]).toEqual([138, 69, 0, 38, 38, 38, 255, 127, 63]);
  expect([...(await corruption("brightness", 3)(image, createRandom(1))).data]).toEqual([
    176, 88, 0, 76, 76, 76, 255, 127, 63,
  ]);
  const two = rawImage(Uint8Array.of(0, 200), 1, 2, 1);
  expect([...(await corruption("contrast", 1)(two, createRandom(1))).data]).toEqual([60, 140]);
});

test("pixelate averages and repeats", async () => {
  const values = [0, 10, 100, 200, 20, 30, 100, 200, 1, 1, 255, 255, 1, 1, 255, 255];
  const image = rawImage(Uint8Array.from(values), 4, 4, 1);
  const out = [...(await corruption("pixelate", 2)(image, createRandom(1))).data];
  expect(out).toEqual([15, 15, 150, 150, 15, 15, 150, 150, 1, 1, 255, 255, 1, 1, 255, 255]);
});

test("fog is thinnest somewhere and thickest elsewhere, and meets itself over the edges", () => {
  const side = 64;
  const plasma = plasmaFractal(side, 3, createRandom("plasma"));
  expect([Math.min(...plasma), Math.max(...plasma)]).toEqual([0, 1]);
  // neighbours differ little, across the edge as well
  const steps = (dx: number, columns: number[]): number =>
    moments(
      columns.flatMap((x) =>
        Array.from({ length: side }, (_, y) => plasma[y * side + x]! - plasma[y * side + ((x + dx) % side)]!),
      ),
    ).variance;
  const columns = Array.from({ length: side }, (_, x) => x);
  expect(steps(1, columns)).toBeLessThan(0.1 * steps(32, columns));
  expect(steps(1, [side - 1])).toBeLessThan(0.1 * steps(32, columns));
});

test("as an op of the string form", async () => {
  const image = await photo(32);
  const op = corrupt("gaussian_noise", 2, "cifar");
  expect(describePreprocessing([op])).toBe("corrupt(gaussian_noise,2,table=cifar)");
  const once = await preprocessImage([op], image, { seed: 3 });
  expect((await preprocessImage("corrupt(gaussian_noise,2,table=cifar)", image, { seed: 3 })).data).toEqual(once.data);
  expect((await preprocessImage([op], image, { seed: 4 })).data).not.toEqual(once.data);
  expect((await preprocessImage("corrupt(jpeg_compression,5)", image)).kind).toBe("raw");
  await expect(preprocessImage("value_range(-1,1)|corrupt(fog,1)", image)).rejects.toThrow(/8-bit pixels/);
  await expect(preprocessImage("corrupt(rain,1)", image)).rejects.toThrow(/"name" must be one of gaussian_noise/);
  await expect(preprocessImage("corrupt(fog,6)", image)).rejects.toThrow(/"severity" must be one of 1, 2, 3, 4, 5/);
  expect(severities.length).toBe(5);
  expect([32, 44, 64, 119, 120, 480].map(severityTableFor)).toEqual([
    "cifar",
    "cifar",
    "tiny-imagenet",
    "tiny-imagenet",
    "imagenet",
    "imagenet",
  ]);
});
