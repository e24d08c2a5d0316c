/** MLP-Mixer in float64 as plain loops, with the swap of axes as the paper writes it; from papers.md 3.2, not from src/. */
import type { PlainParameters } from "./plain-vit.js";
import { geluErf, geluTanh } from "./reference-network.js";

export interface PlainMixerConfig {
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly classes: number;
  readonly gelu: "tanh" | "erf";
  readonly layerNormEpsilon: number;
}

/** Rows of equal width. */
type Matrix = number[][];

const swapped = (x: Matrix): Matrix => x[0]!.map((_, column) => x.map((row) => row[column]!));
const added = (a: Matrix, b: Matrix): Matrix => a.map((row, i) => row.map((value, k) => value + b[i]![k]!));
const flat = (x: Matrix): Float64Array => Float64Array.from(x.flat());

/** Every row through x W + b. */
function dense(x: Matrix, kernel: Float64Array, bias: Float64Array): Matrix {
  if (kernel.length !== x[0]!.length * bias.length) throw new Error(`a kernel of ${kernel.length}`);
  return x.map((row) =>
    Array.from(bias, (start, o) => row.reduce((sum, value, k) => sum + value * kernel[k * bias.length + o]!, start)),
  );
}

function layerNorm(x: Matrix, scale: Float64Array, bias: Float64Array, epsilon: number): Matrix {
  return x.map((row) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    return row.map((value, k) => ((value - mean) / Math.sqrt(variance + epsilon)) * scale[k]! + bias[k]!);
  });
}

/** Every intermediate of images [N, H, W, C] by the name the model gives it, the images' one after the other. */
export function plainMixer(
  parameters: PlainParameters,
  images: ArrayLike<number>,
  [n, height, width, channels]: readonly [number, number, number, number],
  config: PlainMixerConfig,
): Record<string, Float64Array> {
  const collected: Record<string, number[]> = {};
  const size = height * width * channels;
  for (let i = 0; i < n; i++) {
    const pixel = (y: number, x: number, c: number) => images[i * size + (y * width + x) * channels + c]!;
    one(parameters, pixel, [height, width, channels], config, (name, values) => {
      collected[name] ??= [];
      for (const value of values) collected[name].push(value);
    });
  }
  return Object.fromEntries(Object.entries(collected).map(([name, values]) => [name, Float64Array.from(values)]));
}

function one(
  parameters: PlainParameters,
  pixel: (y: number, x: number, c: number) => number,
  [height, width, channels]: readonly [number, number, number],
  { patchSize: p, depth, classes, layerNormEpsilon, gelu }: PlainMixerConfig,
  note: (name: string, values: Float64Array) => void,
): void {
  const at = (name: string): Float64Array => {
    const found = parameters[name];
    if (!found) throw new Error(`no parameter ${name}`);
    return found;
  };
  const layer = (name: string, x: Matrix): Matrix => dense(x, at(`${name}/kernel`), at(`${name}/bias`));
  const norm = (name: string, x: Matrix): Matrix =>
    layerNorm(x, at(`${name}/scale`), at(`${name}/bias`), layerNormEpsilon);
  const activation = gelu === "tanh" ? geluTanh : geluErf;
  const mlp = (name: string, x: Matrix): Matrix =>
    layer(
      `${name}/Dense_1`,
      layer(`${name}/Dense_0`, x).map((row) => row.map(activation)),
    );

  const patches: Matrix = [];
  for (let top = 0; top + p <= height; top += p) {
    for (let left = 0; left + p <= width; left += p) {
      const values: number[] = [];
      for (let y = 0; y < p; y++) {
        for (let x = 0; x < p; x++) for (let c = 0; c < channels; c++) values.push(pixel(top + y, left + x, c));
      }
      patches.push(values);
    }
  }
  let x = layer("stem", patches);
  note("stem", flat(x));
  for (let l = 0; l < depth; l++) {
    const block = `MixerBlock_${l}`;
    const tokens = swapped(mlp(`${block}/token_mixing`, swapped(norm(`${block}/LayerNorm_0`, x))));
    note(`${block}/tokenMixing`, flat(tokens));
    x = added(x, tokens);
    note(`${block}/afterTokenMixing`, flat(x));
    const mixed = mlp(`${block}/channel_mixing`, norm(`${block}/LayerNorm_1`, x));
    note(`${block}/channelMixing`, flat(mixed));
    x = added(x, mixed);
    note(`${block}/output`, flat(x));
  }
  x = norm("pre_head_layer_norm", x);
  note("encoded", flat(x));
  const pooled = [swapped(x).map((channel) => channel.reduce((sum, value) => sum + value, 0) / channel.length)];
  note("headInput", flat(pooled));
  note("preLogits", flat(pooled));
  if (classes > 0) note("logits", flat(layer("head", pooled)));
}
