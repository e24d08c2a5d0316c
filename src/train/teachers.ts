// Networks that teach: their logits of the very images the student sees, from a run, published weights or any ONNX file.
import { add, constant, input, multiply, resizeBilinear, type Shape, transpose } from "../graph/index.js";
import { compile, compileOnnx, type OnnxFile, OnnxFileError, type Program, readOnnxFile } from "../runtime/index.js";
import { openModel } from "./load-model.js";
import { type ValueRange, valueRangeOf } from "./value-range.js";

export interface TeacherSettings {
  /** A run, published weights (as `openModel` takes them), or the path of an ONNX file. */
  readonly network: string;
  /** Side of the images it sees, in pixels; as the student's when left out. */
  readonly imageSize?: number;
  /** Which of its logits count, in the order of the student's; all when left out. */
  readonly classes?: readonly number[];
  /** ONNX files: the range its input's values have; [-1, 1] when left out. */
  readonly valueRange?: readonly [number, number];
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

export interface Teacher {
  readonly name: string;
  /** Numbers in a row of logits. */
  readonly classes: number;
  /** Images [N, H, W, C] to logits [N, classes]; the images may not be touched until then and are left as they are. */
  logits(images: Float32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

/** How a network wants its images. */
interface Wanted {
  readonly shape: Shape;
  readonly layout: "NHWC" | "NCHW";
  readonly valueRange: ValueRange;
}

/** A network that is open, however it is stored. */
interface Network {
  readonly wanted: Wanted;
  run(images: Float32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Opens a teacher. Throws OnnxFileError, and what `openModel` throws, when it cannot be opened or does not take such images. */
export async function openTeacher(settings: TeacherSettings, context: TeacherContext): Promise<Teacher> {
  const network = settings.network.endsWith(".onnx")
    ? await openFile(settings, context)
    : await openOwn(settings, context);
  let adapter: Program | undefined;
  try {
    adapter = await openAdapter(network.wanted, context);
    const logits = async (images: Float32Array): Promise<Float32Array> => {
      // copies: a run takes its arrays over, and the student needs these images too
      const given = images.slice();
      const seen = adapter ? ((await adapter.run("adapt", { image: given }))["adapted"] as Float32Array) : given;
      return selected(await network.run(seen), settings.classes, context.batchSize);
    };
    // One run tells how many classes there are, and whether it runs at all.
    const [height, width, channels] = context.image;
    const found = await logits(new Float32Array(context.batchSize * height * width * channels));
    return {
      name: settings.network,
      classes: found.length / context.batchSize,
      logits,
      close: async () => {
        await adapter?.close();
        await network.close();
      },
    };
  } catch (error) {
    await adapter?.close();
    await network.close();
    throw error;
  }
}

async function openOwn(settings: TeacherSettings, { batchSize, image, threads }: TeacherContext): Promise<Network> {
  const model = await openModel(settings.network, {
    batchSize,
    functions: ["classify"],
    image: settings.imageSize ?? [image[0], image[1]],
    ...(threads !== undefined && { threads }),
  });
  return {
    wanted: {
      shape: [batchSize, ...model.imageShape],
      layout: "NHWC",
      valueRange: valueRangeOf(model.preprocessing),
    },
    run: async (images) => (await model.program.run("classify", { image: images }))["logits"] as Float32Array,
    close: () => model.close(),
  };
}

async function openFile(settings: TeacherSettings, { batchSize, image, threads }: TeacherContext): Promise<Network> {
  const file = await readOnnxFile(settings.network);
  const [port] = file.inputs;
  if (file.inputs.length !== 1 || port?.shape.length !== 4 || port.dtype !== "float32") {
    throw new OnnxFileError(
      `${file.path} cannot teach: it takes ${file.inputs.map(({ name, dtype, shape }) => `${name} ${dtype} [${shape.join(", ")}]`).join(", ")}; expected one float32 input of images [N, 3, H, W] or [N, H, W, 3]`,
    );
  }
  const output = logitsOf(file);
  const last = port.shape[3];
  const layout = last === 1 || last === 3 ? "NHWC" : "NCHW";
  const side = (axis: number, own: number) => {
    const fixed = port.shape[axis];
    return typeof fixed === "number" ? fixed : (settings.imageSize ?? own);
  };
  const shape =
    layout === "NHWC"
      ? [batchSize, side(1, image[0]), side(2, image[1]), image[2]]
      : [batchSize, image[2], side(2, image[0]), side(3, image[1])];
  const program = await compileOnnx(file, { [port.name]: shape }, threads === undefined ? {} : { threads });
  return {
    wanted: { shape, layout, valueRange: [settings.valueRange ?? [-1, 1]] },
    run: async (images) => (await program.run("run", { [port.name]: images }))[output] as Float32Array,
    close: () => program.close(),
  };
}

/** The output that holds logits: the one of that name, or the only one. */
function logitsOf({ path, outputs }: OnnxFile): string {
  const found = outputs.find(({ name }) => name === "logits") ?? (outputs.length === 1 ? outputs[0] : undefined);
  if (found) return found.name;
  throw new OnnxFileError(
    `${path} has the outputs ${outputs.map(({ name }) => name).join(", ")}; a teacher needs one named logits, or one only`,
  );
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
  return await compile(
    { state: [], functions: { adapt: { inputs: [given], outputs: { adapted: x } } } },
    threads === undefined ? {} : { threads },
  );
}

/** A range for each of so many channels. Throws RangeError when it is made for another number of them. */
function eachChannel(range: ValueRange, channels: number): ValueRange {
  if (range.length === channels) return range;
  if (range.length === 1) return Array.from({ length: channels }, () => range[0]!);
  throw new RangeError(`a range of values for ${range.length} channels does not fit images of ${channels}`);
}

/** The wanted columns of rows of logits. Throws RangeError for a column that is not there. */
function selected(logits: Float32Array, classes: readonly number[] | undefined, rows: number): Float32Array {
  if (!classes) return logits;
  const width = logits.length / rows;
  const wrong = classes.find((one) => one >= width);
  if (wrong !== undefined) throw new RangeError(`the teacher has ${width} classes; classes names number ${wrong}`);
  const out = new Float32Array(rows * classes.length);
  for (let row = 0; row < rows; row++) {
    for (const [i, column] of classes.entries()) out[row * classes.length + i] = logits[row * width + column]!;
  }
  return out;
}
