/** Resizing against plain references, for every method and convention of centres. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  crop,
  type FloatImage,
  flipLeftRight,
  type PixelImage,
  preprocessImage,
  preprocessing,
  type RawImage,
  type ResampleKernel,
  rawImage,
  resample,
  resizeArea,
  resizeBilinear,
} from "../../src/images/index.js";

const image = fc
  .record({
    height: fc.integer({ min: 1, max: 9 }),
    width: fc.integer({ min: 1, max: 9 }),
    channels: fc.constantFrom(1, 3),
  })
  .chain(({ height, width, channels }) =>
    fc
      .uint8Array({ minLength: height * width * channels, maxLength: height * width * channels })
      .map((data) => rawImage(data, height, width, channels)),
  );
const side = fc.integer({ min: 1, max: 12 });

function at(from: PixelImage, y: number, x: number, c: number): number {
  const clamp = (v: number, n: number) => Math.min(Math.max(v, 0), n - 1);
  return from.data[(clamp(y, from.height) * from.width + clamp(x, from.width)) * from.channels + c]!;
}

function toFloat(raw: RawImage): FloatImage {
  return { ...raw, kind: "float", data: Float32Array.from(raw.data) };
}

/** Bilinear interpolation as the weighted sum of four pixels, written independently of the implementation. */
function plainBilinear(from: PixelImage, height: number, width: number): number[] {
  const out: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < from.channels; c++) {
        const sy = ((y + 0.5) * from.height) / height - 0.5;
        const sx = ((x + 0.5) * from.width) / width - 0.5;
        const [y0, x0] = [Math.floor(sy), Math.floor(sx)];
        let sum = 0;
        for (const dy of [0, 1]) {
          for (const dx of [0, 1]) {
            sum += at(from, y0 + dy, x0 + dx, c) * (1 - Math.abs(sy - y0 - dy)) * (1 - Math.abs(sx - x0 - dx));
          }
        }
        out.push(sum);
      }
    }
  }
  return out;
}

/** The mean over each pixel's area, by splitting every input pixel into height x width equal parts. */
function plainArea(from: PixelImage, height: number, width: number): number[] {
  const out: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < from.channels; c++) {
        let sum = 0;
        for (let i = 0; i < from.height; i++) {
          for (let j = 0; j < from.width; j++) {
            sum += at(from, Math.floor((y * from.height + i) / height), Math.floor((x * from.width + j) / width), c);
          }
        }
        out.push(sum / (from.height * from.width));
      }
    }
  }
  return out;
}

test("bilinear resizing agrees with a plain reference", () => {
  fc.assert(
    fc.property(image, side, side, (raw, height, width) => {
      const expected = plainBilinear(raw, height, width);
      const float = resizeBilinear(toFloat(raw), height, width);
      for (const [i, value] of expected.entries()) expect(Math.abs(float.data[i]! - value)).toBeLessThan(1e-4);
      const cut = resizeBilinear(raw, height, width);
      // Towards zero, as TensorFlow's cast; a value within rounding of a whole number may fall on either side.
      for (const [i, value] of expected.entries())
        expect([Math.floor(value + 1e-9), Math.floor(value - 1e-9)]).toContain(cut.data[i]);
    }),
  );
});

