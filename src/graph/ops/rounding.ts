/** Emission of sign and rounding, with forms for devices that lack the nodes. */
import { onnxTypeCodes } from "../element-types.js";
import type { Emitter, Node, Tensor } from "../tensor.js";

/** The value, the result, and functions that write nodes and constants of their type. */
function parts({ inputs, outputs }: Node<object>, emitter: Emitter) {
  const [x, y] = [inputs[0], outputs[0]] as [Tensor, Tensor];
  const node = (type: string, operands: readonly string[], output = emitter.temporary(), attributes = {}): string => {
    emitter.node(type, operands, [output], attributes);
    return output;
  };
  return {
    x: emitter.name(x),
    y: emitter.name(y),
    node,
    number: (value: number) => emitter.float(value, x.dtype),
    /** 1 where a comparison holds, else 0. */
    counted: (comparison: string) =>
      node("Cast", [comparison], emitter.temporary(), { to: { int: onnxTypeCodes[x.dtype] } }),
  };
}

/** Emits the sign, or without the node (x > 0) - (x < 0). */
export function emitSign(operation: Node<object>, emitter: Emitter): void {
  const { x, y, node, number, counted } = parts(operation, emitter);
  if (emitter.runs("Sign")) node("Sign", [x], y);
  else node("Sub", [counted(node("Greater", [x, number(0)])), counted(node("Less", [x, number(0)]))], y);
}

/**
 * Emits rounding to nearest even. Without the node: f + 1 if x - f > 1/2, with f = floor(x), or if it is 1/2 and f is odd. For an odd f,
 * 2^-11 (half precision) or 2^-24, the spacing of the type at 1/2, is added to x - f first, which leaves all other differences on
 * their side.
 */
export function emitRound(operation: Node<object>, emitter: Emitter): void {
  const { x, y, node, number, counted } = parts(operation, emitter);
  if (emitter.runs("Round")) {
    node("Round", [x], y);
    return;
  }
  const floor = node("Floor", [x]);
  const even = node("Mul", [node("Floor", [node("Mul", [floor, number(0.5)])]), number(2)]);
  const isOdd = node("Sub", [floor, even]);
  const spacing = operation.inputs[0]?.dtype === "float16" ? 2 ** -11 : 2 ** -24;
  const difference = node("Add", [node("Sub", [x, floor]), node("Mul", [isOdd, number(spacing)])]);
  node("Add", [floor, counted(node("Greater", [difference, number(0.5)]))], y);
}
