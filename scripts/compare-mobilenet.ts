/**
 * Compares the package's MobileNetV2 with an ONNX file of it that another program wrote: reads the file's convolutions into the package's network
 * and compares the features of both, and of the network as it is exported, on random images.
 *
 *   npx jiti scripts/compare-mobilenet.ts FILE.onnx [IMAGE_SIZE ...]
 *
 * The file has the input `pixel_values` [batch, 3, H, W], optionally multiplied by a factor and shifted for each channel, norms that are folded
 * into the convolutions, and the output `features`. Each folded norm becomes a batch norm with the mean 0 and a factor of 1.
 */
import { readFile } from "node:fs/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { type GraphProto, ModelProtoSchema, type NodeProto } from "onnx-buf";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { exportOnnx } from "../src/export/index.js";
import { elementCount, input } from "../src/graph/index.js";
import { type MobileNetConfig, mobilenetDefaults, mobilenetShapes, model } from "../src/models/index.js";
import { Scope } from "../src/nn/index.js";
import { keyedRandom } from "../src/random/named.js";
import { evaluate } from "../src/runtime/index.js";
import type { Weights, WeightTensor } from "../src/weights/index.js";

const batch = 3;

/** Constants of a graph by name, float32. */
function constantsOf(graph: GraphProto): Map<string, WeightTensor> {
  return new Map(
    graph.initializer.map(({ name, dims, rawData, floatData }) => {
      const raw = Uint8Array.from(rawData);
      const data = raw.length > 0 ? new Float32Array(raw.buffer) : Float32Array.from(floatData);
      return [name, { shape: dims.map(Number), data }];
    }),
  );
}

/** The width factor whose last block has this many channels. */
const widthFactors = { 112: 0.35, 160: 0.5, 240: 0.75, 320: 1, 416: 1.3, 448: 1.4 } as Readonly<Record<number, number>>;

/** The package's names of the convolutions, in the order of the network. */
const layerNames = [
  "stem",
  ...mobilenetShapes.V2.blocks.flatMap(({ expansion }, i) =>
    [...(expansion === 1 ? [] : ["expand"]), "depthwise", "project"].map((part) => `block${i + 1}/${part}`),
  ),
  "last",
];

/** The file's convolutions as a network of the package. */
function networkOf(graph: GraphProto, side: number): Weights {
  const constants = constantsOf(graph);
  const constant = (name: string | undefined): WeightTensor => {
    const found = name === undefined ? undefined : constants.get(name);
    if (!found) throw new Error(`the file has no constant ${name}; expected folded convolutions with biases`);
    return found;
  };
  const convolutions = graph.node.filter(({ opType }) => opType === "Conv");
  if (convolutions.length !== layerNames.length) {
    throw new Error(`the file has ${convolutions.length} convolutions; MobileNetV2 has ${layerNames.length}`);
  }
  const ints = (node: NodeProto, name: string) => node.attribute.find((one) => one.name === name)?.ints.map(Number);
  const [first] = convolutions as [NodeProto];
  const channels = constant(convolutions.at(-2)?.input[1]).shape[0] ?? 0;
  const config: MobileNetConfig = {
    ...mobilenetDefaults,
    widthFactor: widthFactors[channels] ?? channels / 320,
    padding: ints(first, "pads")?.join() === "1,1,1,1" ? "symmetric" : "same",
    classes: 0,
  };
  const tensors = new Map<string, WeightTensor>();
  for (const [i, { input: operands }] of convolutions.entries()) {
    const [kernel, bias] = [constant(operands[1]), constant(operands[2])];
    const vector = (value: number): WeightTensor => ({
      shape: bias.shape,
      data: new Float32Array(bias.data.length).fill(value),
    });
    const variance = 1 - config.batchNormEpsilon;
    const layer = { kernel, "norm/scale": vector(1), "norm/bias": bias, "norm/mean": vector(0) };
    for (const [name, tensor] of Object.entries({ ...layer, "norm/variance": vector(variance) })) {
      tensors.set(`${layerNames[i]}/${name}`, tensor);
    }
  }
  return {
    config: { family: "mobilenet", ...config },
    image: { height: side, width: side, channels: 3 },
    tensors,
    metadata: {},
  };
}

/** Features of the package's network, traced as in evaluation, and of its export. */
async function ownFeatures({ config, image: { height, width }, tensors, ...rest }: Weights, pixels: Float32Array) {
  const scope = Scope.root();
  const image = input("image", "float32", [batch, height, width, 3]);
  const { preLogits } = model(scope, image, config);
  const nhwc = new Float32Array(pixels.length);
  const area = height * width;
  for (let i = 0; i < pixels.length; i++) {
    const [n, c, position] = [Math.floor(i / (3 * area)), Math.floor(i / area) % 3, i % area];
    nhwc[(n * area + position) * 3 + c] = pixels[i] ?? 0;
  }
  const values = Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]));
  const traced = await evaluate({ preLogits }, { ...values, image: nhwc });
  const weights = { config, image: { height, width, channels: 3 }, tensors, ...rest };
  const exported = await exportOnnx(weights, { outputs: "features" });
  return { traced: traced["preLogits"] as Float32Array, exported: await run(exported.bytes, pixels, height) };
}

async function run(bytes: Uint8Array, pixels: Float32Array, side: number): Promise<Float32Array> {
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 2 });
  const results = await session.run({ pixel_values: new Tensor("float32", pixels, [batch, 3, side, side]) });
  return results["features"]?.data as Float32Array;
}

/** The images after the file's own factor and shift of each channel, if it has them. */
function prepared(graph: GraphProto, pixels: Float32Array, area: number): Float32Array {
  const constants = constantsOf(graph);
  const first = graph.node.slice(0, 2);
  if (first.map(({ opType }) => opType).join() !== "Mul,Add") return pixels;
  const [factor, shift] = first.map(({ input: operands }) => constants.get(operands[1] ?? "")?.data);
  return pixels.map((value, i) => {
    const channel = Math.floor(i / area) % 3;
    return Math.fround(Math.fround(value * (factor?.[channel] ?? 1)) + (shift?.[channel] ?? 0));
  });
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}

const [file, ...sizes] = process.argv.slice(2);
if (file === undefined) throw new Error("usage: npx jiti scripts/compare-mobilenet.ts FILE.onnx [IMAGE_SIZE ...]");
const bytes = await readFile(file);
const { graph } = fromBinary(ModelProtoSchema, bytes);
if (!graph) throw new Error(`${file} has no graph`);
let isEqual = true;
for (const side of sizes.length > 0 ? sizes.map(Number) : [96, 128, 160]) {
  const random = keyedRandom(side, "images");
  const pixels = Float32Array.from({ length: batch * 3 * side * side }, () => 2 * random() - 1);
  const weights = networkOf(graph, side);
  const theirs = await run(bytes, pixels, side);
  const { traced, exported } = await ownFeatures(weights, prepared(graph, pixels, side * side));
  const scale = theirs.reduce((largest, value) => Math.max(largest, value), 0);
  const differences = [traced, exported].map((own) => largestDifference(own, theirs));
  isEqual &&= theirs.length === elementCount([batch, 1280]) && differences.every((one) => one <= 1e-4);
  const { widthFactor, padding } = weights.config as MobileNetConfig;
  console.log(
    `MobileNetV2-${widthFactor}, ${padding} padding, ${side} px: features up to ${scale.toFixed(3)}, largest difference ${differences.map((one) => one.toExponential(1)).join(", as exported ")}`,
  );
}
process.exitCode = isEqual ? 0 : 1;
