/** The MobileNets in float64 as plain loops, written from the tables of arXiv:1801.04381 and 1905.02244, not from src/. */
import type { PlainParameters } from "./plain-vit.js";

export interface PlainMobileNetConfig {
  readonly architecture: "V2" | "V3-large" | "V3-small";
  readonly widthFactor: number;
  readonly classes: number;
  readonly activation?: "relu" | "relu6" | "hardSwish" | undefined;
  readonly padding: "same" | "symmetric";
  readonly batchNormEpsilon: number;
}

/** [kernel, expansion, channels, squeeze-and-excitation, activation, stride] of every block. */
type Block = readonly [number, number, number, 0 | 1, "relu" | "relu6" | "hardSwish", number];

/** [t, c, n, s] of table 2 of MobileNetV2. */
const second: readonly (readonly [number, number, number, number])[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];
/** Kernel, channels of the expansion, output channels, squeeze-and-excitation, hard swish, stride: tables 1 and 2 of MobileNetV3. */
const large = `3 16 16 0 0 1; 3 64 24 0 0 2; 3 72 24 0 0 1; 5 72 40 1 0 2; 5 120 40 1 0 1; 5 120 40 1 0 1; 3 240 80 0 1 2; 3 200 80 0 1 1;
  3 184 80 0 1 1; 3 184 80 0 1 1; 3 480 112 1 1 1; 3 672 112 1 1 1; 5 672 160 1 1 2; 5 960 160 1 1 1; 5 960 160 1 1 1`;
const small = `3 16 16 1 0 2; 3 72 24 0 0 2; 3 88 24 0 0 1; 5 96 40 1 1 2; 5 240 40 1 1 1; 5 240 40 1 1 1; 5 120 48 1 1 1; 5 144 48 1 1 1;
  5 288 96 1 1 2; 5 576 96 1 1 1; 5 576 96 1 1 1`;

function blocksOf(architecture: PlainMobileNetConfig["architecture"]): Block[] {
  if (architecture === "V2") {
    return second.flatMap(([t, c, n, s]) =>
      Array.from({ length: n }, (_, i): Block => [3, t, c, 0, "relu6", i === 0 ? s : 1]),
    );
  }
  let input = 16;
  return (architecture === "V3-large" ? large : small).split(";").map((line): Block => {
    const [kernel, expanded, channels, gated, swish, stride] = line.trim().split(/\s+/).map(Number) as number[];
    const block: Block = [
      kernel!,
      expanded! / input,
      channels!,
      gated === 1 ? 1 : 0,
      swish ? "hardSwish" : "relu",
      stride!,
    ];
    input = channels!;
    return block;
  });
}

/** The nearest multiple of 8, but at least 8 and not more than a tenth below. */
function multipleOf8(channels: number): number {
  let nearest = 8;
  while (nearest + 4 <= channels) nearest += 8;
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}

/** A batch of images, [N, C, H, W]. */
interface Images {
  readonly shape: readonly [n: number, c: number, h: number, w: number];
  readonly data: Float64Array;
}

const images = (...shape: Images["shape"]): Images => ({
  shape,
  data: new Float64Array(shape[0] * shape[1] * shape[2] * shape[3]),
});

function pads(size: number, kernel: number, stride: number, padding: "same" | "symmetric"): [number, number] {
  const half = (kernel - 1) / 2;
  if (padding === "symmetric") return [half, Math.floor((size + 2 * half - kernel) / stride) + 1];
  const out = Math.ceil(size / stride);
  return [Math.floor(Math.max((out - 1) * stride + kernel - size, 0) / 2), out];
}

/** Kernels [O, C, k, k], or of each channel [C, 1, k, k]. */
function convolved(
  x: Images,
  kernels: Float64Array,
  [outputs, side, stride]: readonly [number, number, number],
  isDepthwise: boolean,
  padding: "same" | "symmetric",
): Images {
  const [n, c, h, w] = x.shape;
  const [top, rows] = pads(h, side, stride, padding);
  const [left, columns] = pads(w, side, stride, padding);
  const y = images(n, outputs, rows, columns);
  const taken = isDepthwise ? 1 : c;
  if (kernels.length !== outputs * taken * side * side) throw new Error(`kernels of ${kernels.length} numbers`);
  let at = 0;
  for (let image = 0; image < n; image++) {
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
          let sum = 0;
          for (let k = 0; k < taken; k++) {
            const plane = (image * c + (isDepthwise ? o : k)) * h;
            for (let a = 0; a < side; a++) {
              const row = i * stride + a - top;
              if (row < 0 || row >= h) continue;
              for (let b = 0; b < side; b++) {
                const column = j * stride + b - left;
                if (column < 0 || column >= w) continue;
                sum += x.data[(plane + row) * w + column]! * kernels[((o * taken + k) * side + a) * side + b]!;
              }
            }
          }
          y.data[at++] = sum;
        }
      }
    }
  }
  return y;
}

/** Mean and biased variance of every channel. */
function statistics({ shape: [n, c, h, w], data }: Images) {
  const [mean, variance] = [new Float64Array(c), new Float64Array(c)];
  const count = n * h * w;
  const channel = (i: number) => Math.floor(i / (h * w)) % c;
  for (let i = 0; i < data.length; i++) mean[channel(i)]! += data[i]! / count;
  for (let i = 0; i < data.length; i++) variance[channel(i)]! += (data[i]! - mean[channel(i)]!) ** 2 / count;
  return { mean, variance };
}

