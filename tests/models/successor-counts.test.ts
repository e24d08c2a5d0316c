/** Parameters and multiply-adds of the published successors of the Vision Transformer against timm's tables (results/*.csv of timm). */
import { expect, test } from "vitest";
import {
  type ModelConfig,
  modelConfig,
  modelSize,
  parseModelName,
  publishedModels,
  publishedSuccessors,
} from "../../src/models/index.js";

/** timm's networks: millions of parameters and billions of multiply-adds at a size, and what differs from the original. */
const timm: Readonly<
  Record<
    string,
    readonly [millions: number, gigaMultiplyAdds: number, side: number, changes?: Readonly<Record<string, unknown>>]
  >
> = {
  "DINOv2-S/14": [22.06, 46.76, 518],
  "DINOv2-B/14": [86.58, 151.71, 518],
  "DINOv2-L/14": [304.37, 507.15, 518],
  "DINOv2-g/14": [1136.48, 1784.2, 518],
  "DINOv2-S/14-reg": [22.06, 46.95, 518],
  // the biases of query and value are zero in the distilled networks, and timm leaves them out
  "DINOv3-S/16": [21.59, 6.26, 256, { withoutBias: ["query", "key", "value"] }],
  "DINOv3-S+/16": [28.68, 8.11, 256, { withoutBias: ["query", "key", "value"] }],
  "DINOv3-B/16": [85.64, 23.6, 256, { withoutBias: ["query", "key", "value"] }],
  "DINOv3-L/16": [303.08, 82.43, 256, { withoutBias: ["query", "key", "value"] }],
  "DINOv3-H+/16": [840.51, 224.88, 256, { withoutBias: ["query", "key", "value"] }],
  "DeiT3-S/16": [22.06, 4.61, 224, { classes: 1000 }],
  "DeiT3-B/16": [86.59, 17.58, 224, { classes: 1000 }],
  // timm has a head of 1,000 classes in place of the projection
  "CLIP-B/32": [88.22, 4.41, 224, { projection: undefined, classes: 1000 }],
  "CLIP-L/14": [304.2, 81.08, 224, { projection: undefined, classes: 1000 }],
  "SigLIP2-B/16": [92.93, 23.44, 256],
  "EVA02-Ti/14": [5.76, 4.68, 336, { classes: 1000 }],
  "EVA02-S/14": [22.13, 15.48, 336, { classes: 1000 }],
  "EVA02-B/14": [87.12, 107.11, 448, { classes: 1000 }],
  "EVA02-L/14": [305.08, 362.33, 448, { classes: 1000 }],
  "PE-S/16": [23.78, 15.69, 384],
  "PE-B/16": [93.67, 17.82, 224],
  "AIMv2-L/14": [309.2, 82.3, 224],
};

test.each(Object.entries(timm))("%s has the parameters of timm's", (name, [millions, billions, side, changes]) => {
  const config = { ...parseModelName(name), ...changes } as ModelConfig;
  const { parameters, flops } = modelSize(config, { size: side });
  // published with two digits after the point
  expect(Math.abs(parameters / 1e6 - millions)).toBeLessThan(0.0051);
  // timm also counts norms and other small operations
  expect(flops / 2e9 / billions).toBeGreaterThan(0.99);
  expect(flops / 2e9 / billions).toBeLessThan(1.001);
});

test("every successor is traced at the size it was trained at, and is known by its name", () => {
  for (const { name, config, imageSize, preprocessing } of publishedSuccessors) {
    expect(parseModelName(name)).toEqual({ family: "vit", ...config });
    expect(publishedModels.find((one) => one.name === name)).toMatchObject({ series: "successors", imageSize });
    expect(imageSize % config.patchSize).toBe(0);
    expect(preprocessing).toMatch(/^value_range\(/);
  }
  const recipe = { name: "vit", variant: "DINOv2-S/14", imageSize: 224, channels: 3 } as const;
  expect(modelConfig(recipe, 10)).toEqual({ ...parseModelName("DINOv2-S/14"), classes: 10 });
  expect(() => parseModelName("DINOv2-S/15")).toThrow(/did you mean "DINOv2-S\/14"/);
});
