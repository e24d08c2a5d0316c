/**
 * Arithmetic with broadcasting, comparisons, selection and unary functions.
 * Gradients of broadcast operands are summed back to the operand's shape.
 */
import { onnxTypeCodes } from "../element-types.js";
import {
  applied,
  broadcastShapes,
  type DType,
  describe,
  type Emitter,
  isFloat,
  type Node,
  type Operation,
  requireSameDType,
  type Shape,
  ShapeError,
  sameShape,
  type Tensor,
} from "../tensor.js";
import { scalar } from "./leaf.js";
import { emitOr, requireBool } from "./logical.js";
import { reduceSum } from "./reduce.js";
import { emitRound, emitSign } from "./rounding.js";
import { scalarBeside, scale } from "./scale.js";
import { reshape } from "./shape.js";

/** Sums a gradient back to the shape of an operand that was broadcast. */
export function sumTo<D extends DType>(gradient: Tensor<D>, shape: Shape): Tensor<D> {
  if (sameShape(gradient.shape, shape)) return gradient;
  const lead = gradient.shape.length - shape.length;
  const axes: number[] = [];
  for (let i = 0; i < gradient.shape.length; i++) {
    if (i < lead || (shape[i - lead] === 1 && gradient.shape[i] !== 1)) axes.push(i);
  }
  return reshape(axes.length > 0 ? reduceSum(gradient, axes, true) : gradient, shape);
}

type BinaryGradient = (
  g: Tensor,
  a: Tensor,
  b: Tensor,
  y: Tensor,
) => [() => Tensor | undefined, () => Tensor | undefined];

function binary(name: string, onnx: string, result: DType | "same", gradient?: BinaryGradient): Operation<object> {
  return {
    name,
    isElementwise: result === "same",
    infer: ([a, b]) => {
      const dtype = requireSameDType(name, [a!, b!]);
      return [{ dtype: result === "same" ? dtype : result, shape: broadcastShapes(name, a!.shape, b!.shape) }];
    },
    emit: ({ inputs, outputs }, emitter) => {
      const names = inputs.map((operand, i) => {
        const other = inputs[1 - i]!;
        return operand.shape.length === 0 ? scalarBeside(other, emitter.name(operand), emitter) : emitter.name(operand);
      });
      emitter.node(onnx, names, [emitter.name(outputs[0]!)]);
    },
    gradient:
      gradient &&
      (({ inputs: [a, b], outputs: [y] }, [g]) => {
        const [left, right] = gradient(g!, a!, b!, y!);
        const back = (operand: Tensor, rule: () => Tensor | undefined) => {
          const value = isFloat(operand.dtype) ? rule() : undefined;
          return value && sumTo(value, operand.shape);
        };
        return [back(a!, left), back(b!, right)];
      }),
  };
}

/** A binary operation of bool tensors. */
function logical(name: string, onnx: string): Operation<object> {
  const operation = binary(name, onnx, "bool");
  return {
    ...operation,
    infer: (inputs, attributes) => {
      for (const x of inputs) requireBool(name, x);
      return operation.infer(inputs, attributes);
    },
  };
}

const none = () => undefined;
const binaryOperations = {
  add: binary("add", "Add", "same", (g) => [() => g, () => g]),
  subtract: binary("subtract", "Sub", "same", (g) => [() => g, () => negate(g)]),
  multiply: binary("multiply", "Mul", "same", (g, a, b) => [() => multiply(g, b), () => multiply(g, a)]),
  divide: binary("divide", "Div", "same", (g, _, b, y) => [
    () => divide(g, b),
    () => negate(divide(multiply(g, y), b)), // d(a/b)/db = -y/b
  ]),
  // d(a^b)/da = b a^(b-1); the exponent is treated as a constant.
  power: binary("power", "Pow", "same", (g, a, b) => [
    () => multiply(g, multiply(b, power(a, subtract(b, scalar(1, b.dtype))))),
    none,
  ]),
  // For a tie, the first operand receives the whole gradient.
  maximum: binary("maximum", "Max", "same", (g, a, b) => [
    () => where(less(a, b), zeroLike(g), g),
    () => where(less(a, b), g, zeroLike(g)),
  ]),
  minimum: binary("minimum", "Min", "same", (g, a, b) => [
    () => where(greater(a, b), zeroLike(g), g),
    () => where(greater(a, b), g, zeroLike(g)),
  ]),
  less: binary("less", "Less", "bool"),
  greater: binary("greater", "Greater", "bool"),
  equal: binary("equal", "Equal", "bool"),
  and: logical("and", "And"),
  or: { ...logical("or", "Or"), emit: emitOr },
  bitwiseXor: binary("bitwiseXor", "BitwiseXor", "same"),
};

