/** Which state a function may write over while it runs, so that it is held once and not twice. */
import { inputName, type Node, reachable, type Tensor } from "../graph/index.js";

/** Operations that work entry by entry: their output may be written where an operand of its shape is. */
const elementwise = new Set(["add", "subtract", "multiply", "divide", "scale", "maximum", "minimum"]);
/**
 * Operations whose output may be the memory of their input, or which the runtime's optimisers fold into whatever reads their output: a
 * transpose and a factor become those of a product, casts to half precision and back vanish on the CPU.
 */
const views = new Set([
  "reshape",
  "after",
  "stopGradient",
  "transpose",
  "cast",
  "scale",
  "negate",
  "slice",
  "split",
  "pad",
  "expand",
  "concat",
  "reverse",
]);
/** Operations that fail on some values. */
const fallible = new Set(["gatherRows"]);

/**
 * Names of the state tensors whose next values may be written where the current ones are: whatever reads the current value comes before
 * the node that gives the next one, or is that node and works entry by entry. What may fail comes before it too, so that a run
 * that fails leaves the state as it was.
 *
 * @param outputs - all that the function gives, next values included
 * @param next - next values by the name of the state
 * @param state - the state
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
  const failing = nodes.filter(({ operation }) => fallible.has(operation.name)).flatMap((node) => node.outputs);
  const watched = new Set([...reading.values()].flat().flatMap((node) => node.outputs.filter(isUsed)));
  for (const tensor of failing) watched.add(tensor);
  const comesBefore = ancestry(nodes, [...watched]);
  return Object.entries(next).flatMap(([name, value]) => {
    const last = value.producer;
    if (last.operation.name === "input" || !failing.every((tensor) => comesBefore(tensor, value))) return [];
    const isSafe = (reading.get(name) ?? []).every((reader) =>
      reader === last
        ? elementwise.has(last.operation.name)
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

/** The nodes that read a tensor's memory: those that read a view of it too. */
function throughViews(tensor: Tensor, readers: ReadonlyMap<Tensor, readonly Node[]>): Node[] {
  return (readers.get(tensor) ?? []).flatMap((node) =>
    views.has(node.operation.name) ? [node, ...node.outputs.flatMap((view) => throughViews(view, readers))] : [node],
  );
}

/** A function that says whether one of the watched tensors is needed for another tensor. */
function ancestry(nodes: readonly Node[], watched: readonly Tensor[]) {
  const places = new Map(watched.map((tensor, i) => [tensor, i]));
  const words = Math.ceil(watched.length / 32);
  // a bit for each watched tensor that a tensor needs, itself included; nodes come in an order in which what they need is before them
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
