/** Opens a network for analysis: its weights, its images, and any of its intermediates on any image. */
import { argmax } from "../../algebra/argmax.js";
import { openSource, stratifiedSample } from "../../data/index.js";
import { type Closable, closable } from "../../files/closable.js";
import { grad, input, multiply, type NumericArray, reduceSum, type Tensor } from "../../graph/index.js";
import { type ValueRange, valueRangeOf } from "../../images/index.js";
import { type ModelConfig, model } from "../../models/index.js";
import { imageRows, pixelRows, readNetwork, restoredState, type TrainedNetwork } from "../../networks/index.js";
import { Scope } from "../../nn/index.js";
import { compile, type Program } from "../../runtime/index.js";
import type { Hooks } from "../../text/progress.js";

/** Images as the network takes them. */
export interface SubjectImages {
  /** Spec of the dataset. */
  readonly name: string;
  readonly count: number;
  /** [count, height, width, channels], in the value range of the network. */
  readonly data: Float32Array;
  readonly labels: Int32Array;
  readonly classNames: readonly string[];
  readonly ids: readonly string[];
}

/** An intermediate of one image. */
export interface Traced {
  readonly data: Float32Array;
  /** Without the dimension of the batch. */
  readonly shape: readonly number[];
}

/** A network that is analysed. */
export interface Subject extends Closable {
  readonly spec: string;
  readonly network: TrainedNetwork;
  readonly config: ModelConfig;
  readonly imageShape: readonly [height: number, width: number, channels: number];
  readonly valueRange: ValueRange;
  readonly images: SubjectImages;
  readonly threads: number | undefined;
  /** Shapes of the intermediates that the family records, by name and without the dimension of the batch (see the files of src/models). */
  readonly intermediates: ReadonlyMap<string, readonly number[]>;
  /**
   * Computes intermediates, or "preLogits" and "logits", of images one after the other; the arrays belong to the caller. Throws RangeError for a
   * name that the network does not record.
   *
   * @param images numbers of images; default: all
   */
  trace(names: readonly string[], images?: readonly number[]): AsyncGenerator<Readonly<Record<string, Traced>>>;
  /** A parameter as float32, with its shape. Throws RangeError when the network has none of this name. */
  parameter(name: string): Traced;
  /**
   * Gradient with respect to one image, [height, width, channels], of one logit, or of the sum of all logits (without a head: features) times
   * given weights.
   *
   * @param target class whose logit is differentiated, or a weight for each logit or feature; default: the class with the largest logit,
   * without a head a weight of 1 for every feature
   */
  gradient(
    image: number,
    target?: number | Float32Array,
  ): Promise<{ readonly gradient: Float32Array; readonly target: number | undefined }>;
}

/** Options of `openSubject`. */
export interface SubjectOptions extends Hooks {
  /** Spec of the images. Default: bundled photos of clothes, one of each class. */
  readonly images?: string | undefined;
  /** Number of images, drawn evenly over classes. Default: 16. */
  readonly count?: number | undefined;
  readonly imageSize?: number | readonly [number, number] | undefined;
  readonly threads?: number | undefined;
}

/** The images that are analysed when none are given. */
export const defaultImages = "embedded:clothing";
const defaultCount = 16;

/**
 * Opens a run, a checkpoint or weights for analysis. Throws what `readNetwork` and `openSource` throw, and an Error when no image can be read.
 *
 * @example
 * await using subject = await openSubject("runs/one", { images: "photos/" });
 * for await (const { encoded } of subject.trace(["encoded"])) console.log(encoded.shape);
 */
