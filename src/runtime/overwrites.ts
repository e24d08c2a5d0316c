/** Determines which state a function may overwrite during its run, so that memory holds only one copy of it. */
import { inputName, type Node, reachable, type Tensor } from "../graph/index.js";

/**
 * Names of the state tensors whose next values may overwrite the current ones. All nodes that read the current value must run before the
 * node that computes the next value, or be that node and be elementwise. Nodes that may fail must run before it too, so that a failed run
 * leaves the state unchanged.
 *
 * @param outputs - all outputs of the function, including next values
 * @param next - next values by the name of the state
 * @param state - the state tensors
 */
export function overwritable(
  outputs: readonly Tensor[],
  next: Readonly<Record<string, Tensor>>,
  state: Iterable<Tensor>,
): string[] {
  const nodes = reachable(outputs);
  const readers = readersOf(nodes);
  const isUsed = (tensor: Tensor): boolean => readers.has(tensor) || outputs.includes(tensor);
  const reading = new Map([...state].map((tensor) => [inputName(tensor)!, throughViews(tensor, readers)]));
  const failing = nodes.filter(({ operation }) => operation.mayFail).flatMap((node) => node.outputs);
  const watched = new Set([...reading.values()].flat().flatMap((node) => node.outputs.filter(isUsed)));
  for (const tensor of failing) watched.add(tensor);
  const comesBefore = ancestry(nodes, [...watched]);
  return Object.entries(next).flatMap(([name, value]) => {
    const last = value.producer;
    if (inputName(value) !== undefined || !failing.every((tensor) => comesBefore(tensor, value))) return [];
    const isSafe = (reading.get(name) ?? []).every((reader) =>
      reader === last
        ? last.operation.isElementwise
        : reader.outputs.every((output) => !isUsed(output) || comesBefore(output, value)),
    );
    return isSafe ? [name] : [];
  });
}

function readersOf(nodes: readonly Node[]): Map<Tensor, Node[]> {
  const readers = new Map<Tensor, Node[]>();
  for (const node of nodes) {
    for (const operand of new Set(node.inputs)) {
      const known = readers.get(operand);
      if (known) known.push(node);
      else readers.set(operand, [node]);
    }
  }
  return readers;
}

/** Nodes that read a tensor's memory, including consumers of its views. */
function throughViews(tensor: Tensor, readers: ReadonlyMap<Tensor, readonly Node[]>): Node[] {
  return (readers.get(tensor) ?? []).flatMap((node) =>
    node.operation.sharesMemory ? [node, ...node.outputs.flatMap((view) => throughViews(view, readers))] : [node],
  );
}

/** Returns a function that tests whether a watched tensor is an ancestor of another tensor. */
function ancestry(nodes: readonly Node[], watched: readonly Tensor[]) {
  const places = new Map(watched.map((tensor, i) => [tensor, i]));
  const words = Math.ceil(watched.length / 32);
  // For each tensor, a bit for every watched tensor among its ancestors and itself; nodes are in topological order.
  const needs = new Map<Tensor, Uint32Array>();
  for (const node of nodes) {
    const bits = new Uint32Array(words);
    for (const operand of node.inputs) {
      const earlier = needs.get(operand);
      if (earlier) for (let i = 0; i < words; i++) bits[i] = (bits[i] ?? 0) | (earlier[i] ?? 0);
    }
    for (const output of node.outputs) {
      const place = places.get(output);
      if (place === undefined) {
        needs.set(output, bits);
        continue;
      }
      const own = bits.slice();
      own[place >> 5] = (own[place >> 5] ?? 0) | (1 << (place & 31));
      needs.set(output, own);
    }
  }
  return (earlier: Tensor, later: Tensor): boolean => {
    const place = places.get(earlier);
    const bits = needs.get(later);
    return place !== undefined && bits !== undefined && (((bits[place >> 5] ?? 0) >>> (place & 31)) & 1) === 1;
  };
}
