/** Measures the robustness of a network given by its spec, with its own head or one fitted to clean images. */

import { type ImageSource, openTrainAndTest, stratifiedSample } from "../data/index.js";
import { closeOnError } from "../files/closable.js";
import {
  type CorruptionName,
  corruptionNames,
  type Severity,
  type SeverityTable,
  severities,
} from "../images/index.js";
import {
  type ComputeOptions,
  describeNetwork,
  imageLogits,
  isClassifierFolder,
  type Network,
  type NetworkDescription,
  networkKind,
  open,
} from "../networks/index.js";
import { type Hooks, withProgress } from "../text/progress.js";
import { evaluatorNamed } from "../transfer/index.js";
import {
  type CorruptionReport,
  fitImageClassifier,
  type ImageClassifier,
  type ImagenetSetName,
  type ImagenetSetReport,
  measureCorruptions,
  measureImagenetSet,
  measurePatchGrid,
  openImagenetSet,
  type PatchGridOptions,
  type PatchGridReport,
  type PublishedAccuracy,
  patchGridImages,
  publishedAccuracies,
} from "./robustness/index.js";

/** How a network under test is opened. */
interface OpenOptions extends ComputeOptions, Hooks {
  /** Side of the images for frozen features, or [height, width]. Default: the network's own. */
  readonly imageSize?: number | readonly [number, number] | undefined;
}

export interface NetworkCorruptionOptions extends OpenOptions {
  /** Default: all fifteen. */
  readonly corruptions?: readonly CorruptionName[] | undefined;
  /** Default: 1 to 5. */
  readonly severities?: readonly Severity[] | undefined;
  /** The source of the severity constants. Default: the table for the size of the network's images. */
  readonly table?: SeverityTable | undefined;
  /**
   * `own`, or the evaluator that fits a head to clean images. Default: own if the network has the classes, otherwise
   * ridge.
   */
  readonly head?: string | undefined;
  /** Split that a head is fitted to. Default: train. */
  readonly split?: string | undefined;
  /** Default: test. */
  readonly testSplit?: string | undefined;
  /** Approximate number of images to fit to, the same fraction of each class. Default: all. */
  readonly trainImages?: number | undefined;
  /** Approximate number of images to test on, the same fraction of each class. Default: all. */
  readonly testImages?: number | undefined;
}

export interface NetworkCorruptions extends CorruptionReport {
  readonly network: string;
  readonly source: string;
  readonly splits: { readonly train: string; readonly test: string; readonly heldOut: boolean };
  readonly head: string;
  /** Images that the head was fitted to. */
  readonly fitted: number;
  readonly model: NetworkDescription;
  readonly seconds: number;
}

interface OpenedClassifier {
  readonly classifier: ImageClassifier;
  readonly description: NetworkDescription;
  close(): Promise<void>;
}

type ClassifierOptions = OpenOptions & Pick<NetworkCorruptionOptions, "head">;

/** A network that was opened for logits, as a classifier with its own head. */
const withItsHead = (network: Network): ImageClassifier => ({
  head: "own",
  classNames: network.classNames ?? [],
  imageShape: network.imageShape,
  preprocessing: network.preprocessing,
  scores: (source, pass) => imageLogits(network, source, pass),
});

/** A network with its own head; undefined if it lacks one of these classes. */
async function withOwnHead(
  network: string,
  classNames: readonly string[],
  options: ClassifierOptions,
): Promise<OpenedClassifier | undefined> {
  const { device, threads, note } = options;
  const opened = await open(network, { output: "logits", device, threads, note });
  const missing = classNames.filter((name) => !opened.classNames?.includes(name));
  if (!opened.classNames || missing.length > 0) {
    await opened.close();
    if (options.head !== "own") return undefined;
    const why = opened.classNames
      ? `it does not have ${missing.slice(0, 5).join(", ")}${missing.length > 5 ? ` and ${missing.length - 5} more` : ""}`
      : "its classes have no names";
    throw new Error(
      `the head of ${network} does not fit the classes of the images: ${why}; fit a head instead (--head ridge)`,
    );
  }
  return {
    classifier: withItsHead(opened),
    description: describeNetwork(opened),
    close: () => opened.close(),
  };
}

/**
 * Whether the network may have its own head. ONNX files and raw pixels are treated as backbones unless `head` is own.
 */
const mayHaveHead = (network: string, head: string | undefined): boolean =>
  head === "own" || (head === undefined && !["pixels", "onnx"].includes(networkKind(network)));

async function openImageClassifier(
  network: string,
  train: ImageSource,
  options: ClassifierOptions,
): Promise<OpenedClassifier> {
  const { head, imageSize, device, threads, note, progress, signal } = options;
  if (imageSize !== undefined && head === "own") {
    throw new Error("the image size applies to frozen features only; remove it, or fit a head (--head ridge)");
  }
  if (mayHaveHead(network, head) && imageSize === undefined) {
    // a backbone without a head reports that when it is opened to classify
    const own = await withOwnHead(network, train.classNames, options).catch((error: unknown) => {
      if (head === "own" || ["fitted", "onnx"].includes(networkKind(network))) throw error;
      return undefined;
    });
    if (own) return own;
  }
  if (isClassifierFolder(network)) {
    throw new Error(
      `${network} is a classifier fitted on other classes than those of ${train.name}; give its backbone`,
    );
  }
  const backbone = await open(network, { device, threads, imageSize, note });
  return await closeOnError(backbone, async () => {
    const classifier = await withProgress(progress, train.length, (onProgress) =>
      fitImageClassifier(backbone, train, evaluatorNamed(head ?? "ridge"), { onProgress, signal, threads }),
    );
    return { classifier, description: describeNetwork(backbone), close: () => backbone.close() };
  });
}

