/** The patch-grid study: what varies in its pictures, and its answers on backbones whose behaviour on the grid is known. */

import { expect, test } from "vitest";
import {
  borderDistance,
  measurePatchGrid,
  objectMean,
  patchGridChart,
  patchGridImages,
} from "../../../src/benchmarks/robustness/index.js";
import { objectClasses, objectMask, paintScene } from "../../../src/benchmarks/robustness/patch-grid-scene.js";
import { closable } from "../../../src/files/closable.js";
import type { Network } from "../../../src/networks/index.js";
import { createRandom } from "../../../src/random/keyed.js";
import { ridge } from "../../../src/transfer/index.js";

const patchSize = 8;
const side = 40;

/** A backbone that sees of every patch what `see` makes of it, averaged over patches. */
function patchBackbone(see: (patch: Float32Array) => number[], width: number): Network {
  const perRow = side / patchSize;
  return closable<Network>({
    spec: "test",
    kind: "pixels",
    output: "features",
    published: false,
    classNames: undefined,
    loss: "softmax",
    path: "test",
    imageShape: [side, side, 3],
    preprocessing: `decode_resize(${side})|value_range(-1,1)`,
    valueRange: [[-1, 1]],
    width,
    batchSize: 16,
    details: {},
    run: async ({ image }) => {
      const count = image.length / (side * side * 3);
      const out = new Float32Array(count * width);
      const patch = new Float32Array(patchSize * patchSize * 3);
      for (let i = 0; i < count * perRow * perRow; i++) {
        const [n, cell] = [Math.floor(i / (perRow * perRow)), i % (perRow * perRow)];
        const [top, left] = [Math.floor(cell / perRow) * patchSize, (cell % perRow) * patchSize];
        for (let y = 0; y < patchSize; y++) {
          const from = ((n * side + top + y) * side + left) * 3;
          patch.set(image.subarray(from, from + patchSize * 3), y * patchSize * 3);
        }
        for (const [j, value] of see(patch).entries()) out[n * width + j]! += value;
      }
      return out;
    },
    identity: async () => "test",
    toOnnx: async () => {
      throw new Error("not asked for");
    },
    close: async () => {},
  });
}

test("distances to the nearest border of a patch", () => {
  expect([0, 1, 2, 5, 6, 7].map((offset) => borderDistance(offset, 6, 8))).toEqual([3, 4, 3, 0, 1, 2]);
  expect(borderDistance(0, 5, 8)).toBe(2.5);
});

test("the object's pixels and the background are the same wherever the object stands", () => {
  const mask = objectMask("ring", 7);
  const at = (top: number, left: number) =>
    paintScene({ height: 32, width: 32, mask, top, left, random: createRandom("scene") });
  const [one, two] = [at(4, 5), at(13, 10)];
  const object = (data: Uint8Array, top: number, left: number) =>
    [...mask.inside.keys()]
      .filter((i) => mask.inside[i] === 1)
      .map((i) => data[((top + Math.floor(i / 7)) * 32 + left + (i % 7)) * 3]);
  expect(object(one.data, 4, 5)).toEqual(object(two.data, 13, 10));
  const outside = [...one.data.keys()].filter((i) => Math.floor(i / 3) % 32 >= 20);
  expect(outside.every((i) => one.data[i] === two.data[i])).toBe(true);
});

test("classes are told apart by their pixels, at the least side too", () => {
  const seen = objectClasses.map((name) => objectMask(name, 5).inside.join(""));
  expect(new Set(seen).size).toBe(objectClasses.length);
});

test("a backbone blind to the grid has hardly a cost at the border", async () => {
  const options = { patchSize, objects: 3, trained: 60, stride: 2, threads: 1 };
  // brightness alone: the same for every offset
  const blind = await measurePatchGrid(
    patchBackbone((patch) => [patch.reduce((sum, x) => sum + x, 0)], 1),
    ridge,
    options,
  );
  // what of the background the object hides differs a little from offset to offset
  expect(Math.abs(blind.borderCost.mean)).toBeLessThan(0.15);
  expect(blind.distances.every(({ agreement }) => agreement.mean > 0.7)).toBe(true);
  expect(blind.images).toBe(patchGridImages(options));
  expect(blind.distances.map(({ distance }) => distance)).toEqual([0, 2, 4]);
  expect(blind.distances.at(-1)!.agreement.mean).toBe(1);
  expect(patchGridChart(blind)).toContain("nearest border");
});

test("an image with too few patches is refused", async () => {
  const backbone = patchBackbone(() => [0], 1);
  await expect(measurePatchGrid(backbone, ridge, { patchSize: 16 })).rejects.toThrow(/too few patches of 16/);
  await expect(measurePatchGrid(backbone, ridge, { patchSize: 1 })).rejects.toThrow(/the patch size is 1 pixel/);
});

test("the interval of a mean over objects is Student's", () => {
  const { mean, confidence95 } = objectMean([0, 0.5, 1, 0.5], [-9, 9]);
  // deviation sqrt(1/6), t(3) = 3.182446
  expect(mean).toBe(0.5);
  expect(confidence95[1] - mean).toBeCloseTo((3.182446 * Math.sqrt(1 / 6)) / 2, 5);
});
