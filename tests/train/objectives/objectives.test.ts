/** Objectives that look at whole images: the tests of the table; and what no objective accepts. */
import { describe, expect, test } from "vitest";
import { createRandom } from "../../../src/random/keyed.js";
import type { RecipeInput } from "../../../src/train/index.js";
import { batchesOf, network, objectiveCases, patchCases, side } from "../../support/objective-cases.js";
import { dataOf, describeObjectives, prepared } from "../../support/objective-suite.js";
import { semiSupervisedCases } from "../../support/semi-supervised-cases.js";

describeObjectives(objectiveCases);

/** The row of the tables of that title. */
const caseOf = (title: string) =>
  [...objectiveCases, ...patchCases, ...semiSupervisedCases].find((one) => one.title === title)!;

describe("what does not fit is refused", () => {
  const rotation = caseOf("rotation");
  const vit = { name: "vit", ...network } as const;
  const resnet: RecipeInput["model"] = { name: "resnet", blocks: [1], widthFactor: 0.125, groups: 4, imageSize: side };

  test.each<[string, RecipeInput["objective"], Partial<RecipeInput>, RegExp]>([
    [
      "turns of oblong images",
      { name: "rotation" },
      { model: { ...vit, imageSize: [8, 12] } },
      /must be square.*8 x 12/,
    ],
    [
      "features of networks that do not pool",
      { name: "relativePatch" },
      { model: { ...vit, imageSize: side, pooling: "none" } },
      /"relativePatch" needs one feature vector per image.*model\.pooling/,
    ],
    [
      "no images without labels for an objective that needs them",
      { name: "vat" },
      {},
      /data\.unlabelled: the objective "vat" also needs images without labels/,
    ],
    [
      "images without labels that do not divide",
      { name: "s4lRotation", unlabelledBatchSize: 3 },
      { microbatches: 2, data: dataOf(caseOf("S4L-Rotation")) },
      /objective\.unlabelledBatchSize: 2 microbatches do not divide 3 images/,
    ],
    [
      "one image without a label to compare",
      { name: "s4lExemplar", unlabelledBatchSize: 1 },
      { data: dataOf(caseOf("S4L-Exemplar")) },
      /unlabelledBatchSize 1; expected at least 2/,
    ],
    ["one image to compare", { name: "exemplar" }, { batchSize: 1 }, /batchSize is 1; expected at least 2/],
    [
      "masked patches of a ResNet",
      { name: "maskedPatch" },
      { model: resnet },
      /needs a Vision Transformer.*this model is a resnet/,
    ],
    ["one patch", { name: "maskedPatch" }, { model: { ...vit, imageSize: 4 } }, /have 1 of 4 pixels/],
    ["cells that cut pixels", { name: "maskedPatch", cells: 3 }, {}, /cells: 3 does not divide the patch size of 4/],
    [
      "more orders than there are",
      { name: "jigsaw", permutations: 5 },
      {},
      /objective\.subset: is larger than permutations/,
    ],
    [
      "a margin of the other loss",
      { name: "exemplar", margin: 1 },
      {},
      /objective\.margin: only the triplet "semiHard"/,
    ],
  ])("%s", async (_, settings, changes, message) => {
    await expect((async () => prepared({ ...rotation, settings }, changes))()).rejects.toThrow(message);
  });

  test("pictures that the preprocessing did not stack", async () => {
    for (const [title, op] of [
      [
        "exemplar, hardest of the batch",
        /3 stacked views of 8 x 8; given 8 x 8 x 3; end the preprocessing in views\(3/,
      ],
      ["jigsaw", /72 x 8 x 3, 9 stacked views of 8 x 8.* end the preprocessing in patch_grid/],
      ["relative patch location", /9 stacked views/],
    ] as const) {
      const { objective } = await prepared(caseOf(title));
      const plain = batchesOf(rotation);
      expect(() => objective.feeds(plain, createRandom(0)), title).toThrow(op);
      expect(() => objective.evaluation.feeds(plain.train), title).toThrow(op);
    }
    const { objective } = await prepared(rotation);
    expect(() => objective.feeds(batchesOf(caseOf("jigsaw")), createRandom(0))).toThrow(
      /expects images of 8 x 8 x 3; given 72 x 8 x 3; make the preprocessing and model.imageSize agree/,
    );
  });
});
