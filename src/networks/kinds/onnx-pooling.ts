/** Pools outputs of ONNX files that are not rows: tokens [N, T, d] and feature maps [N, C, H, W]. */
import { bytesOf, freeSide, type Initializer, type OnnxNode, onnxNode, withAddition } from "../../graph/index.js";
import { type OnnxFile, OnnxFileError, type OnnxPort } from "../../runtime/index.js";

/** Which token of [N, T, d] is the feature: the first (`cls`), the mean over all, all one after the other, or that of a number. */
export type TokenChoice = "cls" | "mean" | "all" | number;
/** How a map [N, C, H, W] becomes a row: the mean or the largest value of each channel, or all values. */
export type MapPooling = "mean" | "max" | "all";

export interface Pooling {
  readonly token?: TokenChoice | undefined;
  readonly pool?: MapPooling | undefined;
}

/** Name of the pooled output. */
const pooledName = "fovea/pooled";

const isOne = (side: OnnxPort["shape"][number]): boolean => side === 1;

/** Whether an output has more than one row for each image. */
export const isTokens = ({ shape }: OnnxPort): boolean => shape.length === 3 && !isOne(shape[1]);
export const isMap = ({ shape }: OnnxPort): boolean => shape.length === 4 && !(isOne(shape[2]) && isOne(shape[3]));

interface Pooled {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Initializer[];
}

const int64 = (name: string, shape: readonly number[], values: readonly number[]): Initializer => ({
  name,
  type: { dtype: "int64", shape },
  bytes: bytesOf(BigInt64Array.from(values, BigInt)),
});

const flattened = (from: string) => onnxNode("Flatten", [from], [pooledName], { axis: { int: 1 } });

function tokenNodes(output: string, token: TokenChoice): Pooled {
  if (token === "mean") {
    // the same in every opset, unlike the axes of ReduceMean
    const nodes = [
      onnxNode("Transpose", [output], ["fovea/channels"], { perm: { ints: [0, 2, 1] } }),
      onnxNode("GlobalAveragePool", ["fovea/channels"], ["fovea/means"]),
      flattened("fovea/means"),
    ];
    return { nodes, initializers: [] };
  }
  if (token === "all") return { nodes: [flattened(output)], initializers: [] };
  const index = int64("fovea/token", [], [token === "cls" ? 0 : token]);
  return {
    nodes: [onnxNode("Gather", [output, index.name], [pooledName], { axis: { int: 1 } })],
    initializers: [index],
  };
}

function mapNodes(output: string, pool: MapPooling): Pooled {
  if (pool === "all") return { nodes: [flattened(output)], initializers: [] };
  const type = pool === "mean" ? "GlobalAveragePool" : "GlobalMaxPool";
  return { nodes: [onnxNode(type, [output], ["fovea/channels"]), flattened("fovea/channels")], initializers: [] };
}

/**
 * The file with one more output, rows [N, width], pooled from `output`; the file itself where that has rows already. `shape` is that of its input with a
 * fixed image size. Throws OnnxFileError where the output needs a choice that is not made, or a choice does not fit it.
 */
export function withPooling(
  file: OnnxFile,
  output: string,
  { token, pool }: Pooling,
  shape: readonly number[],
): { readonly file: OnnxFile; readonly output: string } {
  const { path } = file;
  const port = file.outputs.find(({ name }) => name === output);
  if (!port) throw new OnnxFileError(`${path} has no output ${output}`);
  const sides = `[${port.shape.map((side) => side ?? "any").join(", ")}]`;
  const tokens = isTokens(port);
  const map = isMap(port);
  if (token !== undefined && !tokens) {
    throw new OnnxFileError(`${path}: its output ${output} ${sides} has no tokens [N, T, width]; remove token`);
  }
  if (pool !== undefined && !map) {
    throw new OnnxFileError(`${path}: its output ${output} ${sides} is no feature map [N, C, H, W]; remove pool`);
  }
  if (!tokens && !map) return { file, output };
  if (tokens && token === undefined) {
    throw new OnnxFileError(
      `${path}: its output ${output} ${sides} has a row for each token, and nothing states which one is the feature; add ?token=cls (the first), ?token=mean, ?token=all, or the number of a token`,
    );
  }
  if (map && pool === undefined) {
    throw new OnnxFileError(
      `${path}: its output ${output} ${sides} is a feature map, and nothing states how it becomes a row; add ?pool=mean, ?pool=max or ?pool=all`,
    );
  }
  if (file.external.length > 0) {
    throw new OnnxFileError(
      `${path} stores its weights in external files, so that its tokens cannot be pooled; save it as one ONNX file (onnx.save_model with save_as_external_data=False)`,
    );
  }
  const { nodes, initializers } = tokens
    ? tokenNodes(output, token as TokenChoice)
    : mapNodes(output, pool as MapPooling);
  const [input] = file.inputs;
  if (!input) throw new OnnxFileError(`${path} has no input`);
  const width = tokens ? port.shape[2] : port.shape[1];
  const isWidthKnown = typeof width === "number" && token !== "all" && pool !== "all";
  const [, ...image] = shape;
  const [first] = input.shape;
  const batch = typeof first === "number" ? first : freeSide;
  const dtype = input.dtype as "float32" | "uint8";
  const bytes = withAddition(file.bytes, {
    input: {
      replaces: input.name,
      by: { name: input.name, type: { dtype, shape: [batch, ...image] } },
      nodes: [],
    },
    nodes,
    initializers,
    outputs: [{ name: pooledName, type: { dtype: "float32", shape: [batch, isWidthKnown ? width : freeSide] } }],
    reads: output,
    // Flatten takes every axis and Gather every type since version 9
    leastOpset: 9,
    metadata: file.metadata,
  });
  const pooled: OnnxPort = {
    name: pooledName,
    dtype: "float32",
    shape: [port.shape[0], isWidthKnown ? width : undefined],
  };
  return { file: { ...file, bytes, outputs: [pooled] }, output: pooledName };
}
