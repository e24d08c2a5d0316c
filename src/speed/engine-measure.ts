/**
 * Runs one measurement of the engine, alone in its process so that peak memory is its own: steps of a model alternate
 * with the machine's matrix product.
 */

import { median } from "../algebra/statistics.js";
import { exportedGraph } from "../export/index.js";
import {
  accumulateGradients,
  concat,
  costOf,
  elementCount,
  encodeOnnx,
  input,
  reduceMean,
  reshape,
  slice,
  type Tensor,
} from "../graph/index.js";
import { type ModelConfig, model as network, parseModelName } from "../models/index.js";
import { initialValue, Scope, softmaxCrossEntropy, targetsOf } from "../nn/index.js";
import type { OptimizerConfig } from "../optim/index.js";
import { keyedRandom } from "../random/named.js";
import { availableThreads, compile, openSession, type ProgramSource, type Results } from "../runtime/index.js";
import { append } from "../text/arrays.js";
import { buildTraining, classification, openMatmulMeter } from "../train/index.js";

/**
 * The work to measure: forward and backward pass to all gradients; a whole training step with its optimiser; the
 * exported network, to logits.
 */
export type EngineWork = "gradients" | "training" | "inference";

export interface EngineMeasureOptions {
  /** Any name that `parseModelName` reads. */
  readonly model: string;
  readonly batchSize: number;
  readonly imageSize: number;
  readonly microbatches: number;
  readonly rematerialise: boolean;
  /** Run convolutions image by image in forward and backward, even if those of a batch fit one product. */
  readonly imageByImage?: boolean;
  /** Number of rounds; each has matrix products, a warm-up step, and the measured step. */
  readonly rounds: number;
  readonly threads?: number;
  readonly work: EngineWork;
  /** Training steps in one run of the program. */
  readonly stepsPerRun: number;
}

export interface EngineMeasure {
  /** Median rate of the 1024 x 1024 x 1024 products between the steps. */
  readonly matmulGflops: number;
  /** Matrix FLOPs of a step divided by its median time. */
  readonly stepGflops: number;
  /** Threads of the step and of the products. */
  readonly threads: number;
  /** Median over rounds of the step's rate divided by that of the products just before and after it. */
  readonly ratio: number;
  /** At the median time. */
  readonly imagesPerSecond: number;
  /** At the shortest time. */
  readonly bestImagesPerSecond: number;
  /** Peak resident memory of this process, including Node, before the first product was measured. */
  readonly peakBytes: number;
  readonly buildSeconds: number;
  readonly compileSeconds: number;
  readonly nodes: number;
  readonly gflopsPerStep: number;
}

interface Built {
  readonly source: ProgramSource;
  /** Initial values of the state; drawing them is not part of building. */
  initial(): Results;
  readonly flops: number;
  feeds(): Record<string, Float32Array | Int32Array>;
}

/** Something that can be run repeatedly. */
interface Opened extends AsyncDisposable {
  step(): Promise<unknown>;
  readonly flops: number;
  readonly buildSeconds: number;
  readonly compileSeconds: number;
  readonly nodes: number;
}

const classes = 1000;

/** The configuration of the network; Vision Transformers have a class token, as published. */
function configOf({ model, rematerialise }: EngineMeasureOptions): ModelConfig {
  const config = parseModelName(model, { classes, rematerialise });
  return config.family === "vit" ? { ...config, pooling: "tok" } : config;
}

/**
 * Forward and backward. One entry of every gradient is returned, which makes the runtime compute the whole gradients.
 */
function forwardBackward(options: EngineMeasureOptions): Built {
  const { batchSize, imageSize, microbatches, imageByImage = false } = options;
  const model = configOf(options);
  const scope = Scope.root({ fixedWeights: imageByImage, updates: new Map() });
  const sides = [imageSize, imageSize, 3];
  network(scope, input("declare", "float32", [1, ...sides]), model);
  const parameters = scope.parameters.filter(({ isStatistic }) => !isStatistic).map(({ tensor }) => tensor);
  const image = input("image", "float32", [batchSize, ...sides]);
  const label = input("label", "int32", [batchSize]);
  const lossOf = (part: Readonly<Record<string, Tensor>>) => {
    const { logits } = network(scope, part["image"]!, model);
    return { loss: reduceMean(softmaxCrossEntropy(logits!, targetsOf(part["label"]!, classes))) };
  };
  const { metrics, gradients } = accumulateGradients({ image, label }, microbatches, parameters, lossOf);
  // The last layer's first, in the order of the backward pass: the runtime schedules in the order of the requested
  // outputs.
  const entries = [...gradients].reverse().map((one) => slice(reshape(one, [elementCount(one.shape)]), [0], [1]));
  const outputs = { loss: metrics.loss, entries: concat(entries, 0) };
  return {
    source: { state: parameters, functions: { step: { inputs: [image, label], outputs } } },
    initial: () => Object.fromEntries(scope.parameters.map((one) => [one.name, initialValue(one, 0)])),
    flops: costOf(Object.values(outputs)).flops,
    feeds: () => fakeBatch(batchSize, imageSize, 1),
  };
}

/** AdamW with clipping; for ResNets SGD with momentum, as in BiT's training. */
const optimizerOf = (model: ModelConfig): OptimizerConfig =>
  model.family === "resnet"
    ? { name: "sgd", learningRate: 0.03, momentum: 0.9 }
    : { name: "adamw", learningRate: 1e-3, weightDecay: 0.1, clipNorm: 1 };

