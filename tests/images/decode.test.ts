/** Decoding of image files: colour types, transparency, orientation, profiles, limits. */
import { deflateSync, inflateSync } from "node:zlib";
import sharp from "sharp";
import { expect, test } from "vitest";
import { crc32 } from "../../src/formats/crc32.js";
import { decodeImage, decodeResize, ExampleError, imageHeader, type PixelImage } from "../../src/images/index.js";
import { detailedJpeg, halves } from "../support/pictures.js";

const red = [200, 50, 10];
const blue = [20, 60, 220];

async function decodeBytes(bytes: Uint8Array, channels: 1 | 3 = 3): Promise<PixelImage> {
  return decodeImage({ kind: "encoded", bytes }, "picture", channels);
}

/** The first and last pixel of the middle row. */
function ends(image: PixelImage): number[][] {
  const row = Math.floor(image.height / 2) * image.width;
  const pixel = (x: number) => [...image.data.subarray((row + x) * image.channels, (row + x + 1) * image.channels)];
  return [pixel(0), pixel(image.width - 1)];
}

function near(actual: readonly number[], expected: readonly number[], by: number): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of expected.entries())
    expect(Math.abs(actual[i]! - value), `${actual} is not near ${expected}`).toBeLessThanOrEqual(by);
}

const colour = () => halves(20, 10, red, blue);

test.each([
  ["PNG", () => colour().png(), 0],
  ["palette PNG", () => colour().png({ palette: true }), 2],
  ["16-bit PNG", () => colour().toColourspace("rgb16").png(), 1],
  ["JPEG", () => colour().jpeg({ quality: 95 }), 8],
  // The way to inks and back is a colour profile's, and no ink is as blue as light.
  ["CMYK JPEG", () => colour().toColourspace("cmyk").jpeg({ quality: 95 }), 80],
  ["WebP", () => colour().webp({ lossless: true }), 0],
  ["GIF", () => colour().gif(), 2],
  ["TIFF", () => colour().tiff(), 8],
] as const)("%s comes out as 8-bit RGB", async (_, make, by) => {
  const image = await decodeBytes(await make().toBuffer());
  expect([image.height, image.width, image.channels, image.data.length]).toEqual([10, 20, 3, 600]);
  const [left, right] = ends(image);
  near(left!, red, by);
  near(right!, blue, by);
});

test.each([
  ["grey PNG", () => halves(20, 10, [80, 80, 80], [180, 180, 180]).toColourspace("b-w").png(), 0],
  ["16-bit grey PNG", () => halves(20, 10, [80, 80, 80], [180, 180, 180]).toColourspace("grey16").png(), 1],
  ["grey JPEG", () => halves(20, 10, [80, 80, 80], [180, 180, 180]).greyscale().jpeg(), 4],
] as const)("%s comes out as three equal channels, or one if asked", async (_, make, by) => {
  const bytes = await make().toBuffer();
  const [left, right] = ends(await decodeBytes(bytes));
  near(left!, [80, 80, 80], by);
  near(right!, [180, 180, 180], by);
  const one = await decodeBytes(bytes, 1);
  expect(one.channels).toBe(1);
  near(ends(one)[0]!, [80], by);
});

test("grey of a colour image is its BT.601 luminance", async () => {
  const image = await decodeBytes(await colour().png().toBuffer(), 1);
  expect(ends(image)).toEqual([
    [Math.round(0.299 * 200 + 0.587 * 50 + 0.114 * 10)],
    [Math.round(0.299 * 20 + 0.587 * 60 + 0.114 * 220)],
  ]);
});

test("transparent pixels are laid on white", async () => {
  const image = await decodeBytes(await halves(20, 10, [200, 50, 10, 0], [200, 50, 10, 255]).png().toBuffer());
  expect(ends(image)).toEqual([[255, 255, 255], red]);
  const half = await decodeBytes(await halves(2, 2, [200, 50, 10, 128], [200, 50, 10, 128]).png().toBuffer());
  near(ends(half)[0]!, [227, 152, 132], 1);
});

