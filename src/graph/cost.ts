/** Estimates the cost of a graph before it runs: matrix FLOPs and peak memory. */
import { byteSize, elementCount, type Node, reachable, type Tensor, viewed } from "./tensor.js";

export interface GraphCost {
  /** FLOPs of all matrix products and convolutions: two for each multiply-add. */
  readonly flops: number;
  /** Estimated peak of live bytes, including the inputs. */
  readonly peakBytes: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly nodes: number;
}

const isView = ({ operation }: Node): boolean => operation.sharesMemory === "always";

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
    const source = viewed(tensor);
    return source ? root(source) : tensor;
  };
  for (const node of nodes) {
    flops += node.operation.flops?.(node) ?? 0;
    if (isView(node)) continue;
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
    if (node.inputs.length === 0 || isView(node)) continue;
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

/** A part of a network: what is computed up to a tensor, and not for an earlier part. */
export interface GraphPart {
  readonly name: string;
  readonly end: Tensor;
}

/** Cost of a part for the batch of the graph. */
export interface PartCost {
  readonly name: string;
  readonly nodes: number;
  /** FLOPs of matrix products and convolutions: two for each multiply-add. */
  readonly flops: number;
  /** Numbers in the parameters that the part is the first to use. */
  readonly parameters: number;
  /** Bytes of all values that operations compute from the data, without views and without what only a backward pass reads. */
  readonly activationBytes: number;
}

/**
 * Divides the cost of the last part's end among parts. Each operation and each parameter belongs to the first part that needs it, so that the
 * sums over parts are the totals of the network. `data` is the input with the images.
 */
export function costByPart(
  parts: readonly GraphPart[],
  data: Tensor,
  parameters: readonly Tensor[],
): readonly PartCost[] {
  const last = parts.at(-1);
  if (!last) return [];
  const needed = new Set(reachable([last.end]));
  const fromData = new Set<Node>([data.producer]);
  for (const node of needed) if (node.inputs.some(({ producer }) => fromData.has(producer))) fromData.add(node);
  const counted = new Set<Node>([data.producer]);
  const known = new Set(parameters);
  return parts.map(({ name, end }) => {
    const own = reachable([end]).filter((node) => needed.has(node) && !counted.has(node));
    for (const node of own) counted.add(node);
    const sum = (of: (node: Node) => number) => own.reduce((total, node) => total + of(node), 0);
    const numbers = (node: Node) =>
      node.outputs.reduce((n, one) => n + (known.has(one) ? elementCount(one.shape) : 0), 0);
    const written = ({ outputs, operation }: Node) => outputs.slice(0, operation.keptFrom ?? outputs.length);
    return {
      name,
      nodes: own.length,
      flops: sum((node) => node.operation.flops?.(node) ?? 0),
      parameters: sum(numbers),
      activationBytes: sum((node) =>
        fromData.has(node) && !isView(node) ? written(node).reduce((n, one) => n + byteSize(one), 0) : 0,
      ),
    };
  });
}

/**
 * FLOPs of the products of self-attention that grow with the square of the number of tokens: queries with keys, and weights with values.
 * `weights` are tensors [..., tokens, keys]; those of a single query are excluded.
 */
export function attentionFlops(outputs: readonly Tensor[], weights: readonly Tensor[]): number {
  const found = new Set<Node>();
  const nodes = reachable(outputs);
  for (const weight of weights.filter(({ shape }) => (shape.at(-2) ?? 1) > 1)) {
    for (const node of nodes) if (node.operation.flops && node.inputs.includes(weight)) found.add(node);
    const waiting = [weight];
    for (let tensor = waiting.pop(); tensor; tensor = waiting.pop()) {
      const source = viewed(tensor);
      if (tensor.producer.operation.flops) found.add(tensor.producer);
      else for (const input of source ? [source] : tensor.producer.inputs) waiting.push(input);
    }
  }
  return nodes.reduce((total, node) => total + (found.has(node) ? (node.operation.flops?.(node) ?? 0) : 0), 0);
}
