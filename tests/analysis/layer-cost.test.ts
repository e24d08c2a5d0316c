/** Cost by layer: sums are the totals of the network, and the layers one after the other compute it. */
import { describe, expect, it, test } from "vitest";
import { layerCost, layerFunctions, layerParts, openSubject } from "../../src/analysis/index.js";
import { attentionFlops, costByPart, costOf, input, type Tensor } from "../../src/graph/index.js";
import { type ModelConfig, model, modelSize, parseModelName } from "../../src/models/index.js";
import { initialValue, Scope } from "../../src/nn/index.js";
import { compile, type ProgramFunction } from "../../src/runtime/index.js";

const tiny = { classes: 10 };
const networks: readonly (readonly [string, ModelConfig, number])[] = [
  [
    "Ti/16 with a class token",
    { ...(parseModelName("Ti/16", tiny) as ModelConfig & { family: "vit" }), pooling: "tok" },
    64,
  ],
  ["R26+S/32", parseModelName("R26+S/32", tiny), 64],
  ["C-1GF", parseModelName("C-1GF", tiny), 64],
  ["Mixer-S/16", parseModelName("Mixer-S/16", tiny), 64],
  ["R26x1", parseModelName("R26x1", tiny), 64],
];

/** The parts of a network of random weights. */
function traced(config: ModelConfig, size: number) {
  const image = input("image", "float32", [1, size, size, 3]);
  const { intermediates, preLogits, logits } = model(Scope.root(), image, config);
  const shapes = new Map(
    Object.entries({ ...intermediates, preLogits, ...(logits && { logits }) }).map(([name, { shape }]) => [
      name,
      shape.slice(1),
    ]),
  );
  return layerParts({ config, imageShape: [size, size, 3], intermediates: shapes });
}

describe("costByPart", () => {
  it.each(networks)("of %s sums to the counted totals", (_, config, size) => {
    const { image, parts, parameters } = traced(config, size);
    const costs = costByPart(parts, image, parameters);
    const sum = (of: (cost: (typeof costs)[number]) => number) => costs.reduce((total, cost) => total + of(cost), 0);
    const whole = modelSize(config, { size });
    expect(sum(({ flops }) => flops)).toBe(whole.flops);
    expect(sum(({ parameters }) => parameters)).toBe(whole.parameters);
    const end = parts.at(-1)?.end as Tensor;
    expect(sum(({ activationBytes }) => activationBytes)).toBe(
      costByPart([{ name: "all", end }], image, parameters)[0]?.activationBytes,
    );
    expect(costs.every(({ nodes, activationBytes }) => nodes > 0 && activationBytes > 0)).toBe(true);
    expect(costs.at(-1)?.name).toBe("logits");
  });

  test("of an encoder block equals the arithmetic of the paper", () => {
    // Ti/16 at 64 pixels: t = 16 patches and a class token, d = 192, h = 3 heads, mlp 768
    const [[, config, size] = networks[0] as never] = networks as [(typeof networks)[0]];
    const { image, parts, parameters } = traced(config, size);
    const costs = costByPart(parts, image, parameters);
    const [t, d, h, m] = [17, 192, 3, 768];
    const cost = (name: string) => costs.find((one) => one.name === name);
    // query, key, value and out, then scores and weighted values
    expect(cost("attention 3")?.flops).toBe(2 * (4 * t * d * d + 2 * t * t * d));
    expect(cost("attention 3")?.parameters).toBe(4 * (d * d + d) + 2 * d);
    expect(cost("block 3")?.flops).toBe(2 * 2 * t * d * m);
    expect(cost("block 3")?.parameters).toBe(2 * d * m + m + d + 2 * d);
    // [t, d]: norm; product and sum with the bias of query, key, value and out; 3 transposes; output and its transpose; residual sum
    expect(cost("attention 3")?.activationBytes).toBe(4 * ((1 + 8 + 3 + 2 + 1) * t * d + h * t * t));
    expect(cost("patches")?.flops).toBe(2 * 16 * 768 * d);
  });
});

