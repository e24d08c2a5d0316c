/** Parameter and FLOP counts of every published Vision Transformer, by tracing (papers.md 1.4 and 12.1). */
import { describe, expect, test } from "vitest";
import { costOf, elementCount, input } from "../../src/graph/index.js";
import {
  modelSize,
  type Pooling,
  publishedViTs,
  type ViTConfig,
  vit,
  vitConfig,
  vitVariants,
} from "../../src/models/index.js";
import { Scope } from "../../src/nn/index.js";

interface Setting extends Partial<ViTConfig> {
  readonly size?: number;
}

function trace(name: string, { size = 224, ...changes }: Setting = {}) {
  const scope = Scope.root();
  const image = input("image", "float32", [1, size, size, 3]);
  const output = vit(scope, image, vitConfig(name, changes));
  return { scope, output };
}

/** What `modelSize` counts. */
const sizeOf = (name: string, { size = 224, ...changes }: Setting = {}): number =>
  modelSize({ family: "vit", ...vitConfig(name, changes) }, { size }).parameters;

const counts = (name: string, setting: Setting = {}): Map<string, number> =>
  new Map(trace(name, setting).scope.parameters.map(({ name, tensor }) => [name, elementCount(tensor.shape)]));

const total = (all: Map<string, number>, keep: (name: string) => boolean = () => true): number =>
  [...all].reduce((sum, [name, count]) => (keep(name) ? sum + count : sum), 0);

/** The formula of papers.md 1.4, written from the text. */
function formula(name: string, setting: Setting): number {
  const { width: d, depth, mlpDim: m, patchSize: p } = vitConfig(name);
  const { pooling = "gap", classes = 1000, size = 224 } = setting;
  const side = Math.floor(size / p);
  const attention = 4 * (d * d + d);
  const mlp = d * m + m + m * d + d;
  const token = pooling === "tok" ? d : 0;
  const positions = (side * side + (pooling === "tok" ? 1 : 0)) * d;
  const map = pooling === "map" ? d + attention + 2 * d + mlp : 0;
  const block = attention + mlp + 4 * d;
  return 3 * p * p * d + d + token + positions + depth * block + 2 * d + map + (classes ? d * classes + classes : 0);
}

const anyway = undefined;
// name: [tok, gap, map, no head with gap], at 224 pixels and 1000 classes; undefined where nothing is published
const table: Record<string, readonly [number?, number?, number?, number?]> = {
  "Ti/16": [5_717_416, 5_717_032, 6_161_704, 5_524_032],
  "S/32": [22_878_952, 22_878_184, 24_652_264, 22_493_184],
  "S/16": [22_050_664, 22_049_896, 23_823_976, 21_664_896],
  "M/16": [38_837_736, 38_836_712, 41_988_584, 38_323_712],
  "B/32": [88_224_232, 88_222_696, 95_309_800, 87_453_696],
  "B/16": [86_567_656, 86_566_120, 93_653_224, 85_797_120],
  "B/8": [86_576_872, anyway, anyway, anyway],
  "L/32": [306_535_400, anyway, anyway, anyway],
  "L/16": [304_326_632, 304_324_584, 316_919_784, 303_299_584],
  "H/14": [632_045_800, 632_043_240, 651_719_400, 630_762_240],
  "g/14": [1_012_611_432, 1_012_608_616, 1_037_857_384, 1_011_199_616],
  "G/14": [1_844_440_680, 1_844_437_352, 1_882_797_416, 1_842_772_352],
  "e/14": [3_807_214_312, 3_807_210_728, 3_875_135_720, 3_805_417_728],
  "So400m/14": [413_597_656, 413_595_352, 428_833_704, 412_442_352],
  "mu/16": [76_712, 76_648, 89_320, 43_648],
  "s/28": [5_615_336, 5_614_824, 6_404_328, 5_357_824],
  "s/16": [5_243_624, 5_243_112, 6_032_616, 4_986_112],
  // shapes published without a count: the formula alone checks them
  "B/28": [],
  "g-opt/14": [],
  "G-opt/14": [],
};

const columns: readonly Setting[] = [
  { pooling: "tok" },
  { pooling: "gap" },
  { pooling: "map" },
  { pooling: "gap", classes: 0 },
];

