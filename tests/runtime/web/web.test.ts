/** Programs in a browser: the example page trains, and the runtime gives what it gives on Node. */
import { compile } from "fovea/runtime";
import { trainStep } from "fovea/train";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { drawBatch, seededRandom } from "../../../examples/browser-training/drawing.js";
import { sizes, training } from "../../../examples/browser-training/network.js";
import { type Browser, missingChromium, type Page, startChromium } from "../../support/chromium.js";
import { everything } from "../../support/extent.js";
import { gradientsOf, lossesOf } from "./computed.js";
import { call, type Pages, startPages } from "./pages.js";

let pages: Pages;
/** Addresses of the page: with the headers of the example's configuration, and without. */
let isolated: string;
let plain: string;
let browser: Browser;

beforeAll(async () => {
  if (missingChromium !== undefined) return;
  pages = await startPages();
  ({ browser, isolated, plain } = pages);
});
afterAll(async () => await pages?.close());

const numberOf = (id: string): string => `Number(document.getElementById("${id}").textContent)`;
const click = (page: Page, id: string) => page.evaluate(`document.getElementById("${id}").click()`);

/** Mean loss of the 20 steps up to a step, trained on Node as the page trains. */
async function lossAt(step: number): Promise<number> {
  const { source, initial, scalarsAt } = training(sizes.tiny);
  await using program = await compile(source, { threads: 1 });
  await program.writeState(initial);
  const random = seededRandom(1);
  let sum = 0;
  for (let at = 0; at < step; at++) {
    const batch = drawBatch(sizes.tiny.batchSize, random);
    const { loss } = await program.step({ ...batch, ...scalarsAt(at) });
    if (at >= step - 20) sum += Number(loss?.[0]);
  }
  return sum / 20;
}

