/** Fine-tuning end to end on tiny networks: it learns, it resumes, it leaves no file behind, and says what it cannot do. */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSource } from "../../../src/data/index.js";
import { latestCheckpoint, readNetwork } from "../../../src/networks/index.js";
import {
  divideSource,
  type FineTuneOptions,
  fineTuneSources,
  fineTuningMethods,
  fineTuningPlan,
  fineTuningRecipe,
  typicalImageSize,
} from "../../../src/train/index.js";
import { saveWeights } from "../../../src/weights/index.js";
import { fovea } from "../../support/command-line.js";
import { courseOf } from "../../support/course.js";
import { vit, weightsOf } from "../../support/seeded-models.js";
import { imageFolder, temporaryFolder } from "../../support/trained-run.js";

const root = temporaryFolder("finetune");
const backbone = join(root, "backbone.safetensors");
const photos = join(root, "photos");
const own = process.env["TMPDIR"];

beforeAll(async () => {
  // runs without a folder go to a place of our own, so that what is left there is seen
  process.env["TMPDIR"] = join(root, "temporary");
  mkdirSync(process.env["TMPDIR"]);
  await saveWeights(backbone, weightsOf(vit), "fovea");
  await imageFolder(photos, { red: 12, green: 12, blue: 10 });
});
afterAll(() => {
  if (own === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = own;
  rmSync(root, { recursive: true });
});

/** Folders of runs that were left behind; libraries leave files of their own. */
const left = () => readdirSync(process.env["TMPDIR"]!).filter((name) => name.startsWith("fovea-"));

/** A vision transformer of two blocks, 8 wide, on images of 16 pixels: twice as large as those it is for. */
const settings = ["--image-size=16", "--threads=1", "--data.workers=0"];
const json = async (...words: string[]) => {
  const { status, stdout, stderr } = await fovea("finetune", ...words, ...settings, "--json");
  expect(status, stderr).toBe(0);
  return { result: JSON.parse(stdout) as { evaluation: { accuracy: number; images: number } }, stderr };
};

describe("fovea finetune", () => {
  const source = "embedded:fashion?classNumbers=0,1,5,8,9&take=300&balanced=true";

  test("learns what the network with an untrained head does not know, and gives a run that predict understands", async () => {
    const output = join(root, "fashion");
    const { result } = await json(
      ...[backbone, source, "--rule", "vit", "--batch", "32", "--steps", "90"],
      ...["--output", output],
    );
    expect(result.evaluation.images).toBe(300);
    // the head of zeros names the first of five classes; 44 % was reached
    expect(result.evaluation.accuracy).toBeGreaterThan(0.35);
    const [before, trained] = [await readNetwork(backbone), await readNetwork(output)];
    expect(trained).toMatchObject({ imageShape: [16, 16, 3], preprocessing: "decode|resize(16)|value_range(-1,1)" });
    expect(trained.classNames).toHaveLength(5);
    // positions for 4 x 4 patches in place of 2 x 2, and nothing stayed as it was
    // (a bias of the keys shifts all scores of a query alike, which softmax does not see)
    const moved = [...before.tensors].filter(([name]) => !/^head\/|key\/bias$/.test(name));
    for (const [name, { data }] of moved) expect(trained.tensors.get(name)!.data, name).not.toEqual(data);
    const predicted = await fovea("predict", output, join(photos, "red", "0.png"), "--json");
    expect(predicted.status, predicted.stderr).toBe(0);
    expect(trained.classNames).toContain(JSON.parse(predicted.stdout).predictions[0].guesses[0].name);
  });

  test("holds images out of a folder without splits, lists them, and tells what it changed", async () => {
    const output = join(root, "held");
    const run = [backbone, photos, "--steps", "5", "--batch", "8", "--output", output, ...settings];
    const { status, stdout, stderr } = await fovea("finetune", ...run);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(
      /rule vit: 5 steps of 8 images, learning rate 0.03 \(cosine\), images resized to 19 and cropped to 16/,
    );
    expect(stderr).toMatch(/6 images held out for evaluation/);
    expect(stdout).toMatch(/accuracy .* on 6 images\nclassify other images with: fovea predict .*held IMAGE/);
    const ids = (name: string) => readFileSync(join(output, name), "utf8").trim().split("\n");
    const [train, test] = [ids("train-images.txt"), ids("test-images.txt")];
    expect([train.length, test.length, new Set([...train, ...test]).size]).toEqual([28, 6, 34]);
    // two of each class
    expect(test.map((id) => /(red|green|blue)/.exec(id)![1]).sort()).toEqual([
      "blue",
      "blue",
      "green",
      "green",
      "red",
      "red",
    ]);

    const again = await fovea("finetune", ...run);
    expect(again.status).toBe(1);
    expect(again.stderr).toMatch(/already holds a run; continue it with --resume, replace it with --overwrite/);
    expect(ids("test-images.txt")).toEqual(test);
    const other = await fovea("finetune", ...run, "--seed", "4", "--resume");
    expect(other.stderr).toMatch(/was started with other settings.*\n {2}seed: 0 -> 4/);
    const resumed = await fovea("finetune", ...run, "--resume");
    expect(resumed.status, resumed.stderr).toBe(0);
  });

  test("a dry run says what it would cost and leaves nothing", async () => {
    const before = readdirSync(root);
    const { result, stderr } = await json(backbone, photos, "--rule", "bit", "--shots", "2", "--batch=2", "--dry-run");
    expect(result).toMatchObject({ trainingImages: 6, classes: 3, totalSteps: 500 });
    expect(stderr).toMatch(/rule bit: 500 steps of 2 images, learning rate 0.003 \(stair\), images resized to 20 and/);
    expect(readdirSync(root)).toEqual(before);
    expect(left()).toEqual([]);
  });

  test.each<[string, string[], RegExp]>([
    [
      "an ONNX file",
      ["model.onnx", "photos"],
      /model.onnx is an ONNX file, which can be run but not trained.*fovea fit photos\/ --backbone model.onnx/s,
    ],
    ["pixels", ["pixels:16", "photos"], /pixels:16 has no parameters to train/],
    [
      "a rule that is none",
      [backbone, "photos", "--rule", "vitt"],
      /--rule: expected bit, vit, augreg or vtab, given "vitt"; did you mean "vit"/,
    ],
    [
      "a task that no rule knows",
      [backbone, "photos", "--task", "flower"],
      /unknown task "flower".*did you mean "flowers"/,
    ],
    [
      "half a shot",
      [backbone, "photos", "--shots", "0.5"],
      /--shots: expected a whole number of at least 1, given "0.5"/,
    ],
    [
      "a share that is none",
      [backbone, photos, "--holdout", "some"],
      /--holdout: expected a number from 0 to 1, given "some"/,
    ],
  ])("refuses %s", async (_, words, message) => {
    const { status, stderr } = await fovea("finetune", ...words, "--output", join(root, "refused"));
    expect(status).toBeGreaterThan(0);
    expect(stderr).toMatch(message);
    expect(existsSync(join(root, "refused"))).toBe(false);
  });
});

describe("fineTuneSources", () => {
  const run = async (options: Partial<FineTuneOptions> = {}) => {
    const train = await openSource(photos);
    return await fineTuneSources({
      rule: "bit",
      backbone,
      train,
      test: train,
      choices: { steps: 10, batchSize: 8, crop: 16, learningRate: 0.05 },
      seed: 1,
      threads: 1,
      workers: 0,
      ...options,
    });
  };

  test("gives the class of every test image, -1 where it cannot be read, and leaves no file", async () => {
    const test = await openSource(photos);
    const broken = {
      ...test,
      recipe: undefined,
      get: async (index: number) => {
        if (index === 3)
          return { ...(await test.get(3)), image: { kind: "encoded", bytes: new Uint8Array(4) } as const };
        return await test.get(index);
      },
    };
    const told: number[] = [];
    const found = await run({ test: broken, progress: (done) => told.push(done) });
    expect(found.predictions).toHaveLength(34);
    expect(found.predictions[3]).toBe(-1);
    const right = [...found.predictions].filter((label, i) => label === test.labels[i]).length;
    expect(found.accuracy).toBeCloseTo(right / 33, 12);
    expect(found.predictions.every((label, i) => i === 3 || (label >= 0 && label < 3))).toBe(true);
    expect(told.at(-1)).toBe(1);
    expect([...told].sort((a, b) => a - b)).toEqual(told);
    expect(left()).toEqual([]);
  });

  test("is the same again, and the same after an interruption", async () => {
    const whole = await run({ output: join(root, "whole") });
    const stop = new AbortController();
    const stopped = { output: join(root, "stopped"), signal: stop.signal };
    const ended = run({ ...stopped, progress: () => stop.abort(new Error("enough")) });
    await expect(ended).rejects.toThrow("enough");
    const at = (await latestCheckpoint(join(root, "stopped", "checkpoints")))!.step;
    expect(at).toBeLessThan(10);
    // with less memory free it goes on as it began
    const resumed = await run({ output: stopped.output, resume: true, memory: 1 });
    expect(resumed.predictions).toEqual(whole.predictions);
    const [a, b] = [await courseOf(join(root, "whole")), await courseOf(join(root, "stopped"))];
    expect(b.tensors).toEqual(a.tensors);
    expect(b.metrics).toEqual(a.metrics);
    await expect(run({ signal: stop.signal })).rejects.toThrow("enough");
  });

  test("as a method takes the settings of its rule, and no others", async () => {
    const train = await openSource(photos);
    const common = { backbone, train, test: train, classes: 3, seed: 0, imageSize: 8 };
    const { accuracy, predictions } = await fineTuningMethods.vtab.run({
      ...common,
      setting: { learningRate: 0.1, steps: 10, batchSize: 16 },
    });
    expect(accuracy).toBeCloseTo([...predictions].filter((label, i) => label === train.labels[i]).length / 34, 12);
    expect(Object.values(fineTuningMethods).map(({ name }) => name)).toEqual([
      "finetune-bit",
      "finetune-vit",
      "finetune-vtab",
    ]);
    await expect(fineTuningMethods.bit.run({ ...common, setting: { rate: 1 } })).rejects.toThrow(
      /no setting "rate"; expected learningRate, steps, batchSize, dropout, weightDecayToInitial, mixup, imageSize/,
    );
  });

  test("as a method takes all six dimensions of the heavy sweep, and each changes what it learns", async () => {
    const train = await openSource(photos);
    const setting = { learningRate: 0.05, steps: 10, batchSize: 16 };
    const learnt = async (changes: Record<string, number>) => {
      const output = join(root, "six");
      const choices = { ...setting, crop: 16, ...changes };
      await fineTuneSources({
        rule: "vtab",
        backbone,
        train,
        test: train,
        choices,
        output,
        overwrite: true,
        threads: 1,
      });
      const { tensors } = await courseOf(output);
      return tensors;
    };
    const plain = await learnt({});
    const dimensions: Record<string, number>[] = [{ dropout: 0.5 }, { weightDecayToInitial: 0.1 }, { mixup: 0.4 }];
    for (const changes of dimensions) expect(await learnt(changes), JSON.stringify(changes)).not.toEqual(plain);
    const { accuracy } = await fineTuningMethods.bit.run({
      ...{ backbone, train, test: train, classes: 3, seed: 0 },
      setting: { ...setting, imageSize: 16, dropout: 0.3, weightDecayToInitial: 0.01, mixup: 0.1 },
    });
    expect(accuracy).toBeGreaterThanOrEqual(0);
  });

  test("weight decay to the initial weights keeps a network near where it started", async () => {
    const train = await openSource(photos);
    const { tensors: first } = await readNetwork(backbone);
    const kernel = "Transformer/encoderblock_0/MlpBlock_0/Dense_0/kernel";
    const distance = async (weightDecayToInitial: number) => {
      const output = join(root, "near");
      const choices = { learningRate: 0.05, steps: 40, batchSize: 16, crop: 16, weightDecayToInitial };
      await fineTuneSources({
        rule: "vtab",
        backbone,
        train,
        test: train,
        choices,
        output,
        overwrite: true,
        threads: 1,
      });
      const { tensors } = await readNetwork(output);
      const [from, to] = [first, tensors].map((all) => Float32Array.from(all.get(kernel)?.data as Float32Array));
      return Math.sqrt(to!.reduce((sum, value, i) => sum + (value - from![i]!) ** 2, 0));
    };
    const free = await distance(0);
    // with a penalty this strong a kernel goes back faster than its gradient takes it away
    expect(await distance(3)).toBeLessThan(free / 3);
  });

  test("a backbone with what the heavy sweep chooses is a plan and a recipe", async () => {
    const network = await readNetwork(backbone);
    const data = { examples: 1000, imageSize: [64, 64] as const };
    const choices = { dropout: 0.4, weightDecayToInitial: 0.01, mixup: 0.2, crop: 32, steps: 1000, learningRate: 0.02 };
    for (const rule of ["bit", "vit", "vtab"] as const) {
      const plan = fineTuningPlan(rule, network, data, choices);
      const recipe = fineTuningRecipe({ plan, backbone, network, train: { source: photos }, output: "unused" });
      expect(recipe).toMatchObject({
        model: { imageSize: 32, dropout: 0, headDropout: 0.4 },
        mixup: { alpha: 0.2 },
        optimizer: { learningRate: 0.02, l2PenaltyToInitial: 0.01 },
        total: { steps: 1000 },
      });
    }
    for (const wrong of [{ dropout: 1 }, { mixup: -1 }, { weightDecayToInitial: Number.NaN }])
      expect(() => fineTuningPlan("vtab", network, data, wrong)).toThrow(/is (1|-1|NaN); give a number from 0/);
  });

  test("a batch that does not fit the memory is refused with the memory it needs, a smaller one is divided into microbatches", async () => {
    await expect(run({ memory: 1e6 })).rejects.toThrow(/no settings fit into 1.00 MB; the smallest need is about/);
  });
});

describe("what is checked before the run", () => {
  test("the size of images is the median's", async () => {
    expect(await typicalImageSize(await openSource(photos))).toEqual([20, 24]);
    const source = await openSource("generated:shapes?label=shape&size=16&length=9");
    expect(await typicalImageSize(source)).toEqual([16, 16]);
    const broken = { ...source, get: () => Promise.reject(new Error("no such file")) };
    await expect(typicalImageSize(broken)).rejects.toThrow(
      /none of the 9 sampled images .* could be read: no such file/,
    );
  });

  test("a source is divided by class, by seed, and named so that it can be opened again", async () => {
    const folder = join(root, "lists");
    const options = { source: `${photos}?without=blue`, holdOut: 0.25, seed: 3, folder };
    const divided = await divideSource({ ...options, shots: 4 });
    expect(divided).toMatchObject({ heldOut: 6, data: { examples: 8, imageSize: [20, 24] } });
    const [train, test] = await Promise.all(
      [divided.train, divided.evaluation!].map(({ source }) => openSource(source)),
    );
    expect(train!.classNames).toEqual(["green", "red"]);
    const counts = (labels: Int32Array) => [0, 1].map((label) => labels.filter((one) => one === label).length);
    expect([counts(train!.labels), counts(test!.labels)]).toEqual([
      [4, 4],
      [3, 3],
    ]);
    const held = readFileSync(join(folder, "test-images.txt"), "utf8");
    await divideSource({ ...options, seed: 4 });
    expect(readFileSync(join(folder, "test-images.txt"), "utf8")).not.toBe(held);
    await divideSource(options);
    expect(readFileSync(join(folder, "test-images.txt"), "utf8")).toBe(held);
  });

  test("a test split or a test set of its own is used whole", async () => {
    const folder = join(root, "unused");
    const source = "embedded:clothing";
    expect(await divideSource({ source, holdOut: 0.2, seed: 0, folder })).toMatchObject({
      train: { source },
      evaluation: { source, split: "test" },
      heldOut: 0,
    });
    expect(await divideSource({ source: photos, test: photos, holdOut: 0.2, seed: 0, folder })).toMatchObject({
      train: { source: photos },
      evaluation: { source: photos },
    });
    expect((await divideSource({ source: photos, holdOut: 0, seed: 0, folder })).evaluation).toBeUndefined();
    expect(existsSync(folder)).toBe(false);
  });

  test("too few images are refused", async () => {
    const single = join(root, "single");
    await imageFolder(single, { one: 1, many: 5 });
    const options = { source: single, holdOut: 0.2, seed: 0, folder: join(root, "unused") };
    await expect(divideSource(options)).rejects.toThrow(
      /class "one" .* has 1 image, too few to hold out any; add images, give a test set with --test/,
    );
    await expect(divideSource({ ...options, holdOut: 0, shots: 3 })).rejects.toThrow(
      /class "one" .* has 1 images to train on, fewer than 3 shots/,
    );
    await expect(divideSource({ ...options, source: `${photos} + ${photos}` })).rejects.toThrow(/has several sources/);
  });
});
