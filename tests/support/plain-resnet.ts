/** The ResNets in float64 as plain loops, written from the text of papers.md 2.1, 3.1 and 10.10, not from src/. */
import type { PlainParameters } from "./plain-vit.js";

export interface PlainResNetConfig {
  readonly version: 1 | 2;
  readonly blocks: readonly number[];
  readonly widthFactor: number;
  readonly classes: number;
  readonly groups: number;
  readonly groupNormEpsilon: number;
  readonly weightStandardisation: "bit" | "flax" | "none";
  readonly rootPoolPadding: "zeros" | "none";
  readonly attention:
    | { readonly kind: "squeezeExcitation"; readonly stages?: readonly number[] }
    | {
        readonly kind: "nonLocal";
        readonly stages?: readonly number[];
        readonly every?: number;
        readonly subsample?: boolean;
      }
    | undefined;
  readonly pooledStages?: readonly number[] | undefined;
  readonly whitening?: number | undefined;
}

/** One image: channels of rows of columns. */
interface Image {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float64Array;
}

const image = (channels: number, height: number, width: number): Image => ({
  channels,
  height,
  width,
  data: new Float64Array(channels * height * width),
});

const get = (x: Image, c: number, y: number, z: number): number | undefined =>
  y >= 0 && y < x.height && z >= 0 && z < x.width ? x.data[(c * x.height + y) * x.width + z] : undefined;

const mapped = (x: Image, f: (value: number, i: number) => number): Image => ({ ...x, data: x.data.map(f) });
const relu = (x: Image): Image => mapped(x, (value) => Math.max(value, 0));
const plus = (x: Image, y: Image): Image => {
  if (x.data.length !== y.data.length) throw new Error("images of different sizes");
  return mapped(x, (value, i) => value + y.data[i]!);
};

/** Rows before the image and rows that come out, for an explicit padding or TensorFlow's SAME. */
function extent(size: number, kernel: number, stride: number, padding: number | "same"): [before: number, out: number] {
  if (padding !== "same") return [padding, Math.floor((size + 2 * padding - kernel) / stride) + 1];
  const out = Math.ceil(size / stride);
  return [Math.floor(Math.max((out - 1) * stride + kernel - size, 0) / 2), out];
}

/** Kernels [O, C, k, k], each output channel standardised. */
function standardised(kernel: Float64Array, outputs: number, form: PlainResNetConfig["weightStandardisation"]) {
  if (form === "none") return kernel;
  const size = kernel.length / outputs;
  const out = new Float64Array(kernel.length);
  for (let start = 0; start < kernel.length; start += size) {
    const { mean, variance } = moments(kernel.subarray(start, start + size));
    const divisor = form === "bit" ? Math.sqrt(variance + 1e-10) : Math.sqrt(variance) + 1e-5;
    for (let i = start; i < start + size; i++) out[i] = (kernel[i]! - mean) / divisor;
  }
  return out;
}

/** Mean and biased variance. */
function moments(values: Float64Array): { mean: number; variance: number } {
  // by index: gradients by differences call this millions of times
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return { mean, variance: squares / values.length };
}

function convolved(x: Image, kernel: Float64Array, side: number, stride: number, padding: number | "same"): Image {
  const outputs = kernel.length / (x.channels * side * side);
  if (!Number.isInteger(outputs)) throw new Error(`a kernel of ${kernel.length} for ${x.channels} channels`);
  const [top, height] = extent(x.height, side, stride, padding);
  const [left, width] = extent(x.width, side, stride, padding);
  const y = image(outputs, height, width);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        let sum = 0;
        for (let c = 0; c < x.channels; c++) {
          for (let a = 0; a < side; a++) {
            for (let b = 0; b < side; b++) {
              const pixel = get(x, c, i * stride + a - top, j * stride + b - left) ?? 0;
              sum += pixel * kernel[((o * x.channels + c) * side + a) * side + b]!;
            }
          }
        }
        y.data[(o * height + i) * width + j] = sum;
      }
    }
  }
  return y;
}

/** 3x3 at stride 2; what lies outside is `outside`, or nothing. */
function maxPooled(x: Image, side: number, stride: number, padding: number | "same", outside?: number): Image {
  const [top, height] = extent(x.height, side, stride, padding);
  const [left, width] = extent(x.width, side, stride, padding);
  const y = image(x.channels, height, width);
  y.data.forEach((_, index) => {
    const [c, i, j] = [Math.floor(index / (height * width)), Math.floor(index / width) % height, index % width];
    let most = Number.NEGATIVE_INFINITY;
    for (let a = 0; a < side; a++) {
      for (let b = 0; b < side; b++) {
        most = Math.max(most, get(x, c, i * stride + a - top, j * stride + b - left) ?? outside ?? most);
      }
    }
    y.data[index] = most;
  });
  return y;
}

