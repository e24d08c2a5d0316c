/**
 * Builds the graph that converters usually write of a network, to compare with Fovea's exports. As in PyTorch's exports
 * of timm's and Hugging Face's models, every layer consists of small operations; the runtime fuses what it can.
 */
import { encodeNumbers, freeSide, type Initializer, type OnnxGraph, type OnnxNode } from "../graph/index.js";
import { isPlainViT, type ResNetConfig, type ViTConfig } from "../models/index.js";

/** Parameters by Fovea's names, row-major. */
export type Parameters = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

class Builder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: Initializer[] = [];
  private count = 0;

  node(type: string, inputs: readonly string[], attributes: OnnxNode["attributes"] = {}): string {
    const output = `${type}_${this.count++}`;
    this.nodes.push({ type, inputs, outputs: [output], attributes, domain: "" });
    return output;
  }

  float(values: ArrayLike<number>, shape: readonly number[] = [values.length]): string {
    const name = `weight_${this.count++}`;
    this.initializers.push({ name, type: { dtype: "float32", shape }, bytes: encodeNumbers(values, "float32") });
    return name;
  }

  scalar = (value: number): string => this.float([value], []);

  int64(...values: number[]): string {
    const name = `shape_${this.count++}`;
    this.initializers.push({
      name,
      type: { dtype: "int64", shape: [values.length] },
      bytes: encodeNumbers(values, "int64"),
    });
    return name;
  }

  reshape = (x: string, ...shape: number[]): string => this.node("Reshape", [x, this.int64(...shape)]);
  transpose = (x: string, ...perm: number[]): string => this.node("Transpose", [x], { perm: { ints: perm } });
  add = (a: string, b: string): string => this.node("Add", [a, b]);
  multiply = (a: string, b: string): string => this.node("Mul", [a, b]);

  graph(name: string, image: readonly [number, number, number], logits: string, classes: number): OnnxGraph {
    const [height, width, channels] = image;
    this.nodes.push({ type: "Identity", inputs: [logits], outputs: ["logits"], attributes: {}, domain: "" });
    return {
      name,
      nodes: this.nodes,
      initializers: this.initializers,
      inputs: [{ name: "pixel_values", type: { dtype: "float32", shape: [freeSide, channels, height, width] } }],
      outputs: [{ name: "logits", type: { dtype: "float32", shape: [freeSide, classes] } }],
    };
  }
}

/** Values of a parameter. Throws for an unknown name. */
function values(parameters: Parameters, name: string): Float32Array {
  const found = parameters.get(name);
  if (!found) throw new Error(`no parameter "${name}" in the weights`);
  return found.data;
}

/**
 * A Vision Transformer with a class token and erf GELU, images [batch, C, H, W] to logits. Throws RangeError for
 * another pooling, embedding or GELU, since the compared functions must be the same.
 */
