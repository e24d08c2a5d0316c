/**
 * Benchmarks inference: Fovea's exports compared with the graph that converters usually write, in one process, in
 * alternation.
 */

import { type ExportOptions, exportedGraph } from "../export/index.js";
import { encodeOnnx, type OnnxGraph } from "../graph/index.js";
import { parseModelName } from "../models/index.js";
import { asWeights, readNetwork } from "../networks/index.js";
import { availableThreads, openSession, type Session } from "../runtime/index.js";
import { defined } from "../text/defined.js";
import { defaultPreprocessing, type Weights } from "../weights/index.js";
import { largestOfRows, nearestMeanHead, type RealImages, realImages } from "./inference-images.js";
import { initialWeights } from "./input-size.js";
import { integerRate } from "./integer-rate.js";
import { plainResNet, plainViT } from "./plain-graph.js";

/** Images per second of each form, at one batch size. */
export interface InferenceRates {
  /** The converter's graph; undefined for networks without one. */
  readonly plain: number | undefined;
  /** Fovea's default export. */
  readonly float32: number;
  /** Fovea's export with standard ONNX operators only. */
  readonly plainOperators: number;
  readonly float16: number;
  readonly int8: number;
  /** Fovea's speed divided by the converter's; above 1, Fovea is faster. */
  readonly ratio: number | undefined;
  /** Speed of Fovea's 8-bit export divided by its float32 export's; above 1, 8 bits are faster. */
  readonly ratioInt8: number;
  readonly ratioFloat16: number;
}

export interface InferenceBench {
  readonly model: string;
  readonly imageSize: readonly [number, number];
  readonly parameters: number;
  readonly threads: number;
  readonly rounds: number;
  /** Largest difference between Fovea's logits and those of the converter's graph, divided by the largest logit. */
  readonly difference: number | undefined;
  /** Fraction of real images with the same top-1 class as in the float32 export, and their number. */
  readonly agreement: {
    readonly images: number;
    readonly source: string;
    readonly float16: number;
    readonly int8: number;
    /** Top-1 accuracies. With random weights, the head classifies by the nearest class mean of as many other images. */
    readonly accuracy: { readonly float32: number; readonly float16: number; readonly int8: number };
  };
  /** By batch size. */
  readonly batches: Readonly<Record<string, InferenceRates>>;
}

export interface InferenceBenchOptions {
  /** A model's name, initialised with random weights; or, with `trained`, its trained weights. */
  readonly model: string;
  readonly trained?: boolean;
  readonly imageSize: number;
  readonly batches: readonly number[];
  readonly rounds: number;
  /** Number of real images for the agreement; as many others are used for the head and the ranges of convolutions. */
  readonly images: number;
  readonly source: string;
  readonly threads?: number;
  readonly onProgress?: (what: string) => void;
}

/** Images from which the convolutions of an 8-bit export get their ranges. */
const calibrationImages = 16;
/** Images per run of the passes that are not timed. */
const passBatch = 8;

/**
 * Measures one model. Each form runs once per round, in alternation, and the fastest round counts. The forms are
 * compared within one process because the machine's speed varies from minute to minute.
 */
