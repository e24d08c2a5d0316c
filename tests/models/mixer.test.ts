/**
 * MLP-Mixer: every intermediate and gradient against a plain float64 one, its names, and stochastic depth as published.
 */
import { describe, expect, test } from "vitest";
import { elementCount, input, reachable } from "../../src/graph/index.js";
import { type MixerConfig, mixer, mixerConfig } from "../../src/models/index.js";
import { Scope, type ScopeOptions } from "../../src/nn/index.js";
import { evaluate } from "../../src/runtime/index.js";
import { testDevices } from "../support/devices.js";
import { firstOf } from "../support/extent.js";
import { expectGradients } from "../support/gradients.js";
import { expectIntermediates } from "../support/intermediates.js";
import { plainMixer } from "../support/plain-mixer.js";
import { type ImageShape, parameterValues, relativeError, uniform } from "../support/vit-cases.js";

const tiny = { width: 8, depth: 2, tokensMlpDim: 5, channelsMlpDim: 12, classes: 3 } as const;

function traceTiny(changes: Partial<MixerConfig>, shape: ImageShape, options: ScopeOptions = {}) {
  const config = mixerConfig("Mixer-S/4", { ...tiny, ...changes });
  const scope = Scope.root(options);
  const image = input("image", "float32", shape);
  const output = mixer(scope, image, config);
  return { config, image, output, parameters: scope.parameters };
}

const plain: ImageShape = [2, 8, 12, 3];
const cases: Record<string, { changes: Partial<MixerConfig>; image: ImageShape }> = {
  "tanh GELU": { changes: {}, image: plain },
  "erf GELU": { changes: { gelu: "erf" }, image: plain },
  "another epsilon": { changes: { layerNormEpsilon: 0.1 }, image: plain },
  "no head": { changes: { classes: 0 }, image: plain },
  rematerialised: { changes: { rematerialise: true }, image: plain },
  "sides no patch divides": { changes: {}, image: [2, 11, 15, 3] },
  "one channel, one patch, depth 1": { changes: { depth: 1 }, image: [3, 4, 5, 1] },
  "patch 3, depth 3": { changes: { patchSize: 3, depth: 3, tokensMlpDim: 16 }, image: [1, 9, 6, 3] },
};
const few = firstOf(["tanh GELU", "rematerialised"]);

for (const { device, missing } of testDevices) {
  const names = device === "cpu" ? Object.keys(cases) : few;
  const label = missing === undefined ? device : `${device} (skipped: ${missing})`;
  describe.skipIf(missing !== undefined)(`on ${label}`, () => {
    test.each(names)("%s: every intermediate", async (name) => {
      const { changes, image } = cases[name]!;
      const { config, output, parameters } = traceTiny(changes, image);
      const plainNetwork = (values: Record<string, Float64Array>, pixels: Float32Array) =>
        plainMixer(values, pixels, image, config);
      await expectIntermediates(output.intermediates, parameters, image, plainNetwork, device);
    });

    test.each(names)("%s: gradients", async (name) => {
      const { changes, image } = cases[name]!;
      const traced = traceTiny(changes, image);
      const answers = traced.output.logits ?? traced.output.preLogits;
      const key = traced.output.logits ? "logits" : "preLogits";
      await expectGradients(
        { ...traced, answers },
        (values) => plainMixer(values, values["image"]!, image, traced.config)[key]!,
        device,
        // it moves all channels of a token alike, which every later reader, a layer norm over channels, takes out
        (name) => name.endsWith("token_mixing/Dense_1/bias"),
      );
    });
  });
}

test("parameters, in order of first use, as released files name them", () => {
  const block = (i: number) =>
    [
      "LayerNorm_0/scale [8]",
      "LayerNorm_0/bias [8]",
      "token_mixing/Dense_0/kernel [6, 5]",
      "token_mixing/Dense_0/bias [5]",
      "token_mixing/Dense_1/kernel [5, 6]",
      "token_mixing/Dense_1/bias [6]",
      "LayerNorm_1/scale [8]",
      "LayerNorm_1/bias [8]",
      "channel_mixing/Dense_0/kernel [8, 12]",
      "channel_mixing/Dense_0/bias [12]",
      "channel_mixing/Dense_1/kernel [12, 8]",
      "channel_mixing/Dense_1/bias [8]",
    ].map((name) => `MixerBlock_${i}/${name}`);
  const { parameters, output } = traceTiny({}, plain);
  expect(parameters.map(({ name, tensor }) => `${name} [${tensor.shape.join(", ")}]`)).toEqual([
    "stem/kernel [4, 4, 3, 8]",
    "stem/bias [8]",
    ...block(0),
    ...block(1),
    "pre_head_layer_norm/scale [8]",
    "pre_head_layer_norm/bias [8]",
    "head/kernel [8, 3]",
    "head/bias [3]",
  ]);
  expect(output.grid).toEqual({ rows: 2, columns: 3 });
  expect(output.patches.shape).toEqual([2, 6, 8]);
});

