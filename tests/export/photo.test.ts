/** Exports with the preprocessing inside: photos of any size, resized by ONNX Runtime's own Resize, beside our own pipeline. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { openSource } from "../../src/data/index.js";
import { ExportError, exportOnnx, writeHuggingFaceFolder } from "../../src/export/index.js";
import type { OnnxModel } from "../../src/graph/index.js";
import { preprocessImage, rawImage } from "../../src/images/index.js";
import { fovea } from "../support/command-line.js";
import { temporaryFolder } from "../support/trained-run.js";
import { drawnWeights, ownResults, relativeDifference, run, tinyResNet, tinyViT } from "./support.js";

/** Photographs and their pixels, of several sizes and shapes. */
async function photos(): Promise<{ pixels: Uint8Array; height: number; width: number }[]> {
  const source = await openSource("embedded:clothing", { split: "test" });
  const out = [];
  for (const [index, height, width] of [
    [3, 128, 96],
    [40, 77, 131],
    [90, 61, 61],
    [120, 30, 47],
  ] as const) {
    const { image } = await source.get(index);
    if (image.kind !== "encoded") throw new Error("a file was expected");
    const { data } = await sharp(image.bytes)
      .resize(width, height, { fit: "fill" })
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    out.push({ pixels: new Uint8Array(data), height, width });
  }
  await source.close();
  return out;
}

/** The model with the sides of its photos stated, as whoever runs it does. */
const ofSize = (model: OnnxModel, height: number, width: number): OnnxModel => ({
  ...model,
  inputs: [{ name: "photo", type: { dtype: "uint8", shape: [1, height, width, 3] } }],
});

// what is rounded between the two passes of our own resizing moves a pixel by a level at most, which moves features of so small a network by hundredths
const close = 0.04;

describe.each([
  "decode|resize(32,method=bicubic,antialias=true)|value_range(-1,1)",
  "decode|resize(32,method=bilinear,antialias=true)|value_range(0,1)",
  "decode|resize(32)|value_range(-1,1)",
  "decode|resize(32,half_pixel_centers=false)|value_range(-1,1)",
  "decode|resize_small(37,method=bicubic,antialias=true,rounding=floor)|central_crop(32,rounding=even)|value_range((-2.1,-2,-1.8),(2.2,2.4,2.6))",
  "decode|resize_small(36,method=bilinear,antialias=true)|central_crop(32)|value_range(-1,1)",
])("%s", (preprocessing) => {
  test.each([3, 1])("photos of any size give what our pipeline gives, %d channels", async (channels) => {
    const text =
      channels === 1 ? preprocessing.replace("decode|", "decode(1)|").replace(/\(\(.*\)\)$/, "(-1,1)") : preprocessing;
    const weights = drawnWeights(tinyViT(), [32, 32, channels], { preprocessing: text });
    const model = await exportOnnx(weights, { input: "photo", outputs: "both" });
    for (const { pixels, height, width } of await photos()) {
      const seen = await preprocessImage(text, rawImage(pixels, height, width, 3));
      const own = await ownResults(weights, Float32Array.from(seen.data));
      const found = await run(ofSize(model, height, width), { photo: pixels });
      expect(relativeDifference(found["logits"] ?? new Float32Array(), own.logits)).toBeLessThan(close);
      expect(relativeDifference(found["features"] ?? new Float32Array(), own.features)).toBeLessThan(close);
    }
  });
});

test("decode_resize becomes an antialiased triangle, which a resize without antialiasing is not", async () => {
  const differences = async (preprocessing: string, compared: string) => {
    const weights = drawnWeights(tinyResNet(), [32, 32, 3], { preprocessing });
    const model = await exportOnnx(weights, { input: "photo" });
    const all = [];
    for (const { pixels, height, width } of (await photos()).slice(0, 2)) {
      const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer();
      const seen = await preprocessImage(compared, { kind: "encoded", bytes: new Uint8Array(png) });
      const own = await ownResults(weights, Float32Array.from(seen.data));
      const found = await run(ofSize(model, height, width), { photo: pixels });
      all.push(relativeDifference(found["logits"] ?? new Float32Array(), own.logits));
    }
    return all;
  };
  for (const fit of ["cover", "fill"]) {
    const text = `decode_resize(32,fit=${fit})|value_range(-1,1)`;
    for (const one of await differences(text, text)) expect(one).toBeLessThan(close);
  }
  const [plain] = await differences(
    "decode_resize(32,fit=fill)|value_range(-1,1)",
    "decode|resize(32)|value_range(-1,1)",
  );
  expect(plain).toBeGreaterThan(2 * close);
});

test("an exported folder says how transformers.js resizes, and offers the model that resizes itself", async () => {
  const root = temporaryFolder("photo");
  const cardOf = async (preprocessing: string) => {
    await writeHuggingFaceFolder(join(root, "web"), drawnWeights(tinyResNet(), [32, 32, 3], { preprocessing }));
    return readFileSync(join(root, "web", "README.md"), "utf8");
  };
  expect(await cardOf("decode_resize(32)|value_range(-1,1)")).toMatch(
    /without antialiasing[\s\S]*one in twenty[\s\S]*32 x 32 pixels with a resize that antialiases[\s\S]*--input photo/,
  );
  // this one does not antialias itself
  expect(await cardOf("decode|resize(32)|value_range(-1,1)")).not.toMatch(/antialias/);
  const file = join(root, "photo.onnx");
  expect((await fovea("export", join(root, "web"), file, "--input", "photo")).status).toBe(0);
  const opened = await fovea("embed", file, "embedded:clothing?take=2");
  expect(opened.stderr).toMatch(/takes photos and resizes them itself.*--input uint8/);
  rmSync(root, { recursive: true });
});

test("what cannot be put into the model is refused or told", async () => {
  const refused = drawnWeights(tinyViT(), [32, 32, 3], {
    preprocessing: "decode|resize(32)|corrupt(fog,3)|value_range(-1,1)",
  });
  await expect(exportOnnx(refused, { input: "photo" })).rejects.toThrow(ExportError);
  await expect(exportOnnx(refused, { input: "photo" })).rejects.toThrow(
    /corrupt\(fog,3\).* cannot be put into the model/,
  );
  const told: string[] = [];
  const area = drawnWeights(tinyViT(), [32, 32, 3], {
    preprocessing: "decode|resize_small(32)|central_crop(32)|value_range(-1,1)",
  });
  await exportOnnx(area, { input: "photo", note: (text) => told.push(text) });
  expect(told.join()).toMatch(/the area method becomes an antialiased triangle/);
  await expect(exportOnnx(area, { input: "photo", opset: 17 })).rejects.toThrow(/version 17 .* does not have Resize/);
});