export function plainViT(
  config: ViTConfig,
  image: readonly [number, number, number],
  parameters: Parameters,
): OnnxGraph {
  const { patchSize: p, width: d, heads, mlpDim } = config;
  const { pooling, gelu, posEmbedding, preLogits } = config;
  if (pooling !== "tok" || gelu !== "erf" || posEmbedding !== "learn" || preLogits || !isPlainViT(config)) {
    throw new RangeError("the plain graph is written for pooling tok, gelu erf and a learned position embedding");
  }
  const b = new Builder();
  const channels = image[2];
  const tokens = Math.floor(image[0] / p) * Math.floor(image[1] / p) + 1;
  const side = d / heads;
  const get = (name: string) => values(parameters, name);

  const layerNorm = (x: string, name: string): string => {
    const centred = b.node("Sub", [x, b.node("ReduceMean", [x, b.int64(-1)])]);
    const variance = b.node("ReduceMean", [b.node("Pow", [centred, b.scalar(2)]), b.int64(-1)]);
    const deviation = b.node("Sqrt", [b.add(variance, b.scalar(config.layerNormEpsilon))]);
    const normal = b.node("Div", [centred, deviation]);
    return b.add(b.multiply(normal, b.float(get(`${name}/scale`))), b.float(get(`${name}/bias`)));
  };
  const dense = (x: string, name: string, from: number, to: number): string =>
    b.add(b.float(get(`${name}/bias`), [to]), b.node("MatMul", [x, b.float(get(`${name}/kernel`), [from, to])]));

  // [p, p, C, d] as a convolution's [d, C, p, p]
  const kernel = get("embedding/kernel");
  const transposed = new Float32Array(kernel.length);
  for (let at = 0; at < p * p; at++) {
    for (let c = 0; c < channels; c++) {
      for (let o = 0; o < d; o++) transposed[(o * channels + c) * p * p + at] = kernel[(at * channels + c) * d + o]!;
    }
  }
  const patches = b.node(
    "Conv",
    ["pixel_values", b.float(transposed, [d, channels, p, p]), b.float(get("embedding/bias"))],
    { kernel_shape: { ints: [p, p] }, strides: { ints: [p, p] } },
  );
  const sequence = b.transpose(b.reshape(patches, 0, d, tokens - 1), 0, 2, 1);
  const batch = b.node("Shape", ["pixel_values"], { start: { int: 0 }, end: { int: 1 } });
  const classShape = b.node("Concat", [batch, b.int64(1, d)], { axis: { int: 0 } });
  const classToken = b.node("Expand", [b.float(get("cls"), [1, 1, d]), classShape]);
  const joined = b.node("Concat", [classToken, sequence], { axis: { int: 1 } });
  let x = b.add(joined, b.float(get("Transformer/posembed_input/pos_embedding"), [1, tokens, d]));

  for (let layer = 0; layer < config.depth; layer++) {
    const block = `Transformer/encoderblock_${layer}`;
    const attention = `${block}/MultiHeadDotProductAttention_0`;
    const normed = layerNorm(x, `${block}/LayerNorm_0`);
    const project = (name: string, ...perm: number[]): string =>
      b.transpose(b.reshape(dense(normed, `${attention}/${name}`, d, d), 0, tokens, heads, side), ...perm);
    const [query, key, value] = [
      project("query", 0, 2, 1, 3),
      project("key", 0, 2, 3, 1),
      project("value", 0, 2, 1, 3),
    ];
    const scores = b.node("Div", [b.node("MatMul", [query, key]), b.scalar(Math.sqrt(side))]);
    const attended = b.node("MatMul", [b.node("Softmax", [scores], { axis: { int: -1 } }), value]);
    const merged = b.reshape(b.transpose(attended, 0, 2, 1, 3), 0, tokens, d);
    x = b.add(dense(merged, `${attention}/out`, d, d), x);
    const wide = dense(layerNorm(x, `${block}/LayerNorm_1`), `${block}/MlpBlock_0/Dense_0`, d, mlpDim);
    const erf = b.add(b.node("Erf", [b.node("Div", [wide, b.scalar(Math.SQRT2)])]), b.scalar(1));
    const activated = b.multiply(b.multiply(wide, erf), b.scalar(0.5));
    x = b.add(dense(activated, `${block}/MlpBlock_0/Dense_1`, mlpDim, d), x);
  }
  const encoded = layerNorm(x, "Transformer/encoder_norm");
  const first = b.node("Gather", [encoded, b.node("Squeeze", [b.int64(0), b.int64(0)])], { axis: { int: 1 } });
  const head = b.float(get("head/kernel"), [d, config.classes]);
  const logits = b.node("Gemm", [first, head, b.float(get("head/bias"))]);
  return b.graph("plain ViT", image, logits, config.classes);
}

/**
 * A BiT ResNet-v2, images [batch, C, H, W] to logits; its standardised kernels are constants, which a converter folds.
 * Throws RangeError for version 1, attention, pooled stages and whitening.
 */
