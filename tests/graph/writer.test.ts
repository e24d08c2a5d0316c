/** The ONNX writer, read back with an independent reader of the format, and run from external data. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
} from "onnx-buf";
import { afterEach, describe, expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { openSession, writeModelFiles } from "../../src/runtime/index.js";

const read = (model: g.OnnxModel): ModelProto => fromBinary(ModelProtoSchema, model.bytes);
const shapeOf = (info: NonNullable<ModelProto["graph"]>["input"][number]) => {
  const value = info.type!.value;
  if (value.case !== "tensorType") throw new Error("not a tensor");
  const sides = value.value.shape!.dim.map((side) => Number(side.value.value));
  return { name: info.name, type: value.value.elemType, shape: sides };
};
const nodesOf = (model: g.OnnxModel, type: string): NodeProto[] =>
  read(model).graph!.node.filter((node) => node.opType === type);
const attribute = (node: NodeProto, name: string): AttributeProto => node.attribute.find((a) => a.name === name)!;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

// element type codes of onnx.proto3, TensorProto.DataType
const codes = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float16: 10, float64: 11, uint32: 12 } as const;

describe("outputs that other nodes read", () => {
  const x = g.input("x", "float32", [3]);
  const sum = g.add(x, x);
  const outputs = { sum, square: g.multiply(sum, sum), alias: x, twice: g.exp(sum), again: g.exp(x) };
  const sameTwice = { ...outputs, also: sum };

  test("are copied at the end by default, and made under their names where asked for", async () => {
    const copied = g.writeOnnx(outputs);
    const named = g.writeOnnx(outputs, undefined, { namesOutputs: true });
    expect(nodesOf(copied, "Identity")).toHaveLength(5);
    // an input, and what nothing reads, still get a node of their own
    expect(nodesOf(named, "Identity").map((node) => node.output[0])).not.toContain("sum");
    expect(nodesOf(named, "Identity")).toHaveLength(4);
    expect(nodesOf(g.writeOnnx(sameTwice, undefined, { namesOutputs: true }), "Identity")).toHaveLength(6);
    const results = await Promise.all(
      [copied, named].map(async (model) => {
        const session = await openSession(model, { threads: 1 });
        const result = await session.run({ x: Float32Array.of(1, 2, 3) });
        await session.close();
        return result;
      }),
    );
    expect(results[1]).toEqual(results[0]);
    expect(results[1]!["square"]).toEqual(Float32Array.of(4, 16, 36));
  });
});

describe("the written model", () => {
  test("states opset 21, IR 10, its producer, name and metadata", () => {
    const model = read(
      g.writeOnnx({ y: g.exp(g.input("x", "float32", [2])) }, undefined, {
        name: "a model",
        metadata: { recipe: "ünïcode", step: "3" },
      }),
    );
    expect(model.irVersion).toBe(10n);
    expect(model.producerName).toBe("fovea");
    expect(model.graph!.name).toBe("a model");
    expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([["", 21n]]);
    expect(model.metadataProps.map(({ key, value }) => [key, value])).toEqual([
      ["recipe", "ünïcode"],
      ["step", "3"],
    ]);
  });

  test("declares inputs and outputs with names, types and shapes, in the order given", () => {
    const dtypes = Object.keys(codes) as g.DType[];
    const inputs = dtypes.map((dtype, i) => g.input(`in ${dtype}`, dtype, [2, i, 1].slice(0, i % 4)));
    const model = g.writeOnnx(Object.fromEntries(inputs.map((x) => [`out ${x.dtype}`, x])), [...inputs].reverse());
    const graph = read(model).graph!;
    const expected = inputs.map((x) => ({ name: `in ${x.dtype}`, type: codes[x.dtype], shape: [...x.shape] }));
    expect(graph.input.map(shapeOf)).toEqual([...expected].reverse());
    expect(graph.output.map(shapeOf)).toEqual(expected.map((one) => ({ ...one, name: one.name.replace("in", "out") })));
    expect(model.inputs.map(({ name }) => name)).toEqual(expected.map(({ name }) => name).reverse());
    expect(model.outputs.map(({ name }) => name)).toEqual(graph.output.map(({ name }) => name));
  });

  test("every name a node reads was written before it, and none is written twice", () => {
    const x = g.input("x", "float32", [4, 6]);
    const w = g.input("w", "float32", [6, 3]);
    const one = g.constant([1, 1, 1], [3]);
    const y = g.gelu(g.layerNorm(g.linear(x, w), one, one), "erf");
    const [dx, dw] = g.grad(g.reduceSum(g.softmax(y, 0)), [x, w]);
    const graph = read(g.writeOnnx({ y, dx: dx!, dw: dw! })).graph!;
    const known = new Set([...graph.input, ...graph.initializer].map(({ name }) => name));
    for (const node of graph.node) {
      for (const name of node.input) expect(known.has(name), `${node.name} reads ${name}`).toBe(true);
      for (const name of node.output) {
        expect(known.has(name), `${node.name} writes ${name}`).toBe(false);
        known.add(name);
      }
    }
    for (const { name } of graph.output) expect(known.has(name)).toBe(true);
    expect(new Set(graph.node.map(({ name }) => name)).size).toBe(graph.node.length);
  });

  test("keeps attributes: negative integers, floats, lists and strings", () => {
    const x = g.input("x", "float32", [2, 2, 3, 4]);
    const y = g.softmax(x);
    const z = g.matmul(x, x, { transposeB: true, alpha: -0.125 });
    const model = g.writeOnnx({
      y,
      z,
      p: g.transpose(x, [3, 0, 2, 1]),
      e: g.gelu(x, "erf"),
      m: g.maxPool2d(x, [2, 3], { padding: [0, 1, 1, 2], stride: [2, 1] }),
    });
    const axis = attribute(nodesOf(model, "Softmax")[0]!, "axis");
    expect([axis.i, axis.type]).toEqual([-1n, AttributeProto_AttributeType.INT]);
    const product = nodesOf(model, "FusedMatMul")[0]!;
    expect(product.domain).toBe("com.microsoft");
    expect(read(model).opsetImport.map(({ domain, version }) => [domain, version])).toEqual([
      ["", 21n],
      ["com.microsoft", 1n],
    ]);
    expect(attribute(product, "alpha").f).toBe(-0.125);
    expect(attribute(product, "alpha").type).toBe(AttributeProto_AttributeType.FLOAT);
    expect([attribute(product, "transA").i, attribute(product, "transB").i]).toEqual([0n, 1n]);
    const permutation = attribute(nodesOf(model, "Transpose")[0]!, "perm");
    expect([permutation.ints, permutation.type]).toEqual([[3n, 0n, 2n, 1n], AttributeProto_AttributeType.INTS]);
    const form = attribute(nodesOf(model, "Gelu")[0]!, "approximate");
    expect([new TextDecoder().decode(form.s), form.type]).toEqual(["none", AttributeProto_AttributeType.STRING]);
    const pool = nodesOf(model, "MaxPool")[0]!;
    expect(attribute(pool, "pads").ints).toEqual([0n, 1n, 1n, 2n]);
    expect(attribute(pool, "strides").ints).toEqual([2n, 1n]);
    expect(attribute(pool, "kernel_shape").ints).toEqual([2n, 3n]);
  });

  test("shares constants of equal type and value, and keeps minus zero, integers and float16 apart", () => {
    const x = g.input("x", "float32", [2]);
    const y = g.reduceSum(g.scale(g.tanh(g.scale(g.exp(g.scale(x, 0.5)), 0.5)), 0.5));
    const z = g.scale(g.cast(x, "float16"), 0.5);
    const initializers = read(g.writeOnnx({ y, z, minus: g.scale(x, -0), zero: g.scale(x, 0) })).graph!.initializer;
    const floats = initializers.filter(({ dataType }) => dataType === codes.float32);
    expect(floats.filter(({ rawData }) => Buffer.from(rawData).readFloatLE() === 0.5)).toHaveLength(1);
    expect(floats.filter(({ rawData }) => Buffer.from(rawData).readFloatLE() === 0)).toHaveLength(2);
    expect(initializers.filter(({ dataType }) => dataType === codes.float16)).toHaveLength(1);
  });

  test("writes constants little-endian with their shapes", () => {
    const values = [1.5, -2, 3, 4, 5, 6];
    const y = g.add(g.constant(values, [2, 3]), g.input("x", "float32", [3]));
    const found = read(g.writeOnnx({ y })).graph!.initializer.find(({ dims }) => dims.length === 2)!;
    expect(found.dims).toEqual([2n, 3n]);
    const bytes = Buffer.from(found.rawData);
    expect(values.map((_, i) => bytes.readFloatLE(4 * i))).toEqual(values);
  });

  test("an operation skips what nobody reads", () => {
    const x = g.input("x", "float32", [2, 3]);
    const one = g.constant([1, 1, 1], [3]);
    const forward = g.writeOnnx({ y: g.layerNorm(g.gelu(x, "tanh"), one, one) });
    expect(nodesOf(forward, "LayerNormalization")[0]!.output).toHaveLength(1);
    expect(nodesOf(forward, "Gelu")).toHaveLength(1);
  });

  test("avoids nodes the target lacks", () => {
    const x = g.input("x", "float32", [2, 3, 3]);
    const square = g.input("square", "float32", [3, 3]);
    const outputs = {
      a: g.matmul(x, x, { transposeB: true, alpha: 2 }),
      b: g.matmul(square, square, { transposeA: true }),
      c: g.logSoftmax(x),
    };
    const types = (model: g.OnnxModel) => new Set(read(model).graph!.node.map(({ opType }) => opType));
    const plain = types(g.writeOnnx(outputs, undefined, { lacking: ["FusedMatMul", "LogSoftmax"] }));
    expect(plain.has("FusedMatMul") || plain.has("LogSoftmax")).toBe(false);
    expect(types(g.writeOnnx(outputs)).has("FusedMatMul")).toBe(true);
  });
});

describe("inputs and names", () => {
  const [x, other] = [g.input("x", "float32", [2]), g.input("x", "float32", [2])];

  test("two inputs of one name are refused, declared or found", () => {
    expect(() => g.writeOnnx({ y: g.add(x, other) })).toThrow(/input names must be unique; got x, x/);
    expect(() => g.writeOnnx({ y: x }, [x, other])).toThrow(g.ShapeError);
  });

  test("an input that is used but not declared is refused; a declared one that is not used is kept", async () => {
    const z = g.input("z", "float32", [2]);
    expect(() => g.writeOnnx({ y: g.add(x, z) }, [x])).toThrow(/input z is used but not declared/);
    const model = g.writeOnnx({ y: g.exp(x) }, [z, x]);
    expect(read(model).graph!.input.map(({ name }) => name)).toEqual(["z", "x"]);
    const session = await openSession(model);
    expect(await session.run({ x: new Float32Array(2), z: new Float32Array(2) })).toEqual({ y: Float32Array.of(1, 1) });
    await session.close();
  });

  test("a declared input that is not an input is refused", () => {
    expect(() => g.writeOnnx({ y: g.exp(x) }, [x, g.scalar(1)])).toThrow(/writeOnnx: .*float32 \[\] is not an input/);
  });

  test("one name for an input and an output is refused", () => {
    expect(() => g.writeOnnx({ x: g.exp(x) })).toThrow(/x is the name of both an input and an output/);
  });

  test("names cannot meet those the writer makes", async () => {
    const inputs = ["t1", "v0", "c0", "t2"].map((name) => g.input(name, "float32", [1]));
    const total = g.scale(g.gelu(g.after(g.addAll(inputs), inputs[0]!)), 3);
    const session = await openSession(g.writeOnnx({ v1: total, c1: g.exp(total), t3: total }));
    const zero = Float32Array.of(0);
    expect((await session.run({ t1: zero, v0: zero, c0: zero, t2: zero })).v1).toEqual(Float32Array.of(0));
    await session.close();
    expect(() => g.writeOnnx({ _t1: total })).toThrow(/the name _t1 is reserved/);
  });

  test("one tensor under several output names, and an input as output", async () => {
    const y = g.exp(x);
    const session = await openSession(g.writeOnnx({ a: y, b: y, c: x, d: g.constant([7], [1]) }));
    expect(await session.run({ x: Float32Array.of(0, 1) })).toEqual({
      a: Float32Array.of(1, Math.fround(Math.E)),
      b: Float32Array.of(1, Math.fround(Math.E)),
      c: Float32Array.of(0, 1),
      d: Float32Array.of(7),
    });
    await session.close();
  });
});

describe("external data", () => {
  const weights = Float32Array.from({ length: 40 * 20 }, (_, i) => Math.sin(i));
  const more = Float32Array.from({ length: 20 * 30 }, (_, i) => Math.cos(i));
  function build(options: g.WriteOptions) {
    const x = g.input("x", "float32", [2, 40]);
    const hidden = g.linear(x, g.constant(weights, [40, 20]), g.constant(new Float32Array(20).fill(0.5), [20]));
    return g.writeOnnx({ y: g.linear(hidden, g.constant(more, [20, 30])) }, undefined, options);
  }
  const feeds = { x: Float32Array.from({ length: 80 }, (_, i) => i / 80) };

  test("weights leave the file above the limit, one after the other, and small constants stay", () => {
    const model = build({ externalAbove: 100, externalPath: "heavy.bin" });
    expect(model.external).toMatchObject({ path: "heavy.bin", byteLength: 4 * (800 + 600) });
    const initializers = read(model).graph!.initializer;
    const outside = initializers.filter(({ dataLocation }) => dataLocation === 1);
    const entries = outside.map(({ externalData }) =>
      Object.fromEntries(externalData.map(({ key, value }) => [key, value])),
    );
    expect(entries).toEqual([
      { location: "heavy.bin", offset: "0", length: "3200" },
      { location: "heavy.bin", offset: "3200", length: "2400" },
    ]);
    expect(outside.every(({ rawData }) => rawData.length === 0)).toBe(true);
    expect(initializers.length).toBeGreaterThan(outside.length);
    expect(model.bytes.length).toBeLessThan(2000);
    expect(build({}).external).toBeUndefined();
  });

  test("a session over external weights computes the same, and leaves no files behind", async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith("fovea-model-"));
    const inside = await openSession(build({}));
    const outside = await openSession(build({ externalAbove: 100 }));
    expect(await outside.run(feeds)).toEqual(await inside.run(feeds));
    await inside.close();
    await outside.close();
    const left = readdirSync(tmpdir()).filter((name) => name.startsWith("fovea-model-") && !before.includes(name));
    expect(left).toEqual([]);
  });

  test("writeModelFiles puts both files into a folder", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fovea-writer-"));
    folders.push(folder);
    const model = build({ externalAbove: 100, externalPath: "heavy.bin" });
    const path = await writeModelFiles(model, folder, "small.onnx");
    expect(path).toBe(join(folder, "small.onnx"));
    expect(existsSync(path)).toBe(true);
    const heavy = readFileSync(join(folder, "heavy.bin"));
    expect(new Float32Array(heavy.buffer, heavy.byteOffset, 800)).toEqual(weights);
    expect(heavy.length).toBe(5600);
  });
});

test("a tensor without rows is repeated like any other", () => {
  const { bytes } = g.writeOnnx({ y: g.expand(g.input("x", "float32", [0, 1]), [0, 5]) });
  expect(bytes.byteLength).toBeGreaterThan(0);
});
