/** Reads a stored network: its configuration, its preprocessing and its parameters. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { requirePath } from "../../files/paths.js";
import type { StoredTensor } from "../../formats/stored.js";
import { input } from "../../graph/index.js";
import { type ModelConfig, model, modelInput, parseModelName } from "../../models/index.js";
import { initialValue, type LossName, Scope } from "../../nn/index.js";
import { averageName, isOptimizerState } from "../../optim/index.js";
import { didYouMean } from "../../text/nearest.js";
import {
  defaultPreprocessing,
  hubBackbones,
  isWeightsName,
  loadWeights,
  parseNetworkSpec,
  resizeImages,
  splitSpec,
  type Weights,
  type WeightsMetadata,
  withoutShortName,
} from "../../weights/index.js";
import { CheckpointError, isObjectiveParameter, type LoadedCheckpoint, loadCheckpoint } from "./checkpoint.js";
import { readClassNames, readDescription } from "./description.js";
import { describeByRecipe, resolvedRecipeFile } from "./legacy.js";
import { fittedPreprocessing } from "./preprocessing.js";
import { chooseCheckpoint, findRun, type StoredRun } from "./run.js";

/** A stored network. */
export interface TrainedNetwork {
  /** The file its parameters were read from. */
  readonly path: string;
  readonly config: ModelConfig;
  /** [height, width, channels] */
  readonly imageShape: readonly [number, number, number];
  /** The preprocessing to its input shape for images of any source, in its string form. */
  readonly preprocessing: string;
  /** The classes it was trained on, in the order of its logits; undefined if unknown. */
  readonly classNames: readonly string[] | undefined;
  /** The loss its head was trained with, which determines how logits become probabilities. */
  readonly loss: LossName;
  /** Tensors by name: the parameters, and possibly others. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The parameters of the objective of a run, which are not the network's own. */
  readonly objective?: ReadonlyMap<string, StoredTensor>;
  /** Finished training steps, if known. */
  readonly step: number | undefined;
  /**
   * Whether these are weights in a published layout (AugReg, BiT, timm, Hugging Face) rather than a run or a Fovea
   * file.
   */
  readonly published: boolean;
  /** Further properties of published weights: licence, source, accuracies. */
  readonly metadata: WeightsMetadata;
}

export interface ReadNetworkOptions {
  /** Called with messages about which checkpoint of a folder is used, and which damaged ones were skipped. */
  readonly note?: (text: string) => void;
  /** Image size to open the network for; learned positions are resized to it. Default: the network's own. */
  readonly image?: number | readonly [number, number];
}

/**
 * Reads a trained network. `path` is
 *
 * - the folder of a run, whose best-scored checkpoint is used (the newest if none is scored), or one of its checkpoint
 *   files; if a checkpoint holds averages of the weights, they are the parameters;
 * - published weights in any layout that `loadWeights` reads: a file, a folder, `embedded:NAME`, `hf:OWNER/NAME`,
 *   `augreg:NAME`, optionally with settings that the files do not state: `?heads=4&layerNormEpsilon=1e-5`;
 * - `random:NETWORK`: any of these with the random initial weights of training with seed 0, or a published model by its
 *   name (`random:R50x1`, see `publishedModels`); not for ONNX files and raw pixels.
 *
 * `?size=HEIGHT,WIDTH` after any of them is the image size; it takes precedence over that of the options.
 *
 * Throws CheckpointError when there is no checkpoint or it is damaged; RecipeError when the recipe is not valid;
 * WeightsError when weights are damaged or in an unknown layout; an Error with the nearest existing path when there is
 * nothing at `path`.
 */
export async function readNetwork(path: string, options: ReadNetworkOptions = {}): Promise<TrainedNetwork> {
  if (path.startsWith(randomPrefix)) {
    requireInitialisable(path);
    const spec = path.slice(randomPrefix.length);
    return untrained(publishedNetwork(spec, options) ?? (await readNetwork(spec, options)));
  }
  const full = withoutShortName(path);
  if (full !== path) return await readNetwork(full, options);
  const { name, size, config } = parseNetworkSpec(path);
  const wanted = size ? { ...options, image: size } : options;
  if (isWeightsName(name)) return await readWeights(path, wanted);
  requireNetwork(name);
  const run = findRun(name);
  if (!run) return await readWeights(path, wanted);
  const [stated] = Object.keys(config);
  if (stated !== undefined) {
    throw new CheckpointError(`"${path}": the recipe of a run states its settings; remove ${stated}`);
  }
  return forImages(await readRun(run, wanted), wanted);
}