const gate = (x: number): number => Math.max(0, Math.min(6, x + 3)) / 6;
const activations = {
  relu: (x: number) => Math.max(x, 0),
  relu6: (x: number) => Math.max(0, Math.min(6, x)),
  hardSwish: (x: number) => x * gate(x),
};

const mapped = (x: Images, f: (value: number, i: number) => number): Images => ({ ...x, data: x.data.map(f) });

/** Spatial means [N, C]. */
function means({ shape: [n, c, h, w], data }: Images): Float64Array {
  const out = new Float64Array(n * c);
  for (let i = 0; i < data.length; i++) out[Math.floor(i / (h * w))]! += data[i]! / (h * w);
  return out;
}

function dense(x: Float64Array, n: number, kernel: Float64Array, bias: Float64Array): Float64Array {
  const [inputs, outputs] = [x.length / n, bias.length];
  return Float64Array.from({ length: n * outputs }, (_, i) => {
    const [row, o] = [Math.floor(i / outputs), i % outputs];
    let sum = bias[o]!;
    for (let k = 0; k < inputs; k++) sum += x[row * inputs + k]! * kernel[k * outputs + o]!;
    return sum;
  });
}

/**
 * Every intermediate by name for NHWC images, of the shape [N, H, W, C]. `norms` says whether norms have the statistics of the batch, which it then
 * fills in by name, or the running statistics.
 */
export function plainMobileNet(
  parameters: PlainParameters,
  pixels: ArrayLike<number>,
  [n, height, width, channels]: readonly [number, number, number, number],
  config: PlainMobileNetConfig,
  batch?: Record<string, { mean: Float64Array; variance: Float64Array }>,
): Record<string, Float64Array> {
  const found: Record<string, Float64Array> = {};
  const { architecture, widthFactor, padding } = config;
  const at = (name: string): Float64Array => {
    const values = parameters[name];
    if (!values) throw new Error(`no parameter ${name}`);
    return values;
  };
  const layer = (
    name: string,
    x: Images,
    sizes: readonly [number, number, number],
    published?: keyof typeof activations,
    isDepthwise = false,
  ): Images => {
    const y = convolved(x, at(`${name}/kernel`), sizes, isDepthwise, padding);
    const own = batch ? statistics(y) : { mean: at(`${name}/norm/mean`), variance: at(`${name}/norm/variance`) };
    if (batch) batch[name] = own;
    const [scale, bias] = [at(`${name}/norm/scale`), at(`${name}/norm/bias`)];
    const [, c, h, w] = y.shape;
    const f = published ? activations[config.activation ?? published] : (value: number) => value;
    return mapped(y, (value, i) => {
      const k = Math.floor(i / (h * w)) % c;
      const normal = (value - own.mean[k]!) / Math.sqrt(own.variance[k]! + config.batchNormEpsilon);
      return f(normal * scale[k]! + bias[k]!);
    });
  };
  const outer = architecture === "V2" ? "relu6" : "hardSwish";
  let x = images(n, channels, height, width);
  for (let i = 0; i < x.data.length; i++) {
    const [image, k, position] = [
      Math.floor(i / (channels * height * width)),
      Math.floor(i / (height * width)) % channels,
      i % (height * width),
    ];
    x.data[i] = pixels[(image * height * width + position) * channels + k]!;
  }
  x = layer("stem", x, [multipleOf8((architecture === "V2" ? 32 : 16) * widthFactor), 3, 2], outer);
  found["stem"] = x.data;
  for (const [i, [kernel, expansion, out, isGated, activation, stride]] of blocksOf(architecture).entries()) {
    const name = `block${i + 1}`;
    const wide = multipleOf8(x.shape[1] * expansion);
    let y = x;
    if (expansion !== 1) {
      y = layer(`${name}/expand`, x, [wide, 1, 1], activation);
      found[`${name}/expanded`] = y.data;
    }
    y = layer(`${name}/depthwise`, y, [wide, kernel, stride], activation, true);
    found[`${name}/depthwise`] = y.data;
    if (isGated) {
      const part = (which: string) => [at(`${name}/se/${which}/kernel`), at(`${name}/se/${which}/bias`)] as const;
      const hidden = dense(means(y), n, ...part("squeeze")).map(activations.relu);
      const gates = dense(hidden, n, ...part("excite")).map(gate);
      found[`${name}/se/gate`] = gates;
      const area = y.shape[2] * y.shape[3];
      y = mapped(y, (value, k) => value * gates[Math.floor(k / area)]!);
    }
    y = layer(`${name}/project`, y, [multipleOf8(out * widthFactor), 1, 1]);
    if (stride === 1 && y.shape[1] === x.shape[1]) {
      const before = x;
      y = mapped(y, (value, k) => value + before.data[k]!);
    }
    x = y;
    found[`${name}/output`] = x.data;
  }
  const features = architecture === "V3-small" ? 1024 : 1280;
  const last = { V2: features, "V3-large": multipleOf8(960 * widthFactor), "V3-small": multipleOf8(576 * widthFactor) };
  x = layer("last", x, [parameters["last/norm/bias"]?.length ?? last[architecture], 1, 1], outer);
  found["features"] = x.data;
  const pooled = means(x);
  const hidden = () =>
    dense(pooled, n, at("hidden/kernel"), at("hidden/bias")).map(activations[config.activation ?? outer]);
  found["preLogits"] = architecture === "V2" ? pooled : hidden();
  if (config.classes > 0) found["logits"] = dense(found["preLogits"], n, at("head/kernel"), at("head/bias"));
  return found;
}