describe("parameter counts at 224 pixels", () => {
  test("every variant and every published model has a row", () => {
    const rows = Object.keys(table);
    expect(new Set(rows.map((row) => row.split("/")[0]))).toEqual(new Set(Object.keys(vitVariants)));
    expect(new Set(rows)).toEqual(new Set(publishedViTs));
  });

  test.each(Object.entries(table))("%s", (name, published) => {
    columns.forEach((setting, column) => {
      const counted = total(counts(name, setting));
      expect(counted, `${name} ${JSON.stringify(setting)}`).toBe(formula(name, setting));
      if (published[column] !== undefined) expect(counted).toBe(published[column]);
      expect(sizeOf(name, setting)).toBe(counted);
    });
  });
});

test.each<[string, Setting, number]>([
  ["B/16", { pooling: "tok", size: 384 }, 86_859_496],
  ["L/16", { pooling: "tok", size: 384 }, 304_715_752],
  ["B/16", { pooling: "tok", size: 512 }, 87_203_560],
  ["L/16", { pooling: "tok", size: 512 }, 305_174_504],
  ["B/16", { pooling: "tok", classes: 21843 }, 102_595_923],
  ["B/16", { pooling: "tok", classes: 21843, preLogits: true }, 103_186_515],
  ["B/16", { pooling: "tok", classes: 21843, preLogits: 768 }, 103_186_515],
  ["B/16", { pooling: "tok", classes: 10 }, 85_806_346],
  ["B/16", { pooling: "tok", classes: 100 }, 85_875_556],
  ["B/16", { pooling: "tok", classes: 0 }, 85_798_656],
  ["Ti/16", { pooling: "tok", classes: 21843 }, 9_740_115],
  ["Ti/16", { pooling: "tok", classes: 10 }, 5_526_346],
  ["Ti/16", { pooling: "tok", classes: 100 }, 5_543_716],
  ["Ti/16", { pooling: "tok", classes: 0 }, 5_524_416],
  ["S/16", { pooling: "gap", posEmbedding: "sincos2d" }, 21_974_632],
  ["S/16", { pooling: "gap", posEmbedding: "sincos2d", preLogits: 384 }, 22_122_472],
  ["G/14", { pooling: "map", classes: 29_593 }, 1_930_404_761],
  ["g/14", { pooling: "map", classes: 29_593 }, 1_078_144_921],
  // without a position embedding: n rows of d fewer
  ["S/16", { pooling: "gap", posEmbedding: "none" }, 22_049_896 - 196 * 384],
])("%s with %o has %i parameters", (name, setting, expected) => {
  expect(total(counts(name, setting))).toBe(expected);
  expect(sizeOf(name, setting)).toBe(expected);
});

test("the class token added after the position embedding has no position: one row fewer", () => {
  expect(total(counts("B/16", { pooling: "tok", classTokenOrder: "after" }))).toBe(86_567_656 - 768);
});

test("the tiny test model, part by part (papers.md 12.1)", () => {
  const tiny = { patchSize: 16, width: 10, mlpDim: 10, heads: 2, depth: 1, pooling: "tok" } as const;
  const all = counts("Ti/16", tiny);
  const part = (prefix: string) => total(all, (name) => name.startsWith(prefix));
  expect(part("embedding/")).toBe(7_690);
  expect(part("cls")).toBe(10);
  expect(part("Transformer/posembed_input/")).toBe(1_970);
  expect(part("Transformer/encoderblock_")).toBe(700);
  expect(part("Transformer/encoder_norm/")).toBe(20);
  expect(part("head/")).toBe(11_000);
  expect(total(all)).toBe(21_390);
  expect(total(counts("Ti/16", { ...tiny, pooling: "none" }))).toBe(21_370);
});

test.each([
  ["Ti", 5_338_368],
  ["S", 21_293_568],
  ["M", 37_828_608],
  ["B", 85_054_464],
  ["L", 302_309_376],
  ["So400m", 411_466_608],
  ["H", 629_678_080],
  ["g", 1_010_007_040],
  ["G", 1_841_362_944],
  ["e", 3_803_899_904],
  ["s", 4_738_560],
  ["mu", 12_704],
])("the encoder blocks of %s have %i parameters", (variant, expected) => {
  const inBlocks = (name: string) => name.startsWith("Transformer/encoderblock_");
  expect(total(counts(`${variant}/16`), inBlocks)).toBe(expected);
});

test("a B/16 with class token has the 200 arrays of an AugReg file", () => {
  expect(counts("B/16", { pooling: "tok" }).size).toBe(200);
});