function wholeStep(options: EngineMeasureOptions): Built {
  const { batchSize, imageSize, microbatches, stepsPerRun } = options;
  const model = configOf(options);
  const sizes = { model, image: [imageSize, imageSize, 3] as const, batchSize, evaluationBatchSize: batchSize };
  const built = buildTraining(
    classification(
      { loss: "softmax", labelSmoothing: 0 },
      { ...sizes, classes, valueRange: [[-1, 1]], vectorTargets: false },
    ),
    {
      ...sizes,
      microbatches,
      optimizer: optimizerOf(model),
      schedule: () => 1,
      stepsPerRun,
    },
    0,
  );
  const { step } = built.source.functions;
  const scalars = built.stepInputs(0, 0);
  return {
    source: { state: built.source.state, functions: { step: step! } },
    initial: () => built.initialState(),
    flops: built.cost.step.flops * stepsPerRun,
    feeds: () => ({
      ...fakeBatch(batchSize, imageSize, stepsPerRun),
      ...Object.fromEntries(
        Object.entries(scalars).map(([name, value]) => [name, new Float32Array(stepsPerRun).fill(Number(value[0]))]),
      ),
    }),
  };
}

function fakeBatch(batchSize: number, imageSize: number, steps: number) {
  const random = keyedRandom(0, "images");
  const size = steps * batchSize;
  return {
    image: Float32Array.from({ length: size * imageSize * imageSize * 3 }, () => 2 * random() - 1),
    label: Int32Array.from({ length: size }, (_, i) => (i * 7919) % classes),
  };
}

async function openTraining(options: EngineMeasureOptions, threads: number): Promise<Opened> {
  const started = performance.now();
  const built = options.work === "training" ? wholeStep(options) : forwardBackward(options);
  const traced = (performance.now() - started) / 1000;
  const program = await compile(built.source, { inThread: true, threads });
  await program.writeState(built.initial(), { transfer: true });
  const feeds = built.feeds();
  return {
    step: () => program.step(feeds, { transfer: true }),
    flops: built.flops,
    buildSeconds: traced + program.seconds.write,
    compileSeconds: program.seconds.compile,
    nodes: program.nodes["step"]!,
    [Symbol.asyncDispose]: () => program.close(),
  };
}

/** The network as `fovea export` writes it, with random weights; images are [N, 3, H, W] then. */
async function openInference(options: EngineMeasureOptions, threads: number): Promise<Opened> {
  const { batchSize, imageSize } = options;
  const started = performance.now();
  const config = configOf({ ...options, rematerialise: false });
  const scope = Scope.root();
  const { logits } = network(scope, input("image", "float32", [1, imageSize, imageSize, 3]), config);
  const tensors = scope.parameters.map(
    (one) => [one.name, { shape: one.tensor.shape, data: initialValue(one, 0) }] as const,
  );
  const image = { height: imageSize, width: imageSize, channels: 3 };
  const graph = await exportedGraph({ config, image, tensors: new Map(tensors), metadata: {} });
  const built = performance.now();
  const session = await openSession(encodeOnnx(graph), { threads });
  const feeds = { [graph.inputs[0]!.name]: fakeBatch(batchSize, imageSize, 1).image };
  return {
    step: () => session.run(feeds),
    flops: batchSize * costOf([logits!]).flops,
    buildSeconds: (built - started) / 1000,
    compileSeconds: (performance.now() - built) / 1000,
    nodes: graph.nodes.length,
    [Symbol.asyncDispose]: () => session.close(),
  };
}

/** Measures in this process and thread; call it in a separate process. */
export async function measureEngine(options: EngineMeasureOptions): Promise<EngineMeasure> {
  const { threads = availableThreads() } = options;
  await using opened = await (options.work === "inference" ? openInference : openTraining)(options, threads);
  for (let i = 0; i < 2; i++) await opened.step();
  await using meter = await openMatmulMeter(threads);
  const products = async () => {
    const seconds: number[] = [];
    for (let i = 0; i < 5; i++) seconds.push(await meter.seconds());
    return seconds;
  };
  const stepSeconds: number[] = [];
  const all: number[] = [];
  const ratios: number[] = [];
  let before = await products();
  let peakBytes = 0;
  for (let round = 0; round < options.rounds; round++) {
    // the timed step follows another one, as in training, because the products leave the caches cold
    await opened.step();
    const at = performance.now();
    await opened.step();
    const seconds = (performance.now() - at) / 1000;
    peakBytes = process.resourceUsage().maxRSS * 1024;
    const after = await products();
    stepSeconds.push(seconds);
    ratios.push(opened.flops / seconds / (meter.flops / median([...before, ...after])));
    append(all, after);
    before = after;
  }
  const images = options.batchSize * (options.work === "training" ? options.stepsPerRun : 1);
  const stepTime = median(stepSeconds);
  return {
    threads,
    matmulGflops: meter.flops / median(all) / 1e9,
    stepGflops: opened.flops / stepTime / 1e9,
    ratio: median(ratios),
    imagesPerSecond: images / stepTime,
    bestImagesPerSecond: images / stepSeconds.reduce((least, one) => Math.min(least, one)),
    peakBytes,
    buildSeconds: opened.buildSeconds,
    compileSeconds: opened.compileSeconds,
    nodes: opened.nodes,
    gflopsPerStep: opened.flops / 1e9,
  };
}