const zeroLike = <D extends DType>(tensor: Tensor<D>): Tensor<D> => scalar(0, tensor.dtype);
type Operand = Tensor | number;
const lift = (operand: Operand, other: Operand): Tensor =>
  typeof operand === "number" ? scalar(operand, typeof other === "number" ? "float32" : other.dtype) : operand;
/** A function of two operands of the same element type, which is that of the result. */
interface Binary {
  <D extends DType>(a: Tensor<D>, b: Operand): Tensor<D>;
  <D extends DType>(a: number, b: Tensor<D>): Tensor<D>;
  (a: Operand, b: Operand): Tensor;
}
const applyBinary =
  (operation: Operation<object>): Binary =>
  (a: Operand, b: Operand) =>
    applied(operation, [lift(a, b), lift(b, a)], {});
const applyTest =
  (operation: Operation<object>) =>
  (a: Operand, b: Operand): Tensor<"bool"> =>
    applied(operation, [lift(a, b), lift(b, a)], {});

/** a + b, elementwise with NumPy broadcasting; a number is a scalar of the other operand's type. Throws ShapeError. */
export const add = applyBinary(binaryOperations.add);
/** a - b; broadcasts as `add` does. */
export const subtract = applyBinary(binaryOperations.subtract);
/** a * b; broadcasts as `add` does. */
export const multiply: Binary = (a: Operand, b: Operand) => {
  if (typeof b === "number" && typeof a !== "number" && isFloat(a.dtype)) return scale(a, b);
  if (typeof a === "number" && typeof b !== "number" && isFloat(b.dtype)) return scale(b, a);
  return applyBinary(binaryOperations.multiply)(a, b);
};
/** a / b; broadcasts as `add` does. */
export const divide = applyBinary(binaryOperations.divide);
/** a to the power b; no gradient flows to the exponent. */
export const power = applyBinary(binaryOperations.power);
/** The larger of a and b; for a tie, a receives the whole gradient. */
export const maximum = applyBinary(binaryOperations.maximum);
/** The smaller of a and b; for a tie, a receives the whole gradient. */
export const minimum = applyBinary(binaryOperations.minimum);
/** a < b, a bool tensor; broadcasts as `add` does. */
export const less = applyTest(binaryOperations.less);
/** a > b, a bool tensor; broadcasts as `add` does. */
export const greater = applyTest(binaryOperations.greater);
/** a = b, a bool tensor; broadcasts as `add` does. */
export const equal = applyTest(binaryOperations.equal);
/** Logical and of bool tensors; a number is 0 (false) or 1 (true). */
export const and = applyTest(binaryOperations.and);
/** Logical or of bool tensors; a number is 0 (false) or 1 (true). */
export const or = applyTest(binaryOperations.or);
export const bitwiseXor = applyBinary(binaryOperations.bitwiseXor);

function unary(
  name: string,
  onnx: string,
  gradient?: (g: Tensor, x: Tensor, y: Tensor) => Tensor | undefined,
): Operation<object> {
  return {
    name,
    infer: ([x]) => {
      const signed = x!.dtype === "int32" || x!.dtype === "int64";
      if (!isFloat(x!.dtype) && !(signed && (name === "negate" || name === "absolute"))) {
        throw new ShapeError(`${name}: needs a float tensor, got ${describe(x!)}`);
      }
      return [{ dtype: x!.dtype, shape: x!.shape }];
    },
    emit: ({ inputs, outputs }, emitter) => {
      emitter.node(onnx, inputs.map(emitter.name), [emitter.name(outputs[0]!)]);
    },
    gradient: gradient && (({ inputs: [x], outputs: [y] }, [g]) => [gradient(g!, x!, y!)]),
  };
}

/**
 * Emits max(x, 0) + log1p(exp(-|x|)). ONNX's Softplus computes log(1 + exp x) in float32 and loses the digits of a small exp x, which adds
 * up in a sigmoid loss over many classes. log1p(u) = u log(w) / (w - 1) with w = 1 + u as rounded, and u if w is 1 (Kahan; Goldberg, "What
 * every computer scientist should know about floating-point arithmetic", theorem 4).
 */
function emitSoftplus({ inputs, outputs }: Node<object>, emitter: Emitter): void {
  const x = emitter.name(inputs[0]!);
  const float = (value: number) => emitter.float(value, inputs[0]!.dtype);
  const node = (type: string, operands: readonly string[], output = emitter.temporary()): string => {
    emitter.node(type, operands, [output]);
    return output;
  };
  const u = node("Exp", [node("Neg", [node("Abs", [x])])]);
  const w = node("Add", [u, float(1)]);
  const lost = node("Equal", [w, float(1)]);
  const rounded = node("Where", [lost, float(1), node("Sub", [w, float(1)])]);
  const log1p = node("Where", [lost, u, node("Mul", [node("Log", [w]), node("Div", [u, rounded])])]);
  node("Add", [node("Max", [x, float(0)]), log1p], emitter.name(outputs[0]!));
}

