/** What the commands that use a trained network share: opening it, and showing how far the images are. */
import { parseDevice } from "../../runtime/index.js";
import { type OpenedModel, openModel, startProgress } from "../../train/index.js";
import { UsageError, wholeNumber, wholeNumbers } from "../words.js";

export interface NetworkArguments {
  readonly checkpoint: string;
  readonly device: string;
  readonly threads?: string | undefined;
}

/** Opens the network that a command was given, for its representation or its classes. */
export function openNetwork(
  { checkpoint, device, threads }: NetworkArguments,
  note: (text: string) => void,
  use: "represent" | "classify" = "represent",
  batchSize?: number,
): Promise<OpenedModel> {
  return openModel(checkpoint, {
    device: parseDevice(device),
    functions: [use],
    ...(batchSize !== undefined && { batchSize }),
    note,
    ...(threads !== undefined && { threads: wholeNumber(threads, "threads", 1) }),
  });
}

/** Reads "224" or "384,512" (height, width) given as --image-size. Throws UsageError. */
export function imageSize(text: string): number | readonly [number, number] {
  const [height, width, ...more] = wholeNumbers(text, "image-size", 1);
  if (more.length > 0) throw new UsageError(`--image-size: "${text}" is neither a side nor HEIGHT,WIDTH`);
  return width === undefined ? height! : [height!, width];
}

/** What is said of a network in JSON documents. */
export function networkDocument(model: OpenedModel) {
  const { path, step, config, imageShape, preprocessing, width, parameterCount } = model;
  return {
    checkpoint: path,
    step,
    name: config.family,
    parameters: parameterCount,
    width,
    imageShape,
    preprocessing,
    config,
  };
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

/** How many of a list are shown in text; JSON documents have all. */
const shown = 10;

/** Lines that name the images that could not be read. */
export function badLines(bad: readonly { readonly id: string; readonly reason: string }[]): string[] {
  if (bad.length === 0) return [];
  const lines = bad.slice(0, shown).map(({ id, reason }) => `  ${id}: ${reason}`);
  const more = bad.length > shown ? [`  and ${bad.length - shown} more`] : [];
  return [
    `${bad.length} ${bad.length === 1 ? "image" : "images"} could not be read and ${bad.length === 1 ? "was" : "were"} left out:`,
    ...lines,
    ...more,
  ];
}
