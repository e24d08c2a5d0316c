/** Parts of the logical operations: the check of their operands, and `or` for devices without its node. */
import { describe, type Emitter, type Node, ShapeError, type Tensor } from "../tensor.js";

/** Throws ShapeError for a tensor that is not bool. */
export function requireBool(name: string, x: Tensor): void {
  if (x.dtype !== "bool") throw new ShapeError(`${name}: needs bool tensors, got ${describe(x)}; compare it first`);
}

/** Emits a or b, or on devices without the node not (not a and not b). */
export function emitOr({ inputs, outputs }: Node<object>, emitter: Emitter): void {
  const [names, result] = [inputs.map(emitter.name), emitter.name(outputs[0]!)];
  if (emitter.runs("Or")) {
    emitter.node("Or", names, [result]);
    return;
  }
  const negated = names.map((name) => {
    const output = emitter.temporary();
    emitter.node("Not", [name], [output]);
    return output;
  });
  const neither = emitter.temporary();
  emitter.node("And", negated, [neither]);
  emitter.node("Not", [neither], [result]);
}
