/** Which nodes of a WebGPU session run on the CPU all the same: only small integer work may, never a product. */
import { expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { Prepared } from "../support/conformance.js";
import { testDevice } from "../support/devices.js";
import { executedNodes } from "../support/profile.js";
import { families } from "./cases/index.js";

const { missing } = testDevice("webgpu");

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

if (missing !== undefined) test.skip(`placement on webgpu: skipped, ${missing}`, () => {});
else {
  test.each(Object.keys(families))("%s on webgpu: only integer nodes fall back", async (family) => {
    const prepared = families[family]!.map((definition, i) => new Prepared(definition, `n${i}`));
    const nodes = await executedNodes(
      Object.assign({}, ...prepared.map((one) => one.named)),
      Object.assign({}, ...prepared.map((one) => one.feeds)),
      "webgpu",
    );
    const fallen = nodes.filter(({ device }) => device === "cpu").map(({ type, inputs }) => `${type} of ${inputs[0]}`);
    expect([...new Set(fallen)].filter((node) => !isAllowed(node))).toEqual([]);
    expect(nodes.filter(({ device }) => device === "webgpu").length).toBeGreaterThan(0);
  });

  test("random numbers on webgpu: the hash runs on the CPU, nothing else does", async () => {
    const seed = g.input("seed", "int32", []);
    const x = g.input("x", "float32", [4, 6]);
    const dropped = g.where(g.bernoulli(seed, 1, [4, 6], 0.5), g.scale(g.exp(x), 2), g.scalar(0));
    const value = { dtype: "int32" as const, shape: [], data: Float64Array.of(3) };
    const values = { dtype: "float32" as const, shape: [4, 6], data: new Float64Array(24) };
    const nodes = await executedNodes({ dropped }, { seed: value, x: values }, "webgpu");
    const onDevice = new Set(nodes.filter(({ device }) => device === "webgpu").map(({ type }) => type));
    for (const type of ["Exp", "Where"]) expect(onDevice.has(type), type).toBe(true);
  });
}
