/** Rewrites operations on images [N, C, H, W] into the operators that are fastest in inference. */
import { defined } from "../../../text/defined.js";
import type { OnnxGraph, OnnxNode } from "../graph.js";
import { onnxNode, producersOf, Rewriter, readersOf } from "./rewriter.js";

/**
 * Replaces products of a kernel [O, C] and an image [N, C, positions] by 1x1 convolutions, including strides that were implemented by
 * slicing. Training uses matrix products because their gradients are fast; in inference the runtime's convolution with its blocked channel
 * layout is a tenth faster (measured on the shapes of BiT-R50x1).
 */
export function withPointwiseConvolutions(graph: OnnxGraph): OnnxGraph {
  const rewriter = new Rewriter(graph);
  const producers = producersOf(graph.nodes);
  const nodes = graph.nodes.map((node): OnnxNode => {
    if (node.type !== "Reshape") return node;
    const product = producers.get(node.inputs[0]!);
    const flat = product?.type === "MatMul" ? producers.get(product.inputs[1]!) : undefined;
    const kernel = product && rewriter.constants.get(product.inputs[0]!);
    const image = flat?.type === "Reshape" ? rewriter.shape(flat.inputs[0]!) : undefined;
    const wanted = rewriter.shape(node.outputs[0]!);
    if (kernel?.type.dtype !== "float32" || kernel.type.shape.length !== 2 || image?.length !== 4) return node;
    const [out, channels] = kernel.type.shape as [number, number];
    const flattened = rewriter.shape(flat!.outputs[0]!)?.join();
    const same = wanted?.join() === [image[0], out, image[2], image[3]].join();
    if (!same || flattened !== [image[0], channels, image[2]! * image[3]!].join()) return node;
    const picked = stridesOf(producers.get(flat!.inputs[0]!), rewriter);
    const name = rewriter.constant(
      `${kernel.name}:1x1`,
      { dtype: "float32", shape: [out, channels, 1, 1] },
      kernel.bytes,
    );
    return onnxNode(
      "Conv",
      [picked?.from ?? flat!.inputs[0]!, name],
      node.outputs,
      defined({
        kernel_shape: { ints: [1, 1] },
        strides: picked && { ints: picked.strides },
      }),
    );
  });
  return rewriter.finish(nodes);
}

/** Matches a strided slice of rows and columns; returns its strides and its input. */
function stridesOf(node: OnnxNode | undefined, rewriter: Rewriter) {
  if (node?.type !== "Slice") return undefined;
  const [starts, ends, axes, steps] = node.inputs.slice(1).map((name) => rewriter.int64Values(name));
  const shape = rewriter.shape(node.inputs[0]!);
  if (!starts || !ends || !axes || steps?.length !== axes.length || !shape) return undefined;
  const whole = axes.every((axis, i) => (axis === 2 || axis === 3) && starts[i] === 0 && ends[i]! >= shape[axis]!);
  if (!whole) return undefined;
  const step = (axis: number): number => steps[axes.indexOf(axis)] ?? 1;
  return { from: node.inputs[0]!, strides: [step(2), step(3)] };
}

/**
 * Replaces x * scale + shift for each channel, the last step of group norm, by a depthwise 1x1 convolution with bias. The runtime fuses it
 * with the ReLU that follows, and runs it in the blocked layout that the next convolution uses.
 */
export function withScaledChannels(graph: OnnxGraph): OnnxGraph {
  const rewriter = new Rewriter(graph);
  const producers = producersOf(graph.nodes);
  const readers = readersOf(graph);
  const perChannel = (name: string, channels: number): Uint8Array | undefined => {
    const found = rewriter.constants.get(name);
    return found?.type.dtype === "float32" && found.type.shape.join() === `1,${channels},1,1` ? found.bytes : undefined;
  };
  const nodes = graph.nodes.map((node): OnnxNode => {
    const shape = node.type === "Add" ? rewriter.shape(node.outputs[0]!) : undefined;
    const product = shape?.length === 4 ? producers.get(node.inputs[0]!) : undefined;
    if (product?.type !== "Mul" || readers.get(product.outputs[0]!)?.length !== 1) return node;
    const channels = shape![1]!;
    const scale = perChannel(product.inputs[1]!, channels);
    const shift = perChannel(node.inputs[1]!, channels);
    if (!scale || !shift || rewriter.shape(product.inputs[0]!)?.join() !== shape!.join()) return node;
    const kernel = rewriter.constant(
      `${product.inputs[1]}:kernel`,
      { dtype: "float32", shape: [channels, 1, 1, 1] },
      scale,
    );
    const bias = rewriter.constant(`${node.inputs[1]}:bias`, { dtype: "float32", shape: [channels] }, shift);
    return onnxNode("Conv", [product.inputs[0]!, kernel, bias], node.outputs, {
      group: { int: channels },
      kernel_shape: { ints: [1, 1] },
    });
  });
  return rewriter.finish(nodes);
}
