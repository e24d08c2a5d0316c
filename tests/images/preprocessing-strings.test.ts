/** The string form of preprocessing: written and read, and what is refused. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  centralCrop,
  decode,
  decodeAndResize,
  describePreprocessing,
  flipLr,
  greyOp,
  inceptionCrop,
  keep,
  listOps,
  onehot,
  preprocessing,
  randomCrop,
  resize,
  resizeSmall,
  toRgbOp,
  valueRange,
} from "../../src/images/index.js";

test("the string form and the functions make the same pipeline", () => {
  const text = "decode|inception_crop(64,area_min=20)|flip_lr|value_range(-1,1)|onehot(10)";
  const composed = preprocessing(decode(), inceptionCrop(64, { areaMin: 20 }), flipLr(), valueRange(-1, 1), onehot(10));
  expect(describePreprocessing(composed)).toBe(
    "decode|inception_crop(64,area_min=20)|flip_lr|value_range(-1,1)|onehot(10)",
  );
  expect(describePreprocessing(text)).toBe(describePreprocessing(composed));
  expect(preprocessing(text).map(({ name, args }) => ({ name, args }))).toEqual(
    composed.map(({ name, args }) => ({ name, args })),
  );
  const others = preprocessing(
    decode(1),
    decodeAndResize(32, { fit: "fill" }),
    resize(48, 64),
    resize(8, 8, "area"),
    resize(8, undefined, "bicubic", true),
    resizeSmall(40),
    centralCrop(),
    centralCrop(32, 24),
    randomCrop(16),
    toRgbOp(),
    greyOp(),
    keep("image", "labels"),
  );
  expect(describePreprocessing(others)).toBe(
    "decode(1)|decode_resize(32,fit=fill)|resize(48,64)|resize(8,8,method=area)|resize(8,method=bicubic,antialias=true)|resize_small(40)|central_crop|central_crop(32,24)|random_crop(16)|to_rgb|grey|keep(image,labels)",
  );
});

test("spaces, quotes, tuples, None and names of arguments are read", () => {
  expect(
    describePreprocessing(
      ' decode ( channels = 3 ) | resize( 48 , width=64, method = "area" ) | inception_crop(None) ',
    ),
  ).toBe("decode|resize(48,64,method=area)|inception_crop");
  expect(describePreprocessing("value_range(vmin=0, vmax=1e0)")).toBe("value_range(0,1)");
  expect(describePreprocessing("value_range(-.5,vmax=2.5)")).toBe("value_range(-0.5,2.5)");
  expect(describePreprocessing("")).toBe("");
});

test("what describePreprocessing writes, preprocessing reads back", () => {
  const size = fc.integer({ min: 1, max: 999 });
  const number = fc.oneof(fc.integer({ min: -300, max: 300 }), fc.double({ min: -300, max: 300, noNaN: true }));
  const op = fc.oneof(
    fc.constantFrom(
      decode(),
      decode(1),
      decode(0),
      flipLr(),
      toRgbOp(),
      greyOp(),
      keep("image"),
      keep("image", "labels"),
    ),
    fc.tuple(size, size).map(([h, w]) => resize(h, w)),
    size.map((s) => resize(s, undefined, "area")),
    size.map((s) => resizeSmall(s, "bilinear")),
    fc.option(size, { nil: undefined }).map((s) => centralCrop(s)),
    fc.tuple(size, fc.double({ min: 0, max: 50, noNaN: true })).map(([s, areaMin]) => inceptionCrop(s, { areaMin })),
    fc.tuple(number, number).map(([a, b]) => valueRange(a, b)),
    fc.tuple(size, number, number).map(([depth, on, off]) => onehot(depth, on, off)),
  );
  fc.assert(
    fc.property(fc.array(op, { minLength: 1, maxLength: 6 }), (ops) => {
      const text = describePreprocessing(ops);
      const again = preprocessing(text);
      expect(again.map(({ name, args }) => [name, args])).toEqual(ops.map(({ name, args }) => [name, args]));
      expect(describePreprocessing(again)).toBe(text);
    }),
  );
});

test.each([
  [
    "decode|inception_corp(64)",
    /unknown preprocessing op "inception_corp" in .*did you mean "inception_crop"\? known ops: decode, decode_resize, resize/,
  ],
  [
    "resize",
    /resize needs the argument "size"; it is resize\(size, width=None, method=bilinear, antialias=false, half_pixel_centers=true\)/,
  ],
  ["resize(0)", /resize: "size" must be a size in pixels, a whole number from 1, not 0/],
  ["resize(1.5)", /"size" must be a size in pixels/],
  ["resize(8,method=cubic)", /"method" must be one of bilinear, area, bicubic, not cubic/],
  ["resize(8,8,area,false,true,9)", /resize was given 6 arguments/],
  ["resize(8,method=area,antialias=true)", /the area method averages by itself/],
  ["value_range((0,0),(1,1,1))", /vmin is of 2 channels, vmax of 3/],
  ["value_range((0,x),1)", /"vmin" must be a number, or a tuple of one for each channel/],
  ["resize(8,size=9)", /resize was given "size" twice/],
  ["resize(size=9,8)", /character 15 .*expected a named argument/],
  ["inception_crop(8,area_mn=3)", /inception_crop has no argument "area_mn"; did you mean "area_min"\?/],
  ["inception_crop(8,area_min=200)", /"area_min" must be a number from 0 to 100, not 200/],
  ["inception_crop(8,area_min=50,area_max=20)", /area_min is above area_max/],
  ["value_range(0,1,3,3)", /in_min and in_max must differ/],
  ["keep(imgae)", /keep: unknown field imgae; a record has id, image, label, labels/],
  ["keep(label)", /keep: .*image must be among the names/],
  ["keep", /keep: "names" must be one or more names/],
  ["decode||flip_lr", /cannot read the preprocessing .* at character 8 .*expected the name of an op/],
  ["decode)", /expected "\|" or the end/],
  ["resize(8", /at character 9 \(its end\): expected "," or "\)"/],
  ["toString", /unknown preprocessing op "toString"/],
] as const)("%s is refused with a reason", (text, message) => {
  expect(() => preprocessing(text)).toThrow(message);
});

test("every op of the list has a summary and a signature that starts with its name", () => {
  const ops = listOps();
  expect(ops.map(({ name }) => name)).toContain("inception_crop");
  for (const { name, signature, summary } of ops) {
    expect(signature.startsWith(`${name}(`)).toBe(true);
    expect(summary.length).toBeGreaterThan(15);
  }
});
