/** The Vision Transformer in float64 as plain loops, written from the text of papers.md 1.1 to 1.7 and 9.5 and, for its
 * successors, from the formulas of their papers, not from src/. */
import { geluErf, geluTanh } from "./reference-network.js";

/** x sigmoid(1.702 x) */
const geluQuick = (x: number): number => x / (1 + Math.exp(-1.702 * x));

export interface PlainViTConfig {
  readonly patchSize: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly mlpDim: number;
  readonly classes: number;
  readonly pooling: "tok" | "gap" | "map" | "none";
  /** With `after` the mean over tokens is normalised, not the tokens. */
  readonly poolNorm: "before" | "after";
  readonly posEmbedding: "learn" | "learn2d" | "relative" | "sincos2d" | "none";
  readonly posEmbeddingLayers: "input" | "everyLayer" | "everyLayerShared";
  readonly classTokenOrder: "before" | "after";
  readonly preLogits: boolean | number;
  readonly gelu: "tanh" | "erf" | "quick";
  readonly layerNormEpsilon: number;
  readonly classToken?: boolean;
  readonly registers?: number;
  readonly rotary?: PlainRotary;
  readonly norm?: "layer" | "rms";
  readonly inputNorm?: "none" | "patches" | "tokens";
  readonly innerNorms?: readonly string[];
  readonly layerScale?: number;
  readonly mlp?: "gelu" | "swiglu";
  readonly withoutBias?: readonly string[];
  readonly poolHeads?: number;
  readonly projection?: number;
}

interface PlainRotary {
  readonly form: "centred" | "cells";
  readonly base: number;
  readonly reference?: readonly [number, number];
  readonly offset?: number;
  readonly order?: "yx" | "xy";
}

/** Parameter values by path; every array is read as the layout of papers.md 1.9 has it. */
export type PlainParameters = Readonly<Record<string, Float64Array>>;

/** Rows of a fixed width: tokens of one image. */
interface Rows {
  readonly count: number;
  readonly width: number;
  readonly data: Float64Array;
}

const rows = (count: number, width: number): Rows => ({ count, width, data: new Float64Array(count * width) });

