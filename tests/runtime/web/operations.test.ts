/** Every operation in a browser, forward and backward, on WebAssembly and WebGPU, against the float64 references. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { add, cast, input, viewNumbers } from "../../../src/graph/index.js";
import { families, halfFamily } from "../../graph/cases/index.js";
import { missingChromium, type Page } from "../../support/chromium.js";
import { conformance, of } from "../../support/conformance.js";
import type { TestDevice } from "../../support/devices.js";
import { casesOf } from "../../support/extent.js";
import { decode, modelOf, type Result } from "../../support/run.js";
import { call, type Pages, startPages } from "./pages.js";

let pages: Pages;
let page: Page;

beforeAll(async () => {
  if (missingChromium !== undefined) return;
  pages = await startPages();
  page = await pages.browser.open(pages.plain);
});
afterAll(async () => await pages?.close());

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** A device of the browser. */
const inBrowser = (device: "cpu" | "webgpu"): TestDevice => ({
  device,
  missing: missingChromium,
  compute: async (outputs, feeds) => {
    const { model, inputs } = modelOf(outputs, feeds, device);
    const results = (await call(
      page,
      "runModel",
      device,
      { ...model, bytes: base64(model.bytes) },
      inputs.map((one) => ({ ...one, bytes: base64(one.bytes) })),
    )) as Record<string, { shape: number[]; bytes: string }>;
    return Object.fromEntries(
      model.outputs.map(({ name, type }): [string, Result] => {
        const { shape, bytes } = results[name]!;
        // A copy, which begins where numbers of any size may.
        const data = viewNumbers(Uint8Array.from(Buffer.from(bytes, "base64")), type.dtype);
        return [name, { shape, values: decode(data, type.dtype) }];
      }),
    );
  },
});

for (const device of ["cpu", "webgpu"] as const) {
  for (const [family, cases] of Object.entries(families)) conformance(family, casesOf(cases), inBrowser(device));
}
conformance("float16", casesOf(halfFamily), inBrowser("cpu"));

test.skipIf(missingChromium !== undefined)(
  "float16 on WebGPU is right, or refused by a device without it",
  async () => {
    const x = input("x", "float32", [2]);
    const y = cast(add(cast(x, "float16"), 1), "float32");
    const attempt = inBrowser("webgpu").compute?.({ y }, { x: of([2], [1, 2])(Math.random) });
    const got = await attempt?.then(
      ({ y: result }) => String(result?.values),
      (error: unknown) => String(error),
    );
    expect(got).toMatch(/^2,3$|does not support half precision \(shader-f16\)/);
  },
);
