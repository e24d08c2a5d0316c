/** One suite over every kind of network: what each is opened from, what it gives, and that forms of one network agree. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { env, InferenceSession as WebSession, Tensor as WebTensor } from "onnxruntime-web";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSource } from "../../src/data/index.js";
import { exportOnnx, writeExport } from "../../src/export/index.js";
import {
  asWeights,
  imageFeatures,
  imageLogits,
  type Network,
  networkKind,
  networkKinds,
  open,
  readNetwork,
} from "../../src/networks/index.js";
import { fit as fitClassifier } from "../../src/transfer/index.js";
import { saveWeights } from "../../src/weights/index.js";
import { serveHub } from "../support/hub-server.js";
import { imageFolder, temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("networks");
const run = join(root, "run");
const photos = join(root, "photos");
const images = "generated:shapes?label=shape&size=16&length=4";
const side = 16;

interface Form {
  readonly kind: keyof typeof networkKinds;
  readonly spec: string;
  /** Does it compute the features of the run? */
  readonly isRun: boolean;
  /** Numbers of its features. */
  readonly width: number;
  /** Classes of its logits; undefined where it gives none. */
  readonly classes: number | undefined;
}

const forms: Readonly<Record<string, Form>> = {
  "the folder of a run": { kind: "run", spec: run, isRun: true, width: 16, classes: 4 },
  "a checkpoint": {
    kind: "run",
    spec: join(run, "checkpoints", "step-000000003.safetensors"),
    isRun: true,
    width: 16,
    classes: 4,
  },
  "a file of weights": { kind: "weights", spec: join(root, "weights.safetensors"), isRun: true, width: 16, classes: 4 },
  "a model of the hub": { kind: "hub", spec: "hf:some/run", isRun: true, width: 16, classes: 4 },
  "an ONNX file": { kind: "onnx", spec: join(root, "model.onnx"), isRun: true, width: 16, classes: 4 },
  "a fitted classifier": { kind: "fitted", spec: join(root, "fitted"), isRun: true, width: 16, classes: 2 },
  "a network before training": { kind: "random", spec: `random:${run}`, isRun: false, width: 16, classes: 4 },
  "raw pixels": { kind: "pixels", spec: "pixels:4", isRun: false, width: 48, classes: undefined },
};

let reference: Float32Array;
let hub: Awaited<ReturnType<typeof serveHub>>;
const environment = { ...process.env };

beforeAll(async () => {
  await trainTiny(run);
  await imageFolder(photos, { apple: 6, leaf: 6 });
  const weights = asWeights(await readNetwork(run));
  await saveWeights(join(root, "weights.safetensors"), weights, "fovea");
  await writeExport(await exportOnnx(weights, { outputs: "both" }), join(root, "model.onnx"));
  await fitClassifier(photos, { backbone: run, output: join(root, "fitted"), methods: ["ridge"], threads: 1 });
  const files = { "model.safetensors": readFileSync(join(root, "weights.safetensors")) };
  hub = await serveHub({ filesOf: (name) => (name === "some/run" ? files : undefined) });
  process.env["HF_ENDPOINT"] = hub.endpoint;
  process.env["FOVEA_CACHE"] = join(root, "cache");
  reference = await featuresOf(run);
}, 60_000);
afterAll(() => {
  hub.close();
  process.env = environment;
  rmSync(root, { recursive: true });
});

async function featuresOf(spec: string, batchSize = 4): Promise<Float32Array> {
  await using network = await open(spec, { threads: 1, batchSize });
  await using source = await openSource(images, { split: "test" });
  return (await imageFeatures(network, source, { workers: 0 })).features.data;
}

/** Images of random numbers in the range of a network, [batchSize, H, W, C]. */
function drawn({ batchSize, imageShape }: Network): Float32Array {
  const [height, width, channels] = imageShape;
  return Float32Array.from({ length: batchSize * height * width * channels }, (_, i) => Math.sin(i * 12.9898));
}

const expectClose = (found: ArrayLike<number>, expected: ArrayLike<number>): void => {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < found.length; i++) expect(found[i]).toBeCloseTo(expected[i]!, 4);
};

test("every kind has a form in this suite", () => {
  expect(new Set(Object.values(forms).map(({ kind }) => kind))).toEqual(new Set(Object.keys(networkKinds)));
});