const largestFloat32 = 3.4028234e38;

/**
 * 1 if a value of at least 0 is positive, else 0. In float32, this is one node and one pass: min(value * largest float, 1), which is 1 from
 * 3e-39 on. A comparison and its cast would be two passes.
 */
const positiveOperation: Operation<object> = {
  name: "positive",
  infer: ([y]) => [y!],
  emit: ({ inputs: [y], outputs: [mask] }, emitter) => {
    const [value, result] = [emitter.name(y!), emitter.name(mask!)];
    if (y!.dtype === "float32") {
      emitter.node("HardSigmoid", [value], [result], { alpha: { float: largestFloat32 }, beta: { float: 0 } });
      return;
    }
    const isPositive = emitter.temporary();
    emitter.node("Greater", [value, emitter.float(0, y!.dtype)], [isPositive]);
    emitter.node("Cast", [isPositive], [result], { to: { int: onnxTypeCodes[y!.dtype] } });
  },
};

const unaryOperations = {
  negate: { ...unary("negate", "Neg", (g) => negate(g)), sharesMemory: "possibly" as const },
  exp: unary("exp", "Exp", (g, _, y) => multiply(g, y)),
  log: unary("log", "Log", (g, x) => divide(g, x)),
  sqrt: unary("sqrt", "Sqrt", (g, _, y) => divide(multiply(g, 0.5), y)),
  reciprocal: unary("reciprocal", "Reciprocal", (g, _, y) => negate(multiply(g, multiply(y, y)))),
  tanh: unary("tanh", "Tanh", (g, _, y) => multiply(g, subtract(1, multiply(y, y)))),
  sigmoid: unary("sigmoid", "Sigmoid", (g, _, y) => multiply(g, multiply(y, subtract(1, y)))),
  // d erf(x)/dx = 2/sqrt(pi) exp(-x^2)
  erf: unary("erf", "Erf", (g, x) => multiply(g, multiply(exp(negate(multiply(x, x))), 2 / Math.sqrt(Math.PI)))),
  // Computed from the output, which the next operation keeps anyway.
  relu: unary("relu", "Relu", (g, _, y) => multiply(g, applied(positiveOperation, [y], {}))),
  softplus: { ...unary("softplus", "Softplus", (g, x) => multiply(g, sigmoid(x))), emit: emitSoftplus },
  // The derivative at 0 is 0, as in PyTorch.
  absolute: unary("absolute", "Abs", (g, x) => multiply(g, sign(x))),
  sin: unary("sin", "Sin", (g, x) => multiply(g, cos(x))),
  cos: unary("cos", "Cos", (g, x) => negate(multiply(g, sin(x)))),
  // Constant between their steps: the gradient is zero everywhere, as in PyTorch.
  sign: { ...unary("sign", "Sign", none), emit: emitSign },
  floor: unary("floor", "Floor", none),
  round: { ...unary("round", "Round", none), emit: emitRound },
};

const applyUnary =
  (operation: Operation<object>) =>
  <D extends DType>(x: Tensor<D>): Tensor<D> =>
    applied(operation, [x], {});
/** -x, of a float or signed tensor. */
export const negate = applyUnary(unaryOperations.negate);
/** e to the power x. */
export const exp = applyUnary(unaryOperations.exp);
/** Natural logarithm. */
export const log = applyUnary(unaryOperations.log);
/** Square root. */
export const sqrt = applyUnary(unaryOperations.sqrt);
export const reciprocal = applyUnary(unaryOperations.reciprocal);
/** Hyperbolic tangent. */
export const tanh = applyUnary(unaryOperations.tanh);
/** 1 / (1 + exp(-x)). */
export const sigmoid = applyUnary(unaryOperations.sigmoid);
export const erf = applyUnary(unaryOperations.erf);
/** max(x, 0); the gradient at 0 is 0. */
export const relu = applyUnary(unaryOperations.relu);
/** log(1 + exp(x)), computed without overflow. */
export const softplus = applyUnary(unaryOperations.softplus);
/** |x|; the gradient at 0 is 0. */
export const absolute = applyUnary(unaryOperations.absolute);
/** Sine of radians. */
export const sin = applyUnary(unaryOperations.sin);
/** Cosine of radians. */
export const cos = applyUnary(unaryOperations.cos);
/** -1, 0 or 1; the gradient is zero. */
export const sign = applyUnary(unaryOperations.sign);
/** The largest integer that is not above x, as a float; the gradient is zero. */
export const floor = applyUnary(unaryOperations.floor);
/** The nearest integer as a float, of two the even one; the gradient is zero. */
export const round = applyUnary(unaryOperations.round);