export async function benchInference(options: InferenceBenchOptions): Promise<InferenceBench> {
  const { rounds, threads, source, onProgress = () => {} } = options;
  const say = (what: string) => onProgress(`${options.model}: ${what}`);
  say("weights and images");
  const { weights, preprocessing } = options.trained ? await trainedWeights(options) : drawnNetwork(options);
  const [fitting, testing] = await Promise.all(
    ["train", "test"].map((split) => realImages(source, split, options.images, preprocessing, weights.image)),
  );
  const headed = options.trained ? weights : await withHead(weights, fitting!, threads);
  const size = fitting!.pixels.length / fitting!.labels.length;
  const calibration = fitting!.pixels.slice(0, Math.min(calibrationImages, fitting!.labels.length) * size);
  const exported = (changes: ExportOptions = {}) => exportedGraph(headed, changes);
  const plain = plainGraph(headed);
  const graphs: Record<string, OnnxGraph> = defined({
    plain,
    float32: await exported(),
    plainOperators: await exported({ operators: "plain" }),
    float16: await exported({ weights: "float16" }),
    int8: await exported({ weights: "int8", calibration }),
  });
  const sessions: Record<string, Session> = {};
  try {
    for (const [name, graph] of Object.entries(graphs)) {
      // The runtime's Pad_Fusion merges zero padding into a following max pool, which pads with minus infinity: BiT's
      // plain graph would compute something else.
      const settings: Record<string, string> =
        name === "plain" ? { "optimization.disable_specified_optimizers": "Pad_Fusion" } : {};
      sessions[name] = await openSession(encodeOnnx(graph), { threads, settings });
    }
    const batches: Record<string, InferenceRates> = {};
    for (const batch of options.batches) {
      say(`batch ${batch}, ${rounds} rounds`);
      batches[String(batch)] = await rates(sessions, repeated(testing!.pixels, size, batch), batch, rounds);
    }
    say(`agreement on ${testing!.labels.length} images`);
    return {
      model: options.model,
      imageSize: [weights.image.height, weights.image.width],
      parameters: [...weights.tensors.values()].reduce((sum, { data }) => sum + data.length, 0),
      threads: threads ?? availableThreads(),
      rounds,
      ...(await agreementOf(sessions, testing!, size, source)),
      batches,
    };
  } finally {
    for (const session of Object.values(sessions)) await session.close();
  }
}

/** Converters usually see the erf form of GELU and a class token, in timm and Hugging Face. */
const asConverted = { pooling: "tok", gelu: "erf" } as const;

function drawnNetwork({ model: name, imageSize }: InferenceBenchOptions) {
  const parsed = parseModelName(name);
  const config = parsed.family === "vit" ? { ...parsed, ...asConverted } : parsed;
  return {
    weights: initialWeights(config, imageSize),
    preprocessing: defaultPreprocessing({ height: imageSize, width: imageSize }),
  };
}

async function trainedWeights({ model: path }: InferenceBenchOptions) {
  const network = await readNetwork(path);
  return { weights: asWeights(network), preprocessing: network.preprocessing };
}

/** The network with a head for the classes of the images. */
async function withHead(weights: Weights, images: RealImages, threads: number | undefined): Promise<Weights> {
  const graph = await exportedGraph(weights, { outputs: "features" });
  await using session = await openSession(encodeOnnx(graph), { threads });
  const features = await passOver(session, images, "features");
  const classes = weights.config.classes;
  const { kernel, bias } = nearestMeanHead(features, images.labels, classes);
  const tensors = new Map(weights.tensors)
    .set("head/kernel", { shape: [kernel.length / classes, classes], data: kernel })
    .set("head/bias", { shape: [classes], data: bias });
  return { ...weights, tensors };
}

/** The converter's graph of a network; undefined if there is none. */
function plainGraph({ config, image, tensors }: Weights): OnnxGraph | undefined {
  const size = [image.height, image.width, image.channels] as const;
  try {
    if (config.family === "vit") return plainViT(config, size, tensors);
    if (config.family === "resnet") return plainResNet(config, size, tensors);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return undefined;
}

/** `count` images; they are repeated from the first if there are fewer. */
function repeated(pixels: Float32Array, size: number, count: number): Float32Array {
  return Float32Array.from({ length: count * size }, (_, i) => pixels[i % pixels.length]!);
}

async function rates(
  sessions: Readonly<Record<string, Session>>,
  pixels: Float32Array,
  batch: number,
  rounds: number,
): Promise<InferenceRates> {
  const entries = Object.entries(sessions);
  const feeds = { pixel_values: pixels };
  for (const [, session] of entries) await session.run(feeds);
  const least = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < entries.length; i++) {
      // the order changes from round to round, so that no form always follows the same other form
      const [name, session] = entries[(i + round) % entries.length]!;
      const started = performance.now();
      await session.run(feeds);
      least.set(name, Math.min(least.get(name) ?? Number.POSITIVE_INFINITY, performance.now() - started));
    }
  }
  const rate = (name: string) => (1000 * batch) / least.get(name)!;
  const plain = least.has("plain") ? rate("plain") : undefined;
  return {
    plain,
    float32: rate("float32"),
    plainOperators: rate("plainOperators"),
    float16: rate("float16"),
    int8: rate("int8"),
    ratio: plain === undefined ? undefined : rate("float32") / plain,
    ratioInt8: rate("int8") / rate("float32"),
    ratioFloat16: rate("float16") / rate("float32"),
  };
}

