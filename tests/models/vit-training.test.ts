/** What training alone does in the Vision Transformer: recomputed blocks, dropout, stochastic depth. */
import { describe, expect, test } from "vitest";
import {
  accumulateGradients,
  elementCount,
  grad,
  input,
  multiply,
  type NumericArray,
  reachable,
  reduceMean,
  reduceSum,
  subtract,
  type Tensor,
} from "../../src/graph/index.js";
import { type ViTConfig, vit, vitConfig } from "../../src/models/index.js";
import { dropout, Scope, stochasticDepth } from "../../src/nn/index.js";
import { evaluate } from "../../src/runtime/index.js";
import { evaluateAmong } from "../support/run.js";
import {
  type ImageShape,
  parameterValues,
  relativeError,
  type TracedViT,
  tiny,
  traceTiny,
  uniform,
} from "../support/vit-cases.js";

const image: ImageShape = [4, 8, 12, 3];
const block = (l: number) => `Transformer/encoderblock_${l}`;

/** A tiny model in training mode: `seed` is an input of one int32. */
const traceTraining = (changes: Partial<ViTConfig>, shape = image): TracedViT =>
  traceTiny(changes, shape, { seed: input("seed", "int32", []) });

const operations = (outputs: readonly Tensor[]): string[] => reachable(outputs).map((node) => node.operation.name);

/** A loss with a different weight for every logit, so that no gradient vanishes by symmetry. */
function lossOf({ output }: TracedViT): Tensor {
  const answers = output.logits!;
  return reduceSum(multiply(multiply(answers, answers), input("weights", "float32", answers.shape)));
}

/** Loss and gradients, and whatever else is named. */
async function run(traced: TracedViT, seed: number | undefined, more: Record<string, Tensor> = {}) {
  const loss = lossOf(traced);
  const gradients = grad(
    loss,
    traced.parameters.map(({ tensor }) => tensor),
  );
  const named = Object.fromEntries(traced.parameters.map(({ name }, i) => [`d ${name}`, gradients[i]!]));
  return evaluate({ loss, ...named, ...more } as Record<string, Tensor>, {
    ...parameterValues(traced.parameters),
    image: uniform(elementCount(traced.image.shape), "pixels"),
    weights: uniform(elementCount(traced.output.logits!.shape), "weights"),
    ...(seed !== undefined && { seed: Int32Array.of(seed) }),
  });
}

const bytes = (values: NumericArray) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

describe("rematerialised blocks", () => {
  const random = { dropout: 0.2, stochasticDepth: 0.5 };
  test.each<[string, Partial<ViTConfig>, number | undefined]>([
    ["gap", { pooling: "gap" }, undefined],
    ["tok, sincos2d, pre-logits", { pooling: "tok", posEmbedding: "sincos2d", preLogits: true }, undefined],
    ["map, erf GELU", { pooling: "map", gelu: "erf" }, undefined],
    ["with dropout and stochastic depth, which draw the same again", { pooling: "gap", depth: 3, ...random }, 41],
  ])("%s: loss and gradients are the same", async (_, changes, seed) => {
    const trace = seed === undefined ? (c: Partial<ViTConfig>) => traceTiny(c, image) : traceTraining;
    const kept = trace(changes);
    const recomputed = trace({ ...changes, rematerialise: true });
    const count = (traced: TracedViT) =>
      operations(
        grad(
          lossOf(traced),
          traced.parameters.map(({ tensor }) => tensor),
        ),
      ).filter((name) => name === "gelu").length;
    const { depth } = kept.config;
    expect(count(recomputed) - count(kept)).toBe(depth); // each block's GELU appears a second time
    const [a, b] = [await run(kept, seed), await run(recomputed, seed)];
    expect(Object.keys(b)).toEqual(Object.keys(a));
    // Not to the last bit: where nothing needs the derivative, GELU is one node of the runtime, which rounds differently
    // from the training form that computes value and derivative together.
    for (const [name, value] of Object.entries(a)) {
      if (name.endsWith("key/bias")) continue; // zero but for rounding
      expect(relativeError(b[name]!, Float64Array.from(value as Float32Array)), name).toBeLessThan(5e-6);
    }
  });
});

