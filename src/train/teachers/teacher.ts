/**
 * Networks that teach: their logits or features of the very images the student sees, from a run, published weights or any
 * ONNX file.
 */
import { type Closable, closable } from "../../files/closable.js";
import { add, constant, input, multiply, resizeBilinear, type Shape, transpose } from "../../graph/index.js";
import { type ValueRange, valueRangeOf } from "../../images/index.js";
import { compile, OnnxFileError, type Program, readOnnxFile } from "../../runtime/index.js";
import { splitSpec } from "../../weights/index.js";
import { type NetworkOutput, openOnnxNetwork } from "../networks/onnx.js";
import { openModel } from "../networks/open.js";
import { isRunPath } from "../networks/read.js";
import { remembering } from "./memory.js";

export interface TeacherSettings {
  /** A run, published weights (as `openModel` takes them), or the path of an ONNX file. */
  readonly network: string;
  /** Side of the images it sees, in pixels; as the student's when left out. */
  readonly imageSize?: number;
  /** What it says of an image; logits when left out. */
  readonly output?: NetworkOutput;
  /** Which of its outputs count, in the order of the student's; all when left out. */
  readonly classes?: readonly number[];
  /** ONNX files: the range of its input's values; default: [-1, 1], or [0, 255] of 8-bit pixels. */
  readonly valueRange?: readonly [number, number];
  /** A folder to keep its answers in, so that it is asked about a picture once, by whichever runs share the folder. */
  readonly remember?: string;
}

export interface TeacherContext {
  /** [height, width, channels] of the images given. */
  readonly image: readonly [number, number, number];
  /** Images given at once. */
  readonly batchSize: number;
  /** The range of the values given. */
  readonly valueRange: ValueRange;
  readonly threads?: number;
}

export interface Teacher extends Closable {
  readonly name: string;
  /** Numbers in an answer. */
  readonly width: number;
  /** Images [N, H, W, C] to answers [N, width]; the images may not be touched until then and are left as they are. */
  ask(images: Float32Array): Promise<Float32Array>;
}

/** How a network wants its images. */
interface Wanted {
  readonly shape: Shape;
  readonly layout: "NHWC" | "NCHW";
  readonly valueRange: ValueRange;
}

/** A network that is open, however it is stored. */
interface Network extends Closable {
  readonly wanted: Wanted;
  run(images: Float32Array): Promise<Float32Array>;
}

/** Opens a teacher. Throws OnnxFileError, and what `openModel` throws, when it cannot be opened or does not take such images. */
export async function openTeacher(settings: TeacherSettings, context: TeacherContext): Promise<Teacher> {
  const { name, options } = splitSpec(settings.network);
  if (name.endsWith(".onnx") && options.length > 0) {
    throw new OnnxFileError(
      `${settings.network}: a teacher that is an ONNX file takes no options after its name; set imageSize, valueRange or output of the teacher`,
    );
  }
  const network = name.endsWith(".onnx") ? await openFile(settings, context) : await openOwn(settings, context);
  let adapter: Program | undefined;
  try {
    adapter = await openAdapter(network.wanted, context);
    const ask = async (images: Float32Array): Promise<Float32Array> => {
      // copies: a run takes its arrays over, and the student needs these images too
      const given = images.slice();
      const seen = adapter ? ((await adapter.run("adapt", { image: given }))["adapted"] as Float32Array) : given;
      return selected(await network.run(seen), settings.classes, context.batchSize);
    };
    // One run tells how much it says, and whether it runs at all.
    const [height, width, channels] = context.image;
    const found = await ask(new Float32Array(context.batchSize * height * width * channels));
    const teacher = closable<Teacher>({
      name: settings.network,
      width: found.length / context.batchSize,
      ask,
      close: async () => {
        await adapter?.close();
        await network.close();
      },
    });
    return settings.remember === undefined ? teacher : await remembering(teacher, settings, context);
  } catch (error) {
    await adapter?.close();
    await network.close();
    throw error;
  }
}

