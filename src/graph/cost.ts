/** Estimates the cost of a graph before it runs: matrix FLOPs and peak memory. */
import { byteSize, reachable, type Tensor } from "./tensor.js";

export interface GraphCost {
  /** FLOPs of all matrix products and convolutions: two for each multiply-add. */
  readonly flops: number;
  /** Estimated peak of live bytes, including the inputs. */
  readonly peakBytes: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly nodes: number;
}

const aliases = new Set(["reshape", "stopGradient"]);

/**
 * Estimates the cost of a graph. Memory model: nodes run in depth-first order from the outputs, as in the runtime's default order. A value
 * lives until its last consumer, views share the memory of their source, and outputs live until the end. Outputs in `placed` are written
 * into preallocated memory and do not count.
 */
export function costOf(outputs: readonly Tensor[], placed: ReadonlySet<Tensor> = new Set()): GraphCost {
  const nodes = reachable(outputs);
  let flops = 0;
  const readers = new Map<Tensor, number>();
  const root = (tensor: Tensor): Tensor => {
    let at = tensor;
    while (aliases.has(at.producer.operation.name)) at = at.producer.inputs[0]!;
    return at;
  };
  for (const node of nodes) {
    flops += node.operation.flops?.(node) ?? 0;
    if (aliases.has(node.operation.name)) continue;
    for (const tensor of node.inputs) readers.set(root(tensor), (readers.get(root(tensor)) ?? 0) + 1);
  }
  for (const tensor of outputs) readers.set(root(tensor), Number.POSITIVE_INFINITY);
  const isLeaf = (tensor: Tensor) => tensor.producer.inputs.length === 0;
  const inputBytes = nodes
    .filter((node) => node.inputs.length === 0)
    .reduce((total, node) => total + node.outputs.reduce((sum, tensor) => sum + byteSize(tensor), 0), 0);
  let live = inputBytes;
  let peak = live;
  for (const node of nodes) {
    if (node.inputs.length === 0 || aliases.has(node.operation.name)) continue;
    const kept = node.outputs.filter((tensor) => readers.has(tensor) && !placed.has(tensor));
    live += kept.reduce((total, tensor) => total + byteSize(tensor), 0);
    peak = Math.max(peak, live);
    for (const tensor of node.inputs.map(root)) {
      const left = readers.get(tensor)! - 1;
      readers.set(tensor, left);
      if (left === 0 && !isLeaf(tensor)) live -= byteSize(tensor);
    }
  }
  const outputBytes = [...new Set(outputs)].reduce((total, tensor) => total + byteSize(tensor), 0);
  return { flops, peakBytes: peak, inputBytes, outputBytes, nodes: nodes.length };
}