test("an EXIF orientation is applied", async () => {
  // Orientation 6: the file's rows are the picture's columns, to be turned clockwise by a quarter.
  const turned = await decodeBytes(await colour().png().withMetadata({ orientation: 6 }).toBuffer());
  expect([turned.height, turned.width]).toEqual([20, 10]);
  expect([...turned.data.subarray(0, 3)]).toEqual(red);
  expect([...turned.data.subarray(-3)]).toEqual(blue);
  const mirrored = await decodeBytes(await colour().png().withMetadata({ orientation: 2 }).toBuffer());
  expect(ends(mirrored)).toEqual([blue, red]);
});

test("a 1x1 image and one 20,000 pixels wide come out whole", async () => {
  const one = await decodeBytes(await halves(1, 1, red, red).png().toBuffer());
  expect([one.height, one.width, ...one.data]).toEqual([1, 1, ...red]);
  const wide = await decodeBytes(await halves(20_000, 3, red, blue).png().toBuffer());
  expect([wide.height, wide.width]).toEqual([3, 20_000]);
  expect(ends(wide)).toEqual([red, blue]);
  const small = await decodeResize(
    { kind: "encoded", bytes: await halves(20_000, 3, red, blue).png().toBuffer() },
    "wide",
    8,
    8,
    "fill",
  );
  expect(ends(small)).toEqual([red, blue]);
  const grown = await decodeResize(
    { kind: "encoded", bytes: await halves(1, 1, red, red).png().toBuffer() },
    "one",
    8,
    8,
  );
  expect([grown.height, grown.width, ...grown.data.subarray(-3)]).toEqual([8, 8, ...red]);
});

test("a JPEG of 20,000 x 13,500 pixels is too large to decode whole, and can be decoded small", async () => {
  const create = { width: 20_000, height: 13_500, channels: 3, background: "#505050" } as const;
  const bytes = await sharp({ create, limitInputPixels: false }).toColourspace("b-w").jpeg({ quality: 50 }).toBuffer();
  await expect(decodeBytes(bytes)).rejects.toThrow(
    /picture: the image has too many pixels to decode whole; use decode_resize/,
  );
  const small = await decodeResize({ kind: "encoded", bytes }, "huge", 4, 4);
  near([...small.data.subarray(0, 3)], [80, 80, 80], 2);
});

test.each([
  ["at its end", -2],
  ["in its last lines", -100],
  ["in the middle", -2000],
] as const)("a JPEG cut off %s is an error that names the file", async (_, end) => {
  const bytes = await detailedJpeg();
  expect(bytes.length).toBeGreaterThan(3000);
  await decodeBytes(bytes);
  await expect(decodeBytes(bytes.subarray(0, end))).rejects.toThrow(/^picture: the image is truncated or damaged/);
  await expect(decodeResize({ kind: "encoded", bytes: bytes.subarray(0, end) }, "resized", 8, 8)).rejects.toThrow(
    /^resized: .*truncated/,
  );
});

test.each(["png", "webp", "gif"] as const)("a truncated %s is an error", async (format) => {
  const bytes = await sharp(await detailedJpeg())
    .toFormat(format)
    .toBuffer();
  await expect(decodeBytes(bytes.subarray(0, bytes.length / 2))).rejects.toBeInstanceOf(ExampleError);
});

test("what is not an image is refused by name", async () => {
  await expect(decodeBytes(Buffer.from("I am a poem about images"))).rejects.toThrow(
    "picture: not an image this program can read (24 bytes)",
  );
  await expect(decodeBytes(new Uint8Array(0))).rejects.toThrow("picture: the file is empty");
  await expect(imageHeader({ kind: "encoded", bytes: Buffer.from("poem") }, "verse")).rejects.toThrow(
    /^verse: not an image/,
  );
});

