/**
 * Vision Transformers behind a ResNet or behind convolutions: every intermediate and gradient against plain float64 ones.
 */
import { describe, expect, test } from "vitest";
import { grad, reachable, reduceSum } from "../../src/graph/index.js";
import { convolutionStem, resnetStem, type ViTConfig } from "../../src/models/index.js";
import { testDevices } from "../support/devices.js";
import { firstOf } from "../support/extent.js";
import { expectGradients } from "../support/gradients.js";
import { expectIntermediates } from "../support/intermediates.js";
import { plainHybrid } from "../support/plain-hybrid.js";
import { type ImageShape, traceTiny } from "../support/vit-cases.js";

const resnet = { ...resnetStem([1, 2]), widthFactor: 1 / 8, groups: 4 };
const convolutions = { ...convolutionStem([8, 16, 16]), groups: 4 };

interface Case {
  readonly changes: Partial<ViTConfig>;
  readonly image: ImageShape;
}

const cases: Record<string, Case> = {
  // even sides pad on one side only, odd ones on both
  "a ResNet, even sides": { changes: { stem: resnet, patchSize: 1, pooling: "tok" }, image: [1, 16, 12, 3] },
  "a ResNet, odd sides": { changes: { stem: resnet, patchSize: 1 }, image: [1, 17, 9, 3] },
  "a ResNet's root alone, patches of 2": {
    changes: { stem: { ...resnet, blocks: [] }, patchSize: 2, pooling: "tok" },
    image: [1, 22, 17, 3],
  },
  "a ResNet, rematerialised, one channel": {
    changes: { stem: resnet, patchSize: 1, rematerialise: true },
    image: [2, 12, 10, 1],
  },
  "convolutions, even sides": { changes: { stem: convolutions, patchSize: 1, pooling: "tok" }, image: [2, 8, 12, 3] },
  "convolutions, odd sides, patches of 2": {
    changes: { stem: convolutions, patchSize: 2, posEmbedding: "relative" },
    image: [2, 13, 10, 3],
  },
};
const few = firstOf(["convolutions, odd sides, patches of 2", "a ResNet, even sides"]);

for (const { device, missing } of testDevices) {
  const names = device === "cpu" ? Object.keys(cases) : few;
  const label = missing === undefined ? device : `${device} (skipped: ${missing})`;
  describe.skipIf(missing !== undefined)(`on ${label}`, () => {
    test.each(names)("%s: every intermediate", async (name) => {
      const { changes, image } = cases[name]!;
      const { config, output, parameters } = traceTiny(changes, image);
      const plainNetwork = (values: Record<string, Float64Array>, pixels: Float32Array) =>
        plainHybrid(values, pixels, image, config);
      await expectIntermediates(output.intermediates, parameters, image, plainNetwork, device);
    });

    test.each(names)("%s: gradients", async (name) => {
      const { changes, image } = cases[name]!;
      const traced = traceTiny({ ...changes, depth: 1 }, image);
      await expectGradients(
        { ...traced, answers: traced.output.logits! },
        (values) => plainHybrid(values, values["image"]!, image, traced.config)["logits"]!,
        device,
        (parameter) => parameter.endsWith("key/bias"),
      );
    });
  });
}

test("parameters of a hybrid, as released files name them; kernels [out, in, height, width]", () => {
  const { parameters } = traceTiny({ stem: resnet, patchSize: 1, pooling: "tok", depth: 0 }, [1, 16, 16, 3]);
  const norm = (name: string, count: number) => [`${name}/scale [${count}]`, `${name}/bias [${count}]`];
  const shapes = parameters.map(({ name, tensor }) => `${name} [${tensor.shape.join(", ")}]`);
  const unit = (path: string, from: number, middle: number, projected: boolean) => [
    `${path}/conv1/kernel [${middle}, ${from}, 1, 1]`,
    `${path}/conv2/kernel [${middle}, ${middle}, 3, 3]`,
    `${path}/conv3/kernel [${4 * middle}, ${middle}, 1, 1]`,
    ...[1, 2].flatMap((i) => norm(`${path}/gn${i}`, middle)),
    ...norm(`${path}/gn3`, 4 * middle),
    ...(projected
      ? [`${path}/conv_proj/kernel [${4 * middle}, ${from}, 1, 1]`, ...norm(`${path}/gn_proj`, 4 * middle)]
      : []),
  ];
  expect(shapes.sort()).toEqual(
    [
      "conv_root/kernel [8, 3, 7, 7]",
      ...norm("gn_root", 8),
      ...unit("block1/unit1", 8, 8, true),
      ...unit("block2/unit1", 32, 16, true),
      ...unit("block2/unit2", 64, 16, false),
      "embedding/kernel [1, 1, 64, 8]",
      "embedding/bias [8]",
      "cls [1, 1, 8]",
      "Transformer/posembed_input/pos_embedding [1, 5, 8]",
      ...norm("Transformer/encoder_norm", 8),
      "head/kernel [8, 3]",
      "head/bias [3]",
    ].sort(),
  );
});

test("each unit starts as its shortcut: the last scale is zero", () => {
  const { parameters } = traceTiny({ stem: resnet, patchSize: 1 }, [1, 16, 16, 3]);
  const starts = (name: string) => {
    const { tensor, initializer } = parameters.find((one) => one.name === name)!;
    return initializer(tensor.shape, () => 0.5)[0];
  };
  expect(starts("block1/unit1/gn3/scale")).toBe(0);
  expect(starts("block1/unit1/gn_proj/scale")).toBe(1);
  expect(starts("gn_root/scale")).toBe(1);
});

test("rematerialised units are computed again in the backward pass", () => {
  const products = (rematerialise: boolean) => {
    const { output, parameters } = traceTiny({ stem: resnet, patchSize: 1, rematerialise, depth: 0 }, [1, 16, 16, 3]);
    const gradients = grad(
      reduceSum(output.logits!),
      parameters.map(({ tensor }) => tensor),
    );
    return reachable(gradients).filter((node) => node.operation.name === "relu").length;
  };
  expect(products(true)).toBeGreaterThan(products(false));
});

test("the published stems: strides where channels double, groups that divide them", () => {
  expect(convolutionStem([64, 128, 128, 256, 256, 512])).toEqual({
    kind: "convolutions",
    channels: [64, 128, 128, 256, 256, 512],
    strides: [2, 2, 1, 2, 1, 2],
    groups: 8,
  });
  expect(resnetStem([3, 4, 9])).toEqual({ kind: "resnet", blocks: [3, 4, 9], widthFactor: 1, groups: 32 });
});

test("groups that do not divide the channels are refused", () => {
  const changes = { stem: { ...convolutions, groups: 5 }, patchSize: 1 };
  expect(() => traceTiny(changes, [1, 8, 8, 3])).toThrow(/cannot be normalised in 5 groups/);
});