test("no token is transposed: the products read the axis of patches as it lies", () => {
  const { output } = traceTiny({}, plain);
  const transposes = reachable([output.logits!]).filter((node) => node.operation.name === "transpose");
  const ofKernels = transposes.filter((node) => node.inputs[0]!.shape.length === 2);
  expect(ofKernels).toHaveLength(4); // two a block
  expect(transposes).toHaveLength(4 + 1); // and the one that cuts the patches
});

test("another number of patches does not fit the parameters, and says so", () => {
  const scope = Scope.root();
  const config = mixerConfig("Mixer-S/4", tiny);
  mixer(scope, input("a", "float32", plain), config);
  expect(() => mixer(scope, input("b", "float32", [2, 16, 12, 3]), config)).toThrow(
    /MixerBlock_0\/token_mixing\/Dense_0\/kernel .*cannot also be \[12, 5\]/,
  );
  expect(() => traceTiny({}, [1, 3, 8, 3])).toThrow(/at least one patch of 4/);
});

describe("stochastic depth", () => {
  const depth = 4;
  const training = (changes: Partial<MixerConfig>) =>
    traceTiny({ depth, ...changes }, [64, 8, 12, 3], { seed: input("seed", "int32", []) });
  const draws = (changes: Partial<MixerConfig>) =>
    reachable([training(changes).output.logits!]).filter((node) => node.operation.name === "randomUniform").length;

  test("draws twice a block but in the first, and nothing outside training", () => {
    expect(draws({})).toBe(0);
    expect(draws({ stochasticDepth: 0.5 })).toBe(2 * (depth - 1));
    const outside = traceTiny({ depth, stochasticDepth: 0.5, dropout: 0.5 }, plain);
    expect(reachable([outside.output.logits!]).map((node) => node.operation.name)).not.toContain("randomUniform");
  });

  test("drops both branches apart, i / (L - 1) of them, an example whole, and keeps the others as they are", async () => {
    const { output, parameters } = training({ stochasticDepth: 0.6 });
    const feeds = {
      ...parameterValues(parameters),
      image: uniform(elementCount([64, 8, 12, 3]), "pixels"),
      seed: Int32Array.of(5),
    };
    const found = await evaluate(output.intermediates, feeds);
    const size = 6 * 8;
    const examples = (name: string) =>
      Array.from({ length: 64 }, (_, n) => Array.from(found[name]! as Float32Array).slice(n * size, (n + 1) * size));
    for (let i = 0; i < depth; i++) {
      const before = i === 0 ? examples("stem") : examples(`MixerBlock_${i - 1}/output`);
      const between = examples(`MixerBlock_${i}/afterTokenMixing`);
      const after = examples(`MixerBlock_${i}/output`);
      const outcomes = [
        [before, examples(`MixerBlock_${i}/tokenMixing`), between],
        [between, examples(`MixerBlock_${i}/channelMixing`), after],
      ].map(([from, branch, to]) =>
        from!.map((values, n) => {
          const moved = values.map((value, k) => to![n]![k]! - value);
          const dropped = moved.every((value) => value === 0);
          // kept: the branch itself, not divided by its probability
          if (!dropped) expect(relativeError(moved, branch![n]!)).toBeLessThan(1e-4);
          return dropped;
        }),
      );
      const rate = (0.6 * i) / (depth - 1);
      for (const dropped of outcomes) {
        const share = dropped.filter(Boolean).length / 64;
        // five deviations of a mean of 64 draws
        expect(Math.abs(share - rate), `block ${i}`).toBeLessThanOrEqual(5 * Math.sqrt((rate * (1 - rate)) / 64));
      }
      if (i > 0) expect(outcomes[0]).not.toEqual(outcomes[1]);
    }
  });
});
