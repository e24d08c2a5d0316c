/** RandAugment's sixteen ops against plain implementations written from papers.md 5.7, and against values worked by hand. */
import { expect, test } from "vitest";
import { contrast } from "../../src/images/augment/pointwise.js";
import { preprocessImage, type RawImage, randaug, randaugOps, rawImage } from "../../src/images/index.js";
import { createRandom } from "../../src/random/keyed.js";

const still = createRandom("not drawn from");

function noise(height: number, width: number, channels = 3, seed = 0): RawImage {
  const random = createRandom("noise", seed);
  return rawImage(
    Uint8Array.from({ length: height * width * channels }, () => random.integer(256)),
    height,
    width,
    channels,
  );
}

/** A grey row of values. */
const row = (...values: number[]): RawImage => rawImage(Uint8Array.from(values), 1, values.length, 1);
const column = (...values: number[]): RawImage => rawImage(Uint8Array.from(values), values.length, 1, 1);
const apply = (name: string, image: RawImage, argument: number, random = still): number[] => [
  ...randaugOps[name]!.apply(image, argument, random).data,
];

type Plain = (at: (y: number, x: number, c: number) => number | undefined, image: RawImage, argument: number) => Pixel;
type Pixel = (y: number, x: number, c: number) => number;

const f = Math.fround;
const cast = (x: number): number => Math.trunc(Math.min(255, Math.max(0, x)));
const blend = (degenerate: number, x: number, factor: number): number =>
  cast(f(degenerate + f(f(factor) * (x - degenerate))));
/** C's round: halves away from zero. */
const nearest = (x: number): number => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);
const luma = (r: number, g: number, b: number): number =>
  Math.trunc(
    f(
      255.5 *
        f(f(f(f(0.2989) * f(r * f(1 / 255))) + f(f(0.587) * f(g * f(1 / 255)))) + f(f(0.114) * f(b * f(1 / 255)))),
    ),
  );

const values = (image: RawImage): number[][] =>
  [0, 1, 2].map((c) => [...image.data].filter((_, i) => i % image.channels === c));

const plain: Record<string, Plain> = {
  AutoContrast: (at, image) => {
    const ranges = values(image).map((all) => [Math.min(...all), Math.max(...all)] as const);
    return (y, x, c) => {
      const [low, high] = ranges[c]!;
      const scale = f(255 / (high - low));
      return high > low ? cast(f(f(at(y, x, c)! * scale) - f(low * scale))) : low;
    };
  },
  Equalize: (at, image) => {
    const channels = values(image).map((all) => all.sort((a, b) => a - b));
    return (y, x, c) => {
      const all = channels[c]!;
      const value = at(y, x, c)!;
      const step = Math.floor(all.indexOf(all.at(-1)!) / 255);
      if (step === 0) return value;
      return value === 0 ? 0 : Math.min(255, Math.floor((all.indexOf(value) + Math.floor(step / 2)) / step));
    };
  },
  Invert: (at) => (y, x, c) => 255 - at(y, x, c)!,
  Posterize: (at, _, bits) => (y, x, c) => {
    const kept = 2 ** (8 - Math.min(8, Math.max(1, bits)));
    return Math.floor(at(y, x, c)! / kept) * kept;
  },
  Solarize: (at, _, threshold) => (y, x, c) => (at(y, x, c)! < threshold ? at(y, x, c)! : 255 - at(y, x, c)!),
  SolarizeAdd: (at, _, add) => (y, x, c) => (at(y, x, c)! < 128 ? cast(at(y, x, c)! + add) : at(y, x, c)!),
  Color: (at, _, factor) => (y, x, c) => blend(luma(at(y, x, 0)!, at(y, x, 1)!, at(y, x, 2)!), at(y, x, c)!, factor),
  Contrast: (at, image, factor) => (y, x, c) => blend(cast((image.height * image.width) / 256), at(y, x, c)!, factor),
  Brightness: (at, _, factor) => (y, x, c) => blend(0, at(y, x, c)!, factor),
  Sharpness: (at, _, factor) => (y, x, c) => {
    let sum = 4 * at(y, x, c)!;
    for (const dy of [-1, 0, 1])
      for (const dx of [-1, 0, 1]) {
        const neighbour = at(y + dy, x + dx, c);
        if (neighbour === undefined) return at(y, x, c)!;
        sum += neighbour;
      }
    return blend(Math.floor(sum / 13), at(y, x, c)!, factor);
  },
  Rotate: (at, { width, height }, degrees) => {
    // The offsets of TensorFlow Addons' matrix: half of what the last pixel moves by.
    const [w, h, angle] = [width - 1, height - 1, f((degrees / 180) * Math.PI)];
    const [cos, sin] = [f(Math.cos(angle)), f(Math.sin(angle))];
    const dx = f(f(w - f(f(cos * w) - f(sin * h))) / 2);
    const dy = f(f(h - f(f(sin * w) + f(cos * h))) / 2);
    return (y, x, c) =>
      at(nearest(f(f(f(sin * x) + f(cos * y)) + dy)), nearest(f(f(f(cos * x) - f(sin * y)) + dx)), c) ?? 128;
  },
  ShearX: (at, _, s) => (y, x, c) => at(y, nearest(f(x + f(f(s) * y))), c) ?? 128,
  ShearY: (at, _, s) => (y, x, c) => at(nearest(f(y + f(f(s) * x))), x, c) ?? 128,
  TranslateX: (at, _, pixels) => (y, x, c) => at(y, nearest(x + pixels), c) ?? 128,
  TranslateY: (at, _, pixels) => (y, x, c) => at(nearest(y + pixels), x, c) ?? 128,
};

