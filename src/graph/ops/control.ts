// Ordering: a value that may only be computed once another is there.
import { apply, describe, isFloat, type Operation, ShapeError, type Tensor } from "../tensor.js";
import { reshape } from "./shape.js";

const afterOperation: Operation<object> = {
  name: "after",
  infer: ([x, dependency]) => {
    if (!isFloat(x!.dtype) || !isFloat(dependency!.dtype)) {
      throw new ShapeError(`after: needs float tensors, got ${describe(x!)} and ${describe(dependency!)}`);
    }
    return [x!];
  },
  emit: ({ inputs: [x, dependency], outputs }, emitter) => {
    // x + (dependency[0] > infinity ? 1 : 0): always x, even when the dependency is NaN, yet no optimiser knows it
    const first = emitter.temporary();
    emitter.node(
      "Slice",
      [emitter.name(dependency!), emitter.int64([0]), emitter.int64([1]), emitter.int64([0])],
      [first],
    );
    const never = emitter.temporary();
    emitter.node("Greater", [first, emitter.float(Number.POSITIVE_INFINITY, dependency!.dtype)], [never]);
    const zero = emitter.temporary();
    emitter.node("Cast", [never], [zero], { to: { int: x!.dtype === "float16" ? 10 : 1 } });
    emitter.node("Add", [emitter.name(x!), zero], [emitter.name(outputs[0]!)]);
  },
  gradient: (_, [g]) => [g, undefined],
};

/**
 * The value of `x`, computed no earlier than `dependency`: keeps the runtime from starting recomputation (or the next
 * microbatch) before it is needed, and from merging it with an equal node (engine notes, "Re-emitted forward nodes").
 */
export const after = (x: Tensor, dependency: Tensor): Tensor =>
  apply(afterOperation, [x, reshape(dependency, [-1])], {})[0]!;
