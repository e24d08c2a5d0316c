/** Momentum: a decaying sum of what comes in, kept in float32 or, at half the memory, in float16. */
import { add, cast, divide, maximum, multiply, type Tensor } from "../graph/index.js";
import { l2Norm } from "./norms.js";
import type { OptimizerContext } from "./transformation.js";

/**
 * How momentum is kept between steps. big_vision keeps it in bfloat16 (papers.md 5.3). Here half precision is float16: a
 * bfloat16 tensor cannot pass between ONNX Runtime and JavaScript. float16 has three bits more and a far smaller range,
 * which a scale for each tensor makes up for.
 */
export type MomentumDType = "float32" | "float16";

/** Throws RangeError for a type that momentum cannot be kept in, saying why. */
export function requireMomentumDType(given: string): MomentumDType {
  if (given === "float32" || given === "float16") return given;
  throw new RangeError(unknownMomentumDType(given));
}

/** The error for a type that momentum cannot be stored in. */
export const unknownMomentumDType = (given: unknown): string =>
  given === "bfloat16"
    ? 'momentum cannot be kept in "bfloat16", which ONNX Runtime does not pass to JavaScript; use "float16", which takes as little memory and, scaled for each tensor, is more precise'
    : `momentum cannot be kept in ${JSON.stringify(given)}; expected "float32" or "float16"`;

/** The power of two that the bound of a tensor's entries is stored as; half of what float16 holds, for what rounding adds. */
const full = 2 ** 15;
/** Squares of smaller numbers vanish in float32, and a scale below it could overflow. */
const smallestScale = 1e-20;

/**
 * m = decay m + value * factor, from zero; returns the new m before it is rounded for storage, as optax does.
 *
 * In float16, m is stored times 2^15 / s with s = decay s + |value * factor| (2-norm): by the triangle inequality no entry
 * of m is larger than s, so nothing overflows, and numbers down to 2^-29 of it keep all their bits. Gradients of 1e-8, which
 * float16 by itself would lose, keep their momentum.
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

/** Where the scale of a momentum in float16 is kept: `adam/m/head/kernel` has `adam/mScale/head/kernel`. */
const momentumScaleName = (name: string): string => name.replace(/^(adam\/m|adafactor\/m|momentum)\//, "$1Scale/");
