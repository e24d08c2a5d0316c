/**
 * Distillation: the loss against its published values, teachers of every kind on the very images of the student, and the
 * three ways of showing them.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as g from "../../../src/graph/index.js";
import { createRandom } from "../../../src/random/keyed.js";
import { evaluate } from "../../../src/runtime/index.js";
import { prepareTraining, resolveRecipe, train } from "../../../src/train/index.js";
import { distillationLoss } from "../../../src/train/objectives/distillation.js";
import { openTeacher } from "../../../src/train/teachers/teacher.js";
import { seeded } from "../../support/arrays.js";
import { temporaryFolder, tinyRecipe, trainTiny } from "../../support/trained-run.js";

const folder = temporaryFolder("distillation");
const run = join(folder, "teacher");
const onnx = join(folder, "teacher.onnx");

/** Mean of each channel times [1, 2, 3, 4], from images [N, 3, H, W]: a network that is easy to work out. */
async function writeChannelMeans(path: string): Promise<void> {
  const image = g.input("pixels", "float32", [2, 3, 8, 8]);
  const means = g.reduceMean(image, [2, 3]);
  const logits = g.matmul(means, g.constant([1, 2, 3, 4, 0, 1, 0, 1, 1, 0, 1, 0], [3, 4]));
  await writeFile(path, g.writeOnnx({ logits }, [image]).bytes);
}

beforeAll(async () => {
  await trainTiny(run);
  await writeChannelMeans(onnx);
});
afterAll(async () => {
  const { rm } = await import("node:fs/promises");
  await rm(folder, { recursive: true, force: true });
});

// papers.md 12.5
test.each([
  [1, 0.779365053],
  [2, 0.852312646],
  [10, 0.803996935],
])("T^2 KL at temperature %d of teacher [2, 0, 0] and student [0, 1, 0]", async (temperature, expected) => {
  const loss = distillationLoss(g.constant([0, 1, 0], [1, 3]), g.constant([2, 0, 0], [1, 3]), temperature);
  const { value } = await evaluate({ value: loss }, {});
  expect(Number(value![0])).toBeCloseTo(expected, 4);
});

test("its gradient is T (softmax(student / T) - softmax(teacher / T)), mean over the batch by the objective", async () => {
  const student = g.input("student", "float32", [1, 3]);
  const loss = distillationLoss(student, g.constant([2, 0, 0], [1, 3]), 2);
  const [gradient] = g.grad(g.reduceMean(loss), [student]);
  const { value } = await evaluate({ value: gradient! }, { student: Float32Array.of(0, 1, 0) });
  const soft = (z: number[]) => {
    const e = z.map((x) => Math.exp(x / 2));
    return e.map((x) => x / e.reduce((a, b) => a + b));
  };
  const [p, q] = [soft([0, 1, 0]), soft([2, 0, 0])];
  for (let k = 0; k < 3; k++) expect(Number(value![k])).toBeCloseTo(2 * (p[k]! - q[k]!), 5);
});