export function plainResNet(
  config: ResNetConfig,
  image: readonly [number, number, number],
  parameters: Parameters,
): OnnxGraph {
  const { version, attention, pooledStages, whitening, weightStandardisation } = config;
  if (version !== 2 || attention || pooledStages || whitening || weightStandardisation !== "bit") {
    throw new RangeError("the plain graph is written for BiT's ResNet-v2");
  }
  const b = new Builder();
  const { groups } = config;
  const shapeOf = (name: string): readonly number[] => {
    values(parameters, name);
    return parameters.get(name)!.shape;
  };

  const conv = (x: string, name: string, stride: number, padding: number): string => {
    const shape = shapeOf(`${name}/kernel`);
    const kernel = b.float(standardised(values(parameters, `${name}/kernel`), shape[0]!), shape);
    return b.node("Conv", [x, kernel], {
      kernel_shape: { ints: shape.slice(2) },
      strides: { ints: [stride, stride] },
      pads: { ints: [padding, padding, padding, padding] },
    });
  };
  const normThenRelu = (x: string, name: string): string => {
    const scale = values(parameters, `${name}/scale`);
    const rows = b.reshape(x, 0, groups, -1);
    const normal = b.node(
      "InstanceNormalization",
      [rows, b.float(new Float32Array(groups).fill(1)), b.float(new Float32Array(groups))],
      { epsilon: { float: config.groupNormEpsilon } },
    );
    const back = b.node("Reshape", [normal, b.node("Shape", [x])]);
    const scaled = b.multiply(back, b.float(scale, [scale.length, 1, 1]));
    return b.node("Relu", [b.add(scaled, b.float(values(parameters, `${name}/bias`), [scale.length, 1, 1]))]);
  };

  let x = conv("pixel_values", "conv_root", 2, 3);
  const pool = { kernel_shape: { ints: [3, 3] }, strides: { ints: [2, 2] } };
  x =
    config.rootPoolPadding === "zeros"
      ? b.node("MaxPool", [b.node("Pad", [x, b.int64(0, 0, 1, 1, 0, 0, 1, 1), b.scalar(0)])], pool)
      : b.node("MaxPool", [x], { ...pool, pads: { ints: [1, 1, 1, 1] } });
  config.blocks.forEach((units, stage) => {
    for (let unit = 0; unit < units; unit++) {
      const name = `block${stage + 1}/unit${unit + 1}`;
      const stride = stage > 0 && unit === 0 ? 2 : 1;
      const a = normThenRelu(x, `${name}/gn1`);
      const shortcut = parameters.has(`${name}/conv_proj/kernel`) ? conv(a, `${name}/conv_proj`, stride, 0) : x;
      const first = normThenRelu(conv(a, `${name}/conv1`, 1, 0), `${name}/gn2`);
      const second = normThenRelu(conv(first, `${name}/conv2`, stride, 1), `${name}/gn3`);
      x = b.add(conv(second, `${name}/conv3`, 1, 0), shortcut);
    }
  });
  const pooled = b.node("Flatten", [b.node("GlobalAveragePool", [normThenRelu(x, "norm")])], { axis: { int: 1 } });
  const head = b.float(values(parameters, "head/kernel"), shapeOf("head/kernel"));
  const logits = b.node("Gemm", [pooled, head, b.float(values(parameters, "head/bias"))]);
  return b.graph("plain ResNet", image, logits, config.classes);
}

/** Kernels standardised per output channel to mean 0 and deviation 1: sqrt(variance + 1e-10), papers.md 2.1. */
function standardised(kernel: Float32Array, channels: number): Float32Array {
  const size = kernel.length / channels;
  const out = new Float32Array(kernel.length);
  for (let o = 0; o < channels; o++) {
    const row = kernel.subarray(o * size, (o + 1) * size);
    const mean = row.reduce((total, value) => total + value, 0) / size;
    const variance = row.reduce((total, value) => total + (value - mean) ** 2, 0) / size;
    const factor = 1 / Math.sqrt(variance + 1e-10);
    row.forEach((value, i) => {
      out[o * size + i] = (value - mean) * factor;
    });
  }
  return out;
}