describe("attentionFlops", () => {
  const weightsOf = (config: ModelConfig, size: number) => {
    const { intermediates, logits } = model(Scope.root(), input("image", "float32", [1, size, size, 3]), config);
    const weights = Object.entries(intermediates).flatMap(([name, tensor]) =>
      name.endsWith("attentionWeights") ? [tensor] : [],
    );
    return { logits: logits as Tensor, weights };
  };

  it.each([32, 64, 96])("is 4 t^2 d for each block, whatever else depends on the size (%i pixels)", (size) => {
    const { logits, weights } = weightsOf(parseModelName("Ti/16", tiny), size);
    const t = (size / 16) ** 2;
    expect(attentionFlops([logits], weights)).toBe(12 * 4 * t * t * 192);
  });

  test("leaves out the single query of attention pooling, and finds non-local blocks", () => {
    const pooled = { ...(parseModelName("Ti/16", tiny) as ModelConfig & { family: "vit" }), pooling: "map" as const };
    const { logits, weights } = weightsOf(pooled, 64);
    expect(weights).toHaveLength(13);
    expect(attentionFlops([logits], weights)).toBe(12 * 4 * 16 * 16 * 192);
    const resnet = parseModelName("R26x1", tiny) as ModelConfig & { family: "resnet" };
    const nonLocal: ModelConfig = { ...resnet, attention: { kind: "nonLocal", stages: [3] } };
    const found = weightsOf(nonLocal, 64);
    // one block at 4 x 4 positions with half of 1024 channels
    expect(attentionFlops([found.logits], found.weights)).toBe(found.weights.length * 4 * 16 * 16 * 512);
    expect(found.weights.length).toBe(1);
  });
});

test.each([0, 2, 4].map((i) => networks[i] as (typeof networks)[0]))(
  "the layers of %s, one after the other, compute the network",
  async (_, config, size) => {
    const network = traced(config, size);
    const { image, parameters, parts } = network;
    // ends of all layers, and each layer from the ends before it
    const functions = layerFunctions(network);
    const ends = { inputs: [image], outputs: Object.fromEntries(parts.map(({ end }, i) => [`end${i}`, end])) };
    const named: Record<string, ProgramFunction> = Object.fromEntries(functions.map((one, i) => [`layer${i}`, one]));
    await using program = await compile(
      { state: parameters, functions: Object.assign(named, { ends }) },
      { threads: 1, inThread: true },
    );
    const scope = Scope.root();
    model(scope, input("image", "float32", [1, size, size, 3]), config);
    await program.writeState(Object.fromEntries(scope.parameters.map((one) => [one.name, initialValue(one, 1)])));
    const pixels = Float32Array.from({ length: size * size * 3 }, (_, i) => Math.sin(i));
    const whole = await program.run("ends", { image: pixels.slice() });
    for (const [i, { inputs }] of functions.entries()) {
      const feeds = Object.fromEntries(
        inputs.map(({ producer }) => {
          const name = (producer.attributes as { name: string }).name;
          return [
            name,
            name === "image" ? pixels.slice() : (whole[`end${name.slice(5)}`]?.slice() ?? new Float32Array()),
          ];
        }),
      );
      const { first } = await program.run(`layer${i}`, feeds);
      const expected = Number(whole[`end${i}`]?.[0]);
      expect(Number(first?.[0])).toBeCloseTo(expected, 4);
      // a layer needs few of the ends before it, and no layer but the first sees the image
      expect(inputs.length).toBeLessThanOrEqual(3);
      expect("image" in feeds).toBe(i === 0);
    }
    // nothing is computed twice
    const flops = functions.reduce((sum, { outputs }) => sum + costOf(Object.values(outputs)).flops, 0);
    expect(flops).toBe(modelSize(config, { size }).flops);
  },
);

test("layer-cost of a bundled network has the totals of its graph", async () => {
  await using subject = await openSubject("embedded:tiny", { count: 10 });
  const { data, charts } = await layerCost.run(subject);
  const { total, layers } = data as { total: { flops: number; parameters: number }; layers: { seconds: number }[] };
  const { config, imageShape } = subject;
  expect(imageShape[0]).toBe(imageShape[1]);
  expect(total).toMatchObject(modelSize(config, { size: imageShape[0] }));
  expect(layers.every(({ seconds }) => seconds > 0)).toBe(true);
  for (const width of [350, 720]) expect(charts[0]?.draw(width)).toContain("activations");
});
