/** scripts/ship-backbone.ts: a run becomes the folder of a backbone, without its head, rounded once, with a card of what is known. */

import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RobustnessFigures } from "../../scripts/backbone-card.js";
import { shipBackbone } from "../../scripts/ship-backbone.js";
import { withStandardisedKernels } from "../../scripts/standardised-kernels.js";
import type { BackboneRow, Comparison } from "../../src/benchmarks/index.js";
import { fromFloat16, toFloat16 } from "../../src/graph/index.js";
import { open, readNetwork } from "../../src/networks/index.js";
import { loadWeights } from "../../src/weights/index.js";
import * as models from "../support/seeded-models.js";
import { temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("ship");
const run = join(root, "run");
const folder = join(root, "models", "one");
const options = { run, name: "one", recipe: "recipes/backbones/one.ts", folder };

beforeAll(async () => {
  await trainTiny(run, { average: { name: "ema", halfLife: { steps: 2 } } });
});
afterAll(() => rmSync(root, { recursive: true }));

const weightsBytes = () => readFileSync(join(folder, "model.safetensors"));

test("the averages of a run's weights, to half precision, without its head", async () => {
  const files = await shipBackbone(options);
  expect(Object.keys(files)).toEqual(["model.safetensors", "model.onnx", "README.md"]);
  const trained = await readNetwork(run);
  const { tensors, config, metadata } = await loadWeights(folder);
  expect(config).toEqual({ ...trained.config, classes: 0 });
  expect(metadata).toMatchObject({ preprocessing: trained.preprocessing, source: "recipes/backbones/one.ts of fovea" });
  expect(metadata.classNames).toBeUndefined();
  const names = [...trained.tensors.keys()].filter((name) => !name.startsWith("head/"));
  expect([...tensors.keys()].sort()).toEqual(names.sort());
  for (const [name, { data }] of tensors) {
    const before = trained.tensors.get(name)!.data as Float32Array;
    expect(data).toEqual(Float32Array.from(before, (value) => fromFloat16(toFloat16(value))));
  }
  const [network, file] = await Promise.all(
    [folder, join(folder, "model.onnx")].map((spec) => open(spec, { batchSize: 2, threads: 1 })),
  );
  const image = Float32Array.from({ length: 2 * 16 * 16 * 3 }, (_, i) => Math.sin(i));
  const [ours, onnx] = [await network!.run({ image: image.slice() }), await file!.run({ image })];
  expect(onnx).toHaveLength(2 * 16);
  for (const [i, value] of onnx.entries()) expect(value).toBeCloseTo(ours[i]!, 4);
  expect(file!.preprocessing).toBe(network!.preprocessing);
  await network!.close();
  await file!.close();
});

test("the same run gives the same weights; figures go into the card under names that tell no paths", async () => {
  const before = weightsBytes();
  const row = (spec: string, kind: BackboneRow["kind"], mean: number): BackboneRow => ({
    ...{ spec, kind, parameters: 3000, width: 16, fileBytes: 12_000, onnxBytes: 14_000, imagesPerSecond: 812.3 },
    ...{ imageShape: [16, 16, 3], preprocessing: "decode", mean: [{ shots: 5, mean }] },
    sets: { fruit: [{ shots: 5, mean, standardDeviation: 0.021 }] },
  });
  const figures: Comparison = {
    protocol: { shots: [5], seeds: 3, testImages: 60, threads: 2 },
    sets: [{ name: "fruit", classes: 4, tested: 60 }],
    backbones: [
      row("pixels:16", "pixels", 0.25),
      row("embedded:one", "network", 0.75),
      row("random:embedded:one", "network", 0.5),
      row(`${root}/teachers/other_net.onnx?size=16`, "onnx", 0.7),
    ],
  };
  const robustness: RobustnessFigures = {
    source: `${root}/sets/fruit.tar`,
    table: "tiny-imagenet",
    clean: { images: 60, right: 48, accuracy: 0.8, confidence95: [0.68, 0.89] },
    results: [],
    families: [
      { corruption: "fog", accuracy: 0.6, error: 0.4 },
      { corruption: "pixelate", accuracy: 0.4, error: 0.6 },
    ],
    meanAccuracy: 0.5,
    meanError: 0.5,
  };
  await shipBackbone({ ...options, figures, robustness, badAt: "- Pears.\n" });
  expect(weightsBytes().equals(before)).toBe(true);
  const card = readFileSync(join(folder, "README.md"), "utf8");
  expect(card).toContain("| raw pixels 16 x 16 |  |  | 25.0 | 25.0±2.1 |");
  expect(card).toContain("| **embedded:one**, 16 x 16 | 0.0 | 812 | 75.0 | 75.0±2.1 |");
  expect(card).toContain("| the same with random weights, 16 x 16 | 0.0 | 812 | 50.0 | 50.0±2.1 |");
  expect(card).toContain("| other_net, 16 x 16 | 0.0 | 812 | 70.0 | 70.0±2.1 |");
  expect(card).toContain("3 steps of 4 images of 16 pixels");
  expect(card).toMatch(/Loss on its evaluation images by step: (\d+ \d\.\d{3}(, )?)+\./);
  expect(card).toContain("## Limitations\n\n- Pears.\n");
  expect(card).toContain("On 60 images of fruit,");
  expect(card).toContain("80.0 % clean (68.0 to 89.0), 50.0 % under 2 corruptions");
  expect(card).toContain("pixelate 40.0, fog 60.0.");
  expect(card).toContain("`recipes/backbones/one.ts` trains it");
  expect(card).not.toContain(root);
});

test.each([
  ["hybrid", models.hybrid],
  ["resnet", models.resnet],
] as const)("standardised kernels of a %s stand for themselves, in half precision too", async (_family, config) => {
  const before = models.weightsOf(config);
  const after = withStandardisedKernels(before);
  const changed = [...after.tensors].filter(([name, tensor]) => tensor !== before.tensors.get(name));
  expect(changed.length).toBeGreaterThan(4);
  const [first, second] = [await models.forward(before), await models.forward(after)];
  const largest = first.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (const [i, value] of second.entries()) expect(Math.abs(value - first[i]!)).toBeLessThan(1e-3 * largest);
  for (const [name, { shape, data }] of changed) {
    const again = withStandardisedKernels({ ...after, tensors: new Map([[name, { shape, data }]]) });
    const moved = again.tensors.get(name)!.data.filter((value, i) => value !== data[i]);
    // rounding may go to and fro at a border, in a few numbers of small kernels
    expect(moved.length).toBeLessThanOrEqual(0.03 * data.length);
    // the power of two costs only numbers below the least normal one of half precision a digit
    const lost = data.map((value) => Math.abs(value - fromFloat16(toFloat16(value))));
    expect(Math.max(...lost)).toBeLessThanOrEqual(2 ** -25);
  }
});

test("it may be opened for larger images than it was trained on; only a ResNet has stages to pool", async () => {
  const large = join(root, "models", "large");
  await shipBackbone({ ...options, folder: large, imageSize: 24 });
  const { image, metadata } = await loadWeights(large);
  expect(image).toEqual({ height: 24, width: 24, channels: 3 });
  expect(metadata.preprocessing).toContain("24");
  const card = readFileSync(join(large, "README.md"), "utf8");
  expect(card).toContain("an image of 24 x 24 pixels");
  expect(card).toContain("images of 16 pixels");
  await expect(shipBackbone({ ...options, folder: large, pooledStages: [1] })).rejects.toThrow(
    /only a ResNet has stages/,
  );
});

test("what nothing is known of is not shipped", async () => {
  const unknown = join(root, "unknown");
  cpSync(run, unknown, { recursive: true });
  const path = join(unknown, "recipe.json");
  writeFileSync(path, readFileSync(path, "utf8").replaceAll(/generated:shapes[^"]*/g, "/sets/birds/"));
  await expect(shipBackbone({ ...options, run: unknown, folder: join(root, "no") })).rejects.toThrow(
    /the origin and the terms of "birds" are unknown; add it to origins/,
  );
});
