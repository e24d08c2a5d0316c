/** Opens a network for single images and for datasets. */
import { type ImageInput, type ImageSource, openSource } from "../data/index.js";
import { type Closable, closable } from "../files/closable.js";
import {
  type ComputeOptions,
  type Guess,
  type ImageFeatures,
  type ImageFeaturesOptions,
  imageFeatures,
  isClassifierFolder,
  type Network,
  type NetworkOutput,
  open as openNetwork,
  rowOfImage,
  topClasses,
} from "../networks/index.js";

/** Options of `open`. */
export interface OpenOptions extends ComputeOptions {
  /** Side of the images, or [height, width], if the network takes any size or can be resized. Default: its own. */
  readonly imageSize?: number | readonly [number, number] | undefined;
  /** Called with messages about assumptions and changes, such as which checkpoint is used. */
  readonly note?: ((text: string) => void) | undefined;
}

/** An open network. */
export interface OpenNetwork extends Closable {
  /** The spec that it was opened from. */
  readonly spec: string;
  /** [height, width, channels] of its input, to which images of any size are resized. */
  readonly imageShape: readonly [number, number, number];
  /** Its preprocessing of an image. */
  readonly preprocessing: string;
  /** The features of an image. Throws what reading and decoding the image throw. */
  embed(image: ImageInput): Promise<Float32Array>;
  /** The most probable classes of an image, first the most probable. Throws for a network without a head. */
  classify(image: ImageInput, options?: { readonly top?: number }): Promise<readonly Guess[]>;
  /** The features of every readable image of a dataset: its spec, or an open one, which stays open. */
  features(images: string | ImageSource, options?: ImageFeaturesOptions): Promise<ImageFeatures>;
}

/**
 * Opens a network: the folder of a run, published weights, the folder of a classifier that `fit` saved, or an ONNX file (docs/weights.md lists
 * the forms). It is compiled for single images now; for classes and for datasets when they are first needed.
 *
 * Throws CheckpointError, WeightsError or OnnxFileError for damaged files, and an Error with the nearest existing path if there is no such file.
 *
 * @example
 * await using network = await open("embedded:bit");
 * const features = await network.embed("photo.jpg"); // Float32Array [width]
 */
export async function open(spec: string, options: OpenOptions = {}): Promise<OpenNetwork> {
  const programs = new Map<string, Promise<Network>>();
  const program = (output: NetworkOutput, batchSize?: number): Promise<Network> => {
    const key = `${output} ${batchSize}`;
    const found = programs.get(key) ?? openNetwork(spec, { ...options, output, batchSize });
    programs.set(key, found);
    return found;
  };
  const first = await program(isClassifierFolder(spec) ? "logits" : "features", 1);
  // the first run allocates its memory: it belongs to opening
  await first.run({ image: new Float32Array(first.batchSize * first.imageShape.reduce((a, b) => a * b)) });
  return closable<OpenNetwork>({
    spec,
    imageShape: first.imageShape,
    preprocessing: first.preprocessing,
    embed: async (image) => await rowOfImage(await program("features", 1), image),
    classify: async (image, { top = 1 } = {}) => {
      const network = await program("logits", 1);
      return topClasses(await rowOfImage(network, image), top, network.loss, network.classNames);
    },
    features: async (images, pass) => {
      const network = await program("features");
      if (typeof images !== "string") return await imageFeatures(network, images, pass);
      await using source = await openSource(images, { unlabelled: true });
      return await imageFeatures(network, source, pass);
    },
    close: async () => {
      const opened = await Promise.allSettled(programs.values());
      programs.clear();
      for (const one of opened) if (one.status === "fulfilled") await one.value.close();
    },
  });
}
