// One measurement of the engine, alone in its process so that peak memory is its own: steps of a model and the machine's
// matrix product in turn.
import { accumulateGradients, costOf, input, reduceMean, type Tensor } from "../graph/index.js";
import { type ModelConfig, model as network, parseModelName } from "../models/index.js";
import { initialValue, keyedRandom, Scope } from "../nn/index.js";
import { globalNorm } from "../optim/index.js";
import { compile, type ProgramSource, type Results } from "../runtime/index.js";
import { append } from "../text/arrays.js";
import {
  buildTraining,
  classification,
  median,
  openMatmulMeter,
  softmaxCrossEntropy,
  targetsOf,
} from "../train/index.js";

export interface EngineMeasureOptions {
  /** Any name that `parseModelName` reads. */
  readonly model: string;
  readonly batchSize: number;
  readonly imageSize: number;
  readonly microbatches: number;
  readonly rematerialise: boolean;
  /** Forward and backward with convolutions image by image, also where those of a batch fit one product. */
  readonly imageByImage?: boolean;
  /** Measured rounds: a step between matrix products. */
  readonly rounds: number;
  readonly threads?: number;
  /** AdamW with clipping in the step. */
  readonly update: boolean;
  /** Steps in one run of the program. */
  readonly stepsPerRun: number;
}

export interface EngineMeasure {
  /** Median rate of the 1024 x 1024 x 1024 products between the steps. */
  readonly matmulGflops: number;
  /** Matrix FLOPs of a step over the median time of one. */
  readonly stepGflops: number;
  /** Median over rounds of the step's rate over that of the products just before and after it. */
  readonly ratio: number;
  readonly imagesPerSecond: number;
  /** Largest resident memory of this process, Node and all, before the first product was measured. */
  readonly peakBytes: number;
  readonly buildSeconds: number;
  readonly compileSeconds: number;
  readonly nodes: number;
  readonly gflopsPerStep: number;
}

interface Built {
  readonly source: ProgramSource;
  /** First values of the state; drawing them is no part of building. */
  initial(): Results;
  readonly flops: number;
  feeds(): Record<string, Float32Array | Int32Array>;
}

const classes = 1000;

/** The network measured; Vision Transformers with a class token, as published. */
function configOf({ model, rematerialise }: EngineMeasureOptions): ModelConfig {
  const config = parseModelName(model, { classes, rematerialise });
  return config.family === "vit" ? { ...config, pooling: "tok" } : config;
}

/** Forward, backward and the norm of all gradients, which makes the runtime compute every one of them. */
function forwardBackward(options: EngineMeasureOptions): Built {
  const { batchSize, imageSize, microbatches, imageByImage = false } = options;
  const model = configOf(options);
  const scope = Scope.root({ fixedWeights: imageByImage });
  const sides = [imageSize, imageSize, 3];
  network(scope, input("declare", "float32", [1, ...sides]), model);
  const parameters = scope.parameters.map(({ tensor }) => tensor);
  const image = input("image", "float32", [batchSize, ...sides]);
  const label = input("label", "int32", [batchSize]);
  const lossOf = (part: Readonly<Record<string, Tensor>>) => {
    const { logits } = network(scope, part["image"]!, model);
    return { loss: reduceMean(softmaxCrossEntropy(logits!, targetsOf(part["label"]!, classes))) };
  };
  const { metrics, gradients } = accumulateGradients({ image, label }, microbatches, parameters, lossOf);
  const outputs = { loss: metrics.loss, gradientNorm: globalNorm(gradients) };
  return {
    source: { state: parameters, functions: { step: { inputs: [image, label], outputs } } },
    initial: () => Object.fromEntries(scope.parameters.map((one) => [one.name, initialValue(one, 0)])),
    flops: costOf(Object.values(outputs)).flops,
    feeds: () => fakeBatch(batchSize, imageSize, 1),
  };
}

function withUpdate(options: EngineMeasureOptions): Built {
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
      optimizer: { name: "adamw", learningRate: 1e-3, weightDecay: 0.1, clipNorm: 1 },
      schedule: () => 1,
      stepsPerRun,
    },
    0,
  );
  const { step } = built.source.functions;
  const scalars = built.stepInputs(0, 0);
  return {
    source: { state: built.source.state, functions: { step: step! } },
    initial: () => built.initialState() as Results,
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

/** Measures in this process and thread; call it in a process of its own. */
export async function measureEngine(options: EngineMeasureOptions): Promise<EngineMeasure> {
  const started = performance.now();
  const built = options.update ? withUpdate(options) : forwardBackward(options);
  const traced = (performance.now() - started) / 1000;
  const program = await compile(built.source, {
    inThread: true,
    ...(options.threads !== undefined && { threads: options.threads }),
  });
  await program.writeState(built.initial());
  const feeds = built.feeds();
  for (let i = 0; i < 2; i++) await program.step(feeds);
  const meter = await openMatmulMeter(options.threads);
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
    const at = performance.now();
    await program.step(feeds);
    const seconds = (performance.now() - at) / 1000;
    peakBytes = process.resourceUsage().maxRSS * 1024;
    const after = await products();
    stepSeconds.push(seconds);
    ratios.push(built.flops / seconds / (meter.flops / median([...before, ...after])));
    append(all, after);
    before = after;
  }
  await meter.close();
  await program.close();
  const stepTime = median(stepSeconds);
  return {
    matmulGflops: meter.flops / median(all) / 1e9,
    stepGflops: built.flops / stepTime / 1e9,
    ratio: median(ratios),
    imagesPerSecond: (options.batchSize * (options.update ? options.stepsPerRun : 1)) / stepTime,
    peakBytes,
    buildSeconds: traced + program.seconds.write,
    compileSeconds: program.seconds.compile,
    nodes: program.nodes["step"]!,
    gflopsPerStep: built.flops / 1e9,
  };
}
