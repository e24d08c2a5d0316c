/** Benchmarks the programs of opened networks: each is compared with its own exported ONNX file, in one process, in alternation. */
import { median, quantile } from "../algebra/statistics.js";
import { type Network, type NetworkOnnx, networkKind, open } from "../networks/index.js";
import { availableThreads, openSession, type Session } from "../runtime/index.js";
import { largest } from "../text/arrays.js";
import { embeddedBackbones, embeddedPrefix } from "../weights/index.js";

/** Options of `speedBackbones`. */
export interface SpeedBackbonesOptions {
  /** Images per run of both forms. Default: 32, as networks are opened. */
  readonly batchSize?: number | undefined;
  /** Pairs of measurements of each network. Default: 21. */
  readonly rounds?: number | undefined;
  /** Least duration of a measurement in seconds: faster runs are repeated. Default: 0.25. */
  readonly leastSeconds?: number | undefined;
  /** Threads of ONNX Runtime. Default: `availableThreads()`. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((what: string) => void) | undefined;
}

/** The speed of one network. */
export interface BackboneSpeed {
  readonly spec: string;
  /** [height, width, channels] */
  readonly imageShape: readonly [number, number, number];
  /** Images per second at the median time: of the network as `open` runs it, and of its exported ONNX file. */
  readonly imagesPerSecond: { readonly native: number; readonly exported: number };
  /** Speed of the network divided by its export's, the median over the rounds; above 1, the network is faster. */
  readonly ratio: number;
  /** Lower and upper quartile of the ratio over the rounds. */
  readonly quartiles: readonly [number, number];
  /** Largest difference between the features of both, divided by the largest feature. */
  readonly difference: number;
}

/** The result of `speedBackbones`. */
export interface BackbonesBench {
  readonly threads: number;
  readonly batchSize: number;
  readonly rounds: number;
  /** The ratio that every network should reach. */
  readonly required: number;
  /** Whether every network reaches it. */
  readonly holds: boolean;
  readonly backbones: readonly BackboneSpeed[];
}

/** The networks that are measured by default: a Vision Transformer and a ResNet of the papers, and the bundled backbones. */
export const speedNetworks: readonly string[] = [
  "random:S/16",
  "random:R50x1",
  ...embeddedBackbones.map(({ name }) => `${embeddedPrefix}${name}`),
];

/** Programs of opened networks may lose this much to the export, for moving images to the thread that runs them. */
const required = 0.97;

/**
 * Measures how fast networks run as opened, relative to their exported ONNX files (features, float32, any batch size) in a session of ONNX Runtime
 * with as many threads. Both run on the same images in each round, in changing order.
 *
 * Throws RangeError for an ONNX file, which is its own export, and what opening and exporting a network throws.
 */
export async function speedBackbones(
  specs: readonly string[] = speedNetworks,
  options: SpeedBackbonesOptions = {},
): Promise<BackbonesBench> {
  const { batchSize = 32, rounds = 21, leastSeconds = 0.25, onProgress = () => {} } = options;
  const threads = options.threads ?? availableThreads();
  const foreign = specs.find((spec) => networkKind(spec) === "onnx");
  if (foreign !== undefined) {
    throw new RangeError(`${foreign} is an ONNX file, which is its own export; give a run or weights`);
  }
  const backbones: BackboneSpeed[] = [];
  for (const spec of specs) {
    onProgress(`${spec}: batches of ${batchSize}, ${rounds} rounds`);
    await using network = await open(spec, { batchSize, threads });
    await using session = await openExport(await network.toOnnx(), network, threads);
    backbones.push(await compareForms(network, session, { rounds, leastSeconds, signal: options.signal }));
  }
  return { threads, batchSize, rounds, required, holds: backbones.every(({ ratio }) => ratio >= required), backbones };
}

/** The features of an export, from images in its own order of axes. */
interface Exported extends AsyncDisposable {
  readonly layout: NetworkOnnx["layout"];
  run(images: Float32Array): Promise<Float32Array>;
}

async function openExport(
  { bytes, input, features, layout, dtype }: NetworkOnnx,
  { batchSize, imageShape: [height, width, channels] }: Network,
  threads: number,
): Promise<Exported> {
  const shape = layout === "NCHW" ? [batchSize, channels, height, width] : [batchSize, height, width, channels];
  const model = { bytes, inputs: [{ name: input, type: { dtype, shape } }], outputs: [], nodeCount: 0 };
  const session: Session = await openSession(model, { threads });
  return {
    layout,
    run: async (images) => (await session.run({ [input]: images }))[features] as Float32Array,
    [Symbol.asyncDispose]: () => session.close(),
  };
}

async function compareForms(
  network: Network,
  exported: Exported,
  { rounds, leastSeconds, signal }: { readonly rounds: number; readonly leastSeconds: number; signal?: AbortSignal },
): Promise<BackboneSpeed> {
  const { spec, batchSize, imageShape } = network;
  const images = Float32Array.from({ length: batchSize * imageShape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i));
  const planes = exported.layout === "NCHW" ? channelsFirst(images, imageShape) : images;
  const feeds = { image: images.slice() };
  const forms = [() => network.run(feeds), () => exported.run(planes)] as const;
  const [own, other] = [await forms[0](), await forms[1]()];
  const scale = largest(other.map(Math.abs));
  const difference = largest(own.map((value, i) => Math.abs(value - (other[i] ?? Number.NaN)))) / scale;

  // the first run of both allocates memory; the second one tells how often to repeat it
  const once = (await secondsOf(forms[0], 1)) + (await secondsOf(forms[1], 1));
  const repeats = Math.max(1, Math.ceil((2 * leastSeconds) / once));
  const times: readonly [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    signal?.throwIfAborted();
    for (const form of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      times[form].push(await secondsOf(forms[form], repeats));
    }
  }
  const ratios = times[0].map((seconds, round) => (times[1][round] ?? Number.NaN) / seconds);
  const rate = (seconds: readonly number[]) => batchSize / median(seconds);
  return {
    spec,
    imageShape,
    imagesPerSecond: { native: rate(times[0]), exported: rate(times[1]) },
    ratio: median(ratios),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    difference,
  };
}

/** Seconds of a run, the mean of several in a row. */
async function secondsOf(run: () => Promise<unknown>, repeats: number): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < repeats; i++) await run();
  return (performance.now() - started) / 1000 / repeats;
}

/** Transposes images [N, H, W, C] to [N, C, H, W]. */
function channelsFirst(images: Float32Array, [height, width, channels]: Network["imageShape"]): Float32Array {
  const plane = height * width;
  const size = plane * channels;
  return images.map((_, i) => {
    const [channel, pixel] = [Math.floor((i % size) / plane), i % plane];
    return images[i - (i % size) + pixel * channels + channel] ?? 0;
  });
}