describe.each(Object.entries(forms))("%s", (_, { kind, spec, isRun, width, classes }) => {
  test("is known by its spec", () => {
    expect(networkKind(spec)).toBe(kind);
  });

  test("gives features of its width, and the same whatever the batch", async () => {
    const found = await featuresOf(spec);
    expect(found.length).toBe(4 * width);
    expect(new Set(found).size).toBeGreaterThan(10);
    expectClose(await featuresOf(spec, 1), found);
    if (isRun) expectClose(found, reference);
    else expect(found.slice(0, 16)).not.toEqual(reference.slice(0, 16));
  });

  test("describes its images, and takes only such", async () => {
    await using network = await open(spec, { threads: 1 });
    expect(network).toMatchObject({ spec: expect.any(String), output: "features", width, valueRange: [[-1, 1]] });
    expect(network.imageShape[2]).toBe(3);
    expect(network.preprocessing).toMatch(/value_range/);
    if (kind !== "pixels") expect(network.imageShape).toEqual([side, side, 3]);
  });

  test("gives logits with the names of its classes, or says that it has none", async () => {
    if (classes === undefined) {
      await expect(open(spec, { output: "logits" })).rejects.toThrow(/has no classes; fit a classifier/);
      return;
    }
    await using network = await open(spec, { output: "logits", threads: 1, batchSize: 4 });
    await using source = await openSource(images, { split: "test" });
    const logits = await imageLogits(network, source, { workers: 0 });
    expect(logits.features.columns).toBe(classes);
    expect(network.width).toBe(classes);
    expect(network.classNames).toHaveLength(classes);
    if (isRun && classes === 4) {
      await using own = await open(run, { output: "logits", threads: 1, batchSize: 4 });
      expect(network.classNames).toEqual(own.classNames);
      expectClose(logits.features.data, (await imageLogits(own, source, { workers: 0 })).features.data);
    }
  });

  test("has an identity that stays, and is another's only where the network is", async () => {
    const identities: string[] = [];
    for (let i = 0; i < 2; i++) {
      await using network = await open(spec, { threads: 1 });
      identities.push(await network.identity());
    }
    expect(identities[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(identities[1]).toBe(identities[0]);
    await using other = await open("pixels:5");
    expect(await other.identity()).not.toBe(identities[0]);
  });

  test("as an ONNX model gives the same features in onnxruntime-web", async () => {
    await using network = await open(spec, { threads: 1, batchSize: 2 });
    const { bytes, input, features, layout } = await network.toOnnx();
    const given = drawn(network);
    const [height, columns, channels] = network.imageShape;
    const shape = layout === "NHWC" ? [2, height, columns, channels] : [2, channels, height, columns];
    env.wasm.numThreads = 1;
    const session = await WebSession.create(bytes);
    const fed = layout === "NHWC" ? given : planesOf(given, network.imageShape);
    const results = await session.run({ [input]: new WebTensor("float32", fed, shape) });
    expectClose(results[features]?.data as Float32Array, await network.run({ image: given }));
    await session.release();
  });

  test("is closed at the end of the block that opened it", async () => {
    let left: Network | undefined;
    {
      await using network = await open(spec, { threads: 1 });
      left = network;
    }
    if (kind !== "pixels") await expect(left.run({ image: drawn(left) })).rejects.toThrow(/closed/);
  });
});

/** Images [N, H, W, C] as [N, C, H, W]. */
function planesOf(images: Float32Array, [height, width, channels]: Network["imageShape"]): Float32Array {
  const plane = height * width;
  return images.map((_, i) => {
    const [n, rest] = [Math.floor(i / (plane * channels)), i % (plane * channels)];
    return images[n * plane * channels + (rest % plane) * channels + Math.floor(rest / plane)]!;
  });
}

test("a fitted classifier gives the features of the image size it was fitted at, unless another is stated", async () => {
  const fitted = join(root, "fitted-at-32");
  await fitClassifier(photos, {
    backbone: "random:embedded:tiny",
    imageSize: 32,
    output: fitted,
    methods: ["ridge"],
    threads: 1,
  });
  await using own = await open(fitted, { imageSize: undefined, threads: 1 });
  expect(own.imageShape).toEqual([32, 32, 3]);
  await using other = await open(fitted, { imageSize: 48, threads: 1 });
  expect(other.imageShape).toEqual([48, 48, 3]);
});

describe("a run from before checkpoints described their network", () => {
  const stored = join(import.meta.dirname, "stored-run");

  test("opens by its recipe, and gives the numbers it gave then", async () => {
    // by commit 42d968d: openModel, representImages and classifyImages on the same four images
    const features = [-1.118334, 0.5602452, -0.8515172, -1.609438, 1.901895, 1.184369, 0.4527911, -1.062694];
    const logits = [
      -0.07675446, 0.1893852, -0.03803468, -0.06753516, -0.1577447, -0.03422146, -0.002880611, 0.07304041,
    ];
    await using classifier = await open(stored, { output: "logits", threads: 1, batchSize: 4 });
    await using source = await openSource(images, { split: "test" });
    expectClose((await featuresOf(stored)).slice(0, 8), features);
    expectClose((await imageLogits(classifier, source, { workers: 0 })).features.data.slice(0, 8), logits);
    expect(classifier.classNames).toEqual(source.classNames);
    expect(classifier.preprocessing).toBe("decode_resize(16)|value_range(-1,1)");
  });

  test("has no description in its checkpoint", () => {
    const header = readFileSync(join(stored, "checkpoints", "step-000000003.safetensors"), "latin1").slice(0, 20_000);
    expect(header).toContain("fovea.checkpoint");
    expect(header).not.toContain('\\"preprocessing\\"');
  });
});
