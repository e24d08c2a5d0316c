/** The PNG writer against another decoder, and data URIs. */
import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { encodePng } from "../../src/formats/png.js";
import { encodedUri, floatUri, pixelUri } from "../../src/report/index.js";

const bytesOf = (uri: string) => Buffer.from(uri.slice(uri.indexOf(",") + 1), "base64");

describe("PNG writer", () => {
  it("another decoder reads back the same pixels, for every size and channel count", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 17 }),
        fc.integer({ min: 1, max: 17 }),
        fc.constantFrom(1, 2, 3, 4),
        fc.integer(),
        fc.boolean(),
        async (width, height, channels, seed, isSmooth) => {
          const count = width * height * channels;
          const data = Uint8Array.from({ length: count }, (_, i) =>
            isSmooth ? 128 + 100 * Math.sin(seed + i / 7) : (Math.imul(i + 1, 2654435761) ^ seed) >>> 13,
          );
          const png = sharp(encodePng({ data, width, height, channels }));
          expect((await png.metadata()).channels).toBe(channels);
          const { data: decoded, info } = await png
            .toColourspace("srgb")
            .ensureAlpha()
            .raw()
            .toBuffer({ resolveWithObject: true });
          expect([info.width, info.height, info.channels]).toEqual([width, height, 4]);
          const expected = Array.from({ length: width * height }, (_, i) => {
            const own = [...data.subarray(i * channels, (i + 1) * channels)];
            const colour = channels < 3 ? [own[0]!, own[0]!, own[0]!] : own.slice(0, 3);
            return [...colour, channels % 2 === 0 ? own.at(-1)! : 255];
          });
          expect([...decoded]).toEqual(expected.flat());
        },
      ),
      { numRuns: 60 },
    );
  });

  it("filters: a smooth picture takes far fewer bytes than its pixels", () => {
    const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (Math.floor(i / 3) % 64) * 2 + Math.floor(i / 192));
    expect(encodePng({ data, width: 64, height: 64, channels: 3 }).length).toBeLessThan(data.length / 20);
  });

  it("says when data and size disagree", () => {
    expect(() => encodePng({ data: new Uint8Array(5), width: 2, height: 2, channels: 3 })).toThrow(
      /need 12 bytes.*given 5/,
    );
    expect(() => encodePng({ data: new Uint8Array(0), width: 0, height: 2, channels: 3 })).toThrow(/0x2/);
  });
});

describe("data URIs", () => {
  it("knows the formats by their first bytes", async () => {
    const picture = sharp({ create: { width: 4, height: 4, channels: 3, background: "teal" } });
    for (const format of ["png", "jpeg", "webp", "gif"] as const) {
      const bytes = await picture.clone().toFormat(format).toBuffer();
      const uri = encodedUri(bytes);
      expect(uri.startsWith(`data:image/${format};base64,`)).toBe(true);
      expect(bytesOf(uri).equals(bytes)).toBe(true);
    }
    expect(() => encodedUri(Buffer.from("<html>"))).toThrow(/3c68746d6c3e are no PNG/);
    expect(() => encodedUri(new Uint8Array(0))).toThrow(/nothing/);
  });

  it("maps floats from their range to black … white and cuts the rest", async () => {
    const uri = floatUri([-2, -1, 0, 1, 2, 0.5], [1, 2, 3]);
    expect([...(await sharp(bytesOf(uri)).raw().toBuffer())]).toEqual([0, 0, 128, 255, 255, 191]);
    const grey = floatUri(Float32Array.of(0, 1), [2, 1, 1], [0, 1]);
    expect([...(await sharp(bytesOf(grey)).toColourspace("b-w").raw().toBuffer())]).toEqual([0, 255]);
    expect(() => floatUri([0, 0], [1, 1, 2])).toThrow(/2 channels cannot be shown/);
    expect(pixelUri({ data: Uint8Array.of(1), width: 1, height: 1, channels: 1 })).toMatch(/^data:image\/png;base64,/);
  });
});