// From TensorFlow.js 4.22 on the CPU: tf.image.resizeBilinear(image, size, alignCorners = false, halfPixelCenters = false), the kernel that
// TensorFlow 1's tf.image.resize has.
const withoutCentres: readonly (readonly [number, number, readonly number[]])[] = [
  [
    3,
    4,
    [
      0, 139.5, 117, 188.5, 191.3333282470703, 113.66666412353516, 172.6666717529297, 197.6666717529297,
      153.3333282470703, 135.8333282470703, 84.33333587646484, 190.8333282470703,
    ],
  ],
  [
    5,
    3,
    [
      0, 150, 182.6666717529297, 98, 91.33333587646484, 138, 238, 160, 220.6666717529297, 164, 100, 174.6666717529297,
      132, 82, 170.6666717529297,
    ],
  ],
  [
    8,
    9,
    [
      0, 37.33333206176758, 115.77777862548828, 150, 111.55555725097656, 122.44444274902344, 182.6666717529297,
      170.22222900390625, 118, 61.25, 101.5, 93.97222137451172, 113.33333587646484, 184.47222900390625,
      198.27777099609375, 154.75, 163, 201.75, 133, 126.38888549804688, 89.77777862548828, 108.5, 203.88888549804688,
      220.61111450195312, 158.6666717529297, 173.38888549804688, 232, 220.5, 92.36111450195312, 112, 151.4166717529297,
      143.05555725097656, 162.69444274902344, 210.3333282470703, 210.19444274902344, 182, 201, 150.44444274902344, 141,
      130, 103.22222137451172, 125.77777862548828, 197.6666717529297, 196.88888549804688, 153, 160, 211.9166717529297,
      162.72222900390625, 97.75, 73.88888549804688, 99.36111450195312, 174.1666717529297, 176.30555725097656, 134.5,
      140, 194.8333282470703, 148.55555725097656, 86.5, 65.55555725097656, 93.94444274902344, 171.6666717529297,
      176.72222900390625, 137, 132, 188, 142.88888549804688, 82, 62.22222137451172, 91.77777862548828,
      170.6666717529297, 176.88888549804688, 138,
    ],
  ],
];

test.each(withoutCentres)(
  "without half-pixel centres a 5 x 7 image to %d x %d is TensorFlow 1's",
  async (height, width, golden) => {
    const pixels = Uint8Array.from({ length: 35 }, (_, i) => (i * i * 37 + i * 11) % 256);
    const out = await preprocessImage(
      `decode(0)|value_range(0,255)|resize(${height},${width},half_pixel_centers=false)`,
      rawImage(pixels, 5, 7, 1),
    );
    expect(out.data).toHaveLength(golden.length);
    for (const [i, value] of golden.entries()) expect(Math.abs(Number(out.data[i]) - value)).toBeLessThan(1e-4);
  },
);

test("half_pixel_centers=false is refused where there is no such form", () => {
  for (const args of ["8,method=bicubic,half_pixel_centers=false", "8,antialias=true,half_pixel_centers=false"])
    expect(() => preprocessing(`decode|resize(${args})`)).toThrow(/half_pixel_centers=false is for bilinear without/);
});

test("bilinear resizing has half-pixel centres, repeats edges and cuts to whole numbers", () => {
  const row = rawImage(Uint8Array.of(0, 10), 1, 2, 1);
  expect([...resizeBilinear(row, 1, 4).data]).toEqual([0, 2, 7, 10]);
  expect([...resizeBilinear(toFloat(row), 1, 4).data]).toEqual([0, 2.5, 7.5, 10]);
  // Without antialias, making 5 pixels out of one third skips those in between: positions 0.5 + ... of 15.
  const ramp = rawImage(
    Uint8Array.from({ length: 15 }, (_, i) => i * 10),
    1,
    15,
    1,
  );
  expect([...resizeBilinear(ramp, 1, 5).data]).toEqual([10, 40, 70, 100, 130]);
});

test("bilinear resizing of a part is resizing of the crop", () => {
  const raw = rawImage(
    Uint8Array.from({ length: 6 * 7 * 3 }, (_, i) => (i * 37) & 255),
    6,
    7,
    3,
  );
  const part = { top: 1, left: 2, height: 4, width: 3 };
  expect(resizeBilinear(raw, 5, 9, part)).toEqual(resizeBilinear(crop(raw, part), 5, 9));
});

test("area resizing agrees with a plain reference and keeps flat areas exact", () => {
  fc.assert(
    fc.property(image, side, side, (raw, height, width) => {
      const float = resizeArea(toFloat(raw), height, width);
      for (const [i, value] of plainArea(raw, height, width).entries())
        expect(Math.abs(float.data[i]! - value)).toBeLessThan(1e-4);
    }),
  );
  fc.assert(
    fc.property(side, side, side, side, fc.integer({ min: 0, max: 255 }), (h, w, height, width, level) => {
      const flat = rawImage(new Uint8Array(h * w).fill(level), h, w, 1);
      expect(new Set(resizeArea(flat, height, width).data)).toEqual(new Set([level]));
      expect(new Set(resizeBilinear(flat, height, width).data)).toEqual(new Set([level]));
    }),
  );
});