async function openOwn(settings: TeacherSettings, { batchSize, image, threads }: TeacherContext): Promise<Network> {
  // A run keeps its own size unless another is asked for; published weights are brought to the student's.
  const own = splitSpec(settings.network).options.some(([name]) => name === "size");
  const size = settings.imageSize ?? (own || isRunPath(settings.network) ? undefined : ([image[0], image[1]] as const));
  const features = settings.output === "features";
  const model = await openModel(settings.network, {
    batchSize,
    functions: [features ? "represent" : "classify"],
    image: size,
    threads,
  });
  return closable<Network>({
    wanted: {
      shape: [batchSize, ...model.imageShape],
      layout: "NHWC",
      valueRange: valueRangeOf(model.preprocessing),
    },
    run: async (images) => {
      const feeds = { image: images };
      const { preLogits, logits } = await model.program.run(features ? "represent" : "classify", feeds);
      return (features ? preLogits : logits) as Float32Array;
    },
    close: () => model.close(),
  });
}

const pixelRange = [0, 255] as const;

async function openFile(settings: TeacherSettings, { batchSize, image, threads }: TeacherContext): Promise<Network> {
  const { imageSize, output = "logits" } = settings;
  const network = await openOnnxNetwork(await readOnnxFile(settings.network), "teach", {
    batchSize,
    image: imageSize === undefined ? [image[0], image[1]] : [imageSize, imageSize],
    channels: image[2],
    output,
    threads,
  });
  return closable<Network>({
    wanted: {
      shape: network.shape,
      layout: network.layout,
      valueRange: [settings.valueRange ?? (network.dtype === "uint8" ? pixelRange : [-1, 1])],
    },
    run: (images) => network.run({ image: images }),
    close: () => network.close(),
  });
}

/** A program that brings the student's images to the teacher's size, layout and range; undefined when they are right as they are. */
async function openAdapter(wanted: Wanted, context: TeacherContext): Promise<Program | undefined> {
  const { image, batchSize, valueRange, threads } = context;
  const [height, width] = wanted.layout === "NHWC" ? wanted.shape.slice(1) : wanted.shape.slice(2);
  const sameSize = height === image[0] && width === image[1];
  const channels = image[2];
  const from = eachChannel(valueRange, channels);
  const to = eachChannel(wanted.valueRange, channels);
  const sameRange = JSON.stringify(from) === JSON.stringify(to);
  if (sameSize && sameRange && wanted.layout === "NHWC") return undefined;
  const given = input("image", "float32", [batchSize, ...image]);
  let x = given;
  if (!sameRange) {
    const factors = from.map(([low, high], c) => (to[c]![1] - to[c]![0]) / (high - low));
    const shifts = from.map(([low], c) => to[c]![0] - low * factors[c]!);
    x = add(multiply(x, constant(factors, [channels])), constant(shifts, [channels]));
  }
  x = transpose(x, [0, 3, 1, 2]);
  if (!sameSize) x = resizeBilinear(x, height!, width!);
  if (wanted.layout === "NHWC") x = transpose(x, [0, 2, 3, 1]);
  return await compile({ state: [], functions: { adapt: { inputs: [given], outputs: { adapted: x } } } }, { threads });
}

/** A range for each of so many channels. Throws RangeError when it is made for another number of them. */
function eachChannel(range: ValueRange, channels: number): ValueRange {
  if (range.length === channels) return range;
  if (range.length === 1) return Array.from({ length: channels }, () => range[0]!);
  throw new RangeError(`a range of values for ${range.length} channels does not fit images of ${channels}`);
}

/** The wanted columns of rows of answers. Throws RangeError for a column that is not there. */
function selected(answers: Float32Array, classes: readonly number[] | undefined, rows: number): Float32Array {
  if (!classes) return answers;
  const width = answers.length / rows;
  const wrong = classes.find((one) => one >= width);
  if (wrong !== undefined) throw new RangeError(`the teacher has ${width} classes; classes names number ${wrong}`);
  const out = new Float32Array(rows * classes.length);
  for (let row = 0; row < rows; row++) {
    for (const [i, column] of classes.entries()) out[row * classes.length + i] = answers[row * width + column]!;
  }
  return out;
}
