/** The benchmark of opened networks runs both forms on the same images; how fast is no matter of a test. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { exportOnnx, writeExport } from "../../src/export/index.js";
import { asWeights, readNetwork } from "../../src/networks/index.js";
import { speedBackbones, speedNetworks } from "../../src/speed/index.js";
import { embeddedBackbones } from "../../src/weights/index.js";
import { temporaryFolder } from "../support/trained-run.js";

const root = temporaryFolder("speed-backbones");
afterAll(() => rmSync(root, { recursive: true }));
const quick = { batchSize: 3, rounds: 2, leastSeconds: 0, threads: 1 };

test("the default networks are those of the papers and every bundled one", () => {
  expect(speedNetworks.slice(0, 2)).toEqual(["random:S/16", "random:R50x1"]);
  expect(speedNetworks.slice(2)).toEqual(embeddedBackbones.map(({ name }) => `embedded:${name}`));
});

describe("two forms of a network", () => {
  const specs = ["random:mu/16?size=32,48", "random:R26x0.5?size=64", "embedded:vit"];

  test("give the same features, and a ratio that is the median over the rounds", async () => {
    const said: string[] = [];
    const found = await speedBackbones(specs, { ...quick, onProgress: (what) => said.push(what) });
    expect(found).toMatchObject({ threads: 1, batchSize: 3, rounds: 2, required: 0.97 });
    expect(found.backbones.map(({ spec }) => spec)).toEqual(specs);
    expect(found.backbones.map(({ imageShape }) => imageShape)).toEqual([
      [32, 48, 3],
      [64, 64, 3],
      [32, 32, 3],
    ]);
    for (const { spec, difference, ratio, quartiles, imagesPerSecond } of found.backbones) {
      expect(difference, spec).toBeLessThan(1e-5);
      expect(imagesPerSecond.native).toBeGreaterThan(0);
      expect(imagesPerSecond.exported).toBeGreaterThan(0);
      // of two rounds the median is the mean, and the quartiles lie around it
      expect((quartiles[0] + quartiles[1]) / 2).toBeCloseTo(ratio, 10);
      expect(quartiles[0]).toBeLessThanOrEqual(ratio);
    }
    expect(found.holds).toBe(found.backbones.every(({ ratio }) => ratio >= 0.97));
    expect(said).toHaveLength(3);
    expect(said[0]).toBe("random:mu/16?size=32,48: batches of 3, 2 rounds");
  });
});

test("an ONNX file is refused, and an aborted benchmark ends", async () => {
  const file = join(root, "tiny.onnx");
  const weights = asWeights(await readNetwork("random:mu/16?size=32"));
  await writeExport(await exportOnnx(weights, { outputs: "features" }), file);
  await expect(speedBackbones([file], quick)).rejects.toThrow(/is an ONNX file, which is its own export; give a run/);
  const signal = AbortSignal.abort(new Error("stopped"));
  await expect(speedBackbones(["random:mu/16?size=32"], { ...quick, signal })).rejects.toThrow("stopped");
});