test("gradients over microbatches are those of the whole batch, with blocks kept or recomputed", async () => {
  for (const rematerialise of [false, true]) {
    const config = { ...vitConfig("Ti/4", tiny), rematerialise };
    const scope = Scope.root();
    const batch = { image: input("image", "float32", image), target: input("target", "float32", [4, tiny.classes]) };
    const lossOfPart = (part: Readonly<Record<string, Tensor>>) => {
      const { logits } = vit(scope, part["image"]!, config);
      const error = subtract(logits!, part["target"]!);
      return { loss: reduceMean(multiply(error, error)) };
    };
    const whole = lossOfPart(batch);
    const tensors = scope.parameters.map(({ tensor }) => tensor);
    const parts = accumulateGradients(batch, 4, tensors, lossOfPart);
    const named = (kind: string, loss: Tensor, gradients: readonly Tensor[]) => ({
      [`${kind} loss`]: loss,
      ...Object.fromEntries(scope.parameters.map(({ name }, i) => [`${kind} d ${name}`, gradients[i]!])),
    });
    const found = await evaluate(
      {
        ...named("whole", whole.loss, grad(whole.loss, tensors)),
        ...named("parts", parts.metrics.loss, parts.gradients),
      },
      {
        ...parameterValues(scope.parameters),
        image: uniform(elementCount(image), "pixels"),
        target: uniform(4 * tiny.classes, "target"),
      },
    );
    for (const name of ["loss", ...scope.parameters.map(({ name }) => `d ${name}`)]) {
      if (name.endsWith("key/bias")) continue; // zero but for rounding
      const expected = Float64Array.from(found[`whole ${name}`] as Float32Array);
      expect(relativeError(found[`parts ${name}`]!, expected), name).toBeLessThan(1e-5);
    }
  }
});

describe("outside training", () => {
  test("a model with every kind of noise is the same graph as one without", () => {
    const noisy = traceTiny({ dropout: 0.3, stochasticDepth: 0.4, depth: 3 }, image);
    const clean = traceTiny({ depth: 3 }, image);
    const graph = ({ output }: TracedViT) => operations([output.logits!]);
    expect(graph(noisy)).toEqual(graph(clean));
    expect(graph(noisy)).not.toContain("randomUniform");
  });

  test("random numbers cannot be asked for", () => {
    expect(() => Scope.root().at("block").random()).toThrow(/block: random numbers are drawn in training only/);
  });
});

describe("in training", () => {
  const noisy = { dropout: 0.3, stochasticDepth: 0.5, depth: 3 };

  test("a rate of zero draws nothing", () => {
    expect(operations([traceTraining({}).output.logits!])).not.toContain("randomUniform");
  });

  test("dropout draws after the position embedding, after attention, and twice in each MLP", () => {
    const draws = operations([traceTraining({ dropout: 0.1, depth: 3 }).output.logits!]).filter(
      (name) => name === "randomUniform",
    );
    expect(draws).toHaveLength(1 + 3 * 3);
  });

  test("stochastic depth draws for both branches of every block but the first", () => {
    const draws = operations([traceTraining({ stochasticDepth: 0.1, depth: 4 }).output.logits!]).filter(
      (name) => name === "randomUniform",
    );
    expect(draws).toHaveLength(2 * 3);
  });

  test("the same seed gives the same loss and gradients, another seed others", async () => {
    const traced = traceTraining(noisy);
    const [first, again, other] = [await run(traced, 7), await run(traced, 7), await run(traced, 8)];
    for (const [name, value] of Object.entries(first))
      expect(bytes(again[name]!).equals(bytes(value)), name).toBe(true);
    expect(other["loss"]![0]).not.toBe(first["loss"]![0]);
    const retraced = await run(traceTraining(noisy), 7);
    expect(retraced["loss"]![0]).toBe(first["loss"]![0]);
  });

  test("a model traced twice in one scope draws anew for each part of the batch", async () => {
    const traced = traceTraining({ dropout: 0.5 });
    const second = vit(traced.scope, traced.image, traced.config);
    const found = await evaluate(
      { first: traced.output.logits!, second: second.logits! },
      {
        ...parameterValues(traced.parameters),
        image: uniform(elementCount(image), "pixels"),
        seed: Int32Array.of(3),
      },
    );
    expect(traced.scope.parameters).toHaveLength(traced.parameters.length);
    expect(relativeError(found["first"]!, Float64Array.from(found["second"] as Float32Array))).toBeGreaterThan(0.01);
  });
});