const sample = (source: ImageSource, most: number | undefined): ImageSource =>
  most === undefined ? source : stratifiedSample(source, most);

/**
 * Measures the accuracy of a network on clean and on corrupted images (Hendrycks and Dietterich, 2019).
 *
 * Throws what opening the network or the images throws, and an Error for a head that does not fit the classes.
 */
export async function networkCorruptions(
  network: string,
  images: string,
  options: NetworkCorruptionOptions = {},
): Promise<NetworkCorruptions> {
  const started = performance.now();
  const { corruptions = corruptionNames, severities: chosen = severities, table, signal, progress } = options;
  const parts = await openTrainAndTest(images, options, options.note);
  try {
    const train = sample(parts.train, options.trainImages);
    const test = sample(parts.test, options.testImages);
    const { classifier, description, close } = await openImageClassifier(network, train, options);
    try {
      const passes = 1 + corruptions.length * chosen.length;
      const report = await withProgress(progress, passes * test.length, (onProgress) =>
        measureCorruptions(classifier, test, { corruptions, severities: chosen, table, onProgress, signal }),
      );
      return {
        network,
        source: images,
        splits: { train: train.split, test: test.split, heldOut: parts.heldOut },
        head: classifier.head,
        fitted: classifier.head === "own" ? 0 : train.length,
        model: description,
        ...report,
        seconds: (performance.now() - started) / 1000,
      };
    } finally {
      await close();
    }
  } finally {
    await parts.close();
  }
}

export interface NetworkImagenetSet extends ImagenetSetReport {
  readonly checkpoint: string;
  readonly folder: string;
  readonly title: string;
  /** Published accuracies on the set. */
  readonly published: readonly PublishedAccuracy[];
  readonly model: NetworkDescription;
  readonly seconds: number;
}

/**
 * Measures a network for the 1,000 classes of ImageNet on ObjectNet, ImageNet-v2 or ImageNet with ReaL labels, in their
 * published layouts. `boxes` is a file of boxes for ObjectNet.
 *
 * Throws what opening the network throws, and an Error that says where to get a set that is not in the folder.
 */
export async function networkImagenetSet(
  network: string,
  name: ImagenetSetName,
  folder: string,
  { boxes, progress, ...options }: OpenOptions & { readonly boxes?: string | undefined } = {},
): Promise<NetworkImagenetSet> {
  const started = performance.now();
  const set = await openImagenetSet(name, folder, { boxes });
  try {
    const { device, threads, note } = options;
    const opened = await open(network, { output: "logits", device, threads, note });
    try {
      const classifier = withItsHead(opened);
      const report = await withProgress(progress, set.source.length, (onProgress) =>
        measureImagenetSet(classifier, set, onProgress),
      );
      return {
        checkpoint: network,
        folder,
        title: set.title,
        ...report,
        published: publishedAccuracies.filter((one) => one.set === report.set),
        model: describeNetwork(opened),
        seconds: (performance.now() - started) / 1000,
      };
    } finally {
      await opened.close();
    }
  } finally {
    await set.source.close();
  }
}

/** The patch size of a network that divides its input into patches; undefined for any other. */
function ownPatchSize({ details }: Network): number | undefined {
  const { patchSize, stem } = (details["config"] ?? {}) as { patchSize?: unknown; stem?: { kind?: unknown } };
  return typeof patchSize === "number" && (stem === undefined || stem.kind === "patch") ? patchSize : undefined;
}

export interface NetworkPatchGrid extends PatchGridReport {
  readonly network: string;
  readonly model: NetworkDescription;
  readonly head: string;
  readonly seconds: number;
}

/**
 * Measures whether an object on a patch border costs accuracy: generated objects at every offset to the patch grid,
 * classified by a head that is fitted to frozen features.
 *
 * Throws what opening the backbone throws, and an Error for a backbone without a patch size if none is given.
 */
export async function networkPatchGrid(
  network: string,
  {
    patchSize: given,
    head = "ridge",
    objects,
    ...options
  }: OpenOptions &
    Partial<Pick<PatchGridOptions, "patchSize" | "objects">> & { readonly head?: string | undefined } = {},
): Promise<NetworkPatchGrid> {
  const started = performance.now();
  const { device, threads, imageSize, note, progress, signal } = options;
  const evaluator = evaluatorNamed(head);
  const backbone = await open(network, { device, threads, imageSize, note });
  try {
    const patchSize = given ?? ownPatchSize(backbone);
    if (patchSize === undefined) {
      throw new Error(`${network} does not state its patch size; give it with --patch-size`);
    }
    const grid: PatchGridOptions = { patchSize, objects, threads, signal };
    const report = await withProgress(progress, patchGridImages(grid), (onProgress) =>
      measurePatchGrid(backbone, evaluator, { ...grid, onProgress }),
    );
    return {
      network,
      model: describeNetwork(backbone),
      head: evaluator.name,
      ...report,
      seconds: (performance.now() - started) / 1000,
    };
  } finally {
    await backbone.close();
  }
}
