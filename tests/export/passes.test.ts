/** The passes an export is made of, each on small graphs: what they change, what they leave alone, that the numbers stay. */
import { describe, expect, test } from "vitest";
import { withFreeBatch } from "../../src/export/dynamic-batch.js";
import { withConstantsFolded } from "../../src/export/fold.js";
import { ExportError } from "../../src/export/index.js";
import * as g from "../../src/graph/index.js";
import { openSession } from "../../src/runtime/index.js";
import { relativeDifference } from "./support.js";

const typesOf = (graph: g.OnnxGraph) => graph.nodes.map(({ type }) => type);
const numbers = (count: number, seed = 1) => Float32Array.from({ length: count }, (_, i) => Math.sin(seed + 1.7 * i));

async function run(graph: g.OnnxGraph, feeds: Readonly<Record<string, g.NumericArray>>) {
  await using session = await openSession(g.encodeOnnx(graph), { threads: 1 });
  return (await session.run(feeds)) as Record<string, Float32Array>;
}

describe("a free batch", () => {
  const both = (build: (x: g.Tensor, batch: number) => g.Tensor) => {
    const at = (batch: number) => {
      const x = g.input("x", "float32", [batch, 4, 6]);
      return { graph: g.onnxGraph({ y: build(x, batch) }, [x]), batch };
    };
    return withFreeBatch(at(2), at(3));
  };

  test("reshapes, expansions, slices and concatenations follow it", async () => {
    const token = g.constant(numbers(6), [1, 1, 6]);
    const build = (x: g.Tensor, n: number) => {
      const joined = g.concat([g.expand(token, [n, 1, 6]), x], 1);
      const rows = g.reshape(joined, [n * 5, 6]);
      const twice = g.expand(g.reshape(rows, [1, n * 5, 6]), [2, n * 5, 6]);
      return g.sliceAxis(g.reshape(g.reduceSum(twice, 0), [n, 5, 6]), 1, 0, 3);
    };
    const graph = both(build);
    expect(graph.inputs[0]!.type.shape).toEqual([g.freeSide, 4, 6]);
    expect(graph.outputs[0]!.type.shape).toEqual([g.freeSide, 3, 6]);
    for (const n of [1, 2, 7]) {
      const x = numbers(n * 24);
      const input = g.input("x", "float32", [n, 4, 6]);
      const own = await run(g.onnxGraph({ y: build(input, n) }, [input]), { x });
      expect((await run(graph, { x })).y).toEqual(own.y);
    }
  });

  test("what else depends on it is an error that names the node", () => {
    const failing: [(x: g.Tensor, n: number) => g.Tensor, RegExp][] = [
      [
        (x, n) => g.multiply(x, g.constant([1 / n], [1])),
        /Mul \(node 0.*constant|Mul \(node 0.*changes with the batch/,
      ],
      [(x, n) => (n === 2 ? g.exp(x) : g.tanh(x)), /Exp \(node 0, which makes .*\) is Tanh with another batch/],
      [(x, n) => g.slice(g.reshape(x, [n * 24]), [0], [n + 5]), /size 7 for a batch of 2 and 8 for one of 3/],
      [(x, n) => g.transpose(x, n === 2 ? [0, 2, 1] : [2, 0, 1]), /Transpose \(node 0/],
    ];
    for (const [build, message] of failing) {
      expect(() => both(build)).toThrow(ExportError);
      expect(() => both(build)).toThrow(message);
    }
  });
});

test("constants are folded, the intermediates of operations too, and what nobody reads is cleared away", async () => {
  const x = g.input("x", "float32", [2, 3, 4, 4]);
  const kernel = g.constant(numbers(6 * 3 * 9), [6, 3, 3, 3]);
  const y = g.groupNorm(
    g.convolution2d(x, g.weightStandardise(kernel, "flax"), { padding: 1 }),
    g.constant(numbers(6), [6]),
    g.constant(numbers(6, 4), [6]),
    2,
  );
  const graph = g.onnxGraph({ y }, [x]);
  const folded = await withConstantsFolded(graph);
  const constant = new Set(folded.initializers.map(({ name }) => name));
  for (const { type, inputs } of folded.nodes)
    expect(
      inputs.every((name) => constant.has(name)),
      type,
    ).toBe(false);
  expect(typesOf(folded)).toContain("Conv");
  expect(folded.nodes.length).toBeLessThan(graph.nodes.length);
  const feeds = { x: numbers(2 * 3 * 16) };
  const [before, after] = [await run(graph, feeds), await run(g.withScaledChannels(folded), feeds)];
  expect(relativeDifference(after.y!, before.y!)).toBeLessThan(1e-6);
  // the end of the group norm is one convolution of each channel
  expect(typesOf(g.withScaledChannels(folded)).filter((type) => type === "Mul" || type === "Add")).toEqual([]);
});

describe("attention", () => {
  const [n, t, d, heads] = [2, 5, 8, 2];
  const build = (options: { weights?: boolean; bias?: boolean } = {}) => {
    const x = g.input("x", "float32", [n, t, d]);
    const project = (seed: number) => {
      const rows = g.linear(g.reshape(x, [n * t, d]), g.constant(numbers(d * d, seed), [d, d]));
      return g.transpose(g.reshape(rows, [n, t, heads, d / heads]), [0, 2, 1, 3]);
    };
    const [q, k, v] = [project(1), project(2), project(3)];
    const { output, weights } = g.scaledDotProductAttention(q, k, v);
    const y = g.reshape(g.transpose(output, [0, 2, 1, 3]), [n, t, d]);
    return g.onnxGraph(options.weights ? { y, weights } : { y }, [x]);
  };
  const feeds = { x: numbers(n * t * d) };

  test("is found, and gives the same in one node or in plain ones", async () => {
    const found = g.onWholeTokens(g.withAttentionFound(g.onWholeTokens(build())));
    expect(typesOf(found)).toEqual(["MatMul", "MatMul", "MatMul", "fovea.Attention", "Identity"]);
    const fused = g.withFusedAttention(found);
    expect(typesOf(fused)).toContain("MultiHeadAttention");
    const plain = g.withPlainAttention(found);
    expect(plain.nodes.every(({ domain }) => domain === "")).toBe(true);
    const exact = await run(build(), feeds);
    expect(relativeDifference((await run(fused, feeds)).y!, exact.y!)).toBeLessThan(1e-6);
    expect(relativeDifference((await run(plain, feeds)).y!, exact.y!)).toBeLessThan(1e-6);
  });

  test("whose weights somebody reads is left as it is", () => {
    const graph = g.withAttentionFound(g.onWholeTokens(build({ weights: true })));
    expect(typesOf(graph)).toContain("Softmax");
    expect(typesOf(graph)).not.toContain("fovea.Attention");
  });
});

describe("the first token", () => {
  const build = (outputs: (y: g.Tensor) => Record<string, g.Tensor>) => {
    const x = g.input("x", "float32", [2, 5, 8]);
    const kernel = g.constant(numbers(64), [8, 8]);
    const one = g.constant(new Float32Array(8).fill(1), [8]);
    const normed = g.layerNorm(x, one, one);
    const y = g.add(x, g.gelu(g.linear(normed, kernel, one), "erf"));
    return g.onnxGraph(outputs(y), [x]);
  };
  const first = (y: g.Tensor) => g.reshape(g.sliceAxis(y, 1, 0, 1), [2, 8]);
  const feeds = { x: numbers(80) };

  test("is sliced out before what only it needs", async () => {
    const graph = g.onWholeTokens(build((y) => ({ z: first(y) })));
    const narrow = g.withFirstTokenOnly(graph);
    expect(typesOf(narrow)[0]).toBe("Slice");
    expect(typesOf(narrow).filter((type) => type === "Slice")).toHaveLength(1);
    expect(relativeDifference((await run(narrow, feeds)).z!, (await run(graph, feeds)).z!)).toBeLessThan(1e-6);
  });

  test("is not where the whole sequence is read too", async () => {
    const graph = g.onWholeTokens(build((y) => ({ z: first(y), y })));
    expect(typesOf(g.withFirstTokenOnly(graph))).toEqual(typesOf(graph));
  });
});

test("turns that follow each other are one, and none where they undo each other", async () => {
  const x = g.input("x", "float32", [2, 3, 4]);
  const back = g.transpose(g.transpose(x, [1, 2, 0]), [2, 0, 1]);
  const graph = g.onnxGraph({ y: g.exp(back), z: g.transpose(g.transpose(x, [1, 0, 2]), [2, 1, 0]) }, [x]);
  const joined = g.withoutTransposePairs(graph);
  expect(typesOf(joined).filter((type) => type === "Transpose")).toHaveLength(1);
  const feeds = { x: numbers(24) };
  expect(await run(joined, feeds)).toEqual(await run(graph, feeds));
});

test("GELU of the tanh form takes its bias in, the erf form is left to the runtime", async () => {
  const x = g.input("x", "float32", [2, 3, 4]);
  const bias = g.constant(numbers(4), [4]);
  const graph = g.onnxGraph({ y: g.gelu(g.add(x, bias), "tanh"), z: g.gelu(g.add(x, bias), "erf") }, [x]);
  const fused = g.withFusedGelu(graph);
  expect(typesOf(fused)).toEqual(expect.arrayContaining(["FastGelu", "Gelu"]));
  expect(fused.nodes.find(({ type }) => type === "FastGelu")!.inputs).toHaveLength(2);
  const feeds = { x: numbers(24) };
  const [before, after] = [await run(graph, feeds), await run(fused, feeds)];
  expect(relativeDifference(after.y!, before.y!)).toBeLessThan(1e-6);
  expect(after.z).toEqual(before.z);
});

test("a product over channels becomes a convolution, its strides with it", async () => {
  const x = g.input("x", "float32", [2, 3, 5, 5]);
  const y = g.convolution2d(x, g.constant(numbers(12), [4, 3, 1, 1]), { stride: 2 });
  const graph = await withConstantsFolded(g.onnxGraph({ y: g.exp(y) }, [x]));
  const convolved = g.withPointwiseConvolutions(graph);
  expect(typesOf(convolved)).toEqual(["Conv", "Exp", "Identity"]);
  const feeds = { x: numbers(150) };
  expect(relativeDifference((await run(convolved, feeds)).y!, (await run(graph, feeds)).y!)).toBeLessThan(1e-6);
});

describe("a convolution of interleaved images", () => {
  const build = (channels: number, options: { stride?: number; padding?: number } = {}, read = false) => {
    const x = g.input("x", "float32", [2, 9, 11, channels]);
    const planes = g.transpose(x, [0, 3, 1, 2]);
    const kernel = g.constant(numbers(6 * channels * 15), [6, channels, 3, 5]);
    const y = g.convolution2d(planes, kernel, options);
    return g.onnxGraph(read ? { y, planes } : { y }, [x]);
  };

  test.each([
    [3, { stride: 2, padding: 1 }],
    [1, {}],
    [4, { padding: 2 }],
  ])("of %d channels, %j, reads them without a transposition and gives the same", async (channels, options) => {
    const graph = build(channels, options);
    expect(typesOf(graph)).toContain("Transpose");
    const rows = g.withInterleavedConvolutions(graph);
    expect(typesOf(rows).slice(0, 2)).toEqual(["Reshape", "Conv"]);
    const feeds = { x: numbers(2 * 99 * channels) };
    const [before, after] = [await run(graph, feeds), await run(rows, feeds)];
    expect(relativeDifference(after.y!, before.y!)).toBeLessThan(1e-5);
  });

  test("is left as it is where the planes are read elsewhere, and for more channels", () => {
    for (const graph of [build(3, {}, true), build(5)]) {
      expect(typesOf(g.withInterleavedConvolutions(graph))).toEqual(typesOf(graph));
    }
  });
});
