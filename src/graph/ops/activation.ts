/**
 * GELU in both forms, the piecewise linear sigmoid of MobileNetV3, softmax and log-softmax.
 *
 * On the CPU, every elementwise node is a pass over memory. The training form of GELU therefore computes the value and the derivative
 * together in the forward pass, where they share their expensive terms; the backward pass is one multiplication.
 */
import {
  applied,
  type DType,
  describe,
  isFloat,
  type Operation,
  resolveAxis,
  ShapeError,
  type Tensor,
} from "../tensor.js";
import { absolute, cast, exp, less, multiply, sigmoid, subtract } from "./elementwise.js";
import { asFloat32, inFloat32 } from "./half.js";
import { reduceSum } from "./reduce.js";
import { scale } from "./scale.js";
import { transpose } from "./shape.js";

/**
 * `tanh`: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); `erf`: 0.5 x (1 + erf(x / sqrt 2)) (papers.md 1.2); `quick`: x sigmoid(1.702 x), the
 * approximation of OpenAI's CLIP (QuickGELU).
 */
export type GeluForm = "tanh" | "erf" | "quick";

const geluOperation: Operation<{ form: Exclude<GeluForm, "quick"> }> = {
  name: "gelu",
  keptFrom: 1,
  infer: ([x]) => {
    if (!isFloat(x!.dtype)) throw new ShapeError(`gelu: needs a float tensor, got ${describe(x!)}`);
    return [x!, x!];
  },
  emit: ({ inputs, outputs: [y, derivative], attributes: { form } }, emitter) => {
    if (!emitter.used(derivative!)) {
      const approximate = { string: form === "tanh" ? "tanh" : "none" };
      emitter.node("Gelu", [emitter.name(inputs[0]!)], [emitter.name(y!)], { approximate });
      return;
    }
    // Computed in float32 for every type: the cube of a float16 overflows from 41 on.
    const x = asFloat32(inputs[0]!, emitter);
    const node = (type: string, inputs: readonly string[], output = emitter.temporary()): string => {
      emitter.node(type, inputs, [output]);
      return output;
    };
    const float = (value: number) => emitter.float(value);
    if (form === "erf") {
      // y = x P and dy/dx = P + x p, with P = (1 + erf(x / sqrt 2)) / 2 and p = exp(-x^2 / 2) / sqrt(2 pi)
      const z = node("Mul", [x, float(Math.SQRT1_2)]);
      const p = node("Mul", [node("Add", [node("Erf", [z]), float(1)]), float(0.5)]);
      inFloat32(y!, emitter, (result) => node("Mul", [x, p], result));
      const exponent = node("Sub", [float(-0.5 * Math.log(2 * Math.PI)), node("Mul", [z, z])]);
      const curved = node("Mul", [x, node("Exp", [exponent])]);
      inFloat32(derivative!, emitter, (result) => node("Add", [p, curved], result));
      return;
    }
    // y = x s and dy/dx = s + y (1 - s) w', with s = sigmoid(w), w = 2 sqrt(2/pi) (x + 0.044715 x^3)
    const c0 = 2 * Math.sqrt(2 / Math.PI);
    const c1 = c0 * 0.044715;
    const square = node("Mul", [x, x]);
    const w = node("Mul", [node("Add", [node("Mul", [square, float(c1)]), float(c0)]), x]);
    const s = node("Sigmoid", [w]);
    const value = inFloat32(y!, emitter, (result) => node("Mul", [x, s], result));
    const slope = node("Add", [node("Mul", [square, float(3 * c1)]), float(c0)]);
    const curved = node("Mul", [node("Mul", [value, node("Sub", [float(1), s])]), slope]);
    inFloat32(derivative!, emitter, (result) => node("Add", [s, curved], result));
  },
  gradient: ({ outputs: [, derivative] }, [g]) => [multiply(g!, derivative!)],
};

/** The Gaussian error linear unit in one of its published forms. */
export const gelu = <D extends DType>(x: Tensor<D>, form: GeluForm = "tanh"): Tensor<D> =>
  form === "quick" ? multiply(x, sigmoid(scale(x, 1.702))) : applied(geluOperation, [x], { form });

