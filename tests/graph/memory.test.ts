/** Memory for time: rematerialised blocks and microbatches give the same gradients, and the runtime keeps the recomputation. */
import { describe, expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { seeded } from "../support/arrays.js";
import { normal, of } from "../support/conformance.js";
import { executedNodes } from "../support/profile.js";
import { run, type Value } from "../support/run.js";

const [rows, width, depth] = [128, 8, 5];

/** A stack of residual blocks, each with an erf, a layer norm and a shared mask; every block rematerialised or none. */
function stack(rematerialised: boolean) {
  const x = g.input("x", "float32", [rows, width]);
  const seed = g.input("seed", "int32", []);
  const parameters: g.Tensor[] = [];
  const parameter = (name: string, shape: number[]) => {
    const tensor = g.input(name, "float32", shape);
    parameters.push(tensor);
    return tensor;
  };
  const block = (h: g.Tensor, layer: number) => {
    const normalised = g.layerNorm(h, parameter(`scale${layer}`, [width]), parameter(`bias${layer}`, [width]));
    const hidden = g.erf(g.linear(normalised, parameter(`up${layer}`, [width, 2 * width])));
    const kept = g.where(g.bernoulli(seed, layer, hidden.shape, 0.8), hidden, g.scalar(0));
    return g.add(h, g.linear(kept, parameter(`down${layer}`, [2 * width, width])));
  };
  let h: g.Tensor = g.linear(x, parameter("embedding", [width, width]));
  for (let layer = 0; layer < depth; layer++) {
    const entering = h;
    h = rematerialised ? g.rematerialise(() => block(entering, layer)) : block(entering, layer);
  }
  const loss = g.reduceMean(g.multiply(h, h));
  const gradients = g.grad(loss, parameters);
  return { loss, outputs: { loss, ...Object.fromEntries(gradients.map((value, i) => [`g${i}`, value])) }, parameters };
}

function feedsOf(parameters: readonly g.Tensor[]): Record<string, Value> {
  const random = seeded(5);
  return {
    x: normal(rows, width)(random),
    seed: of([], [42], "int32")(random),
    ...Object.fromEntries(parameters.map((tensor) => [g.inputName(tensor)!, normal(...tensor.shape)(random)])),
  };
}

const countOf = async (outputs: Record<string, g.Tensor>, feeds: Record<string, Value>, type: string) =>
  (await executedNodes(outputs, feeds)).filter((node) => node.type === type).length;

describe("rematerialise", () => {
  const plain = stack(false);
  const remade = stack(true);
  const feeds = feedsOf(plain.parameters);

  test("gives the same loss and the same gradients, to the last bit", async () => {
    const [one, other] = [await run(plain.outputs, feeds), await run(remade.outputs, feeds)];
    for (const name of Object.keys(plain.outputs)) expect(other[name]!.values, name).toEqual(one[name]!.values);
  });

  test("the recomputed nodes survive the runtime's optimiser", async () => {
    expect(await countOf(plain.outputs, feeds, "Erf")).toBe(depth);
    expect(await countOf(remade.outputs, feeds, "Erf")).toBe(2 * depth);
  });

  test("recomputation starts only when its gradient is there: blocks are recomputed one by one, from the last", async () => {
    const order = (await executedNodes(remade.outputs, feeds)).map((node) => node.type);
    const starts = order.flatMap((type, i) => (type === "Erf" ? [i] : []));
    // between two recomputed blocks lies the backward pass of the later one, with its products
    for (let i = depth + 1; i < 2 * depth; i++) {
      const between = order.slice(starts[i - 1]! + 1, starts[i]!);
      expect(between.filter((type) => /Gemm|MatMul/.test(type)).length).toBeGreaterThanOrEqual(4);
    }
  });

  test("lowers the estimate of peak memory", () => {
    const peak = (of: { outputs: Record<string, g.Tensor> }) => g.costOf(Object.values(of.outputs)).peakBytes;
    expect(peak(remade)).toBeLessThan(0.8 * peak(plain));
  });

  test("an inner block is part of the outer, and what the body returns comes back", async () => {
    const x = g.input("x", "float32", [3]);
    const [y, note] = g.rematerialise((): [g.Tensor, string] => [
      g.rematerialise(() => g.sigmoid(g.exp(g.rematerialise(() => g.tanh(x))))),
      "note",
    ]);
    expect(note).toBe("note");
    const [gradient] = g.grad(g.reduceSum(g.multiply(y, y)), [x]);
    const x3 = normal(3)(seeded(1));
    const { value } = await run({ value: gradient! }, { x: x3 });
    x3.data.forEach((v, i) => {
      const e = Math.exp(Math.tanh(v));
      const s = 1 / (1 + Math.exp(-e));
      expect(value!.values[i]!).toBeCloseTo(2 * s * s * (1 - s) * e * (1 - Math.tanh(v) ** 2), 5);
    });
  });

  test("a block with several outputs, one of them unused in the loss", async () => {
    const x = g.input("x", "float32", [4]);
    const build = (mark: <T>(body: () => T) => T) => {
      const [a, b] = mark(() => g.split(g.tanh(g.multiply(x, x)), 0, [1, 3]));
      const used = g.add(g.reduceSum(g.exp(b!)), g.reduceSum(g.stopGradient(a!)));
      return g.grad(used, [x])[0]!;
    };
    const x4 = normal(4)(seeded(2));
    const { one, other } = await run({ one: build((body) => body()), other: build(g.rematerialise) }, { x: x4 });
    expect(other!.values).toEqual(one!.values);
    expect(one!.values[0]).toBe(0);
  });
});

describe("accumulateGradients", () => {
  const batch = 64;
  function build(microbatches: number) {
    const x = g.input("x", "float32", [batch, width]);
    const label = g.input("label", "int32", [batch]);
    const w1 = g.input("w1", "float32", [width, 16]);
    const w2 = g.input("w2", "float32", [16, 3]);
    const unused = g.input("unused", "float32", [2]);
    const { metrics, gradients } = g.accumulateGradients({ x, label }, microbatches, [w1, w2, unused], (part) => {
      const logits = g.linear(g.erf(g.linear(part.x!, w1)), w2);
      const picked = g.multiply(g.oneHot(part.label!, 3), g.logSoftmax(logits));
      const loss = g.negate(g.reduceMean(g.reduceSum(picked, -1)));
      return { loss, largest: g.reduceMean(g.reduceMax(logits, -1)) };
    });
    return { ...metrics, g0: gradients[0]!, g1: gradients[1]!, g2: gradients[2]! };
  }
  const random = seeded(9);
  const feeds = {
    x: normal(batch, width)(random),
    label: of(
      [batch],
      Array.from({ length: batch }, (_, i) => (i * i) % 3),
      "int32",
    )(random),
    w1: normal(width, 16)(random),
    w2: normal(16, 3)(random),
  };

  test.each([1, 2, 4, 8])("%i microbatches give the metrics and gradients of the whole batch", async (microbatches) => {
    const whole = await run(build(1), feeds);
    const parts = await run(build(microbatches), feeds);
    for (const name of ["loss", "largest", "g0", "g1", "g2"]) {
      expect([...parts[name]!.shape]).toEqual([...whole[name]!.shape]);
      whole[name]!.values.forEach((value, i) => {
        expect(parts[name]!.values[i]!, `${name}[${i}]`).toBeCloseTo(value, 5);
      });
    }
    expect(parts.g2!.values).toEqual([0, 0]);
  });

  test("a microbatch starts only when the gradients of the one before are there", async () => {
    const order = (await executedNodes(build(4), feeds)).map((node) => node.type);
    const forward = order.flatMap((type, i) => (type === "Erf" ? [i] : []));
    expect(forward).toHaveLength(4);
    for (let i = 1; i < 4; i++) {
      const between = order.slice(forward[i - 1]! + 1, forward[i]!);
      expect(between.filter((type) => /Gemm|MatMul/.test(type)).length).toBeGreaterThanOrEqual(4);
    }
  });

  test("rematerialised blocks of a microbatch are recomputed one by one, whatever the ranks of their parameters", async () => {
    const x = g.input("x", "float32", [batch, width]);
    const layers = Array.from({ length: depth }, (_, i) => ({
      scale: g.input(`scale${i}`, "float32", [width]),
      up: g.input(`up${i}`, "float32", [width, 2 * width]),
      down: g.input(`down${i}`, "float32", [2 * width, width]),
    }));
    const parameters = layers.flatMap(({ scale, up, down }) => [scale, up, down]);
    const { metrics, gradients } = g.accumulateGradients({ x }, 2, parameters, (part) => {
      const top = layers.reduce(
        (h, { scale, up, down }) =>
          g.rematerialise(() => g.add(h, g.linear(g.erf(g.linear(g.multiply(h, scale), up)), down))),
        part.x!,
      );
      return { loss: g.reduceMean(g.multiply(top, top)) };
    });
    const outputs = { ...metrics, ...Object.fromEntries(gradients.map((value, i) => [`g${i}`, value])) };
    const values = Object.fromEntries(
      [x, ...parameters].map((one) => [g.inputName(one)!, normal(...one.shape)(random)]),
    );
    const order = (await executedNodes(outputs, values)).map((node) => node.type);
    const starts = order.flatMap((type, i) => (type === "Erf" ? [i] : []));
    expect(starts).toHaveLength(4 * depth);
    // of both parts: a block's recomputed product, those of its backward pass and of both kernels, then the next block
    for (const part of [0, 1]) {
      for (let i = 1; i < depth; i++) {
        const [from, to] = [starts[(2 * part + 1) * depth + i - 1]!, starts[(2 * part + 1) * depth + i]!];
        const products = order.slice(from + 1, to).filter((type) => /Gemm|MatMul/.test(type));
        expect(products.length, `part ${part}, block ${i} from the last`).toBeGreaterThanOrEqual(5);
      }
    }
  });

  test("microbatches lower the estimate of peak memory", () => {
    const peak = (microbatches: number) => g.costOf(Object.values(build(microbatches))).peakBytes;
    expect(peak(8)).toBeLessThan(peak(1));
  });

  test("a batch that does not divide is refused with its name and shape", () => {
    expect(() => build(3)).toThrow(
      /accumulateGradients: the first side of x float32 \[64, 8\] is not divisible by 3 microbatches/,
    );
    expect(() => build(0)).toThrow(g.ShapeError);
    expect(() => build(1.5)).toThrow(g.ShapeError);
  });

  test("a metric that is not a float is refused, not rounded", () => {
    const x = g.input("x", "float32", [4]);
    const w = g.input("w", "float32", []);
    const build = () =>
      g.accumulateGradients({ x }, 2, [w], (part) => ({
        loss: g.reduceMean(g.multiply(part.x!, w)),
        positives: g.reduceSum(g.cast(g.greater(part.x!, 0), "int32")),
      }));
    expect(build).toThrow(/scale: needs a float tensor, got int32/);
  });
});
