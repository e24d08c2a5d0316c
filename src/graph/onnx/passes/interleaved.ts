/** Lets the first convolution of a network read images [N, H, W, C] as they are stored, with their channels interleaved. */
import { encodeNumbers } from "../../numbers.js";
import type { OnnxGraph, OnnxNode } from "../graph.js";
import { onnxNode, producersOf, Rewriter, readersOf } from "./rewriter.js";

/** More channels are faster in the runtime's blocked layout, to which it reorders [N, C, H, W]. */
const mostChannels = 4;

/**
 * Replaces the transposition of images [N, H, W, C] to [N, C, H, W] before a convolution of few channels. The convolution reads them as images
 * [N, 1, H, W * C] of one channel instead, with its kernels interleaved in the same way, C times as wide and C times the stride: the same products.
 * ONNX Runtime transposes such images one number at a time, in 2 of 47 ms for a batch of 32 images in `embedded:bit`.
 */
export function withInterleavedConvolutions(graph: OnnxGraph): OnnxGraph {
  const rewriter = new Rewriter(graph);
  const producers = producersOf(graph.nodes);
  const readers = readersOf(graph);
  const nodes = graph.nodes.flatMap((node): OnnxNode[] => {
    const [planes = "", weights = "", ...bias] = node.inputs;
    const transpose = producers.get(planes);
    const image = transpose?.inputs[0];
    if (node.type !== "Conv" || transpose?.type !== "Transpose" || image === undefined) return [node];
    const { perm, group, dilations } = { ...transpose.attributes, ...node.attributes };
    const isToPlanes = perm !== undefined && "ints" in perm && perm.ints.join() === "0,3,1,2";
    const isPlain =
      (group === undefined || ("int" in group && group.int === 1)) &&
      (dilations === undefined || ("ints" in dilations && dilations.ints[1] === 1)) &&
      node.attributes["auto_pad"] === undefined;
    const shape = rewriter.shape(image);
    const values = rewriter.floatValues(weights);
    const kernel = rewriter.shape(weights);
    if (!isToPlanes || !isPlain || !values || kernel?.length !== 4 || shape?.length !== 4) return [node];
    if (readers.get(planes)?.length !== 1) return [node];
    const [count = 0, height = 0, width = 0, channels = 0] = shape;
    const [out = 0, , rows = 0, columns = 0] = kernel;
    if (channels > mostChannels || height < 1 || width < 1) return [node];
    const interleaved = interleave(values, channels, rows * columns);
    const type = { dtype: "float32", shape: [out, 1, rows, columns * channels] } as const;
    const wide = rewriter.constant(`${weights}:interleaved`, type, encodeNumbers(interleaved, "float32"));
    const flat = rewriter.fresh(`${image}:rows`, { dtype: "float32", shape: [count, 1, height, width * channels] });
    const ints = (name: string, standard: readonly number[]): readonly number[] => {
      const given = node.attributes[name];
      return given !== undefined && "ints" in given ? given.ints : standard;
    };
    const [top = 0, left = 0, bottom = 0, right = 0] = ints("pads", [0, 0, 0, 0]);
    const [down = 1, across = 1] = ints("strides", [1, 1]);
    return [
      onnxNode("Reshape", [image, rewriter.int64([-1, 1, height, width * channels])], [flat]),
      onnxNode("Conv", [flat, wide, ...bias], node.outputs, {
        ...node.attributes,
        kernel_shape: { ints: [rows, columns * channels] },
        pads: { ints: [top, left * channels, bottom, right * channels] },
        strides: { ints: [down, across * channels] },
      }),
    ];
  });
  return rewriter.finish(nodes);
}

/** Reorders kernels [out, channels, positions] to [out, positions, channels]. */
function interleave(values: Float32Array, channels: number, positions: number): Float32Array {
  return values.map((_, i) => {
    const [channel, position] = [i % channels, Math.floor(i / channels) % positions];
    const first = i - (i % (channels * positions));
    return values[first + channel * positions + position] ?? Number.NaN;
  });
}
