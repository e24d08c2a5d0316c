/** The Vision Transformer in float64 as plain loops, written from the text of papers.md 1.1 to 1.7 and 9.5 and, for its
 * successors, from the formulas of their papers, not from src/. */
import {
  added,
  attention,
  dense,
  geluQuick,
  layerNorm,
  mlp,
  type PlainRotary,
  type Rows,
  rmsNorm,
  rows,
  sincos,
} from "./plain-layers.js";
import { geluErf, geluTanh } from "./reference-network.js";

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

/** Parameter values by path; every array is read as the layout of papers.md 1.9 has it. */
export type PlainParameters = Readonly<Record<string, Float64Array>>;

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
