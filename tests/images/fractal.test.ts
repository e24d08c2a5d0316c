/** Fractals: maps and chaos game against known systems, the search, instances, drawing, the set that specs open. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSource } from "../../src/data/index.js";
import { huePalette } from "../../src/images/generated/fractal/render.js";
import {
  areaProbabilities,
  categoryName,
  chaosGame,
  createOrbit,
  drawSystem,
  type FractalStyle,
  type FractalSystem,
  fillRate,
  findCategory,
  flips,
  fractalInstance,
  type RawImage,
  readCategories,
  renderFractal,
  weighted,
  weightings,
  writeCategories,
} from "../../src/images/index.js";
import { createRandom, type Random } from "../../src/random/keyed.js";
import { temporaryFolder, write } from "../support/pictures.js";

const system = (rows: readonly (readonly number[])[], probabilities: readonly number[]): FractalSystem => ({
  coefficients: Float64Array.from(rows.flat()),
  probabilities: Float64Array.from(probabilities),
});
/** Barnsley's fern (Fractals Everywhere, 1988, table III.3). */
const fern = system(
  [
    [0, 0, 0, 0.16, 0, 0],
    [0.85, 0.04, -0.04, 0.85, 0, 1.6],
    [0.2, -0.26, 0.23, 0.22, 0, 1.6],
    [-0.15, 0.28, 0.26, 0.24, 0, 0.44],
  ],
  [0.01, 0.85, 0.07, 0.07],
);
const half = [0.5, 0, 0, 0.5] as const;
/** Sierpinski's triangle with the corners (0, 0), (1, 0), (0, 1): the points whose binary digits are never both 1. */
const sierpinski = system(
  [
    [...half, 0, 0],
    [...half, 0.5, 0],
    [...half, 0, 0.5],
  ],
  [1 / 3, 1 / 3, 1 / 3],
);
/** A generator that gives these 32-bit numbers in turn. */
const scripted = (numbers: readonly number[]): Random => {
  let i = 0;
  return { ...createRandom(0), next: () => numbers[i++ % numbers.length]! };
};
const share = (part: number): number => Math.floor(part * 4294967296);

describe("systems", () => {
  test("the chaos game of the fern by hand: each map where its probability lies", () => {
    const orbit = createOrbit(5);
    expect(chaosGame(fern, scripted([0.5, 0.9, 0.95, 0.005].map(share)), orbit)).toBe(5);
    // (0,0) -> map 2 (0, 1.6) -> map 3 (-0.416, 1.952) -> map 4 -> map 1
    const third = [-0.15 * -0.416 + 0.28 * 1.952, 0.26 * -0.416 + 0.24 * 1.952 + 0.44] as const;
    const x = [0, 0, -0.416, third[0], 0];
    const y = [0, 1.6, 1.952, third[1], 0.16 * third[1]];
    for (let i = 0; i < 5; i++) {
      expect(orbit.x[i]).toBeCloseTo(x[i]!, 12);
      expect(orbit.y[i]).toBeCloseTo(y[i]!, 12);
    }
  });

  test("the fern lies where it is known to lie", () => {
    const orbit = createOrbit(50_000);
    chaosGame(fern, createRandom("fern"), orbit);
    expect(Math.min(...orbit.x)).toBeGreaterThan(-2.183);
    expect(Math.max(...orbit.x)).toBeLessThan(2.6559);
    expect(Math.min(...orbit.y)).toBe(0);
    expect(Math.max(...orbit.y)).toBeGreaterThan(9.9);
    expect(Math.max(...orbit.y)).toBeLessThan(9.9984);
  });

  test("no point of Sierpinski's triangle has a 1 at the same binary place of both coordinates", () => {
    const orbit = createOrbit(20_000);
    chaosGame(sierpinski, createRandom("triangle"), orbit);
    const shared = orbit.x.filter((x, i) => ((x * 2 ** 20) & (orbit.y[i]! * 2 ** 20)) !== 0);
    expect(shared.length).toBe(0);
  });

  test("probabilities are in proportion to the areas", () => {
    // determinants 0.5, -0.25, 0.25
    const coefficients = [
      [1, 0, 0, 0.5, 9, 9],
      [0, 0.5, 0.5, 0, 9, 9],
      [0.5, 0.5, 0, 0.5, 9, 9],
    ].flat();
    expect([...areaProbabilities(Float64Array.from(coefficients))]).toEqual([0.5, 0.25, 0.25]);
  });

  test("maps are taken as often as they should be, also where they share a byte of the drawn numbers", () => {
    const wanted = [0.001, 0.0005, 0.6, 0.3985];
    const shifts = system(
      wanted.map((_, map) => [0, 0, 0, 0, map, 0]),
      wanted,
    );
    const orbit = createOrbit(200_000);
    chaosGame(shifts, createRandom("shares"), orbit);
    for (const [map, p] of wanted.entries()) {
      const share = orbit.x.filter((x) => x === map).length / orbit.x.length;
      expect(Math.abs(share - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / orbit.x.length) + 1e-5);
    }
  });

  test("a drawn system has 2 to 7 maps with coefficients within -1 and 1", () => {
    const counts = new Set<number>();
    for (let i = 0; i < 200; i++) {
      const { coefficients, probabilities } = drawSystem(createRandom("systems", i));
      counts.add(probabilities.length);
      expect(coefficients.length).toBe(6 * probabilities.length);
      expect(coefficients.every((value) => value >= -1 && value < 1)).toBe(true);
      expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    }
    expect([...counts].sort()).toEqual([2, 3, 4, 5, 6, 7]);
  });

  test("a game that grows without end stops 100 points before the first that is no number", () => {
    const doubling = system([[2, 0, 0, 2, 1, 1]], [1]);
    // x_n = 2^n - 1: point 1024 is the first beyond 1.8e308
    expect(chaosGame(doubling, createRandom(0), createOrbit(5000))).toBe(924);
    expect(chaosGame(system([[1e200, 0, 0, 0, 1, 0]], [1]), createRandom(0), createOrbit(5000))).toBe(0);
  });
});

