/** FLOPs of the forward pass of objectives that see an image more than once, against the size of the network. */
import { expect, test } from "vitest";
import { modelSize } from "../../../src/models/index.js";
import { planRun, type RecipeInput, resolveRecipe } from "../../../src/train/index.js";
import { forwardFlops } from "../../../src/train/plan/forward-flops.js";

const images = 1000;
const classes = 10;

const part = { source: "any/", split: "train", preprocessing: "decode|resize(32)|value_range(-1,1)" };

const vit = {
  name: "vit",
  patchSize: 8,
  width: 32,
  depth: 2,
  heads: 2,
  mlpDim: 64,
  imageSize: 32,
  dropout: 0.1,
} as const;
const resnet = { name: "resnet" as const, blocks: [1, 1], widthFactor: 0.25, groups: 8, imageSize: 32 };

function counted(
  objective: RecipeInput["objective"],
  data: Partial<RecipeInput["data"]> = {},
  network: RecipeInput["model"] = vit,
) {
  const recipe = resolveRecipe({
    model: network,
    data: { train: part, ...data },
    batchSize: 8,
    total: { steps: 10 },
    objective,
    optimizer: { name: "adamw", learningRate: 1e-3 },
    output: "runs/any",
  });
  const { model } = planRun(recipe, images, classes).training;
  return { flops: forwardFlops(recipe, images, classes), network: modelSize(model, { size: 32 }).flops, width: 32 };
}

test("a classifier sees an image once", () => {
  const { flops, network } = counted({ name: "softmax" });
  expect(flops).toBe(network);
});

test("a ResNet in batches has the FLOPs of one image each", () => {
  const { flops, network } = counted({ name: "softmax" }, {}, resnet);
  expect(flops).toBe(network);
});

test("rotation sees four, each with a head of four classes", () => {
  const { flops, network, width } = counted({ name: "rotation" });
  expect(flops).toBe(4 * (network + 2 * width * 4));
});

test("S4L rotation sees four of a labelled and four of an unlabelled image", () => {
  const { flops, network, width } = counted({ name: "s4lRotation" }, { unlabelled: part });
  expect(flops).toBe(8 * (network + 2 * width * 4));
});

test("the views of exemplar are counted", () => {
  const { flops, network } = counted({ name: "exemplar", views: 3 });
  expect(flops / network).toBeGreaterThan(2.9);
});

test("a student of smaller images than its teachers is counted on those", () => {
  const teachers = [{ network: "runs/teacher" }];
  const of = (imageSize?: number) => counted({ name: "featureDistillation", teachers, imageSize }, {}, resnet).flops;
  const model = planRun(
    resolveRecipe({
      model: resnet,
      data: { train: part },
      batchSize: 8,
      total: { steps: 10 },
      objective: { name: "featureDistillation", teachers },
      optimizer: { name: "adamw", learningRate: 1e-3 },
    }),
    images,
    classes,
  ).training.model;
  expect(of(16)).toBe(modelSize(model, { size: 16 }).flops);
  expect(of()).toBe(modelSize(model, { size: 32 }).flops);
});

test("a student's teachers are not counted", () => {
  const { flops, network } = counted({ name: "distillation", teachers: [{ network: "runs/teacher" }], classes });
  expect(flops).toBe(network);
});
