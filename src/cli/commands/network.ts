/** What the commands that use a trained network share: opening it, and showing how far the images are. */

import { existsSync } from "node:fs";
import type { ImageSource } from "../../data/index.js";
import { asWeights, isRunPath, type Network, open, readNetwork, type TrainedNetwork } from "../../networks/index.js";
import { parseDevice } from "../../runtime/index.js";
import { plural } from "../../text/format.js";
import { startProgress } from "../../text/progress.js";
import {
  defaultBackbone,
  embeddedBackbones,
  embeddedPrefix,
  splitSpec,
  type Weights,
  withClasses,
} from "../../weights/index.js";
import { UsageError, wholeNumber, wholeNumbers } from "../words.js";

/** Where and with how many threads to compute, as the library takes it. Throws UsageError. */
export const computing = ({ device, threads }: { readonly device: string; readonly threads?: string | undefined }) => ({
  device: parseDevice(device),
  ...(threads !== undefined && { threads: wholeNumber(threads, "threads", 1) }),
});

export interface BackboneArguments {
  readonly device: string;
  readonly threads?: string | undefined;
  readonly "image-size"?: string | undefined;
}

/** Opens what gives images their features (see `open`). */
export function openFeatures(spec: string, args: BackboneArguments, note: (text: string) => void): Promise<Network> {
  const size = args["image-size"];
  return open(spec, {
    ...computing(args),
    note,
    ...(size !== undefined && { imageSize: imageSize(size) }),
  });
}

/** The backbone that is meant where none is named. */
export function usualBackbone(note: (text: string) => void): string {
  note(`using the backbone ${defaultBackbone}, which comes with the package; --backbone takes another`);
  return defaultBackbone;
}

/** Words that can only be a backbone: a name of one, an ONNX file, a run. */
const isBackbone = (word: string): boolean =>
  embeddedBackbones.some(({ name }) => word.split("?")[0] === `${embeddedPrefix}${name}`) ||
  /^(hf|augreg|random|pixels):|\.(onnx|safetensors|npz)(\?|$)/.test(word) ||
  isRunPath(word);

/** BACKBONE SOURCE, or SOURCE with --backbone or with the usual one. Throws UsageError. */
export function backboneAndSource(
  args: {
    readonly network: string;
    readonly source?: string | undefined;
    readonly backbone?: string | undefined;
  },
  command: string,
  note: (text: string) => void,
): { readonly backbone: string; readonly source: string } {
  const { network: first, source: second, backbone } = args;
  if (backbone !== undefined && second !== undefined) {
    throw new UsageError(`two backbones are given, ${first} and --backbone ${backbone}; leave one away`);
  }
  if (second !== undefined) return { backbone: first, source: second };
  if (backbone === undefined && isBackbone(first)) {
    throw new UsageError(`SOURCE is missing: give fovea ${command} BACKBONE SOURCE, or SOURCE --backbone BACKBONE`);
  }
  return { backbone: backbone ?? usualBackbone(note), source: first };
}

/** What is said of a backbone in JSON documents. */
export function backboneDocument({ path, kind, imageShape, preprocessing, width, details }: Network) {
  return { checkpoint: path, kind, ...details, width, imageShape, preprocessing };
}

/** Reads "224" or "384,512" (height, width) given as --image-size. Throws UsageError. */
function imageSize(text: string): number | readonly [number, number] {
  const [height, width, ...more] = wholeNumbers(text, "image-size", 1);
  if (more.length > 0) throw new UsageError(`--image-size: "${text}" is neither a side nor HEIGHT,WIDTH`);
  return width === undefined ? height! : [height!, width];
}

/** Reads the network that is to be written elsewhere, for the image size and the classes asked for. */
export async function readForWriting(
  args: { readonly network: string; readonly "image-size"?: string | undefined; readonly classes?: string | undefined },
  note: (text: string) => void,
): Promise<{ network: TrainedNetwork; weights: Weights }> {
  const asked = args["image-size"];
  if (asked !== undefined && splitSpec(args.network).options.some(([name]) => name === "size")) {
    throw new UsageError(`${args.network} states a size, and --image-size ${asked} is given; leave one away`);
  }
  const image = asked === undefined ? {} : { image: imageSize(asked) };
  const network = await readNetwork(args.network, { note, ...image });
  const whole = asWeights(network);
  const weights = args.classes === undefined ? whole : withClasses(whole, wholeNumber(args.classes, "classes"), note);
  return { network, weights };
}

/** Throws when the file is there already and may not be replaced. */
export function refuseExisting(output: string, overwrite: boolean | undefined): void {
  if (!existsSync(output) || overwrite) return;
  throw new Error(`${output} is there already; choose another name, or replace it with --overwrite`);
}

/** Runs a pass over images with a progress line: images done and in all, images a second, time left. */
export async function withProgress<T>(
  total: number,
  silent: boolean,
  pass: (onProgress: (done: number) => void) => Promise<T>,
): Promise<T> {
  const progress = startProgress({ total, unit: "image", batchSize: 1, silent });
  try {
    return await pass((done) => progress.update(done));
  } finally {
    progress.finish();
  }
}

/**
 * The same source, remembering the id of every example that was read. It has no recipe, so that it is read in this
 * thread: asking a source for ids alone would read every image a second time.
 */
export function withIds(source: ImageSource): { source: ImageSource; ids: Map<number, string> } {
  const ids = new Map<number, string>();
  const { recipe: _, ...rest } = source;
  const get = async (index: number) => {
    const example = await source.get(index);
    ids.set(index, example.id);
    return example;
  };
  return { source: { ...rest, get }, ids };
}

/** How many of a list are shown in text; JSON documents have all. */
const shown = 10;

/** Lines that name the images that could not be read. */
export function badLines(bad: readonly { readonly id: string; readonly reason: string }[]): string[] {
  if (bad.length === 0) return [];
  const lines = bad.slice(0, shown).map(({ id, reason }) => `  ${id}: ${reason}`);
  const more = bad.length > shown ? [`  and ${bad.length - shown} more`] : [];
  return [
    `${plural(bad.length, "image")} could not be read and ${bad.length === 1 ? "was" : "were"} left out:`,
    ...lines,
    ...more,
  ];
}
