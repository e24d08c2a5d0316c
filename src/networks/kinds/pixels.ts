/** Opens raw pixels as a network: the features of an image are its pixels. */
import { bytesOf, encodeOnnx, freeSide, onnxNode } from "../../graph/index.js";
import { defaultBatchSize, type Network, type OpenOptions, opened } from "../forward/network.js";
import { pixelRows } from "../forward/rows.js";
import { digest } from "../stored/digest.js";

/**
 * Opens `pixels:SIDE`: the image at SIDE x SIDE. Throws an Error for a spec without a side, and when logits are
 * requested.
 */
export async function openPixels(
  spec: string,
  { batchSize = defaultBatchSize, output = "features" }: OpenOptions = {},
): Promise<Network> {
  const side = Number(spec.slice("pixels:".length));
  if (!(Number.isInteger(side) && side > 0)) {
    throw new Error(`"${spec}" is not a raw-pixel baseline; expected pixels:SIDE, such as pixels:16`);
  }
  if (output === "logits") {
    throw new Error(`${spec} has no classes; fit a classifier on it: fovea fit photos/ --backbone ${spec}`);
  }
  const preprocessing = `decode_resize(${side})|value_range(-1,1)`;
  return opened({
    spec,
    kind: "pixels",
    path: spec,
    output,
    imageShape: [side, side, 3],
    preprocessing,
    valueRange: [[-1, 1]],
    width: side * side * 3,
    batchSize,
    details: { name: "pixels" },
    run: pixelRows,
    identity: async () => digest("pixels", side),
    toOnnx: async () => ({
      bytes: pixelsOnnx(side),
      input: "pixel_values",
      features: "features",
      layout: "NCHW",
      dtype: "float32",
    }),
    close: async () => {},
  });
}

/**
 * An ONNX model from images [batch, 3, side, side] to their numbers in the order of `run`, [batch, side * side * 3].
 */
function pixelsOnnx(side: number): Uint8Array {
  const width = side * side * 3;
  return encodeOnnx({
    name: "pixels",
    nodes: [
      onnxNode("Transpose", ["pixel_values"], ["rows"], { perm: { ints: [0, 2, 3, 1] } }),
      onnxNode("Reshape", ["rows", "shape"], ["features"]),
    ],
    initializers: [
      { name: "shape", type: { dtype: "int64", shape: [2] }, bytes: bytesOf(BigInt64Array.of(-1n, BigInt(width))) },
    ],
    inputs: [{ name: "pixel_values", type: { dtype: "float32", shape: [freeSide, 3, side, side] } }],
    outputs: [{ name: "features", type: { dtype: "float32", shape: [freeSide, width] } }],
  }).bytes;
}