test("area resizing weighs the pixels a new one covers in part", () => {
  const row = rawImage(Uint8Array.of(30, 60, 90), 1, 3, 1);
  expect([...resizeArea(row, 1, 2).data]).toEqual([40, 80]);
});

/** Every pixel weighed by the kernel as it is defined, over the whole image; Keys's cubic in the form of his paper, a = -0.5. */
function plainResample(from: PixelImage, height: number, width: number, kernel: ResampleKernel, antialias: boolean) {
  const a = -0.5;
  const weight = (x: number): number => {
    const t = Math.abs(x);
    if (kernel === "bilinear") return t < 1 ? 1 - t : 0;
    if (t < 1) return (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1;
    return t < 2 ? a * t ** 3 - 5 * a * t ** 2 + 8 * a * t - 4 * a : 0;
  };
  const line = (values: number[], to: number): number[] =>
    Array.from({ length: to }, (_, i) => {
      const widening = antialias && values.length > to ? values.length / to : 1;
      const centre = ((i + 0.5) * values.length) / to - 0.5;
      const weights = values.map((_, k) => weight((k - centre) / widening));
      const total = weights.reduce((sum, w) => sum + w, 0);
      return weights.reduce((sum, w, k) => sum + w * values[k]!, 0) / total;
    });
  const out: number[] = [];
  const range = (n: number) => Array.from({ length: n }, (_, i) => i);
  for (const c of range(from.channels)) {
    const rows = range(from.height).map((y) =>
      line(
        range(from.width).map((x) => at(from, y, x, c)),
        width,
      ),
    );
    const columns = range(width).map((x) =>
      line(
        rows.map((row) => row[x]!),
        height,
      ),
    );
    for (const y of range(height))
      for (const x of range(width)) out[(y * width + x) * from.channels + c] = columns[x]![y]!;
  }
  return out;
}

test.each([
  ["bicubic", true],
  ["bicubic", false],
  ["bilinear", true],
] as const)("%s resampling, antialiased: %s, agrees with a plain reference", (kernel, antialias) => {
  fc.assert(
    fc.property(image, side, side, (raw, height, width) => {
      const expected = plainResample(raw, height, width, kernel, antialias);
      const float = resample(toFloat(raw), height, width, kernel, antialias);
      for (const [i, value] of expected.entries()) expect(Math.abs(float.data[i]! - value)).toBeLessThan(1e-3);
    }),
  );
});

test("bicubic resampling of bytes rounds, clips what overshoots, and keeps flat images flat", () => {
  // from Keys's weights with a = -0.5 for positions a quarter off: -0.0703125, 0.8671875, 0.2265625, -0.0234375
  const step = rawImage(Uint8Array.of(0, 0, 0, 100, 100, 100), 1, 6, 1);
  expect([...resample(step, 1, 12, "bicubic", true).data]).toEqual([0, 0, 0, 0, 0, 20, 80, 107, 102, 100, 100, 100]);
  const edge = rawImage(Uint8Array.of(0, 0, 255, 255), 1, 4, 1);
  const sharp = resample(edge, 1, 8, "bicubic", true).data;
  expect([sharp[2], sharp[5]]).toEqual([0, 255]);
  const flat = rawImage(new Uint8Array(35).fill(77), 5, 7, 1);
  expect(new Set(resample(flat, 3, 11, "bicubic", true).data)).toEqual(new Set([77]));
});

test("flipping twice gives the image back, and crops are cut where they are said to be", () => {
  fc.assert(
    fc.property(image, (raw) => {
      expect(flipLeftRight(flipLeftRight(raw))).toEqual(raw);
    }),
  );
  const raw = rawImage(Uint8Array.of(1, 2, 3, 4, 5, 6), 2, 3, 1);
  expect([...flipLeftRight(raw).data]).toEqual([3, 2, 1, 6, 5, 4]);
  expect([...crop(raw, { top: 1, left: 1, height: 1, width: 2 }).data]).toEqual([5, 6]);
  expect(() => crop(raw, { top: 1, left: 1, height: 2, width: 2 })).toThrow(
    /crop 2x2 at row 1, column 1 is not inside the 2x3/,
  );
});