/** One output for all images. */
async function passOver(session: Session, { pixels, labels }: RealImages, output: string): Promise<Float32Array> {
  const size = pixels.length / labels.length;
  const parts: Float32Array[] = [];
  for (let start = 0; start < labels.length; start += passBatch) {
    const part = pixels.slice(start * size, Math.min(start + passBatch, labels.length) * size);
    parts.push((await session.run({ pixel_values: part }))[output] as Float32Array);
  }
  const joined = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

async function agreementOf(
  sessions: Readonly<Record<string, Session>>,
  images: RealImages,
  size: number,
  source: string,
): Promise<Pick<InferenceBench, "agreement" | "difference">> {
  const { labels } = images;
  const exact = await passOver(sessions["float32"]!, images, "logits");
  const first = largestOfRows(exact, labels.length);
  const share = (classes: readonly number[], others: readonly number[]) =>
    classes.filter((value, n) => value === others[n]).length / classes.length;
  const firstOf = async (name: string) =>
    largestOfRows(await passOver(sessions[name]!, images, "logits"), labels.length);
  const [float16, int8] = [await firstOf("float16"), await firstOf("int8")];
  let difference: number | undefined;
  if (sessions["plain"]) {
    const count = Math.min(2, labels.length);
    const few = { ...images, pixels: images.pixels.subarray(0, count * size), labels: labels.slice(0, count) };
    const theirs = await passOver(sessions["plain"], few, "logits");
    const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    difference = theirs.reduce((most, value, i) => Math.max(most, Math.abs(value - exact[i]!)), 0) / largest;
  }
  return {
    difference,
    agreement: {
      images: labels.length,
      source,
      float16: share(first, float16),
      int8: share(first, int8),
      accuracy: { float32: share(first, labels), float16: share(float16, labels), int8: share(int8, labels) },
    },
  };
}

/** Options of `speedInference`. */
export interface SpeedInferenceOptions extends Omit<InferenceBenchOptions, "model" | "trained"> {
  /** Names of models, which are initialised with random weights. */
  readonly models: readonly string[];
  /** A trained network, which is measured instead of `models`. */
  readonly network?: string | undefined;
}

/**
 * Measures the exports of several models, or of one trained network, and how fast this processor multiplies 8-bit
 * integers relative to float32. Throws for an unknown model before anything is measured.
 */
export async function speedInference(options: SpeedInferenceOptions): Promise<{
  readonly machine: { readonly integerRate: number };
  /** Results by the name of the model or network. */
  readonly models: Readonly<Record<string, InferenceBench>>;
}> {
  const { models, network, ...common } = options;
  const networks = network === undefined ? models : [network];
  const trained = network !== undefined;
  if (!trained) for (const name of models) parseModelName(name);
  const found: [string, InferenceBench][] = [];
  for (const model of networks) {
    const one = await benchInference({ ...common, model, trained });
    found.push([one.model, one]);
  }
  options.onProgress?.("8-bit matrix products compared with float32 ones");
  const machine = { integerRate: await integerRate(options.threads, options.rounds) };
  return { machine, models: Object.fromEntries(found) };
}