describe.skipIf(missingChromium !== undefined)("in chromium", () => {
  test("the page trains on WebAssembly, stops, and continues", async () => {
    const page = await browser.open(plain);
    await click(page, "run");
    await page.until(`${numberOf("step")} >= 300`, 100);
    // Chance is ln 6 = 1.79.
    expect(await page.evaluate(numberOf("loss"))).toBeLessThan(1.2);
    expect(await page.evaluate(`document.querySelectorAll("#guesses canvas").length`)).toBe(12);
    await click(page, "run");
    await new Promise((resolve) => setTimeout(resolve, 500));
    const stopped = await page.evaluate(numberOf("step"));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await page.evaluate(numberOf("step"))).toBe(stopped);
    await click(page, "run");
    await page.until(`${numberOf("step")} > ${stopped}`, 60);
    await click(page, "reset");
    expect(await page.evaluate(`document.getElementById("step").textContent`)).toBe("–");
  });

  // A minute and a half on a software device; the tests below compare gradients and losses.
  test.runIf(everything)("the page trains on WebGPU as Node does", { timeout: 300_000 }, async () => {
    const page = await browser.open(plain);
    await click(page, "webgpu");
    await click(page, "run");
    await page.until(`${numberOf("step")} >= 30 || document.body.dataset.state === "failed"`, 280);
    expect(await page.evaluate(`document.body.dataset.state`)).toBe("running");
    const [step, loss] = (await page.evaluate(`[${numberOf("step")}, ${numberOf("loss")}]`)) as [number, number];
    // The mean of 20 steps, as the page shows it. Chance is 1.79, and the first 20 steps have 1.77.
    expect(loss).toBeLessThan(1.74);
    expect(Math.abs(loss - (await lossAt(step)))).toBeLessThan(2e-3);
  });

  test.each([
    ["cpu", 1],
    ["cpu", 2],
    ["webgpu", 1],
  ] as const)("gradients are those of Node: %s with %i threads", async (device, threads) => {
    const expected = await gradientsOf(compile, { device: "cpu" });
    const page = await browser.open(isolated);
    const found = (await call(page, "gradients", { device, threads })) as Record<string, number[]>;
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    const largest = (values: readonly number[]) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    let worst = 0;
    for (const [name, values] of Object.entries(expected)) {
      const given = found[name] ?? [];
      if (name.endsWith("key/bias")) {
        // It is zero but for rounding: a bias of all keys changes no attention weight.
        expect(Math.max(largest(values), largest(given)), name).toBeLessThan(1e-7);
        continue;
      }
      expect(largest(values), name).toBeGreaterThan(1e-3);
      worst = Math.max(worst, largest(values.map((value, i) => value - (given[i] ?? Number.NaN))) / largest(values));
    }
    expect(worst).toBeLessThan(1e-4);
  });

  test.each(["cpu", "webgpu"])("trainStep on %s has the losses of Node", async (device) => {
    const expected = await lossesOf(trainStep, "cpu");
    expect(expected.at(-1)).toBeLessThan(0.95 * (expected[0] ?? 0));
    const page = await browser.open(plain);
    const found = (await call(page, "trained", device)) as number[];
    expect(found.length).toBe(expected.length);
    expect(Math.max(...found.map((loss, i) => Math.abs(loss - (expected[i] ?? 0))))).toBeLessThan(1e-5);
  });

  test.each(["cpu", "webgpu"])("a program on %s keeps its state, in the order of its runs", async (device) => {
    const page = await browser.open(plain);
    expect(await call(page, "stateOf", device)).toEqual({
      norms: [14, 56, 126],
      committed: false,
      shown: [
        [3, 6, 9],
        [6, 12, 18],
      ],
      total: [4, 7, 10],
      count: 4,
      given: [1, 1, 1],
      closed: "the program is closed",
      device,
    });
  });

  test("outputs stay on the GPU where they are to, and are fed from there", async () => {
    const page = await browser.open(plain);
    expect(await call(page, "kept", "webgpu")).toEqual(["gpu-buffer", "cpu", [1, 4, 9]]);
    expect(await call(page, "kept", "cpu")).toEqual(["cpu", "cpu", [1, 4, 9]]);
  });

  test("several steps in one run, on the CPU only", async () => {
    const page = await browser.open(plain);
    expect(await call(page, "steps", "cpu")).toEqual({ norm: [1, 5], total: [1, 2, 0] });
    await expect(call(page, "steps", "webgpu")).rejects.toThrow("webgpu cannot take several steps in one run");
  });

  test("graphs are computed on two devices at once", async () => {
    const page = await browser.open(plain);
    const values = [2, 6, 12, 20];
    expect(await call(page, "computed", ["cpu", "webgpu", "webgpu", "cpu"])).toEqual([values, values, values, values]);
  });

  test("what a browser lacks is an error that says what to do", async () => {
    const page = await browser.open(plain);
    expect(await call(page, "refusal", { device: "cuda" })).toBe(
      "DeviceError: a browser has no CUDA; use the device cpu or webgpu",
    );
    expect(await call(page, "refusal", { threads: 2 })).toMatch(
      /^DeviceError: threads is 2, and this page has 1: .*Cross-Origin-Opener-Policy/,
    );
    expect(await call(page, "refusal", { profilePrefix: "trace" })).toMatch(/^Error: profilePrefix .*omit it/);
    expect(await call(page, "refusal", { inThread: false })).toMatch(/^Error: inThread is false.*Web Worker/);
    expect(await call(page, "refusal", {})).toBe("none");
  });

  test("threads are started once for a page", async () => {
    const page = await browser.open(isolated);
    expect(await call(page, "refusal", { threads: 2 })).toBe("none");
    expect(await call(page, "refusal", {})).toBe("none");
    expect(await call(page, "refusal", { threads: 1 })).toMatch(/^DeviceError: threads is 1, but .* pass threads: 2/);
  });

  test("a browser without WebGPU says so", async () => {
    await using without = await startChromium({ webGpu: false });
    const page = await without.open(plain);
    expect(await call(page, "refusal", { device: "webgpu" })).toMatch(/^DeviceError: .*WebGPU.*use the device cpu/);
  });
});
