/** Scopes: names, sharing, and what a model in training may ask for. */
import { expect, test } from "vitest";
import { input, multiply, scalar } from "../../src/graph/index.js";
import { Scope, zeros } from "../../src/nn/index.js";

test("a parameter's path is the path of its scopes", () => {
  const root = Scope.root();
  const tensor = root.at("Transformer").at("encoderblock_0/LayerNorm_0").parameter("scale", [4], zeros);
  expect(root.parameters).toEqual([
    { name: "Transformer/encoderblock_0/LayerNorm_0/scale", tensor, initializer: zeros },
  ]);
  expect(root.at("a").at("b").path).toBe("a/b");
});

test("the same path is the same parameter; another shape is refused with both", () => {
  const root = Scope.root();
  const first = root.at("head").parameter("kernel", [4, 3], zeros);
  expect(root.parameter("head/kernel", [4, 3], zeros)).toBe(first);
  expect(root.parameters).toHaveLength(1);
  expect(() => root.at("head").parameter("kernel", [3, 4], zeros)).toThrow(
    "parameter head/kernel is float32 [4, 3] and cannot also be [3, 4]",
  );
});

test("parameters are float32 whatever networks work in, and keep the order of first use", () => {
  const root = Scope.root({ compute: "float16" });
  for (const name of ["c", "a", "b", "a"]) root.parameter(name, [], zeros);
  expect(root.parameters.map(({ name }) => name)).toEqual(["c", "a", "b"]);
  expect(root.parameters.map(({ tensor }) => tensor.dtype)).toEqual(["float32", "float32", "float32"]);
  expect([root.at("below").compute, Scope.root().compute]).toEqual(["float16", "float32"]);
});

test("a named tensor is found by its path; of two of one name the later", () => {
  const root = Scope.root();
  const [first, second] = [scalar(1), scalar(2)];
  expect(root.at("block").name("output", first)).toBe(first);
  root.at("block").name("output", second);
  expect(root.intermediates).toEqual({ "block/output": second });
});

test("random draws need the seed, and no two share a stream", () => {
  expect(Scope.root().training).toBe(false);
  const seed = input("seed", "int32", []);
  const root = Scope.root({ seed });
  expect(root.training).toBe(true);
  const draws = [root.random(), root.at("a").random(), root.at("a").random(), root.random()];
  expect(new Set(draws.map(({ stream }) => stream)).size).toBe(4);
  expect(draws.every((draw) => draw.seed === seed)).toBe(true);
});

test.each([false, true])("a block works in its scope and records its output (recomputed: %s)", (recompute) => {
  const root = Scope.root();
  const x = input("x", "float32", [2]);
  const output = root.block("block1", x, recompute, (scope, x) => multiply(x, scope.parameter("scale", [2], zeros)));
  expect(output.producer.inputs).toEqual([x, root.parameter("block1/scale", [2], zeros)]);
  expect(root.intermediates).toEqual({ "block1/output": output });
  expect(output.producer.block !== undefined).toBe(recompute);
});