export async function openSubject(spec: string, options: SubjectOptions = {}): Promise<Subject> {
  const { note, threads, imageSize } = options;
  const network = await readNetwork(spec, { note, ...(imageSize !== undefined && { image: imageSize }) });
  const { config, imageShape } = network;
  const images = await readImages(network, options);
  const [height, width, channels] = imageShape;
  const imageTensor = input("image", "float32", [1, height, width, channels]);
  const scope = Scope.root();
  const output = model(scope, imageTensor, config);
  const recorded = new Map<string, Tensor>(Object.entries(output.intermediates));
  recorded.set("preLogits", output.preLogits);
  if (output.logits) recorded.set("logits", output.logits);
  const state = scope.parameters.map(({ tensor }) => tensor);
  const values = restoredState(
    scope.parameters.map(({ name, tensor }) => ({ name, shape: tensor.shape })),
    network,
  );
  const programs = new Map<string, Promise<Program>>();
  const program = async (key: string, inputs: readonly Tensor[], outputs: Readonly<Record<string, Tensor>>) => {
    const found = programs.get(key) ?? compileWith(state, values, inputs, outputs, threads);
    programs.set(key, found);
    return await found;
  };
  const size = height * width * channels;
  const pixels = (image: number) => images.data.slice(image * size, (image + 1) * size);

  async function* trace(names: readonly string[], chosen?: readonly number[]) {
    const tensors = names.map((name) => {
      const tensor = recorded.get(name);
      if (!tensor) throw new RangeError(`${spec} records no "${name}"; it records ${[...recorded.keys()].join(", ")}`);
      return tensor;
    });
    const outputs = Object.fromEntries(tensors.map((tensor, i) => [`o${i}`, tensor]));
    const run = await program(`trace ${names.join(" ")}`, [imageTensor], outputs);
    for (const image of chosen ?? Array.from({ length: images.count }, (_, i) => i)) {
      const found = await run.run("run", { image: pixels(image) });
      yield Object.fromEntries(
        names.map((name, i) => {
          const tensor = tensors[i] as Tensor;
          return [
            name,
            {
              data: Float32Array.from(found[`o${i}`] as NumericArray as ArrayLike<number>),
              shape: tensor.shape.slice(1),
            },
          ];
        }),
      ) as Readonly<Record<string, Traced>>;
    }
  }

  const differentiated = output.logits ?? output.preLogits;
  const classes = differentiated.shape.at(-1) ?? 1;
  const weights = input("weights", "float32", [1, classes]);
  const gradient = async (image: number, wanted?: number | Float32Array) => {
    const chosen =
      typeof wanted === "number" ? wanted : wanted || !output.logits ? undefined : await largestLogit(image);
    const [slope] = grad(reduceSum(multiply(differentiated, weights)), [imageTensor]);
    const run = await program("gradient", [imageTensor, weights], { slope: slope as Tensor });
    const one = chosen === undefined ? () => 1 : (i: number) => Number(i === chosen);
    const fed = wanted instanceof Float32Array ? wanted : Float32Array.from({ length: classes }, (_, i) => one(i));
    const found = await run.run("run", { image: pixels(image), weights: fed });
    return { gradient: Float32Array.from(found["slope"] as Float32Array), target: chosen };
  };
  async function largestLogit(image: number): Promise<number> {
    for await (const { logits } of trace(["logits"], [image])) {
      if (logits) return argmax(logits.data);
    }
    return 0;
  }

  return closable<Subject>({
    spec,
    network,
    config,
    imageShape,
    valueRange: valueRangeOf(network.preprocessing),
    images,
    threads,
    intermediates: new Map([...recorded].map(([name, { shape }]) => [name, shape.slice(1)])),
    trace,
    parameter: (name) => {
      const found = network.tensors.get(name);
      if (!found)
        throw new RangeError(`${spec} has no parameter "${name}"; it has ${[...network.tensors.keys()].join(", ")}`);
      return { data: Float32Array.from(found.data as ArrayLike<number>), shape: found.shape };
    },
    gradient,
    close: async () => {
      for (const one of programs.values()) await (await one.catch(() => undefined))?.close();
    },
  });
}

async function compileWith(
  state: readonly Tensor[],
  values: Readonly<Record<string, NumericArray>>,
  inputs: readonly Tensor[],
  outputs: Readonly<Record<string, Tensor>>,
  threads: number | undefined,
): Promise<Program> {
  const program = await compile(
    { state: [...state], functions: { run: { inputs: [...inputs], outputs } } },
    { threads },
  );
  await program.writeState(values);
  return program;
}

async function readImages(network: TrainedNetwork, options: SubjectOptions): Promise<SubjectImages> {
  const { images: spec, count = defaultCount, note } = options;
  if (spec === undefined) note?.(`no images given: using ${defaultImages}`);
  await using whole = await openSource(spec ?? defaultImages, {
    unlabelled: true,
    ...(spec === undefined && { split: "test" }),
  });
  const source = stratifiedSample(whole, count);
  const { features, labels, indices } = await imageRows(pixelRows, source, {
    batchSize: 8,
    preprocessing: network.preprocessing,
    workers: 0,
    maxBadFraction: 1,
  });
  const ids: string[] = [];
  for (const index of indices) ids.push((await source.get(index)).id);
  return {
    name: spec ?? defaultImages,
    count: features.rows,
    data: features.data,
    labels,
    classNames: whole.classNames,
    ids,
  };
}