function groupNormed(x: Image, groups: number, epsilon: number, scale: Float64Array, bias: Float64Array): Image {
  const size = x.data.length / groups;
  const positions = x.height * x.width;
  const y = image(x.channels, x.height, x.width);
  for (let start = 0; start < x.data.length; start += size) {
    const { mean, variance } = moments(x.data.subarray(start, start + size));
    for (let i = start; i < start + size; i++) {
      const c = Math.floor(i / positions);
      y.data[i] = ((x.data[i]! - mean) / Math.sqrt(variance + epsilon)) * scale[c]! + bias[c]!;
    }
  }
  return y;
}

const channelMeans = (x: Image): Float64Array => {
  const means = new Float64Array(x.channels);
  const positions = x.height * x.width;
  x.data.forEach((value, i) => {
    means[Math.floor(i / positions)]! += value / positions;
  });
  return means;
};

/** x W + b of one row, W [in, out]. */
const dense = (x: Float64Array, kernel: Float64Array, bias: Float64Array): Float64Array =>
  bias.map((start, o) => x.reduce((sum, value, k) => sum + value * kernel[k * bias.length + o]!, start));

type Note = (name: string, values: Float64Array) => void;

/**
 * Every intermediate of images [N, H, W, C] by the name the model gives it; each value is the images' one after the
 * other.
 */
export function plainResNet(
  parameters: PlainParameters,
  images: ArrayLike<number>,
  shape: readonly [number, number, number, number],
  config: PlainResNetConfig,
): Record<string, Float64Array> {
  const [n, height, width, channels] = shape;
  const collected: Record<string, Float64Array[]> = {};
  const kernels = new Map<string, Float64Array>(); // the same for every image
  for (let i = 0; i < n; i++) {
    const x = image(channels, height, width);
    const start = i * height * width * channels;
    for (let p = 0; p < height * width; p++) {
      for (let c = 0; c < channels; c++) x.data[c * height * width + p] = images[start + p * channels + c]!;
    }
    one(parameters, kernels, x, config, (name, values) => {
      collected[name] ??= [];
      collected[name].push(values);
    });
  }
  return Object.fromEntries(
    Object.entries(collected).map(([name, pieces]) => [
      name,
      Float64Array.from(pieces.flatMap((piece) => Array.from(piece))),
    ]),
  );
}

function one(
  parameters: PlainParameters,
  kernels: Map<string, Float64Array>,
  input: Image,
  config: PlainResNetConfig,
  note: Note,
): void {
  const { version, blocks, groups, groupNormEpsilon: epsilon, weightStandardisation: form } = config;
  const at = (name: string): Float64Array => {
    const found = parameters[name];
    if (!found) throw new Error(`no parameter ${name}`);
    return found;
  };
  const convolution = (name: string, x: Image, outputs: number, side: number, stride: number): Image => {
    const padding = version === 1 ? "same" : (side - 1) / 2; // 3 of 7, 1 of 3, 0 of 1
    const kernel = kernels.get(name) ?? standardised(at(`${name}/kernel`), outputs, form);
    kernels.set(name, kernel);
    return convolved(x, kernel, side, stride, padding);
  };
  const norm = (name: string, x: Image): Image =>
    groupNormed(x, groups, epsilon, at(`${name}/scale`), at(`${name}/bias`));
  const root = Math.floor(64 * config.widthFactor);

  let x = convolution("conv_root", input, root, 7, 2);
  if (version === 1) x = maxPooled(relu(norm("gn_root", x)), 3, 2, "same");
  else x = maxPooled(x, 3, 2, 1, config.rootPoolPadding === "zeros" ? 0 : undefined);
  note("root", x.data);

  const whitened = (stage: number, means: Float64Array): Float64Array => {
    const { whitening } = config;
    if (!whitening) return means;
    const of = (name: string) => at(`whitening/block${stage}/${name}`);
    const [mean, components, scales] = [of("mean"), of("components"), of("scales")];
    const centred = means.map((value, i) => Math.sqrt(value + 1e-4) - mean[i]!);
    const along = scales.map(
      (scale, k) => scale * centred.reduce((sum, x, i) => sum + x * components[i * whitening + k]!, 0),
    );
    const scaled = centred.map((x, i) =>
      along.reduce((sum, value, k) => sum + value * components[i * whitening + k]!, x),
    );
    return cosinesOfGrid(scaled);
  };
  const earlier: number[] = [];
  blocks.forEach((units, stage) => {
    const middle = root * 2 ** stage;
    const gated = config.attention?.kind === "squeezeExcitation" && includes(config.attention.stages, stage);
    for (let unit = 0; unit < units; unit++) {
      const path = `block${stage + 1}/unit${unit + 1}`;
      const stride = stage > 0 && unit === 0 ? 2 : 1;
      const changes = x.channels !== 4 * middle || stride !== 1;
      let shortcut = x;
      let y: Image;
      if (version === 1) {
        if (changes) shortcut = norm(`${path}/gn_proj`, convolution(`${path}/conv_proj`, x, 4 * middle, 1, stride));
        y = relu(norm(`${path}/gn1`, convolution(`${path}/conv1`, x, middle, 1, 1)));
        y = relu(norm(`${path}/gn2`, convolution(`${path}/conv2`, y, middle, 3, stride)));
        y = norm(`${path}/gn3`, convolution(`${path}/conv3`, y, 4 * middle, 1, 1));
      } else {
        const a = relu(norm(`${path}/gn1`, x));
        if (changes) shortcut = convolution(`${path}/conv_proj`, a, 4 * middle, 1, stride);
        y = relu(norm(`${path}/gn2`, convolution(`${path}/conv1`, a, middle, 1, 1)));
        y = relu(norm(`${path}/gn3`, convolution(`${path}/conv2`, y, middle, 3, stride)));
        y = convolution(`${path}/conv3`, y, 4 * middle, 1, 1);
      }
      if (gated) y = excited(`${path}/se`, y, at, note);
      x = plus(shortcut, y);
      if (version === 1) x = relu(x);
      const { attention } = config;
      if (
        attention?.kind === "nonLocal" &&
        includes(attention.stages, stage) &&
        (unit + 1) % (attention.every ?? 2) === 0
      ) {
        x = nonLocal(`${path}/nonLocal`, x, attention.subsample ?? false, at, norm, note);
      }
      note(`${path}/output`, x.data);
    }
    note(`block${stage + 1}/output`, x.data);
    if (config.pooledStages?.includes(stage + 1)) {
      const active = version === 1 ? x : relu(norm(`block${stage + 2}/unit1/gn1`, x));
      note(`block${stage + 1}/pooled`, active.data);
      earlier.push(...whitened(stage + 1, channelMeans(active)));
    }
  });
  if (version === 2) x = relu(norm("norm", x));
  note("features", x.data);
  const pooled = Float64Array.of(...whitened(config.blocks.length, channelMeans(x)), ...earlier);
  note("preLogits", pooled);
  if (config.classes > 0) note("logits", dense(pooled, at("head/kernel"), at("head/bias")));
}

