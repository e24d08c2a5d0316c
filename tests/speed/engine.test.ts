/** The engine's benchmark measures what it says; how fast that is, is no matter of a test. */
import { expect, test } from "vitest";
import { modelSize, vitConfig } from "../../src/models/index.js";
import { type EngineMeasureOptions, measureInProcess } from "../../src/speed/index.js";

const options: EngineMeasureOptions = {
  model: "mu/16",
  batchSize: 2,
  imageSize: 32,
  microbatches: 1,
  rematerialise: false,
  rounds: 1,
  threads: 1,
  work: "gradients",
  stepsPerRun: 1,
};

test.each([
  ["forward and backward", {}],
  ["rematerialised", { rematerialise: true }],
  ["with the update, two steps in one run", { work: "training", stepsPerRun: 2 }],
] satisfies [string, Partial<EngineMeasureOptions>][])("%s", async (_, changes) => {
  const measured = await measureInProcess({ ...options, ...changes });
  for (const [key, value] of Object.entries(measured)) expect(value, key).toBeGreaterThan(0);
  // backward is twice forward but for the patches, whose pixels need no gradient; counted a step
  const forward =
    (2 * modelSize({ family: "vit", ...vitConfig("mu/16", { pooling: "tok" }) }, { size: 32 }).flops) / 1e9;
  const steps = "stepsPerRun" in changes ? changes.stepsPerRun : 1;
  expect(measured.gflopsPerStep / steps).toBeGreaterThan(2.4 * forward);
  expect(measured.gflopsPerStep / steps).toBeLessThan("rematerialise" in changes ? 4.2 * forward : 3 * forward);
});

test("inference counts the forward pass of the exported network", async () => {
  const measured = await measureInProcess({ ...options, work: "inference" });
  const forward =
    (2 * modelSize({ family: "vit", ...vitConfig("mu/16", { pooling: "tok" }) }, { size: 32 }).flops) / 1e9;
  expect(measured.gflopsPerStep).toBeCloseTo(forward, 9);
  expect(measured.bestImagesPerSecond).toBeGreaterThanOrEqual(measured.imagesPerSecond);
});

test.each(["R26x0.5", "Mixer-S/16"])("%s, a model of another family", async (model) => {
  const measured = await measureInProcess({ ...options, model, batchSize: 1 });
  const forward = modelSize(model, { size: 32 }).flops / 1e9;
  expect(measured.gflopsPerStep).toBeGreaterThan(2 * forward);
  expect(measured.gflopsPerStep).toBeLessThan(3 * forward);
});

test("image by image, a ResNet of small images is counted without the windows of its batch", async () => {
  const small = { ...options, model: "R26x0.5", batchSize: 4 };
  const [together, apart] = [await measureInProcess(small), await measureInProcess({ ...small, imageByImage: true })];
  expect(apart.gflopsPerStep).toBeLessThan(together.gflopsPerStep);
  expect(apart.gflopsPerStep).toBeGreaterThan(0.8 * together.gflopsPerStep);
});
