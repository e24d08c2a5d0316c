/** Ordering constraint: delays a value until other values have been computed. */
import {
  applied,
  type DType,
  describe,
  type Emitter,
  isFloat,
  type Operation,
  ShapeError,
  type Tensor,
} from "../tensor.js";

const afterOperation: Operation<object> = {
  name: "after",
  sharesMemory: "possibly",
  infer: (inputs) => {
    if (!inputs.every((tensor) => isFloat(tensor.dtype))) {
      throw new ShapeError(`after: needs float tensors, got ${inputs.map(describe).join(" and ")}`);
    }
    return [inputs[0]!];
  },
  emit: ({ inputs: [x, ...dependencies], outputs }, emitter) => {
    // x + (largest first entry > infinity ? 1 : 0) always equals x, even with a NaN entry, but no optimiser can remove it.
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
 * Joins the first entry of each tensor into one float32 vector, in their order. The runtime executes from the last node to the first, so
 * gradients listed from the first layer to the last are computed during the backward pass. In any other order (all matrices before all
 * vectors, say), the recomputed intermediates of every layer would stay alive until the rest of their gradients are computed.
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
 * Returns the value of `x`, computed only after all `dependencies`. It prevents the runtime from starting recomputation (or the next
 * microbatch) early, and from merging recomputed nodes with the originals. Throws ShapeError unless all tensors are float.
 */
export const after = <D extends DType>(x: Tensor<D>, ...dependencies: readonly Tensor[]): Tensor<D> =>
  dependencies.length === 0 ? x : applied(afterOperation, [x, ...dependencies], {});