const clampOperation: Operation<{ low: number; high: number }> = {
  name: "clamp",
  infer: ([x], { low, high }) => {
    if (!isFloat(x!.dtype)) throw new ShapeError(`clamp: needs a float tensor, got ${describe(x!)}`);
    if (!(low <= high))
      throw new ShapeError(`clamp: got the range ${low} to ${high} for ${describe(x!)}; swap the two`);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  emit: ({ inputs: [x], outputs: [y], attributes }, emitter) => {
    const bound = (value: number) => (Number.isFinite(value) ? emitter.float(value, x!.dtype) : "");
    emitter.node("Clip", [emitter.name(x!), bound(attributes.low), bound(attributes.high)], [emitter.name(y!)]);
  },
  // Inside of the closed interval, x equals y. A product takes two thirds of the time of `Where` on the CPU.
  gradient: ({ inputs: [x], outputs: [y] }, [g]) => [multiply(g!, cast(equal(x!, y!), g!.dtype))],
};

/**
 * x limited to the closed interval from `low` to `high` (either may be infinite); the gradient passes inside of it, including its ends.
 * Throws ShapeError if x is not a float tensor or `low` is above `high`.
 */
export const clamp = <D extends DType>(x: Tensor<D>, low: number, high: number): Tensor<D> =>
  applied(clampOperation, [x], { low, high });

const notOperation: Operation<object> = {
  name: "not",
  infer: ([x]) => {
    requireBool("not", x!);
    return [x!];
  },
  emit: ({ inputs, outputs }, emitter) => {
    emitter.node("Not", inputs.map(emitter.name), [emitter.name(outputs[0]!)]);
  },
};

/** Logical negation of a bool tensor. Throws ShapeError for another type. */
export const not = applyUnary(notOperation);

const whereOperation: Operation<object> = {
  name: "where",
  infer: ([condition, a, b]) => {
    if (condition!.dtype !== "bool")
      throw new ShapeError(`where: the condition must be bool, got ${describe(condition!)}`);
    const dtype = requireSameDType("where", [a!, b!]);
    const shape = broadcastShapes("where", broadcastShapes("where", condition!.shape, a!.shape), b!.shape);
    return [{ dtype, shape }];
  },
  emit: ({ inputs, outputs }, emitter) => {
    emitter.node("Where", inputs.map(emitter.name), [emitter.name(outputs[0]!)]);
  },
  gradient: ({ inputs: [condition, a, b] }, [g]) => [
    undefined,
    sumTo(where(condition!, g!, zeroLike(g!)), a!.shape),
    sumTo(where(condition!, zeroLike(g!), g!), b!.shape),
  ],
};

/** `a` where the condition is true, else `b`; all three broadcast together. */
export const where = <D extends DType>(condition: Tensor, a: Tensor<D>, b: Tensor): Tensor<D> =>
  applied(whereOperation, [condition, a, b], {});

const castOperation: Operation<{ to: DType }> = {
  name: "cast",
  sharesMemory: "possibly",
  infer: ([x], { to }) => [{ dtype: to, shape: x!.shape }],
  emit: ({ inputs, outputs, attributes }, emitter) => {
    emitter.node("Cast", inputs.map(emitter.name), [emitter.name(outputs[0]!)], {
      to: { int: onnxTypeCodes[attributes.to] },
    });
  },
  gradient: ({ inputs: [x], attributes }, [g]) => [
    isFloat(x!.dtype) && isFloat(attributes.to) ? cast(g!, x!.dtype) : undefined,
  ],
};

const hasType = <D extends DType>(x: Tensor, dtype: D): x is Tensor<D> => x.dtype === dtype;

/** Converts to another element type; a gradient flows between float types only. */
export const cast = <D extends DType>(x: Tensor, to: D): Tensor<D> =>
  hasType(x, to) ? x : applied(castOperation, [x], { to });

const stopGradientOperation: Operation<object> = {
  name: "stopGradient",
  sharesMemory: "always",
  infer: ([x]) => [x!],
  emit: ({ inputs, outputs }, emitter) => {
    emitter.node("Identity", inputs.map(emitter.name), [emitter.name(outputs[0]!)]);
  },
  gradient: () => [undefined],
};

/** Returns the same value without a gradient (torch's detach). */
export const stopGradient = <D extends DType>(x: Tensor<D>): Tensor<D> => applied(stopGradientOperation, [x], {});

/** Sum of several tensors of the same shape, from left to right. */
export const addAll = <D extends DType>(terms: readonly Tensor<D>[]): Tensor<D> =>
  terms.reduce((total, term) => add(total, term));