/** y = x W + b, W row-major [in, out]. */
function dense(x: Rows, kernel: Float64Array, bias: Float64Array): Rows {
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

const added = (a: Rows, b: Rows): Rows => ({ ...a, data: a.data.map((value, i) => value + b.data[i]!) });

function layerNorm(x: Rows, scale: Float64Array, bias: Float64Array, epsilon: number): Rows {
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
function rmsNorm(x: Rows, scale: Float64Array, epsilon: number): Rows {
  const y = rows(x.count, x.width);
  for (let i = 0; i < x.count; i++) {
    const row = x.data.subarray(i * x.width, (i + 1) * x.width);
    const square = row.reduce((sum, value) => sum + value * value, 0) / x.width;
    for (let k = 0; k < x.width; k++) y.data[i * x.width + k] = (row[k]! / Math.sqrt(square + epsilon)) * scale[k]!;
  }
  return y;
}

/** The grid whose patches are rotated, and the number of tokens before them. */
interface Rotation extends PlainRotary {
  readonly rows: number;
  readonly columns: number;
  readonly first: number;
}

/**
 * Rotates the channels of every head of every patch, in place. Pair p of a head with `side` channels: its first quarter of frequencies turns with
 * the rows (or, for "xy", the columns), the second with the other axis. DINOv3: pairs (p, p + side/2), positions 2 (i + 1/2) / n - 1 times 2 pi. EVA-02:
 * pairs (2p, 2p + 1), positions (i + offset) reference / n.
 */
function rotateHeads(x: Rows, heads: number, rotation: Rotation): void {
  const side = x.width / heads;
  const centred = rotation.form === "centred";
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
interface Relative {
  readonly table: Float64Array;
  readonly first: number;
}

/** Queries from `x`, keys and values from `memory`; kernels [d, h, dh] and [h, dh, d]. Weights are [h, t, s]. */
function attention(
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

interface PlainMlp {
  readonly hidden: number;
  readonly gelu: (x: number) => number;
  readonly gated?: boolean;
  readonly bias?: boolean;
  readonly norm?: ((x: Rows) => Rows) | undefined;
}

/** dense, GELU, dense; gated: down(a sigmoid(a) b) with a = gate x, b = up x */
function mlp(at: (name: string) => Float64Array, x: Rows, options: PlainMlp): Rows {
  const { hidden: width, gelu, gated = false, bias = true, norm = (y: Rows) => y } = options;
  const layer = (y: Rows, name: string, out: number) =>
    dense(y, at(`${name}/kernel`), bias ? at(`${name}/bias`) : new Float64Array(out));
  const first = layer(x, gated ? "gate" : "Dense_0", width);
  const up = gated ? layer(x, "up", width) : first;
  const data = first.data.map((value, i) => (gated ? (value / (1 + Math.exp(-value))) * up.data[i]! : gelu(value)));
  return layer(norm({ ...first, data }), gated ? "down" : "Dense_1", x.width);
}

/** [sin(x w), cos(x w), sin(y w), cos(y w)], w_k = 10000^(-k / (d/4 - 1)), of a grid row-major. */
function sincos(height: number, width: number, d: number): Float64Array {
  const q = d / 4;
  return Float64Array.from({ length: height * width * d }, (_, i) => {
    const cell = Math.floor(i / d);
    const part = Math.floor((i % d) / q);
    const angle = (part < 2 ? cell % width : Math.floor(cell / width)) * 10000 ** (-(i % q) / (q - 1));
    return part % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}

/**
 * Every intermediate of images [N, H, W, C] by the name the model gives it; each value is the images' one after the
 * other. `logits` only with classes, `preLogits` always.
 */
export function plainViT(
  parameters: PlainParameters,
  images: ArrayLike<number>,
  shape: readonly [number, number, number, number],
  config: PlainViTConfig,
  corrupt: (tokens: Float64Array, image: number) => Float64Array = (tokens) => tokens,
): Record<string, Float64Array> {
  const [n, height, width, channels] = shape;
  const collected: Record<string, Float64Array[]> = {};
  const size = height * width * channels;
  for (let i = 0; i < n; i++) {
    const image = Array.prototype.slice.call(images, i * size, (i + 1) * size) as number[];
    const note = (name: string, values: Float64Array) => {
      collected[name] ??= [];
      collected[name].push(values);
    };
    one(parameters, image, [height, width, channels], config, note, (tokens) => corrupt(tokens, i));
  }
  return Object.fromEntries(
    Object.entries(collected).map(([name, pieces]) => {
      const whole = new Float64Array(pieces.length * pieces[0]!.length);
      pieces.forEach((piece, i) => {
        whole.set(piece, i * piece.length);
      });
      return [name, whole];
    }),
  );
}

function one(
  parameters: PlainParameters,
  image: readonly number[],
  [height, width, channels]: readonly [number, number, number],
  config: PlainViTConfig,
  note: (name: string, values: Float64Array) => void,
  corrupt: (tokens: Float64Array) => Float64Array,
): void {
  const { patchSize: p, width: d, heads, layerNormEpsilon: epsilon, pooling } = config;
  const gelu = { tanh: geluTanh, erf: geluErf, quick: geluQuick }[config.gelu];
  const { withoutBias = [], innerNorms = [], registers = 0 } = config;
  const at = (path: string) => (name: string) => {
    const found = parameters[path === "" ? name : `${path}/${name}`];
    if (!found) throw new Error(`no parameter ${path}/${name}`);
    return found;
  };
  const top = at("");
  const norm = (y: Rows, path: string): Rows =>
    config.norm === "rms"
      ? rmsNorm(y, top(`${path}/scale`), epsilon)
      : layerNorm(y, top(`${path}/scale`), top(`${path}/bias`), epsilon);

  // a convolution: kernel p x p (HWIO), stride p, VALID
  const gridRows = Math.floor(height / p);
  const gridColumns = Math.floor(width / p);
  const kernel = top("embedding/kernel");
  let x = rows(gridRows * gridColumns, d);
  for (let gy = 0; gy < gridRows; gy++) {
    for (let gx = 0; gx < gridColumns; gx++) {
      for (let o = 0; o < d; o++) {
        let sum = withoutBias.includes("patch") ? 0 : top("embedding/bias")[o]!;
        for (let y = 0; y < p; y++) {
          for (let z = 0; z < p; z++) {
            for (let c = 0; c < channels; c++) {
              const pixel = image[((gy * p + y) * width + gx * p + z) * channels + c]!;
              sum += pixel * kernel[((y * p + z) * channels + c) * d + o]!;
            }
          }
        }
        x.data[(gy * gridColumns + gx) * d + o] = sum;
      }
    }
  }
  note("stem", x.data);
  if (config.inputNorm === "patches") x = norm(x, "embedding_norm");
  x = { ...x, data: corrupt(x.data) };

  const withClassToken = config.classToken ?? pooling === "tok";
  const token = withClassToken ? top("cls") : new Float64Array();
  const joined = (y: Rows): Rows =>
    withClassToken ? { count: y.count + 1, width: d, data: Float64Array.from([...token, ...y.data]) } : y;
  const plus = (y: Rows, table: Float64Array): Rows => {
    if (table.length !== y.data.length) throw new Error(`a table of ${table.length} for ${y.data.length} values`);
    return added(y, { ...y, data: table });
  };
  const zeroRow = Array.from({ length: d }, () => 0);
  const tokens = gridRows * gridColumns;
  const ownRow = withClassToken && config.posEmbedding === "learn" && config.classTokenOrder === "before";
  // What is added to all tokens, the class token included, from the tables of a place.
  const tableAt = (place: string): Float64Array => {
    const named = at(place);
    if (config.posEmbedding === "learn") {
      const table = named(place === "" && ownRow ? "Transformer/posembed_input/pos_embedding" : "pos_embedding");
      if (table.length !== (tokens + (ownRow ? 1 : 0)) * d) throw new Error(`a table of ${table.length}`);
      return withClassToken && !ownRow ? Float64Array.from([...zeroRow, ...table]) : table;
    }
    let table: Float64Array;
    if (config.posEmbedding === "learn2d") {
      const [byColumn, byRow] = [named("pos_embedding_x"), named("pos_embedding_y")];
      if (byColumn.length !== (gridColumns * d) / 2 || byRow.length !== (gridRows * d) / 2)
        throw new Error("2-D tables");
      table = Float64Array.from({ length: tokens * d }, (_, i) => {
        const [cell, k] = [Math.floor(i / d), i % d];
        const [row, column] = [Math.floor(cell / gridColumns), cell % gridColumns];
        return k < d / 2 ? byColumn[(column * d) / 2 + k]! : byRow[(row * d) / 2 + k - d / 2]!;
      });
    } else {
      table = sincos(gridRows, gridColumns, d);
    }
    return withClassToken ? Float64Array.from([...zeroRow, ...table]) : table;
  };
  const addsTable = config.posEmbedding !== "none" && config.posEmbedding !== "relative";
  x = joined(x);
  if (addsTable) x = plus(x, tableAt(""));
  const afterClass = withClassToken ? d : 0;
  if (registers > 0) {
    const data = [...x.data.slice(0, afterClass), ...top("registers"), ...x.data.slice(afterClass)];
    x = { count: x.count + registers, width: d, data: Float64Array.from(data) };
  }
  note("withPositions", x.data);
  if (config.inputNorm === "tokens") x = norm(x, "Transformer/input_norm");
  const prefix = (withClassToken ? 1 : 0) + registers;
  const rotation = config.rotary && { ...config.rotary, rows: gridRows, columns: gridColumns, first: prefix };

  for (let l = 0; l < config.depth; l++) {
    const path = `Transformer/encoderblock_${l}`;
    const block = at(path);
    if (l > 0 && addsTable && config.posEmbeddingLayers !== "input") {
      x = plus(x, tableAt(config.posEmbeddingLayers === "everyLayer" ? path : ""));
      note(`${path}/withPositions`, x.data);
    }
    const scaled = (y: Rows, name: string): Rows =>
      config.layerScale === undefined
        ? y
        : { ...y, data: y.data.map((value, i) => value * block(`${name}/scale`)[i % d]!) };
    const first = norm(x, `${path}/LayerNorm_0`);
    const own = `${path}/MultiHeadDotProductAttention_0`;
    const holder = config.posEmbeddingLayers === "everyLayerShared" ? "Transformer" : own;
    const relative =
      config.posEmbedding === "relative"
        ? { table: at(holder)("relative_embedding"), first: withClassToken ? 1 : 0 }
        : undefined;
    const attended = attention(at(own), first, first, heads, {
      relative,
      rotation,
      withoutBias,
      norm: innerNorms.includes("attention") ? (y) => norm(y, `${own}/norm`) : undefined,
    });
    note(`${path}/MultiHeadDotProductAttention_0/attentionWeights`, attended.weights);
    note(`${path}/attention`, attended.output.data);
    x = added(x, scaled(attended.output, "LayerScale_0"));
    note(`${path}/afterAttention`, x.data);
    const second = norm(x, `${path}/LayerNorm_1`);
    const gated = config.mlp === "swiglu";
    const inner = `${path}/${gated ? "SwiGLU_0" : "MlpBlock_0"}`;
    const hidden = mlp(at(inner), second, {
      hidden: config.mlpDim,
      gelu,
      gated,
      bias: !withoutBias.includes("mlp"),
      norm: innerNorms.includes("mlp") ? (y) => norm(y, `${inner}/norm`) : undefined,
    });
    note(`${path}/mlp`, hidden.data);
    x = added(x, scaled(hidden, "LayerScale_1"));
    note(`${path}/output`, x.data);
  }
  if (config.poolNorm === "before") x = norm(x, "Transformer/encoder_norm");
  note("encoded", x.data);

  let pooled: Rows;
  if (pooling === "none") pooled = x;
  else if (pooling === "tok") pooled = { count: 1, width: d, data: x.data.slice(0, d) };
  else if (pooling === "gap") {
    pooled = rows(1, d);
    x.data.slice(prefix * d).forEach((value, i) => {
      pooled.data[i % d]! += value / tokens;
    });
    if (config.poolNorm === "after") pooled = norm(pooled, "fc_norm");
  } else {
    const probe = { count: 1, width: d, data: top("MAPHead_0/probe") };
    const y = attention(at("MAPHead_0/MultiHeadDotProductAttention_0"), probe, x, config.poolHeads ?? heads);
    note("MAPHead_0/MultiHeadDotProductAttention_0/attentionWeights", y.weights);
    const normed = norm(y.output, "MAPHead_0/LayerNorm_0");
    pooled = added(y.output, mlp(at("MAPHead_0/MlpBlock_0"), normed, { hidden: config.mlpDim, gelu }));
  }
  note("headInput", pooled.data);
  if (config.projection !== undefined) {
    pooled = dense(pooled, top("projection/kernel"), new Float64Array(config.projection));
    note("projected", pooled.data);
  }
  if (config.preLogits !== false) {
    const hidden = dense(pooled, top("pre_logits/kernel"), top("pre_logits/bias"));
    pooled = { ...hidden, data: hidden.data.map(Math.tanh) };
  }
  note("preLogits", pooled.data);
  if (config.classes > 0) note("logits", dense(pooled, top("head/kernel"), top("head/bias")).data);
}
