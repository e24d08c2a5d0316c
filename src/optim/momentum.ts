/** Momentum: a decaying sum of gradients, stored in float32 or, with half the memory, in float16. */
import { add, cast, divide, maximum, multiply, type Tensor } from "../graph/index.js";
import { l2Norm } from "./norms.js";
import type { OptimizerContext } from "./transformation.js";

/**
 * Storage type of momentum between steps. big_vision uses bfloat16 (papers.md 5.3). Here half precision is float16, because ONNX Runtime
 * cannot pass a bfloat16 tensor to JavaScript. float16 has three more mantissa bits but a far smaller range, which a scale for each tensor
 * compensates.
 */
export type MomentumDType = "float32" | "float16";

/** Checks a storage type of momentum; throws RangeError with the reason if it is not supported. */
export function requireMomentumDType(given: string): MomentumDType {
  if (given === "float32" || given === "float16") return given;
  throw new RangeError(unknownMomentumDType(given));
}

/** Error message for an unsupported storage type of momentum. */
export const unknownMomentumDType = (given: unknown): string =>
  given === "bfloat16"
    ? 'momentum cannot be stored in "bfloat16", which ONNX Runtime does not pass to JavaScript; use "float16", which takes as little memory and, scaled for each tensor, is more precise'
    : `momentum cannot be stored in ${JSON.stringify(given)}; expected "float32" or "float16"`;

/** The power of two to which the bound of a tensor's entries is scaled: half of float16's maximum, to leave room for rounding. */
const full = 2 ** 15;
/** Squares of smaller numbers underflow in float32, and a smaller scale could overflow. */
const smallestScale = 1e-20;

/**
 * m = decay m + value * factor, starting from zero; returns the new m before it is rounded for storage, as in optax.
 *
 * In float16, m is stored times 2^15 / s with s = decay s + |value * factor| (2-norm). By the triangle inequality no entry of m is larger
 * than s, so nothing overflows, and numbers down to 2^-29 of s keep all their bits. The momentum of gradients of 1e-8, which plain float16
 * would lose, is preserved.
 */
export function accumulated(
  context: OptimizerContext,
  name: string,
  decay: number,
  { value, factor }: { readonly value: Tensor; readonly factor: Tensor },
  dtype: MomentumDType,
): Tensor {
  const incoming = multiply(value, factor);
  if (dtype === "float32") return context.state(name, value.shape, (m) => add(multiply(m, decay), incoming));
  const scale = context.slot(momentumScaleName(name), [], "float32", (s) =>
    maximum(add(multiply(s, decay), multiply(l2Norm(value), factor)), smallestScale),
  );
  let sum: Tensor | undefined;
  context.slot(name, value.shape, "float16", (stored) => {
    const m = multiply(cast(stored, "float32"), multiply(scale.input, decay / full));
    sum = add(m, incoming);
    return cast(multiply(sum, divide(full, scale.next)), "float16");
  });
  return sum!;
}

/** State name of the scale of a float16 momentum: `adam/m/head/kernel` has `adam/mScale/head/kernel`. */
const momentumScaleName = (name: string): string => name.replace(/^(adam\/m|adafactor\/m|momentum)\//, "$1Scale/");