test("there are sixteen ops; every one but Cutout has a plain implementation here", () => {
  expect(Object.keys(randaugOps)).toEqual(
    "AutoContrast Equalize Invert Rotate Posterize Solarize Color Contrast Brightness Sharpness ShearX ShearY TranslateX TranslateY Cutout SolarizeAdd".split(
      " ",
    ),
  );
  expect(Object.keys(plain).sort()).toEqual(
    Object.keys(randaugOps)
      .filter((name) => name !== "Cutout")
      .sort(),
  );
});

test.each(Object.keys(plain))("%s agrees with the plain implementation at every level", (name) => {
  const op = randaugOps[name]!;
  const narrow = noise(19, 23, 3, 2);
  // Few values and many pixels: Equalize needs more than 255 below the greatest, AutoContrast a range to stretch.
  for (let i = 0; i < narrow.data.length; i++) narrow.data[i] = 60 + (narrow.data[i]! % 90);
  for (const image of [noise(17, 24), narrow]) {
    const at = (y: number, x: number, c: number) =>
      y < 0 || x < 0 || y >= image.height || x >= image.width
        ? undefined
        : image.data[(y * image.width + x) * image.channels + c];
    for (const level of [0, 2, 5, 10, 15, 20]) {
      const random = createRandom("sign", level);
      const argument = op.argument(level, random);
      const before = image.data.slice();
      const found = op.apply(image, argument, random);
      expect(image.data).toEqual(before);
      const expected = plain[name]!(at, image, argument);
      const all = Uint8Array.from(found.data, (_, i) =>
        expected(Math.floor(i / 3 / image.width), Math.floor(i / 3) % image.width, i % 3),
      );
      expect(found.data, `level ${level}, argument ${argument}`).toEqual(all);
    }
  }
});

test("arguments at levels 0, 10 and 15 (papers.md 5.7)", () => {
  const at = (name: string) => [0, 10, 15].map((level) => Math.abs(randaugOps[name]!.argument(level, createRandom(1))));
  expect(at("Rotate")).toEqual([0, 30, 45]);
  expect(at("Posterize")).toEqual([0, 4, 6]);
  expect(at("Solarize")).toEqual([0, 256, 384]);
  expect(at("SolarizeAdd")).toEqual([0, 110, 165]);
  expect(at("Cutout")).toEqual([0, 40, 60]);
  expect(at("TranslateX")).toEqual([0, 100, 150]);
  for (const name of ["Color", "Contrast", "Brightness", "Sharpness"]) {
    expect(at(name)[0]).toBe(0.1);
    expect(at(name)[1]).toBeCloseTo(1.9, 12);
    expect(at(name)[2]).toBeCloseTo(2.8, 12);
  }
  expect(at("ShearY")[2]).toBeCloseTo(0.45, 12);
  const random = createRandom("signs");
  const signs = Array.from({ length: 400 }, () => Math.sign(randaugOps["Rotate"]!.argument(10, random)));
  expect(signs.filter((sign) => sign > 0).length).toBeGreaterThan(160);
  expect(signs.filter((sign) => sign < 0).length).toBeGreaterThan(160);
});