/** Orthonormal cosine transform (DCT-II) along both sides of a grid whose height is the largest divisor up to the root. */
function cosinesOfGrid(x: Float64Array): Float64Array {
  let height = Math.floor(Math.sqrt(x.length));
  while (x.length % height !== 0) height--;
  const width = x.length / height;
  const entry = (k: number, i: number, n: number) =>
    Math.sqrt((k === 0 ? 1 : 2) / n) * Math.cos((Math.PI * (2 * i + 1) * k) / (2 * n));
  return x.map((_, out) => {
    const [row, column] = [Math.floor(out / width), out % width];
    let sum = 0;
    for (let k = 0; k < height; k++)
      for (let l = 0; l < width; l++) sum += x[k * width + l]! * entry(k, row, height) * entry(l, column, width);
    return sum;
  });
}

const includes = (stages: readonly number[] | undefined, stage: number): boolean =>
  stages === undefined || stages.includes(stage + 1);

function excited(path: string, x: Image, at: (name: string) => Float64Array, note: Note): Image {
  const hidden = dense(channelMeans(x), at(`${path}/squeeze/kernel`), at(`${path}/squeeze/bias`));
  const gate = dense(
    hidden.map((value) => Math.max(value, 0)),
    at(`${path}/excite/kernel`),
    at(`${path}/excite/bias`),
  ).map((value) => 1 / (1 + Math.exp(-value)));
  note(`${path}/gate`, gate);
  return mapped(x, (value, i) => value * gate[Math.floor(i / (x.height * x.width))]!);
}

function nonLocal(
  path: string,
  x: Image,
  subsample: boolean,
  at: (name: string) => Float64Array,
  norm: (name: string, x: Image) => Image,
  note: Note,
): Image {
  const biased = (name: string, from: Image): Image => {
    const y = convolved(from, at(`${path}/${name}/kernel`), 1, 1, 0);
    const bias = at(`${path}/${name}/bias`);
    return mapped(y, (value, i) => value + bias[Math.floor(i / (y.height * y.width))]!);
  };
  const memory = subsample && x.height > 1 && x.width > 1 ? maxPooled(x, 2, 2, 0) : x;
  const [query, key, value] = [biased("theta", x), biased("phi", memory), biased("g", memory)];
  const [positions, keys] = [x.height * x.width, memory.height * memory.width];
  const mixed = image(value.channels, x.height, x.width);
  const weights = new Float64Array(positions * keys);
  for (let i = 0; i < positions; i++) {
    const scores = new Float64Array(keys);
    for (let j = 0; j < keys; j++) {
      for (let c = 0; c < query.channels; c++) scores[j]! += query.data[c * positions + i]! * key.data[c * keys + j]!;
    }
    const most = Math.max(...scores);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - most), 0);
    for (let j = 0; j < keys; j++) {
      const weight = Math.exp(scores[j]! - most) / total;
      weights[i * keys + j] = weight;
      for (let c = 0; c < mixed.channels; c++) mixed.data[c * positions + i]! += weight * value.data[c * keys + j]!;
    }
  }
  note(`${path}/attentionWeights`, weights);
  return plus(x, norm(`${path}/norm`, biased("out", mixed)));
}
