/**
 * Distillation of features: what the student is shown, its loss against plain loops, teachers of several kinds, and teachers
 * that remember their answers.
 */

import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { copyFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as g from "../../../src/graph/index.js";
import { open } from "../../../src/networks/index.js";
import { initialValue, Scope } from "../../../src/nn/index.js";
import { createRandom } from "../../../src/random/keyed.js";
import { compile } from "../../../src/runtime/index.js";
import { prepareTraining, type RecipeInput, resolveRecipe, train } from "../../../src/train/index.js";
import { standardiseColumns } from "../../../src/train/objectives/feature-distillation.js";
import { openTeacher } from "../../../src/train/teachers/teacher.js";
import { seeded } from "../../support/arrays.js";
import {
  dense,
  type Inputs,
  images,
  mean,
  range,
  representations,
  type Values,
} from "../../support/objective-cases.js";
import { describeObjectives } from "../../support/objective-suite.js";
import { temporaryFolder, tinyRecipe, trainTiny } from "../../support/trained-run.js";

const folder = temporaryFolder("feature-distillation");
const run = join(folder, "teacher");
const onnx = join(folder, "teacher.onnx");
/** A file that does not state how its images are scaled. */
const scaled = (file: string) => `${file}?range=-1,1`;

const small = join(folder, "small.onnx");

/** Channel means times a matrix, from images [4, 3, side, side]: features that are easy to work out. */
async function writeChannelMeans(path: string, side: number): Promise<void> {
  const image = g.input("pixels", "float32", [4, 3, side, side]);
  const features = g.matmul(g.reduceMean(image, [2, 3]), g.constant([1, 2, 3, 0, 1, 0, 1, 1, 0], [3, 3]));
  const logits = g.reduceMean(image, [2, 3]);
  await writeFile(path, g.writeOnnx({ features, logits }, [image]).bytes);
}

beforeAll(async () => {
  await trainTiny(run);
  await writeChannelMeans(onnx, 16);
  await writeChannelMeans(small, 8);
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

// The suite of every objective: the error of a linear layer to each teacher's features, weighted, as plain loops.
const squaredErrors = (values: Values, inputs: Inputs, name: string): number[][] => {
  const width = values[`objective/${name}/bias`]!.length;
  const targets = range(images).map((n) => [...Array.from(inputs[name]!).slice(n * width, (n + 1) * width)]);
  return representations(values, inputs["image"]!).map((row) => {
    const projected = dense(values, `objective/${name}`, row);
    return targets.map((target) => mean(target.map((t, k) => (projected[k]! - t) ** 2)));
  });
};
describeObjectives([
  {
    title: "feature distillation",
    settings: {
      name: "featureDistillation",
      teachers: [{ network: scaled(small) }, { network: scaled(small), output: "logits", weight: 0.5 }],
    },
    plain: (values, inputs) => {
      const [first, second] = ["teacher0", "teacher1"].map((name) => squaredErrors(values, inputs, name));
      return first!.map((row, n) => ({
        loss: row[n]! + 0.5 * second![n]![n]!,
        right: Number(row.every((error, m) => m === n || error > row[n]!)),
      }));
    },
  },
]);

const size = 16 * 16 * 3;
const random = seeded(11);
const pixels = Float32Array.from({ length: 4 * size }, () => 2 * random() - 1);

/** Channel means times the matrix above, image by image. */
function channelFeatures(images: Float32Array): number[][] {
  return [0, 1, 2, 3].map((n) => {
    const mean = [0, 1, 2].map((c) => {
      let sum = 0;
      for (let at = c; at < size; at += 3) sum += images[n * size + at]!;
      return sum / 256;
    });
    return [mean[0]! + mean[2]!, 2 * mean[0]! + mean[1]! + mean[2]!, 3 * mean[0]!];
  });
}

/** Columns to mean 0 and deviation 1, in float64. */
function standardised(rows: readonly number[][]): number[][] {
  const columns = rows[0]!.map((_, k) => rows.map((row) => row[k]!));
  const moments = columns.map((column) => {
    const mean = column.reduce((a, b) => a + b) / column.length;
    return [mean, Math.sqrt(column.reduce((sum, x) => sum + (x - mean) ** 2, 0) / column.length)] as const;
  });
  return rows.map((row) => row.map((x, k) => (x - moments[k]![0]) / moments[k]![1]));
}

const recipeOf = (teachers: readonly object[], changes: Partial<RecipeInput> = {}) =>
  resolveRecipe({
    ...tinyRecipe(join(folder, "student")),
    objective: { name: "featureDistillation", teachers } as RecipeInput["objective"],
    ...changes,
  });

const batchOf = (image: Float32Array) => ({
  image,
  shape: [4, 16, 16, 3] as const,
  label: Int32Array.of(0, 1, 2, 3),
  mask: new Float32Array(4).fill(1),
  indices: Int32Array.of(0, 1, 2, 3),
  epoch: 0,
  position: { epoch: 0, batch: 1, seed: 0, batchSize: 4, length: 24 },
});

describe("columns of answers", () => {
  test("have mean 0 and deviation 1 over the rows that count; a constant one is 0", () => {
    const rows = Float32Array.of(1, 5, 2, 5, 6, 5, 100, -100);
    const found = standardiseColumns(rows, 2, [1, 1, 1, 0]);
    const deviation = Math.sqrt(14 / 3);
    for (const [i, x] of [1, 2, 6].entries()) {
      expect(found[2 * i]).toBeCloseTo((x - 3) / deviation, 5);
      expect(found[2 * i + 1]).toBe(0);
    }
  });
});

test("what the student is to give are the teachers' answers, standardised over the batch", async () => {
  const recipe = recipeOf([{ network: scaled(onnx) }, { network: run, output: "logits", weight: 0.5 }]);
  const { objective } = await prepareTraining(recipe, 24, 4);
  const feeds = await objective.feeds({ train: batchOf(pixels) }, createRandom("step", 0, 0));
  const first = feeds["teacher0"] as Float32Array;
  const expected = standardised(channelFeatures(pixels));
  for (const [i, value] of expected.flat().entries()) expect(first[i]).toBeCloseTo(value, 3);
  expect(feeds["teacher1"]).toHaveLength(4 * 4);
  await objective.close?.();
});

test("mirror: the student sees half of the images mirrored, with the teacher's answers to the images themselves", async () => {
  const recipe = recipeOf([{ network: scaled(onnx) }], {
    objective: {
      name: "featureDistillation",
      teachers: [{ network: scaled(onnx) }],
      mirror: true,
    } as RecipeInput["objective"],
  });
  const { objective } = await prepareTraining(recipe, 24, 4);
  const mirrored = (image: Float32Array) =>
    image.map((_, at) => image[(Math.floor(at / 48) * 16 + 15 - (Math.floor(at / 3) % 16)) * 3 + (at % 3)]!);
  const seen = new Set<string>();
  for (let step = 0; step < 4; step++) {
    const feeds = await objective.feeds({ train: batchOf(pixels) }, createRandom("step", step, 0));
    for (const [i, value] of standardised(channelFeatures(pixels)).flat().entries())
      expect((feeds["teacher0"] as Float32Array)[i]).toBeCloseTo(value, 3);
    for (let n = 0; n < 4; n++) {
      const own = pixels.subarray(n * size, (n + 1) * size);
      const shown = (feeds["image"] as Float32Array).subarray(n * size, (n + 1) * size);
      const kind = shown.every((value, at) => value === own[at]) ? "itself" : "mirrored";
      if (kind === "mirrored") expect(shown).toEqual(mirrored(own));
      seen.add(kind);
    }
  }
  expect(seen.size).toBe(2);
  await objective.close?.();
});

describe("a student of smaller images than its teachers", () => {
  const resnet = { name: "resnet", blocks: [1, 1], widthFactor: 0.125, groups: 4 } as const;
  const studentOf = (side: number, model: object, imageSize?: number) => {
    const source = `generated:shapes?label=shape&size=${side}&length=24`;
    const part = { source, preprocessing: "decode|value_range(-1,1)" };
    const teachers = [{ network: scaled(onnx), imageSize: 16 }];
    return recipeOf([], {
      model: { ...model, imageSize: side } as RecipeInput["model"],
      data: { train: part, evaluation: part },
      objective: { name: "featureDistillation", teachers, imageSize } as RecipeInput["objective"],
    });
  };
  // The projection of its features for images of a recipe, with the initial weights.
  const projected = async (recipe: ReturnType<typeof studentOf>, image: Float32Array) => {
    const { objective } = await prepareTraining(recipe, 24, 4);
    const { inputs, outputs } = objective.evaluation;
    const scope = Scope.root();
    const { first: projection } = outputs(scope);
    const seen = [inputs[0]!, ...scope.parameters.map(({ tensor }) => tensor)];
    const program = await compile({
      state: [],
      functions: { project: { inputs: seen, outputs: { first: projection! } } },
    });
    const values = Object.fromEntries(scope.parameters.map((one) => [one.name, initialValue(one, 0)]));
    const { first } = await program.run("project", { image: image.slice(), ...values });
    await program.close();
    await objective.close?.();
    return first as Float32Array;
  };

  test("sees them resized", async () => {
    const halved = Float32Array.from({ length: 4 * 8 * 8 * 3 }, (_, at) => {
      const [n, y, x, c] = [Math.floor(at / 192), Math.floor(at / 24) % 8, Math.floor(at / 3) % 8, at % 3];
      const at16 = (dy: number, dx: number) => pixels[((n * 16 + 2 * y + dy) * 16 + 2 * x + dx) * 3 + c]!;
      return (at16(0, 0) + at16(0, 1) + at16(1, 0) + at16(1, 1)) / 4;
    });
    const found = await projected(studentOf(16, resnet, 8), pixels);
    const expected = await projected(studentOf(8, resnet), halved);
    expect(found).toHaveLength(expected.length);
    for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 4);
  });

  test("is not a network whose weights depend on the image size", async () => {
    const vit = { name: "vit", patchSize: 8, width: 16, depth: 1, heads: 2, mlpDim: 32 };
    await expect(prepareTraining(studentOf(16, vit, 8), 24, 4)).rejects.toThrow(
      /weights of a vit depend on the image size; remove objective.imageSize/,
    );
  });
});

test("what is learnt is the teacher: the loss falls, and images are told apart by its answers", async () => {
  const recipe = recipeOf([{ network: scaled(onnx) }], {
    total: { steps: 100 },
    batchSize: 4,
    evaluate: { every: { steps: 100 } },
    checkpoint: { every: { steps: 100 } },
  });
  const result = await train(recipe, { silent: true, overwrite: true });
  expect(result.evaluation!.loss).toBeLessThan(0.7);
  expect(result.evaluation!.accuracy).toBeGreaterThan(0.25);
  const model = await open(join(folder, "student"));
  expect(model.details).toMatchObject({ config: { classes: 0 } });
  await model.close();
});

test("features of a run are its representation", async () => {
  const context = { image: [16, 16, 3] as const, batchSize: 4, valueRange: [[-1, 1]] as const };
  const teacher = await openTeacher({ network: run, output: "features" }, context);
  const model = await open(run, { batchSize: 4 });
  expect(await teacher.ask(pixels)).toEqual(await model.run({ image: pixels.slice() }));
  await teacher.close();
  await model.close();
});

describe("a teacher that remembers", () => {
  const remember = join(folder, "answers");
  const context = { image: [16, 16, 3] as const, batchSize: 4, valueRange: [[-1, 1]] as const };
  const settings = { network: scaled(onnx), output: "features", remember } as const;
  const path = () => join(remember, readdirSync(remember)[0]!);

  test("answers as it would, in half precision, and is asked about a picture once", async () => {
    mkdirSync(remember, { recursive: true });
    const teacher = await openTeacher(settings, context);
    const before = pixels.slice();
    const found = await teacher.ask(pixels);
    expect(pixels).toEqual(before);
    for (const [i, value] of channelFeatures(pixels).flat().entries())
      expect(Math.abs(found[i]! - value)).toBeLessThan(1e-3 * Math.max(1, Math.abs(value)));
    const length = statSync(path()).size;
    expect(await teacher.ask(pixels)).toEqual(found);
    expect(statSync(path()).size).toBe(length);
    await teacher.close();

    // another run knows them too, in any order, and asks about what is new alone
    const again = await openTeacher(settings, context);
    const turned = new Float32Array(pixels.length);
    for (let i = 0; i < 3; i++) turned.set(pixels.subarray((3 - i) * size, (4 - i) * size), i * size);
    turned.fill(0.25, 3 * size);
    const other = await again.ask(turned);
    for (let i = 0; i < 3; i++)
      expect(other.subarray(3 * i, 3 * i + 3)).toEqual(found.subarray(3 * (3 - i), 3 * (4 - i)));
    expect(other.subarray(9)).toEqual(Float32Array.of(0.5, 1, 0.75));
    expect(statSync(path()).size).toBe(length + (length - 512) / 4);
    await again.close();
  });

  test("a record that was cut off is not read; another teacher has a file of its own", async () => {
    const known = statSync(path()).size;
    appendFileSync(path(), new Uint8Array(7));
    const teacher = await openTeacher(settings, context);
    const found = await teacher.ask(pixels);
    expect(statSync(path()).size).toBe(known);
    await teacher.close();
    truncateSync(path(), known - 5);
    const cut = await openTeacher(settings, context);
    expect(await cut.ask(pixels)).toEqual(found);
    await cut.close();

    const logits = await openTeacher({ ...settings, output: "logits" }, context);
    expect(await logits.ask(pixels)).not.toEqual(found);
    expect(readdirSync(remember)).toHaveLength(2);
    await logits.close();
  });

  test("a copy of its file under another name and date is the same teacher", async () => {
    const sizes = () => readdirSync(remember).map((file) => statSync(join(remember, file)).size);
    const known = sizes();
    const file = join(folder, "copy.onnx");
    const network = scaled(file);
    await copyFile(onnx, file);
    await utimes(file, 1, 1);
    const copy = await openTeacher({ ...settings, network }, context);
    await copy.ask(pixels);
    expect(sizes()).toEqual(known);
    await copy.close();
  });

  test("a file that does not begin as its own is refused", async () => {
    for (const file of readdirSync(remember)) {
      const bytes = readFileSync(join(remember, file));
      bytes.write("x", 5);
      writeFileSync(join(remember, file), bytes);
    }
    await expect(openTeacher(settings, context)).rejects.toThrow(/is not the cache of this teacher; delete it/);
  });
});

test("mixed images are what the teacher is asked about", async () => {
  const mixed = recipeOf([{ network: scaled(onnx) }], { mixup: { alpha: 1 } });
  const { objective } = await prepareTraining(mixed, 24, 4);
  const feeds = await objective.feeds({ train: batchOf(pixels.slice()) }, createRandom("step", 0, 0));
  expect(feeds["image"]).not.toEqual(pixels);
  const expected = standardised(channelFeatures(feeds["image"] as Float32Array));
  for (const [i, value] of expected.flat().entries()) expect(feeds["teacher0"]![i]).toBeCloseTo(value, 2);
  await objective.close?.();
});