describe("stochastic depth in the model", () => {
  const examples = 512;
  const depth = 5;
  const rate = 0.8;

  // Which examples kept each branch of each block, and by what factor.
  async function branches(rescale: boolean) {
    const config = { ...tiny, depth, heads: 1, stochasticDepth: rate, stochasticDepthRescale: rescale };
    const traced = traceTraining(config, [examples, 4, 4, 1]);
    const outputs: Record<string, Tensor> = { [`${block(-1)}/output`]: traced.output.intermediates["withPositions"]! };
    for (let l = 0; l < depth; l++) {
      for (const name of ["attention", "afterAttention", "mlp", "output"]) {
        outputs[`${block(l)}/${name}`] = traced.output.intermediates[`${block(l)}/${name}`]!;
      }
    }
    const found = await evaluateAmong(outputs, {
      ...parameterValues(traced.parameters),
      image: uniform(elementCount(traced.image.shape), "pixels"),
      seed: Int32Array.of(12),
    });
    const width = tiny.width; // one token an example
    const factors = (before: string, branch: string, after: string): number[] =>
      Array.from({ length: examples }, (_, n) => {
        const part = (name: string) => Array.from(found[name]!.slice(n * width, (n + 1) * width), Number);
        const [x, f, y] = [part(before), part(branch), part(after)];
        // least squares: y = x + factor f
        const product = f.reduce((sum, value, i) => sum + value * (y[i]! - x[i]!), 0);
        const factor = product / f.reduce((sum, value) => sum + value * value, 0);
        for (let i = 0; i < width; i++) expect(y[i]! - x[i]! - factor * f[i]!).toBeCloseTo(0, 3);
        return factor;
      });
    return Array.from({ length: depth }, (_, l) => ({
      attention: factors(`${block(l - 1)}/output`, `${block(l)}/attention`, `${block(l)}/afterAttention`),
      mlp: factors(`${block(l)}/afterAttention`, `${block(l)}/mlp`, `${block(l)}/output`),
    }));
  }

  test.each([true, false])("rates rise linearly to the last block; rescale %s", async (rescale) => {
    const all = await branches(rescale);
    const masks: string[] = [];
    all.forEach(({ attention, mlp }, l) => {
      const drop = (rate * l) / (depth - 1);
      for (const factors of [attention, mlp]) {
        const kept = factors.filter((factor) => Math.abs(factor) > 1e-3);
        for (const factor of kept) expect(factor).toBeCloseTo(rescale ? 1 / (1 - drop) : 1, 2);
        const deviation = Math.sqrt((drop * (1 - drop)) / examples);
        expect(Math.abs(kept.length / examples - (1 - drop))).toBeLessThanOrEqual(4 * deviation);
        if (l > 0) masks.push(factors.map((factor) => (Math.abs(factor) > 1e-3 ? "1" : "0")).join(""));
      }
    });
    expect(new Set(masks).size).toBe(masks.length); // each branch of each block draws its own
  });

  test("a model of one block drops nothing", () => {
    const traced = traceTraining({ depth: 1, stochasticDepth: 0.9 });
    expect(operations([traced.output.logits!])).not.toContain("randomUniform");
  });
});

describe("the layers", () => {
  async function apply(layer: (scope: Scope, x: Tensor) => Tensor, shape: readonly number[], seed: number) {
    const scope = Scope.root({ seed: input("seed", "int32", []) });
    const x = input("x", "float32", shape);
    const y = layer(scope, x);
    const [dx] = grad(reduceSum(y), [x]);
    const found = await evaluate(
      { y, dx: dx! },
      { x: new Float32Array(elementCount(shape)).fill(2), seed: Int32Array.of(seed) },
    );
    return { y: Array.from(found["y"] as Float32Array), dx: Array.from(found["dx"] as Float32Array) };
  }

  test("dropout keeps 1 - rate of the entries, divided by it, and its gradient passes where they were kept", async () => {
    const { y, dx } = await apply((scope, x) => dropout(scope, x, 0.25), [100, 400], 1);
    expect(new Set(y)).toEqual(new Set([0, Math.fround(2 / 0.75)]));
    const kept = y.filter((value) => value > 0).length / y.length;
    expect(Math.abs(kept - 0.75)).toBeLessThan(4 * Math.sqrt((0.75 * 0.25) / y.length));
    expect(y.every((value, i) => (value > 0 ? Math.abs(dx[i]! - 1 / 0.75) < 1e-6 : dx[i] === 0))).toBe(true);
  });

  test("two layers of one model draw independently", async () => {
    const { y } = await apply((scope, x) => dropout(scope, dropout(scope, x, 0.5), 0.5), [200, 200], 1);
    const kept = y.filter((value) => value > 0).length / y.length;
    expect(Math.abs(kept - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / y.length));
  });

  test("stochastic depth keeps or drops whole examples, whatever their rank", async () => {
    for (const shape of [
      [64, 6],
      [64, 3, 2],
      [64, 3, 2, 1],
    ]) {
      const { y } = await apply((scope, x) => stochasticDepth(scope, x, 0.5, true), shape, 4);
      const perExample = Array.from({ length: 64 }, (_, n) => new Set(y.slice(n * 6, n * 6 + 6)));
      expect(perExample.every((values) => values.size === 1)).toBe(true);
      expect(new Set(y)).toEqual(new Set([0, 4]));
    }
  });
});

test("the defaults of a variant turn no noise on", () => {
  expect(vitConfig("S/16")).toMatchObject({ dropout: 0, stochasticDepth: 0, rematerialise: false });
});
