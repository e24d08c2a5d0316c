/** MLP-Mixers at K times their resolution, against a float64 computation that mixes each sub-sequence by itself. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadWeights, saveWeights, type Weights } from "../../src/weights/index.js";
import { plainMixer } from "../support/plain-mixer.js";
import { geluTanh } from "../support/reference-network.js";
import * as models from "../support/seeded-models.js";
import { relativeError, uniform } from "../support/vit-cases.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fovea-mixer-resolution-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const mixer = models.mixer.family === "mixer" ? models.mixer : undefined!;
/** A grid of 2 rows and 3 columns, so that mistaking one for the other shows. */
const wide = { height: 8, width: 12, channels: 3 };
const weights = models.weightsOf(mixer, wide);
const doubles = ({ tensors }: Weights) =>
  Object.fromEntries([...tensors].map(([name, { data }]) => [name, Float64Array.from(data)]));

async function enlarged(factor: number) {
  const path = join(folder, "wide.safetensors");
  await saveWeights(path, weights, "fovea");
  const told: string[] = [];
  const image = [wide.height * factor, wide.width * factor] as const;
  return { loaded: await loadWeights(path, { image, note: (text) => told.push(text) }), told };
}

type Matrix = number[][];
const dense = (x: Matrix, kernel: Float64Array, bias: Float64Array): Matrix =>
  x.map((row) =>
    Array.from(bias, (start, o) => row.reduce((sum, v, k) => sum + v * kernel[k * bias.length + o]!, start)),
  );
const normed = (x: Matrix, scale: Float64Array, bias: Float64Array): Matrix =>
  x.map((row) => {
    const mean = row.reduce((sum, v) => sum + v, 0) / row.length;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length;
    return row.map((v, k) => ((v - mean) / Math.sqrt(variance + mixer.layerNormEpsilon)) * scale[k]! + bias[k]!);
  });
const turned = (x: Matrix): Matrix => x[0]!.map((_, c) => x.map((row) => row[c]!));

/** The logits of one image by the OLD weights: each sub-sequence is taken out, mixed by the old network's layers, put back. */
function bySubSequences(pixels: Float32Array, factor: number): number[] {
  const old = doubles(weights);
  const at = (name: string) => old[name]!;
  const p = mixer.patchSize;
  const [rows, columns] = [(wide.height / p) * factor, (wide.width / p) * factor];
  const line = columns * p * 3;
  let x: Matrix = Array.from({ length: rows * columns }, (_, s) => {
    const [top, left] = [Math.floor(s / columns) * p, (s % columns) * p];
    return Array.from({ length: p * p * 3 }, (_, k) => {
      const [dy, rest] = [Math.floor(k / (p * 3)), k % (p * 3)];
      return pixels[(top + dy) * line + left * 3 + rest]!;
    });
  });
  const layer = (name: string, of: Matrix) => dense(of, at(`${name}/kernel`), at(`${name}/bias`));
  const norm = (name: string, of: Matrix) => normed(of, at(`${name}/scale`), at(`${name}/bias`));
  const mlp = (name: string, of: Matrix) =>
    layer(
      `${name}/Dense_1`,
      layer(`${name}/Dense_0`, of).map((row) => row.map(geluTanh)),
    );
  x = layer("stem", x);
  for (let l = 0; l < mixer.depth; l++) {
    const block = `MixerBlock_${l}`;
    const before = norm(`${block}/LayerNorm_0`, x);
    const after = x.map((row) => [...row]);
    for (let a = 0; a < factor; a++) {
      for (let b = 0; b < factor; b++) {
        const part: number[] = [];
        for (let r = a; r < rows; r += factor) for (let c = b; c < columns; c += factor) part.push(r * columns + c);
        const mixed = turned(mlp(`${block}/token_mixing`, turned(part.map((s) => before[s]!))));
        part.forEach((s, i) => {
          after[s] = after[s]!.map((v, c) => v + mixed[i]![c]!);
        });
      }
    }
    const channels = mlp(`${block}/channel_mixing`, norm(`${block}/LayerNorm_1`, after));
    x = after.map((row, s) => row.map((v, c) => v + channels[s]![c]!));
  }
  x = norm("pre_head_layer_norm", x);
  return layer("head", [turned(x).map((channel) => channel.reduce((sum, v) => sum + v, 0) / channel.length)])[0]!;
}

describe.each([2, 3])("at %i times the resolution", (factor) => {
  const [height, width] = [wide.height * factor, wide.width * factor];
  const copies = factor ** 2;

  test("the new network computes what the old one does on each of its sub-sequences", async () => {
    const { loaded, told } = await enlarged(factor);
    expect(told.join()).toMatch(
      new RegExp(`token mixing repeated ${factor}\\^2 times for 2 x 3 to ${2 * factor} x ${3 * factor} patches`),
    );
    expect(loaded.config).toMatchObject({ tokensMlpDim: copies * mixer.tokensMlpDim });
    expect(loaded.image).toEqual({ height, width, channels: 3 });
    const first = loaded.tensors.get("MixerBlock_1/token_mixing/Dense_0/kernel")!;
    expect(first.shape).toEqual([copies * 6, copies * mixer.tokensMlpDim]);
    expect([...first.data].filter((value) => value !== 0)).toHaveLength(copies * 6 * mixer.tokensMlpDim);
    const images = uniform(2 * height * width * 3, "image"); // those of models.forward
    const expected = [0, 1].flatMap((n) => bySubSequences(images.subarray((n * images.length) / 2), factor));
    expect(relativeError(await models.forward(loaded), expected)).toBeLessThan(1e-5);
    const plain = plainMixer(doubles(loaded), images, [2, height, width, 3], loaded.config as typeof mixer).logits!;
    expect(relativeError(plain, expected)).toBeLessThan(1e-12);
  });

  test("a picture whose patches are only repeated gets the old logits", async () => {
    const { loaded } = await enlarged(factor);
    const small = uniform(wide.height * wide.width * 3, "small");
    const p = mixer.patchSize;
    const large = Float32Array.from({ length: height * width * 3 }, (_, i) => {
      const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
      const [sy, sx] = [y, x].map((v) => Math.floor(Math.floor(v / p) / factor) * p + (v % p)) as [number, number];
      return small[(sy * wide.width + sx) * 3 + c]!;
    });
    const old = plainMixer(doubles(weights), small, [1, 8, 12, 3], mixer).logits!;
    const grown = plainMixer(doubles(loaded), large, [1, height, width, 3], loaded.config as typeof mixer).logits!;
    expect(relativeError(grown, old)).toBeLessThan(1e-12);
  });

  test("it is saved and read again in the layouts that hold Mixers", async () => {
    const { loaded } = await enlarged(factor);
    for (const [layout, file] of [
      ["fovea", "again.safetensors"],
      ["timm", "timm.safetensors"],
      ["mixer", "again.npz"],
    ] as const) {
      await saveWeights(join(folder, file), loaded, layout);
      const again = await loadWeights(join(folder, file), { sourceImage: [height, width], config: { gelu: "tanh" } });
      expect(again.config).toEqual(loaded.config);
      expect(await models.forward(again)).toEqual(await models.forward(loaded));
    }
  });
});