test("decodeResize covers and cuts the middle out, or stretches", async () => {
  // Three bands, of which the middle square is all green.
  const bands = await sharp({
    create: { width: 40, height: 10, channels: 3, background: "#00ff00" },
  })
    .composite([
      { input: await halves(12, 10, red, red).png().toBuffer(), left: 0, top: 0 },
      { input: await halves(12, 10, blue, blue).png().toBuffer(), left: 28, top: 0 },
    ])
    .png()
    .toBuffer();
  const encoded = { kind: "encoded", bytes: bands } as const;
  expect(ends(await decodeResize(encoded, "bands", 10, 10))).toEqual([
    [0, 255, 0],
    [0, 255, 0],
  ]);
  expect(ends(await decodeResize(encoded, "bands", 10, 20, "fill"))).toEqual([red, blue]);
  const raw = await decodeBytes(bands);
  expect(ends(await decodeResize(raw, "bands", 10, 10))).toEqual([
    [0, 255, 0],
    [0, 255, 0],
  ]);
  expect(ends(await decodeResize(raw, "bands", 5, 10, "fill"))).toEqual([red, blue]);
});

/** A PNG file of these header fields, with the given content of its one IDAT chunk. */
function pngOf(width: number, height: number, depth: number, interlaced: boolean, data: Uint8Array): Uint8Array {
  const chunk = (name: string, content: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(name, "latin1"), content]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(content.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, 2, 0, 0, interlaced ? 1 : 0], 8);
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", new Uint8Array(0))]);
}

test.each([
  ["interlaced, 16 bits", 20_000, 16, true, /20000 x 20000, interlaced and so held whole, would take 2\.4 GB/],
  ["interlaced, 8 bits", 20_000, 8, true, /would take 1\.2 GB; shrink the file, or save it without interlacing/],
])("a giant that is held whole is refused by its header: %s", async (_, side, depth, interlaced, message) => {
  const bytes = pngOf(side, side, depth, interlaced, deflateSync(new Uint8Array(100)));
  await expect(decodeResize({ kind: "encoded", bytes }, "giant", 8, 8)).rejects.toThrow(message);
  // one that is read line by line is not: its lines are missing here
  const plain = pngOf(side, side, depth, false, deflateSync(new Uint8Array(100)));
  await expect(decodeResize({ kind: "encoded", bytes: plain }, "giant", 8, 8)).rejects.toThrow(/truncated or damaged/);
});

test("a 16-bit interlaced image of 150 million pixels is too large to come out whole, and can be decoded small", async () => {
  const bytes = pngOf(15_000, 10_000, 16, true, deflateSync(new Uint8Array(100)));
  await expect(decodeBytes(bytes)).rejects.toThrow(/would take 1\.4 GB; use decode_resize/);
  await expect(decodeResize({ kind: "encoded", bytes }, "large", 8, 8)).rejects.toThrow(/truncated or damaged/);
});

test.each(["picture.svg", "picture.png"])("SVG is refused, also when it is called %s", async (id) => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';
  for (const text of [svg, `<?xml version="1.0"?>\n${svg}`]) {
    const image = { kind: "encoded", bytes: Buffer.from(text) } as const;
    const message = /not an image this program can read \(\d+ bytes\); JPEG, PNG, WebP, GIF, TIFF and AVIF are/;
    await expect(decodeImage(image, id)).rejects.toThrow(message);
    await expect(decodeResize(image, id, 4, 4)).rejects.toThrow(message);
    await expect(imageHeader(image, id)).rejects.toThrow(message);
  }
});

test("AVIF is read", async () => {
  near(
    [...(await decodeBytes(await halves(16, 16, red, red).avif({ lossless: true }).toBuffer())).data.subarray(0, 3)],
    red,
    3,
  );
});

test("colour profiles are ignored, as Pillow and TensorFlow ignore them", async () => {
  const bytes = await sharp({ create: { width: 2, height: 1, channels: 3, background: "#c83c14" } })
    .png({ adaptiveFiltering: false })
    .withIccProfile("p3")
    .toBuffer();
  expect((await sharp(bytes).metadata()).icc).toBeDefined();
  // the numbers as they stand in the file: a filter byte (0, none), then the pixels
  const at = bytes.indexOf("IDAT");
  const stored = inflateSync(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at - 4)));
  expect(stored[0]).toBe(0);
  expect([...stored.subarray(1, 4)]).not.toEqual([0xc8, 0x3c, 0x14]);
  expect([...(await decodeBytes(bytes)).data]).toEqual([...stored.subarray(1)]);
});
