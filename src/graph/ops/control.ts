/** Ordering: a value that may only be computed once others are there. */
import { apply, describe, type Emitter, isFloat, type Operation, ShapeError, type Tensor } from "../tensor.js";

const afterOperation: Operation<object> = {
  name: "after",
  infer: (inputs) => {
    if (!inputs.every((tensor) => isFloat(tensor.dtype))) {
      throw new ShapeError(`after: needs float tensors, got ${inputs.map(describe).join(" and ")}`);
    }
    return [inputs[0]!];
  },
  emit: ({ inputs: [x, ...dependencies], outputs }, emitter) => {
    // x + (largest first entry > infinity ? 1 : 0): always x, even when an entry is NaN, yet no optimiser knows it
    const node = nodeWriter(emitter);
    const firsts = firstEntries(dependencies, emitter);
    const top =
      dependencies.length === 1
        ? node("Reshape", [firsts, emitter.int64([])])
        : node("ReduceMax", [firsts, emitter.int64([0])], { keepdims: { int: 0 } });
    const never = node("Greater", [top, emitter.float(Number.POSITIVE_INFINITY)]);
    const zero = node("Cast", [never], { to: { int: x!.dtype === "float16" ? 10 : 1 } });
    emitter.node("Add", [emitter.name(x!), zero], [emitter.name(outputs[0]!)]);
  },
  gradient: (_, [g]) => [g],
};

const nodeWriter =
  (emitter: Emitter) =>
  (type: string, inputs: readonly string[], attributes = {}): string => {
    const output = emitter.temporary();
    emitter.node(type, inputs, [output], attributes);
    return output;
  };

/**
 * The first entry of each tensor, as one float32 vector, in their order: the runtime works from the last to the first, and
 * gradients given from the first layer to the last are then made as the backward pass goes by. Joined in any other order (all
 * matrices before all vectors, say) the recomputed intermediates of every layer would wait for the rest of their gradients.
 */
function firstEntries(tensors: readonly Tensor[], emitter: Emitter): string {
  const node = nodeWriter(emitter);
  const entries = tensors.map((tensor) => {
    const rank = tensor.shape.length;
    const name = emitter.name(tensor);
    const all = (value: number) => emitter.int64(tensor.shape.map(() => value));
    const first = rank === 0 ? name : node("Slice", [name, all(0), all(1)]);
    const flat = rank === 1 ? first : node("Reshape", [first, emitter.int64([1])]);
    return tensor.dtype === "float16" ? node("Cast", [flat], { to: { int: 1 } }) : flat;
  });
  return entries.length === 1 ? entries[0]! : node("Concat", entries, { axis: { int: 0 } });
}

/**
 * The value of `x`, computed no earlier than every one of `dependencies`: keeps the runtime from starting recomputation
 * (or the next microbatch) before it is needed, and from merging it with an equal node (engine notes, "Re-emitted
 * forward nodes"). Throws ShapeError unless all are float.
 */
export const after = (x: Tensor, ...dependencies: readonly Tensor[]): Tensor =>
  dependencies.length === 0 ? x : apply(afterOperation, [x, ...dependencies], {})[0]!;
