/** Speed against the image size: the sizes, and that measuring works; no timings. */
import { expect, test } from "vitest";
import {
  analyses,
  analysesNamed,
  imagesPerSecond,
  openSubject,
  sizesToMeasure,
  sizeUnit,
  speed,
} from "../../src/analysis/index.js";
import { parseModelName } from "../../src/models/index.js";

const vit = parseModelName("Ti/16", { classes: 10 });

test("sizes are multiples of the unit around the network's own", async () => {
  expect(sizesToMeasure(224, 16)).toEqual([112, 176, 224, 336, 448, 672, 896]);
  expect(sizesToMeasure(32, 32)).toEqual([32, 64, 96, 128]);
  await using subject = await openSubject("embedded:small", { count: 10 });
  expect(sizeUnit(subject)).toBe(16);
});

test("speed runs only by name", () => {
  expect(analyses).toContain(speed);
  expect(analysesNamed(undefined)).not.toContain(speed);
  expect(analysesNamed(["speed"])).toEqual([speed]);
});

test("images per second are measured at any size", async () => {
  for (const config of [vit, parseModelName("Mixer-S/16", { classes: 10 })]) {
    const rate = await imagesPerSecond({ ...config, depth: 1 } as typeof config, 48, {
      batch: 2,
      threads: 1,
      seconds: 0,
    });
    expect(rate).toBeGreaterThan(0);
    expect(Number.isFinite(rate)).toBe(true);
  }
});
