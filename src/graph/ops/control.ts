// Ordering: a value that may only be computed once others are there.
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

/** The first entry of each tensor, as one float32 vector: a slice a tensor, joined by rank. */
function firstEntries(tensors: readonly Tensor[], emitter: Emitter): string {
  const node = nodeWriter(emitter);
  const byRank = new Map<number, string[]>();
  for (const tensor of tensors) {
    const rank = tensor.shape.length;
    const name = emitter.name(tensor);
    const all = (value: number) => emitter.int64(tensor.shape.map(() => value));
    const first = rank === 0 ? node("Reshape", [name, emitter.int64([1])]) : node("Slice", [name, all(0), all(1)]);
    const float = tensor.dtype === "float16" ? node("Cast", [first], { to: { int: 1 } }) : first;
    const sameRank = Math.max(rank, 1);
    byRank.set(sameRank, [...(byRank.get(sameRank) ?? []), float]);
  }
  const join = (names: readonly string[]) =>
    names.length === 1 ? names[0]! : node("Concat", names, { axis: { int: 0 } });
  return join(
    [...byRank].map(([rank, names]) =>
      rank === 1 ? join(names) : node("Reshape", [join(names), emitter.int64([names.length])]),
    ),
  );
}

/**
 * The value of `x`, computed no earlier than every one of `dependencies`: keeps the runtime from starting recomputation
 * (or the next microbatch) before it is needed, and from merging it with an equal node (engine notes, "Re-emitted
 * forward nodes"). Throws ShapeError unless all are float.
 */
export const after = (x: Tensor, ...dependencies: readonly Tensor[]): Tensor =>
  dependencies.length === 0 ? x : apply(afterOperation, [x, ...dependencies], {})[0]!;