describe("search", () => {
  test("a square that is filled evenly has the fill rate of so many random points", () => {
    const square = system(
      [0, 1, 2, 3].map((i) => [...half, (i & 1) / 2, (i >> 1) / 2]),
      [0.25, 0.25, 0.25, 0.25],
    );
    // 100,000 points on 500 x 500 of the 512 x 512 pixels
    const expected = (250_000 * (1 - Math.exp(-0.4))) / 262_144;
    expect(Math.abs(fillRate(square, createRandom("square")) - expected)).toBeLessThan(0.003);
    expect(fillRate(square, createRandom("square"), 0.2)).toBe(fillRate(square, createRandom("square")));
    expect(fillRate(sierpinski, createRandom(1), 0.2)).toBeLessThan(0.2);
  });

  test("a category is a function of seed and number, and fills its picture", () => {
    const found = findCategory(3, 1, 0.15);
    expect(findCategory(3, 1, 0.15)).toEqual(found);
    expect(findCategory(4, 1, 0.15).system).not.toEqual(found.system);
    // The candidate's own generator again: the whole game reaches the rate.
    const random = createRandom("fractal category", 3, 1, found.candidates);
    expect(drawSystem(random)).toEqual(found.system);
    expect(fillRate(found.system, random)).toBeGreaterThanOrEqual(0.15);
  });
});

