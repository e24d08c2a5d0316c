/** Every operation on WebGPU, forward and backward, against the float64 references. */
import { expect, test } from "vitest";
import { add, input } from "../../src/graph/index.js";
import { conformance, of, run } from "../support/conformance.js";
import { testDevice } from "../support/devices.js";
import { families, halfFamily } from "./cases/index.js";

const device = testDevice("webgpu");
for (const [family, cases] of Object.entries(families)) conformance(family, cases, device);

/** What the device says to a float16 addition: nothing when it has half precision (the WebGPU feature shader-f16). */
async function halfPrecisionRefusal(): Promise<string | undefined> {
  const x = input("x", "float16", [2]);
  const attempt = run({ y: add(x, x) }, { x: of([2], [1, 2], "float16")(Math.random) }, { device: "webgpu" });
  return attempt.then(
    () => undefined,
    (error: unknown) => String(error),
  );
}

const refusal = device.missing === undefined ? await halfPrecisionRefusal() : undefined;
if (refusal === undefined) conformance("float16", halfFamily, device);
else {
  // the software device has no shader-f16: what is left to hold is that it refuses rather than computes something else
  test("float16 on webgpu is refused by a device without it", () => {
    expect(refusal).toMatch(/requires f16 but the device does not support it/);
  });
}