describe("FLOPs", () => {
  const flops = (name: string, setting: Setting = {}): number => {
    const { output } = trace(name, setting);
    return costOf([output.logits ?? output.preLogits]).flops;
  };
  // Multiply-adds of the encoder from the formula of papers.md 1.4.
  const multiplyAdds = (name: string, size: number, pooling: Pooling): number => {
    const { width: d, depth, mlpDim: m, patchSize: p } = vitConfig(name);
    const n = Math.floor(size / p) ** 2;
    const t = pooling === "tok" ? n + 1 : n;
    return n * 3 * p * p * d + depth * (4 * t * d * d + 2 * t * t * d + 2 * t * d * m);
  };

  test.each(Object.keys(table))("%s: twice the multiply-adds of the formula, exactly", (name) => {
    for (const size of [224, 384]) {
      for (const pooling of ["tok", "gap"] as const) {
        const expected = 2 * multiplyAdds(name, size, pooling);
        expect(flops(name, { size, pooling, classes: 0 })).toBe(expected);
        const { width } = vitConfig(name);
        expect(flops(name, { size, pooling })).toBe(expected + 2 * width * 1000);
      }
    }
  });

  test("the attention pooling head adds its own products", () => {
    const { width: d, mlpDim: m } = vitConfig("B/16");
    const n = 196;
    const added = 2 * n * d * d + 2 * d * d + 2 * n * d + 2 * d * m;
    const encoder = multiplyAdds("B/16", 224, "gap");
    expect(flops("B/16", { pooling: "map", classes: 0 })).toBe(2 * (encoder + added));
  });

  // Scaling ViT table 2: GFLOPs at 224 and 384 pixels
  test.each([
    ["s/28", 0.7, 2.0, 0.71, 0.72],
    ["s/16", 2.2, 7.8, 2.16, 2.22],
    ["S/32", 2.3, 6.9, 2.24, 2.27],
    ["Ti/16", 2.5, 9.5, 2.49, 2.52],
    ["B/32", 8.7, 26.0, 8.64, 8.77],
    ["S/16", 9.2, 31.2, 9.15, 9.27],
    ["B/28", 11.3, 30.5, 11.25, 11.42],
    ["B/16", 35.1, 111.3, 34.94, 35.42],
    ["L/16", 122.9, 382.8, 122.46, 123.31],
    ["g/14", 533.1, 1596.4, 531.93, 534.0],
    ["G/14", 965.3, 2859.9, 963.65, 966.55],
  ])("%s agrees with the published GFLOPs", (name, at224, at384, gap, map) => {
    const giga = (setting: Setting) => flops(name, { classes: 0, ...setting }) / 1e9;
    expect(giga({ pooling: "gap" })).toBeCloseTo(gap, 2);
    expect(giga({ pooling: "map" })).toBeCloseTo(map, 2);
    // that paper pools by attention; 2 %, or half a unit of the digit that was printed
    const allowed = (published: number) => Math.max(0.02 * published, 0.05);
    expect(Math.abs(giga({ pooling: "map" }) - at224)).toBeLessThan(allowed(at224));
    expect(Math.abs(giga({ pooling: "map", size: 384 }) - at384)).toBeLessThan(allowed(at384));
  });

  test.each([
    ["H/14", 333.2, 1005.5],
    ["L/32", 30.1, 89.9],
    ["B/8", 156.1, 587.8],
    ["e/14", 1973.5, 5758.4],
  ])("%s as we counted it before", (name, at224, at384) => {
    expect(Math.abs(flops(name, { classes: 0 }) / 1e9 - at224)).toBeLessThan(0.1);
    expect(Math.abs(flops(name, { classes: 0, size: 384 }) / 1e9 - at384)).toBeLessThan(0.1);
  });
});

describe("names", () => {
  test("a name is a variant, a slash and a patch size", () => {
    expect(vitConfig("So400m/14")).toMatchObject({ width: 1152, depth: 27, mlpDim: 4304, heads: 16, patchSize: 14 });
    expect(vitConfig("Ti/4", { classes: 10 })).toMatchObject({ width: 192, patchSize: 4, classes: 10 });
  });
  test.each([
    "",
    "B",
    "R50+S/16",
    "C-2GF",
    "B/",
    "B/0",
    "B/16/2",
    "X/16",
    "b/16",
    "B/16.5",
    "constructor/16",
    "toString/16",
    "__proto__/16",
  ])("%j is refused with the known names", (name) => {
    expect(() => vitConfig(name)).toThrow(/unknown Vision Transformer.*Ti, S, M, B/);
  });
});