describe("a teacher", () => {
  const random = seeded(3);
  const images = Float32Array.from({ length: 2 * 8 * 8 * 3 }, () => random());

  test("from an ONNX file sees the images in its own layout and range; some of its classes may be chosen", async () => {
    const context = { image: [8, 8, 3] as const, batchSize: 2, valueRange: [[0, 1]] as const };
    const teacher = await openTeacher({ network: `${onnx}?range=-1,1`, classes: [3, 0] }, context);
    expect(teacher.width).toBe(2);
    const kept = images.slice();
    const found = await teacher.ask(images);
    expect(images).toEqual(kept);
    for (let n = 0; n < 2; n++) {
      const means = [0, 1, 2].map((c) => {
        let sum = 0;
        // from 0..1 to the -1..1 the file is said to take
        for (let i = 0; i < 64; i++) sum += 2 * images[(n * 64 + i) * 3 + c]! - 1;
        return sum / 64;
      });
      expect(found[2 * n]).toBeCloseTo(4 * means[0]! + means[1]!, 4);
      expect(found[2 * n + 1]).toBeCloseTo(means[0]! + means[2]!, 4);
    }
    await teacher.close();
  });

  test("from a run sees images of its own size", async () => {
    const context = { image: [8, 8, 3] as const, batchSize: 2, valueRange: [[-1, 1]] as const };
    const teacher = await openTeacher({ network: run, imageSize: 16 }, context);
    expect(teacher.width).toBe(4);
    expect(await teacher.ask(images)).toHaveLength(8);
    await teacher.close();
  });

  test("that cannot teach is refused: no file, no model, another batch, classes that are not there", async () => {
    const context = { image: [8, 8, 3] as const, batchSize: 2, valueRange: [[-1, 1]] as const };
    await expect(openTeacher({ network: join(folder, "none.onnx") }, context)).rejects.toThrow(/none\.onnx/);
    const text = join(folder, "text.onnx");
    await writeFile(text, "not a model");
    await expect(openTeacher({ network: text }, context)).rejects.toThrow(
      /text\.onnx cannot be opened as an ONNX model/,
    );
    await expect(openTeacher({ network: `${onnx}?range=-1,1` }, { ...context, batchSize: 3 })).rejects.toThrow(
      /takes batches of 2, and the student's have 3/,
    );
    await expect(openTeacher({ network: `${onnx}?range=-1,1`, classes: [4] }, context)).rejects.toThrow(
      /has 4 classes .* index 4; expected 0 to 3/,
    );
  });
});

const distilled = (changes: object = {}, preprocessing?: string) => {
  const tiny = tinyRecipe(join(folder, "student"));
  return resolveRecipe({
    ...tiny,
    objective: { name: "distillation", teachers: [{ network: run }], temperature: 2, ...changes },
    data: { ...tiny.data, ...(preprocessing && { train: { ...tiny.data.train, preprocessing } }) },
  });
};

/** Feeds of one step on drawn images, of a recipe's objective. */
async function feedsOf(recipe: ReturnType<typeof distilled>, image: Float32Array, height: number) {
  const { objective } = await prepareTraining(recipe, 24, 4);
  const batch = {
    image,
    shape: [4, height, 16, 3] as const,
    label: Int32Array.of(0, 1, 2, 3),
    mask: new Float32Array(4).fill(1),
    indices: Int32Array.of(0, 1, 2, 3),
    epoch: 0,
    position: { epoch: 0, batch: 1, seed: 0, batchSize: 4, length: 24 },
  };
  const first = await objective.feeds({ train: batch }, createRandom("step", 0, 0));
  const changed = { ...batch, image: image.map((x) => -x) };
  const second = await objective.feeds({ train: changed }, createRandom("step", 0, 1));
  await objective.close?.();
  return [first, second] as const;
}

test("consistent views: teacher and student see one tensor; independent: each its own; fixed: the teacher is asked once", async () => {
  const random = seeded(8);
  const one = 16 * 16 * 3;
  const upper = Float32Array.from({ length: 4 * one }, () => 2 * random() - 1);
  const lower = Float32Array.from({ length: 4 * one }, () => 2 * random() - 1);
  const stacked = new Float32Array(8 * one);
  for (let i = 0; i < 4; i++) {
    stacked.set(upper.subarray(i * one, (i + 1) * one), 2 * i * one);
    stacked.set(lower.subarray(i * one, (i + 1) * one), (2 * i + 1) * one);
  }
  const [ofUpper] = await feedsOf(distilled(), upper, 16);
  const [ofLower] = await feedsOf(distilled(), lower, 16);
  expect(ofUpper["image"]).toEqual(upper);
  expect(ofUpper["teacher0"]).not.toEqual(ofLower["teacher0"]);

  const [independent, again] = await feedsOf(distilled({ views: "independent" }), stacked, 32);
  expect(independent["image"]).toEqual(upper);
  expect(independent["teacher0"]).toEqual(ofLower["teacher0"]);
  expect(again["teacher0"]).not.toEqual(independent["teacher0"]);

  const [fixed, remembered] = await feedsOf(distilled({ views: "fixed" }), stacked, 32);
  expect(fixed["teacher0"]).toEqual(ofLower["teacher0"]);
  expect(remembered["teacher0"]).toEqual(fixed["teacher0"]);
  expect(remembered["image"]).not.toEqual(fixed["image"]);

  await expect(feedsOf(distilled({ views: "fixed" }), upper, 16)).rejects.toThrow(/needs images of 32 x 16 x 3/);
});