describe("instances", () => {
  test("the 25 weightings are none and one of six coefficients by 0.2, 0.6, 1.4 or 1.8", () => {
    const all = weightings();
    expect(all.length).toBe(25);
    expect(all[0]).toEqual([1, 1, 1, 1, 1, 1]);
    for (let at = 0; at < 6; at++) {
      const changed = all.filter((factors) => factors[at] !== 1);
      expect(changed.every((factors) => factors.filter((factor) => factor !== 1).length === 1)).toBe(true);
      const values = changed.map((factors) => factors[at]!);
      for (const [i, value] of [0.2, 0.6, 1.4, 1.8].entries()) expect(values[i]).toBeCloseTo(value, 12);
    }
    const { coefficients, probabilities } = weighted(fern, [1, 1, 1, 1.4, 1, 1]);
    expect([coefficients[3], coefficients[9], coefficients[6]]).toEqual([0.16 * 1.4, 0.85 * 1.4, 0.85]);
    expect(probabilities).toEqual(fern.probabilities);
  });

  test("1,000 instances are 25 weightings x 10 patches x 4 flips, in an order of the category's own", () => {
    const all = Array.from({ length: 1000 }, (_, i) => fractalInstance(0, 7, i));
    expect(new Set(all.map((instance) => JSON.stringify(instance))).size).toBe(1000);
    expect(new Set(all.map(({ weighting }) => weighting)).size).toBe(25);
    expect(new Set(all.map(({ patches }) => patches))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    expect(fractalInstance(0, 8, 0)).not.toEqual(all[0]);
  });
});

const style: FractalStyle = { size: 32, points: 400, padding: 6, draw: "point", pattern: "point", colour: "grey" };
const draw = (changes: Partial<FractalStyle> = {}, flip: (typeof flips)[number] = "none", seed = 0): RawImage =>
  renderFractal(
    sierpinski,
    { ...style, ...changes },
    { points: createRandom("points"), patterns: createRandom("patterns", seed) },
    flip,
  );

describe("drawing", () => {
  test("points of grey 127 within the padding, y upwards", () => {
    const image = draw();
    expect([image.height, image.width, image.channels]).toEqual([32, 32, 1]);
    expect(new Set(image.data)).toEqual(new Set([0, 127]));
    const lit = [...image.data.keys()]
      .filter((i) => image.data[i] !== 0)
      .map((i) => [i % 32, Math.floor(i / 32)] as const);
    // The triangle's right angle is at the lower left: padding from the left, and from the bottom (row 31 - 6).
    expect(Math.min(...lit.map(([x]) => x))).toBe(6);
    expect(Math.max(...lit.map(([x]) => x))).toBe(26);
    expect([Math.min(...lit.map(([, y]) => y)), Math.max(...lit.map(([, y]) => y))]).toEqual([5, 25]);
    expect(lit.every(([x, y]) => x - 6 + (25 - y) <= 21)).toBe(true);
    expect(image.data[25 * 32 + 6]).toBe(127);
  });

  test("the four flips are exact mirror images", () => {
    const plain = draw({ draw: "patch" }).data;
    const at = (x: number, y: number) => plain[32 * y + x]!;
    const expected = {
      none: plain,
      "up-down": Uint8Array.from({ length: 1024 }, (_, i) => at(i % 32, 31 - (i >> 5))),
      "left-right": Uint8Array.from({ length: 1024 }, (_, i) => at(31 - (i % 32), i >> 5)),
      both: Uint8Array.from({ length: 1024 }, (_, i) => at(31 - (i % 32), 31 - (i >> 5))),
    };
    for (const flip of flips) expect(draw({ draw: "patch" }, flip).data).toEqual(expected[flip]);
    expect(new Set(Object.values(expected).map(String)).size).toBe(4);
  });

  test("a patch of one point shows its nine bits, the first at the top left of the canvas, one pixel beyond the point", () => {
    const still = system([[0, 0, 0, 0, 0, 0]], [1]);
    const pattern = 0b100_110_101;
    const image = renderFractal(
      still,
      { ...style, size: 16, points: 100, draw: "patch", pattern: "image" },
      // The highest nine bits of a draw.
      { points: createRandom(0), patterns: scripted([pattern * 2 ** 23]) },
      "up-down",
    );
    const rows = [7, 8, 9].map((y) => [7, 8, 9].map((x) => (image.data[16 * y + x] === 127 ? 1 : 0)).join(""));
    expect(rows).toEqual(["100", "110", "101"]);
    expect(image.data.filter((value) => value !== 0).length).toBe(5);
  });

  test("a new pattern for every point, or one for the picture", () => {
    for (const pattern of ["point", "image"] as const) {
      expect(draw({ draw: "patch", pattern }).data).toEqual(draw({ draw: "patch", pattern }).data);
      expect(draw({ draw: "patch", pattern }, "none", 1).data).not.toEqual(draw({ draw: "patch", pattern }).data);
    }
  });

  test("128 hues at saturation and intensity 0.75, taken in turn", () => {
    const palette = huePalette();
    expect(palette.length).toBe(3 * 128);
    // 0.75 * 255 = 191, 0.75 * 0.25 * 255 = 47; hue 0 is red, stored last
    expect([...palette.subarray(0, 3)]).toEqual([47, 47, 191]);
    // hue 64/128: the middle of the circle, cyan
    expect([...palette.subarray(192, 195)]).toEqual([191, 191, 47]);
    for (let i = 0; i < 128; i++) {
      const colour = [...palette.subarray(3 * i, 3 * i + 3)];
      expect([Math.min(...colour), Math.max(...colour)]).toEqual([47, 191]);
    }
    const image = draw({ colour: "color" });
    expect(image.channels).toBe(3);
    const colours = new Set(Array.from({ length: 1024 }, (_, i) => String(image.data.subarray(3 * i, 3 * i + 3))));
    const known = new Set(Array.from({ length: 128 }, (_, i) => String(palette.subarray(3 * i, 3 * i + 3))));
    expect(colours.size).toBeGreaterThan(50);
    expect([...colours].filter((colour) => !known.has(colour))).toEqual(["0,0,0"]);
  });

  test("a system without extent, and one that leaves the numbers at once, are drawn without failing", () => {
    const randoms = () => ({ points: createRandom(0), patterns: createRandom(1) });
    const dot = renderFractal(system([[0, 0, 0, 0, 0, 0]], [1]), style, randoms());
    expect(dot.data.filter((value) => value !== 0).length).toBe(1);
    const gone = renderFractal(system([[1e200, 0, 0, 0, 1, 0]], [1]), style, randoms());
    expect(gone.data.some((value) => value !== 0)).toBe(false);
  });
});

describe("the set", () => {
  const root = temporaryFolder();
  const named = [
    { name: "triangle", system: sierpinski },
    { name: "fern", system: fern },
  ];
  const file = () => {
    const path = join(root, "categories.csv");
    writeCategories(path, named);
    return path;
  };

  test("categories come back from a file as they were, and from FractalDB's folders of files", () => {
    expect(readCategories(file())).toEqual(named);
    write(join(root, "published"), {
      "00001.csv": "5.0e-01,0,0,0.5,0,0,1.0e+00\n",
      "00000.csv": "0.1,0.2,0.3,0.4,0.5,0.6,0.25\n0.5,0,0,0.5,0,0,0.75\n",
    });
    const published = readCategories(join(root, "published"));
    expect(published.map(({ name, system: { probabilities } }) => [name, ...probabilities])).toEqual([
      ["00000", 0.25, 0.75],
      ["00001", 1],
    ]);
    expect([...published[0]!.system.coefficients.subarray(0, 6)]).toEqual([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
  });

  test("a wrong file of categories is refused by its line", () => {
    write(root, { "short.csv": "a,1,2,3\n", "sum.csv": "a,1,0,0,1,0,0,0.5\n", "empty.csv": "\n" });
    expect(() => readCategories(join(root, "short.csv"))).toThrow(/short.csv, line 1: expected name,a,b,c,d,e,f,p/);
    expect(() => readCategories(join(root, "sum.csv"))).toThrow(/category a .* have the sum 0.5/);
    expect(() => readCategories(join(root, "empty.csv"))).toThrow(/no categories/);
    expect(() => readCategories(join(root, "nothing.csv"))).toThrow(/fovea data fractals FILE/);
  });

  test("labels are the categories; splits show the same ones in other pictures", async () => {
    const spec = `generated:fractals?categories=${file()}&instances=5&size=24&points=300`;
    const [train, test] = await Promise.all([openSource(spec), openSource(spec, { split: "test" })]);
    expect(train.classNames).toEqual(["triangle", "fern"]);
    expect([...train.labels]).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    expect((await train.get(7)).image).not.toEqual((await test.get(7)).image);
    expect((await train.get(7)).label).toBe(1);
  });

  test("every category has a name of its number, found only when drawn", async () => {
    const source = await openSource("generated:fractals?categories=1000000&instances=1");
    expect([source.classNames[0], source.classNames.at(-1)]).toEqual([categoryName(0), "999999"]);
    await expect(openSource("generated:fractals?fill=0.9")).rejects.toThrow(
      /invalid fill "0.9"; expected a number from 0 to 0.3/,
    );
    await expect(openSource("generated:fractals?label=count")).rejects.toThrow(/has no option "label"/);
    await expect(openSource("generated:fractals?draw=patches")).rejects.toThrow(
      /unknown draw "patches".* available: patch, point/,
    );
    await expect(openSource(`generated:fractals?categories=${file()}&fill=0.1`)).rejects.toThrow(/omit fill/);
  });

  test("fractals and scenes with several kinds of labels are one upstream", async () => {
    const scenes = ["count", "size", "material", "place", "rotation"].map(
      (label) => `generated:shapes?label=${label}&size=16&length=30`,
    );
    const source = await openSource(
      [`generated:fractals?categories=${file()}&instances=3&size=16&points=100`, ...scenes].join(" + "),
    );
    expect(source.classNames.length).toBe(2 + 9 + 2 + 2 + 9 + 6);
    expect(source.length).toBe(6 + 5 * 30);
    for (const index of [0, 5, 6, 60, 80, 110, 155]) expect((await source.get(index)).label).toBe(source.labels[index]);
    // Every kind of label occurs, and more than one class of each.
    for (let part = 0; part < scenes.length; part++)
      expect(new Set(source.labels.subarray(6 + 30 * part, 36 + 30 * part)).size).toBeGreaterThan(1);
  });
});
