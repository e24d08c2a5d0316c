/** Every operation on WebGPU, forward and backward, against the float64 references. */
import { expect, test } from "vitest";
import { add, input } from "../../src/graph/index.js";
import { conformance, of } from "../support/conformance.js";
import { testDevice } from "../support/devices.js";
import { casesOf } from "../support/extent.js";
import type { ExecutedNode } from "../support/profile.js";
import { run } from "../support/run.js";
import { families, halfFamily } from "./cases/index.js";

const device = testDevice("webgpu");
/** What the provider of onnxruntime 1.30 leaves to the CPU, as `node of element type`. */
const allowed = new Set([
  "BitwiseXor of int32",
  "BitShift of uint32",
  "Neg of int32",
  "Slice of int32",
  "Pad of int32",
  "Cast of int64",
  "Reshape of int64",
]);
const isAllowed = (node: string) => allowed.has(node) || node.endsWith(" of int64"); // WebGPU has no 64-bit integers

/** Only small integer work may run on the CPU, with copies there and back; a product never. */
function onlyIntegersFallBack(nodes: readonly ExecutedNode[]): void {
  const fallen = nodes.filter(({ device }) => device === "cpu").map(({ type, inputs }) => `${type} of ${inputs[0]}`);
  expect([...new Set(fallen)].filter((node) => !isAllowed(node))).toEqual([]);
  expect(nodes.some(({ device }) => device === "webgpu")).toBe(true);
}

for (const [family, cases] of Object.entries(families)) {
  conformance(family, casesOf(cases), device, onlyIntegersFallBack);
}

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
    expect(refusal).toMatch(/does not support half precision \(shader-f16\)/);
  });
}