test("a student trains, is judged by labels, and opens as a classifier; several teachers add up", async () => {
  const recipe = distilled({ teachers: [{ network: run }, { network: run }] });
  const result = await train(recipe, { silent: true, overwrite: true });
  expect(result.evaluation!.images).toBe(9);
  expect(result.loss).toBeGreaterThan(0);
  const [both] = await feedsOf(recipe, new Float32Array(4 * 16 * 16 * 3), 16);
  expect(both["teacher1"]).toEqual(both["teacher0"]);
});

test("a teacher of other classes needs to be told so; then it is its agreement that counts", async () => {
  const two = [{ network: run, classes: [0, 1] }];
  await expect(prepareTraining(distilled({ teachers: two }), 24, 4)).rejects.toThrow(
    /has 2 logits and the student 4; set objective\.classes to 2/,
  );
  const result = await train(distilled({ teachers: two, classes: 2 }), { silent: true, overwrite: true });
  expect(result.evaluation!.accuracy).toBeGreaterThanOrEqual(0);
  expect(result.evaluation!.loss).toBeGreaterThan(0);
});

describe("mixup", () => {
  const random = seeded(21);
  const image = Float32Array.from({ length: 4 * 16 * 16 * 3 }, () => 2 * random() - 1);

  test("mixes images and targets of a classifier with one lambda and one pairing, drawn from seed and step", async () => {
    const tiny = tinyRecipe(join(folder, "mixed"));
    const recipe = resolveRecipe({ ...tiny, mixup: { alpha: 1 } });
    const [first, second] = await feedsOf(recipe, image, 16);
    const [again] = await feedsOf(recipe, image, 16);
    expect(first).toEqual(again);
    const targets = first["targets"] as Float32Array;
    const lambda = targets[0]!;
    expect(lambda).toBeGreaterThanOrEqual(0.5);
    expect((second["targets"] as Float32Array)[0]).not.toBe(lambda);
    // example 0 is mixed with the last, each other one with the one before (papers.md 5.5)
    expect(targets[3]).toBeCloseTo(1 - lambda, 6);
    expect(targets[4]).toBeCloseTo(1 - lambda, 6);
    const one = image.length / 4;
    expect(first["image"]![7]).toBeCloseTo(lambda * image[7]! + (1 - lambda) * image[3 * one + 7]!, 5);
  });

  test("a consistent teacher sees the mixture itself; an independent one's answers are mixed", async () => {
    const consistent = resolveRecipe({ ...distilled(), mixup: { alpha: 1 } });
    const [mixed] = await feedsOf(consistent, image, 16);
    const [asked] = await feedsOf(distilled(), mixed["image"] as Float32Array, 16);
    expect(mixed["teacher0"]).toEqual(asked["teacher0"]);

    const stacked = new Float32Array(2 * image.length);
    const one = image.length / 4;
    for (let i = 0; i < 8; i++) stacked.set(image.subarray((i >> 1) * one, ((i >> 1) + 1) * one), i * one);
    const separate = resolveRecipe({ ...distilled({ views: "independent" }), mixup: { alpha: 1 } });
    const [first] = await feedsOf(separate, stacked, 32);
    const [clean] = await feedsOf(distilled(), image, 16);
    const [p, q] = [clean["teacher0"]!, first["teacher0"]!].map((values) => values as Float32Array);
    const lambda = (Number(first["image"]![0]) - image[3 * one]!) / (image[0]! - image[3 * one]!);
    expect(q![0]).toBeCloseTo(lambda * p![0]! + (1 - lambda) * p![12]!, 4);
  });
});