/** Throws an Error with the nearest path, the nearest short name and the hub's form of a name, when there is nothing at a path. */
function requireNetwork(path: string): void {
  try {
    requirePath(path);
  } catch (error) {
    const meant = didYouMean(
      path,
      hubBackbones.map(({ name }) => name),
    );
    if (meant !== "") throw new Error(`${(error as Error).message}${meant}`, { cause: error });
    if (!/^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/.test(path) || /\.\w+$/.test(path)) throw error;
    throw new Error(`${(error as Error).message}; a model of the Hugging Face hub is named hf:${path}`, {
      cause: error,
    });
  }
}

export const randomPrefix = "random:";

/**
 * Throws an Error for a spec `random:NETWORK` whose network is not a run or weights, so that it cannot be initialised.
 */
export function requireInitialisable(randomSpec: string): void {
  const spec = randomSpec.slice(randomPrefix.length);
  const { name } = splitSpec(spec);
  const form = name.endsWith(".onnx") ? "an ONNX file" : /^(pixels|random):/.test(name) ? `"${spec}"` : undefined;
  if (form === undefined) return;
  throw new Error(
    `"${randomSpec}": ${form} cannot be initialised with random weights; expected ${randomPrefix} before a run folder, a checkpoint, weights or the name of a model, such as ${randomPrefix}embedded:bit or ${randomPrefix}R50x1`,
  );
}

/**
 * A published model by its name, without weights, with the image size and the scaling of its pre-training; undefined for
 * a path and for the name of weights. Throws an Error for a name of neither, and CheckpointError for settings after a
 * model's name other than its size.
 */
function publishedNetwork(spec: string, { image }: ReadNetworkOptions): TrainedNetwork | undefined {
  const { name, size, config: settings } = parseNetworkSpec(spec);
  if (existsSync(name) || isWeightsName(name) || withoutShortName(spec) !== spec) return undefined;
  let config: ModelConfig;
  try {
    config = parseModelName(name);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Error(`there is no file, run or bundled network "${name}", and as a model: ${error.message}`, {
      cause: error,
    });
  }
  const [stated] = Object.keys(settings);
  if (stated !== undefined) {
    throw new CheckpointError(`"${randomPrefix}${spec}": the name of a model states its settings; remove ${stated}`);
  }
  const trained = modelInput(name);
  const sides = size ?? image ?? trained.imageSize;
  const [height, width] = typeof sides === "number" ? [sides, sides] : sides;
  const imageShape = [height, width, 3] as const;
  return {
    path: name,
    config,
    imageShape,
    preprocessing: fittedPreprocessing(defaultPreprocessing({ height, width }, trained.preprocessing), imageShape),
    classNames: undefined,
    loss: "softmax",
    tensors: new Map(),
    step: undefined,
    published: false,
    metadata: {},
  };
}

/** The same network before training: its initial values follow from its configuration. */
function untrained(network: TrainedNetwork): TrainedNetwork {
  const scope = Scope.root();
  model(scope, input("image", "float32", [1, ...network.imageShape]), network.config);
  const first = scope.parameters.map((one) => {
    const { shape } = one.tensor;
    return [one.name, { dtype: "float32", shape, data: initialValue(one, 0) }] as const;
  });
  const { classNames: _, accuracies: __, ...metadata } = network.metadata;
  return {
    ...network,
    path: `${randomPrefix}${network.path}`,
    tensors: new Map(first),
    step: 0,
    published: false,
    metadata,
  };
}

