/** Copies a graph with some of its tensors replaced, to run a part of it alone. */
import { apply, type Node, reachable, type Tensor } from "./tensor.js";

/**
 * The outputs computed from `replacements` instead of the tensors that these replace; only what depends on a replaced tensor is copied. A
 * replacement has the type of its original. Throws ShapeError if an operation does not accept it.
 */
export function substituted(outputs: readonly Tensor[], replacements: ReadonlyMap<Tensor, Tensor>): readonly Tensor[] {
  const current = new Map<Tensor, Tensor>(replacements);
  for (const node of reachable(outputs)) {
    const changed = node.inputs.some((tensor) => current.has(tensor));
    if (!changed || node.outputs.every((tensor) => current.has(tensor))) continue;
    const copies = copied(
      node,
      node.inputs.map((tensor) => current.get(tensor) ?? tensor),
    );
    for (const [i, tensor] of node.outputs.entries())
      if (!current.has(tensor)) current.set(tensor, copies[i] ?? tensor);
  }
  return outputs.map((tensor) => current.get(tensor) ?? tensor);
}

const copied = ({ operation, attributes }: Node, inputs: readonly Tensor[]): Tensor[] =>
  apply(operation, inputs, attributes);