// The derivative is 1/6 between -3 and 3, and 0 at both, as in PyTorch.
const hardSigmoidOperation: Operation<object> = {
  name: "hardSigmoid",
  infer: ([x]) => {
    if (!isFloat(x!.dtype)) throw new ShapeError(`hardSigmoid: needs a float tensor, got ${describe(x!)}`);
    return [x!];
  },
  emit: ({ inputs, outputs }, emitter) => {
    const x = asFloat32(inputs[0]!, emitter);
    const slope = { alpha: { float: 1 / 6 }, beta: { float: 0.5 } };
    inFloat32(outputs[0]!, emitter, (result) => emitter.node("HardSigmoid", [x], [result], slope));
  },
  gradient: ({ inputs: [x] }, [g]) => [multiply(g!, scale(cast(less(absolute(x!), 3), g!.dtype), 1 / 6))],
};

/** min(max(x / 6 + 1/2, 0), 1), the piecewise linear sigmoid of MobileNetV3 (Howard et al., 2019, arXiv:1905.02244, section 5.2). */
export const hardSigmoid = <D extends DType>(x: Tensor<D>): Tensor<D> => applied(hardSigmoidOperation, [x], {});
/** x hardSigmoid(x), the hard swish of the same paper. */
export const hardSwish = <D extends DType>(x: Tensor<D>): Tensor<D> => multiply(x, hardSigmoid(x));

// With y = softmax(x) over the last axis: dx = y (g - sum(g y)).
const softmaxOperation: Operation<object> = {
  name: "softmax",
  infer: ([x]) => [x!],
  emit: ({ inputs, outputs }, emitter) => {
    const x = asFloat32(inputs[0]!, emitter);
    inFloat32(outputs[0]!, emitter, (result) => emitter.node("Softmax", [x], [result], { axis: { int: -1 } }));
  },
  gradient: ({ outputs: [y] }, [g]) => [multiply(y!, subtract(g!, reduceSum(multiply(g!, y!), -1, true)))],
};

// With y = log softmax(x) over the last axis: dx = g - exp(y) sum(g).
const logSoftmaxOperation: Operation<object> = {
  name: "logSoftmax",
  infer: ([x]) => [x!],
  emit: ({ inputs, outputs }, emitter) => {
    const x = asFloat32(inputs[0]!, emitter);
    if (emitter.runs("LogSoftmax")) {
      inFloat32(outputs[0]!, emitter, (result) => emitter.node("LogSoftmax", [x], [result], { axis: { int: -1 } }));
      return;
    }
    // (x - max) - log(sum(exp(x - max)))
    const node = (type: string, inputs: readonly string[]): string => {
      const output = emitter.temporary();
      emitter.node(type, inputs, [output]);
      return output;
    };
    const last = emitter.int64([-1]);
    const shifted = node("Sub", [x, node("ReduceMax", [x, last])]);
    const log = node("Log", [node("ReduceSum", [node("Exp", [shifted]), last])]);
    inFloat32(outputs[0]!, emitter, (result) => emitter.node("Sub", [shifted, log], [result]));
  },
  gradient: ({ outputs: [y] }, [g]) => [subtract(g!, multiply(exp(y!), reduceSum(g!, -1, true)))],
};

function overAxis<D extends DType>(operation: Operation<object>, x: Tensor<D>, axis: number): Tensor<D> {
  if (!isFloat(x.dtype)) throw new ShapeError(`${operation.name}: needs a float tensor, got ${describe(x)}`);
  const last = x.shape.length - 1;
  const along = resolveAxis(operation.name, axis, x.shape.length);
  if (along === last) return applied(operation, [x], {});
  const swap = x.shape.map((_, i) => (i === along ? last : i === last ? along : i));
  return transpose<D>(applied(operation, [transpose(x, swap)], {}), swap);
}

/** exp(x) / sum exp(x) over an axis (default: the last). */
export const softmax = <D extends DType>(x: Tensor<D>, axis = -1): Tensor<D> => overAxis(softmaxOperation, x, axis);
/** Logarithm of softmax over an axis (default: the last), computed without overflow. */
export const logSoftmax = <D extends DType>(x: Tensor<D>, axis = -1): Tensor<D> =>
  overAxis(logSoftmaxOperation, x, axis);