/** Adapts a network to another image size, if requested. Throws WeightsError when it cannot be adapted. */
function forImages(network: TrainedNetwork, { image, note }: ReadNetworkOptions): TrainedNetwork {
  const [height, width] = typeof image === "number" ? [image, image] : (image ?? network.imageShape);
  if (height === network.imageShape[0] && width === network.imageShape[1]) return network;
  const { config, tensors, metadata } = resizeImages(asWeights(network), { height, width }, "original", note);
  const imageShape = [height, width, network.imageShape[2]] as const;
  return {
    ...network,
    config,
    imageShape,
    preprocessing: fittedPreprocessing(metadata.preprocessing, imageShape),
    tensors: stored(tensors),
  };
}

const stored = (tensors: Weights["tensors"]): TrainedNetwork["tensors"] =>
  new Map([...tensors].map(([name, { shape, data }]) => [name, { dtype: "float32", shape, data }]));

/** The network in the form that `saveWeights` and exports take. */
export function asWeights({
  config,
  imageShape: [height, width, channels],
  tensors,
  ...rest
}: TrainedNetwork): Weights {
  const { preprocessing, classNames, metadata } = rest;
  const parameters = [...tensors].map(
    ([name, { shape, data }]) => [name, { shape, data: data as Float32Array }] as const,
  );
  return {
    config,
    image: { height, width, channels },
    tensors: new Map(parameters),
    metadata: { ...metadata, preprocessing, classNames: classNames ?? metadata.classNames },
  };
}

async function readWeights(spec: string, options: ReadNetworkOptions): Promise<TrainedNetwork> {
  const { name } = splitSpec(spec);
  if (existsSync(name)) requireWeights(name);
  const { note, image } = options;
  const { path, config, tensors, metadata, ...weights } = await loadWeights(spec, {
    note,
    image,
  });
  const { height, width, channels } = weights.image;
  const imageShape = [height, width, channels] as const;
  return {
    path,
    config,
    imageShape,
    preprocessing: fittedPreprocessing(metadata.preprocessing, imageShape),
    classNames: metadata.classNames,
    // ImageNet-21k's many labels are trained with independent sigmoids (papers.md 2.4); softmax is assumed for all
    // others
    loss: config.classes === imageNet21kClasses ? "sigmoid" : "softmax",
    tensors: stored(tensors),
    step: undefined,
    published: weights.layout !== "fovea",
    metadata,
  };
}

const imageNet21kClasses = 21_843;

/** Throws CheckpointError for a folder without weights and for a checkpoint that was moved out of its run. */
function requireWeights(path: string): void {
  if (statSync(path).isDirectory()) {
    if (readdirSync(path).some((name) => /\.(safetensors|npz|index\.json)$/.test(name))) return;
    throw new CheckpointError(
      `${path} is not the folder of a run: it has neither ${resolvedRecipeFile} nor weights (.safetensors, .npz); give the folder that \`fovea train\` wrote (runs/NAME), a checkpoint file in it, or published weights`,
    );
  }
}

async function readRun({ folder, file }: StoredRun, options: ReadNetworkOptions): Promise<TrainedNetwork> {
  const checkpoint = file === undefined ? await chooseCheckpoint(folder, options.note) : await loadCheckpoint(file);
  const description = readDescription(checkpoint) ?? (await describeByRecipe(folder, checkpoint));
  return {
    ...description,
    path: checkpoint.path,
    classNames: readClassNames(checkpoint),
    ...trainedParameters(checkpoint, options.note),
    step: checkpoint.step,
    published: false,
    metadata: {},
  };
}

/** The parameters of the network and of the objective in a checkpoint: their averages over training if those were stored. */
function trainedParameters({ tensors }: LoadedCheckpoint, note: (text: string) => void = () => {}) {
  const names = [...tensors.keys()].filter((name) => !isOptimizerState(name));
  if (names.some((name) => tensors.has(averageName(name))))
    note("using the averages of its weights over training, with which the run was evaluated");
  const read = (some: readonly string[]) =>
    new Map(some.map((name) => [name, tensors.get(averageName(name)) ?? tensors.get(name)!]));
  return {
    tensors: read(names.filter((name) => !isObjectiveParameter(name))),
    objective: read(names.filter(isObjectiveParameter)),
  };
}

/** Whether the path of a network spec belongs to a run: its folder, or a checkpoint in it. */
export function isRunPath(spec: string): boolean {
  const { name } = splitSpec(spec);
  return existsSync(name) && findRun(name) !== undefined;
}