test("values worked by hand", () => {
  expect(apply("Invert", row(0, 7, 255), 0)).toEqual([255, 248, 0]);
  expect(apply("Posterize", row(0, 15, 16, 200, 255), 4)).toEqual([0, 0, 16, 192, 240]);
  expect(apply("Posterize", row(3, 200), 8)).toEqual([3, 200]);
  // Bits 0: TensorFlow's shift stops at 7.
  expect(apply("Posterize", row(0, 127, 128, 255), 0)).toEqual([0, 0, 128, 128]);
  expect(apply("Solarize", row(0, 127, 128, 255), 128)).toEqual([0, 127, 127, 0]);
  expect(apply("SolarizeAdd", row(0, 127, 128, 255), 165)).toEqual([165, 255, 128, 255]);
  expect(apply("Brightness", row(0, 100, 255), 0.1)).toEqual([0, 10, 25]);
  expect(apply("Brightness", row(0, 100, 255), 1.9)).toEqual([0, 190, 255]);
  expect(apply("Brightness", row(0, 100, 255), 1)).toEqual([0, 100, 255]);
  expect(apply("AutoContrast", row(50, 75, 100), 0)).toEqual([0, 127, 255]);
  expect(apply("AutoContrast", row(9, 9), 0)).toEqual([9, 9]);
  // Three pixels are fewer than 255: nothing to equalise. 510 of 0, 255 of 3, one of 9: step (766 - 1) / 255 = 3, tables 0,
  // (510 + 1) / 3 = 170, (765 + 1) / 3 = 255.
  expect(apply("Equalize", row(1, 2, 3), 0)).toEqual([1, 2, 3]);
  const many = row(...Array(510).fill(0), ...Array(255).fill(3), 9);
  expect([...new Set(apply("Equalize", many, 0))]).toEqual([0, 170, 255]);
  // Red 255: 0.2989 * 255.5 = 76.4; half way between it and the image.
  expect(apply("Color", rawImage(Uint8Array.from([255, 0, 0]), 1, 1, 3), 0.5)).toEqual([165, 38, 38]);
  // A lone 130 on black: 5 * 130 / 13 = 50 at its place and 10 beside it; only the middle pixel is no border.
  const lone = rawImage(Uint8Array.from([0, 0, 0, 0, 130, 0, 0, 0, 0]), 3, 3, 1);
  expect(apply("Sharpness", lone, 0.5)[4]).toBe(90);
  expect(apply("Sharpness", lone, 2)[4]).toBe(210);
  expect(apply("Sharpness", lone, 0.1)[1]).toBe(0);
});

test("Contrast blends with the number of pixels over 256, or with the mean", () => {
  const image = rawImage(new Uint8Array(32 * 32).fill(200), 32, 32, 1);
  expect(apply("Contrast", image, 0.5)[0]).toBe(102);
  expect(contrast(image, 0.5, "mean").data[0]).toBe(200);
  // 65 280 pixels: white.
  const large = rawImage(new Uint8Array(256 * 255), 256, 255, 1);
  expect(apply("Contrast", large, 0.5)[0]).toBe(127);
});

test("geometry worked by hand", () => {
  expect(apply("TranslateX", row(1, 2, 3, 4), 1)).toEqual([2, 3, 4, 128]);
  expect(apply("TranslateY", column(1, 2, 3, 4), -1)).toEqual([128, 1, 2, 3]);
  const nine = rawImage(Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]), 3, 3, 1);
  // Counter-clockwise: the right column becomes the top row.
  expect(apply("Rotate", nine, 90)).toEqual([3, 6, 9, 2, 5, 8, 1, 4, 7]);
  expect(apply("Rotate", nine, 180)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
  // About the top left pixel; half a pixel in row 1 is rounded away from zero, a whole one in row 2.
  expect(apply("ShearX", nine, 0.5)).toEqual([1, 2, 3, 5, 6, 128, 8, 9, 128]);
  expect(apply("ShearX", nine, -0.5)).toEqual([1, 2, 3, 128, 5, 6, 128, 7, 8]);
  expect(apply("ShearY", nine, 1)).toEqual([1, 5, 9, 4, 8, 128, 7, 128, 128]);
});

test("Cutout fills a square round a random pixel, cut at the borders", () => {
  const image = rawImage(new Uint8Array(12 * 10), 12, 10, 1);
  const seen = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const found = apply("Cutout", image, 2, createRandom("cutout", seed));
    const draws = createRandom("cutout", seed);
    const [y, x] = [draws.integer(12), draws.integer(10)];
    const inside = (i: number) => {
      const [dy, dx] = [Math.floor(i / 10) - y, (i % 10) - x];
      return dy >= -2 && dy < 2 && dx >= -2 && dx < 2;
    };
    expect(found).toEqual(found.map((_, i) => (inside(i) ? 128 : 0)));
    seen.add(y * 10 + x);
  }
  expect(seen.size).toBeGreaterThan(40);
  expect(apply("Cutout", image, 0, createRandom(1)).every((v) => v === 0)).toBe(true);
});

test("randaug applies every op about equally often and follows its generator alone", async () => {
  const image = noise(6, 7);
  const random = createRandom("counts");
  const one = randaug(1, 10);
  const counts = new Map<string, number>();
  for (let i = 0; i < 800; i++) {
    // The same draws, by hand.
    const key = ["draw", i] as const;
    const draws = createRandom(...key);
    const name = Object.keys(randaugOps)[draws.integer(16)]!;
    const op = randaugOps[name]!;
    const expected = op.apply(image, op.argument(10, draws), draws);
    expect(one(image, createRandom(...key)).data).toEqual(expected.data);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  expect(counts.size).toBe(16);
  for (const n of counts.values()) expect(n).toBeGreaterThan(20);
  expect(randaug(0, 10)(image, random)).toBe(image);
  expect(() => randaug(1, 10)(noise(4, 4, 2), random)).toThrow(/1 or 3 channels, not 2/);
  expect((await preprocessImage("augreg(medium1)", image, { seed: 3 })).data).toEqual(
    (await preprocessImage("randaug(2,15)", image, { seed: 3 })).data,
  );
  expect(await preprocessImage("augreg(none)", image)).toBe(image);
});
