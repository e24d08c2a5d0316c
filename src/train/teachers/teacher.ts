/**
 * Opens teacher networks, which compute logits or features of the student's images: a run, published weights or an ONNX
 * file.
 */

import { type Closable, closable, closeOnError } from "../../files/closable.js";
import { add, constant, input, multiply } from "../../graph/index.js";
import type { ValueRange } from "../../images/index.js";
import { type Network, type NetworkOutput, networkKind, open } from "../../networks/index.js";
import { resizeNHWC } from "../../nn/index.js";
import { compile, OnnxFileError, type Program } from "../../runtime/index.js";
import { splitSpec } from "../../weights/index.js";
import { remembering } from "./memory.js";

export interface TeacherSettings {
  /** Any network with the required output (see `open`). */
  readonly network: string;
  /** Side of its input images, in pixels. Default: the student's. */
  readonly imageSize?: number;
  /** Its output. Default: logits. */
  readonly output?: NetworkOutput;
  /** Indices of its outputs to use, in the order of the student's. Default: all. */
  readonly classes?: readonly number[];
  /** For ONNX files: the value range of the input; default: [-1, 1], or [0, 255] for 8-bit pixels. */
  readonly valueRange?: readonly [number, number];
  /** Folder of a cache of its outputs, which are then computed once per image, in all runs that share the folder. */
  readonly remember?: string;
}

export interface TeacherContext {
  /** [height, width, channels] of the student's images. */
  readonly image: readonly [number, number, number];
  /** Images per batch. */
  readonly batchSize: number;
  /** The value range of the student's images. */
  readonly valueRange: ValueRange;
  readonly threads?: number;
}

export interface Teacher extends Closable {
  readonly name: string;
  /** Width of its output. */
  readonly width: number;
  /**
   * Maps images [N, H, W, C] to outputs [N, width]. The images are not changed, and the caller must not change them
   * until the promise settles.
   */
  ask(images: Float32Array): Promise<Float32Array>;
}

/** Opens a teacher. Throws what opening its network throws, and OnnxFileError for a file with another batch size. */
export async function openTeacher(settings: TeacherSettings, context: TeacherContext): Promise<Teacher> {
  const network = await openNetwork(settings, context);
  const opened: Closable[] = [network];
  return await closeOnError(opened, async () => {
    const valueRange = settings.valueRange ? [settings.valueRange] : network.valueRange;
    const adapter = await openAdapter({ imageShape: network.imageShape, valueRange }, context);
    if (adapter) opened.push(adapter);
    const ask = async (images: Float32Array): Promise<Float32Array> => {
      // a copy: the network takes its images over, and the student needs these too
      const seen = adapter
        ? ((await adapter.run("adapt", { image: images }))["adapted"] as Float32Array)
        : images.slice();
      return selected(await network.run({ image: seen }), settings.classes, context.batchSize);
    };
    // One run determines the width of its output, and whether it runs at all.
    const [height, width, channels] = context.image;
    const found = await ask(new Float32Array(context.batchSize * height * width * channels));
    const teacher = closable<Teacher>({
      name: settings.network,
      width: found.length / context.batchSize,
      ask,
      close: async () => {
        for (const one of opened) await one.close();
      },
    });
    return settings.remember === undefined ? teacher : await remembering(teacher, settings, context);
  });
}

async function openNetwork(settings: TeacherSettings, context: TeacherContext): Promise<Network> {
  const { network: spec, imageSize, output = "logits" } = settings;
  const { batchSize, image, threads } = context;
  const sides = [image[0], image[1]] as const;
  const kind = networkKind(spec);
  // Published weights are resized to the student's image size. A run and a file keep their own, unless `imageSize` is
  // set.
  const isOwn = (kind !== "weights" && kind !== "hub") || splitSpec(spec).options.some(([name]) => name === "size");
  const network = await open(spec, {
    output,
    batchSize,
    threads,
    channels: image[2],
    valueRange: settings.valueRange,
    imageSize: kind === "onnx" ? undefined : (imageSize ?? (isOwn ? undefined : sides)),
    openSize: imageSize === undefined ? sides : [imageSize, imageSize],
  });
  if (network.batchSize === batchSize) return network;
  await network.close();
  throw new OnnxFileError(
    `${spec} cannot be used as a teacher: it takes batches of ${network.batchSize}, and the student's have ${batchSize} images; export it with a dynamic batch size`,
  );
}

/**
 * A program that converts the student's images to the teacher's size and value range; undefined if they already match.
 */
async function openAdapter(
  wanted: Pick<Network, "imageShape" | "valueRange">,
  context: TeacherContext,
): Promise<Program | undefined> {
  const { image, batchSize, valueRange, threads } = context;
  const [height, width] = wanted.imageShape;
  const sameSize = height === image[0] && width === image[1];
  const channels = image[2];
  const from = eachChannel(valueRange, channels);
  const to = eachChannel(wanted.valueRange, channels);
  const sameRange = JSON.stringify(from) === JSON.stringify(to);
  if (sameSize && sameRange) return undefined;
  const given = input("image", "float32", [batchSize, ...image]);
  let x = given;
  if (!sameRange) {
    const factors = from.map(([low, high], c) => (to[c]![1] - to[c]![0]) / (high - low));
    const shifts = from.map(([low], c) => to[c]![0] - low * factors[c]!);
    x = add(multiply(x, constant(factors, [channels])), constant(shifts, [channels]));
  }
  if (!sameSize) x = resizeNHWC(x, height, width);
  return await compile({ state: [], functions: { adapt: { inputs: [given], outputs: { adapted: x } } } }, { threads });
}

/** A value range for each channel. Throws RangeError when it was made for another number of channels. */
function eachChannel(range: ValueRange, channels: number): ValueRange {
  if (range.length === channels) return range;
  if (range.length === 1) return Array.from({ length: channels }, () => range[0]!);
  throw new RangeError(`the value range has ${range.length} channels; expected ${channels}, those of the images`);
}

/** Selects columns of its outputs. Throws RangeError for a missing column. */
function selected(answers: Float32Array, classes: readonly number[] | undefined, rows: number): Float32Array {
  if (!classes) return answers;
  const width = answers.length / rows;
  const wrong = classes.find((one) => one >= width);
  if (wrong !== undefined)
    throw new RangeError(
      `the teacher has ${width} classes and "classes" has the index ${wrong}; expected 0 to ${width - 1}`,
    );
  const out = new Float32Array(rows * classes.length);
  for (let row = 0; row < rows; row++) {
    for (const [i, column] of classes.entries()) out[row * classes.length + i] = answers[row * width + column]!;
  }
  return out;
}
