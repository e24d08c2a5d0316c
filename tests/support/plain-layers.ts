/** Layers of the Vision Transformer in float64 as plain loops, over the tokens of one image. */

/** x sigmoid(1.702 x) */
export const geluQuick = (x: number): number => x / (1 + Math.exp(-1.702 * x));

export interface PlainRotary {
  readonly kind: "centred" | "cells";
  readonly base: number;
  readonly reference?: readonly [number, number];
  readonly offset?: number;
  readonly order?: "yx" | "xy";
}

/** Rows of a fixed width: tokens of one image. */
export interface Rows {
  readonly count: number;
  readonly width: number;
  readonly data: Float64Array;
}

export const rows = (count: number, width: number): Rows => ({ count, width, data: new Float64Array(count * width) });

/** y = x W + b, W row-major [in, out]. */
export function dense(x: Rows, kernel: Float64Array, bias: Float64Array): Rows {
  const out = bias.length;
  if (kernel.length !== x.width * out) throw new Error(`kernel of ${kernel.length} for ${x.width} by ${out}`);
  const y = rows(x.count, out);
  for (let i = 0; i < x.count; i++) {
    for (let o = 0; o < out; o++) {
      let sum = bias[o]!;
      for (let k = 0; k < x.width; k++) sum += x.data[i * x.width + k]! * kernel[k * out + o]!;
      y.data[i * out + o] = sum;
    }
  }
  return y;
}

export const added = (a: Rows, b: Rows): Rows => ({ ...a, data: a.data.map((value, i) => value + b.data[i]!) });

export function layerNorm(x: Rows, scale: Float64Array, bias: Float64Array, epsilon: number): Rows {
  const y = rows(x.count, x.width);
  for (let i = 0; i < x.count; i++) {
    const row = x.data.subarray(i * x.width, (i + 1) * x.width);
    let mean = 0;
    for (const value of row) mean += value / x.width;
    let variance = 0;
    for (const value of row) variance += (value - mean) ** 2 / x.width;
    for (let k = 0; k < x.width; k++) {
      y.data[i * x.width + k] = ((row[k]! - mean) / Math.sqrt(variance + epsilon)) * scale[k]! + bias[k]!;
    }
  }
  return y;
}

/** x / sqrt(mean x^2 + epsilon), times scale */
export function rmsNorm(x: Rows, scale: Float64Array, epsilon: number): Rows {
  const y = rows(x.count, x.width);
  for (let i = 0; i < x.count; i++) {
    const row = x.data.subarray(i * x.width, (i + 1) * x.width);
    const square = row.reduce((sum, value) => sum + value * value, 0) / x.width;
    for (let k = 0; k < x.width; k++) y.data[i * x.width + k] = (row[k]! / Math.sqrt(square + epsilon)) * scale[k]!;
  }
  return y;
}

/** The grid whose patches are rotated, and the number of tokens before them. */
export interface Rotation extends PlainRotary {
  readonly rows: number;
  readonly columns: number;
  readonly first: number;
}

/**
 * Rotates the channels of every head of every patch, in place. Pair p of a head with `side` channels: its first quarter of frequencies turns with
 * the rows (or, for "xy", the columns), the second with the other axis. DINOv3: pairs (p, p + side/2), positions 2 (i + 1/2) / n - 1 times 2 pi. EVA-02:
 * pairs (2p, 2p + 1), positions (i + offset) reference / n.
 */
export function rotateHeads(x: Rows, heads: number, rotation: Rotation): void {
  const side = x.width / heads;
  const centred = rotation.kind === "centred";
  const place = (i: number, n: number, axis: number): number =>
    centred
      ? 2 * Math.PI * ((2 * (i + 0.5)) / n - 1)
      : ((i + (rotation.offset ?? 0)) * (rotation.reference?.[axis] ?? n)) / n;
  for (let t = rotation.first; t < x.count; t++) {
    const cell = t - rotation.first;
    const y = place(Math.floor(cell / rotation.columns), rotation.rows, 0);
    const z = place(cell % rotation.columns, rotation.columns, 1);
    const axes = rotation.order === "xy" ? [z, y] : [y, z];
    for (let h = 0; h < heads; h++) {
      for (let p = 0; p < side / 2; p++) {
        const k = p % (side / 4);
        const angle = axes[p < side / 4 ? 0 : 1]! / rotation.base ** ((4 * k) / side);
        const a = t * x.width + h * side + (centred ? p : 2 * p);
        const b = a + (centred ? side / 2 : 1);
        const [u, v] = [x.data[a]!, x.data[b]!];
        x.data[a] = u * Math.cos(angle) - v * Math.sin(angle);
        x.data[b] = v * Math.cos(angle) + u * Math.sin(angle);
      }
    }
  }
}

/** One embedding [h, 2n - 1, dh] an offset i - j of patches, from n - 1 down; `first` tokens in front have no place. */
export interface Relative {
  readonly table: Float64Array;
  readonly first: number;
}

/** Queries from `x`, keys and values from `memory`; kernels [d, h, dh] and [h, dh, d]. Weights are [h, t, s]. */
export function attention(
  at: (name: string) => Float64Array,
  x: Rows,
  memory: Rows,
  heads: number,
  more: {
    readonly relative?: Relative | undefined;
    readonly rotation?: Rotation | undefined;
    readonly withoutBias?: readonly string[] | undefined;
    readonly norm?: ((x: Rows) => Rows) | undefined;
  } = {},
) {
  const { relative, rotation, withoutBias = [], norm = (y: Rows) => y } = more;
  const d = x.width;
  const side = d / heads;
  const biasOf = (name: string) => (withoutBias.includes(name) ? new Float64Array(d) : at(`${name}/bias`));
  const q = dense(x, at("query/kernel"), biasOf("query"));
  const k = dense(memory, at("key/kernel"), biasOf("key"));
  const v = dense(memory, at("value/kernel"), biasOf("value"));
  if (rotation) for (const one of [q, k]) rotateHeads(one, heads, rotation);
  const weights = new Float64Array(heads * x.count * memory.count);
  const mixed = rows(x.count, d);
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < x.count; i++) {
      const scores = new Float64Array(memory.count);
      for (let j = 0; j < memory.count; j++) {
        for (let c = 0; c < side; c++) {
          scores[j]! += (q.data[i * d + h * side + c]! / Math.sqrt(side)) * k.data[j * d + h * side + c]!;
        }
      }
      if (relative && i >= relative.first) {
        const patches = x.count - relative.first;
        for (let j = relative.first; j < x.count; j++) {
          const row = h * (2 * patches - 1) + (patches - 1 - (i - j));
          for (let c = 0; c < side; c++) {
            scores[j]! += (q.data[i * d + h * side + c]! * relative.table[row * side + c]!) / Math.sqrt(side);
          }
        }
      }
      const top = Math.max(...scores);
      let total = 0;
      for (let j = 0; j < memory.count; j++) total += Math.exp(scores[j]! - top);
      for (let j = 0; j < memory.count; j++) {
        const weight = Math.exp(scores[j]! - top) / total;
        weights[(h * x.count + i) * memory.count + j] = weight;
        for (let c = 0; c < side; c++) mixed.data[i * d + h * side + c]! += weight * v.data[j * d + h * side + c]!;
      }
    }
  }
  return { output: dense(norm(mixed), at("out/kernel"), biasOf("out")), weights };
}

export interface PlainMlp {
  readonly hidden: number;
  readonly gelu: (x: number) => number;
  readonly gated?: boolean;
  readonly bias?: boolean;
  readonly norm?: ((x: Rows) => Rows) | undefined;
}

/** dense, GELU, dense; gated: down(a sigmoid(a) b) with a = gate x, b = up x */
export function mlp(at: (name: string) => Float64Array, x: Rows, options: PlainMlp): Rows {
  const { hidden: width, gelu, gated = false, bias = true, norm = (y: Rows) => y } = options;
  const layer = (y: Rows, name: string, out: number) =>
    dense(y, at(`${name}/kernel`), bias ? at(`${name}/bias`) : new Float64Array(out));
  const first = layer(x, gated ? "gate" : "Dense_0", width);
  const up = gated ? layer(x, "up", width) : first;
  const data = first.data.map((value, i) => (gated ? (value / (1 + Math.exp(-value))) * up.data[i]! : gelu(value)));
  return layer(norm({ ...first, data }), gated ? "down" : "Dense_1", x.width);
}

/** [sin(x w), cos(x w), sin(y w), cos(y w)], w_k = 10000^(-k / (d/4 - 1)), of a grid row-major. */
export function sincos(height: number, width: number, d: number): Float64Array {
  const q = d / 4;
  return Float64Array.from({ length: height * width * d }, (_, i) => {
    const cell = Math.floor(i / d);
    const part = Math.floor((i % d) / q);
    const angle = (part < 2 ? cell % width : Math.floor(cell / width)) * 10000 ** (-(i % q) / (q - 1));
    return part % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}
