// Layer norm and group norm.
//
// Both standardise rows: n = (x - mean) r with r = 1 / sqrt(variance + epsilon), the variance biased.
// From dn: dx = r (dn - mean(dn) - n mean(dn n)), the means over the row. Derivation: mean and r both depend on
// x; d mean / dx_i = 1/D contributes -r mean(dn), d r / dx_i = -r^2 n_i / D contributes -r n mean(dn n).
import {
  apply,
  describe,
  elementCount,
  isFloat,
  type Operation,
  requireSameDType,
  ShapeError,
  type Tensor,
} from "../tensor.js";
import { add, divide, multiply, sqrt, subtract } from "./elementwise.js";
import { matmul } from "./matmul.js";
import { reduceMean, reduceSum } from "./reduce.js";
import { scale } from "./scale.js";
import { reshape } from "./shape.js";

const layerNormOperation: Operation<{ epsilon: number }> = {
  name: "layerNorm",
  keptFrom: 1,
  infer: ([x, gamma, beta]) => {
    requireSameDType("layerNorm", [x!, gamma!, beta!]);
    const width = x!.shape.at(-1);
    if (!isFloat(x!.dtype) || gamma!.shape.join() !== `${width}` || beta!.shape.join() !== `${width}`) {
      throw new ShapeError(
        `layerNorm: scale ${describe(gamma!)} and bias ${describe(beta!)} must be as wide as the last axis of ${describe(x!)}`,
      );
    }
    const perRow = { dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), 1] };
    return [x!, perRow, perRow];
  },
  emit: ({ inputs, outputs, attributes }, emitter) => {
    // the mean and inverse deviation are asked for only when the backward pass reads them
    const kept = emitter.used(outputs[1]!) || emitter.used(outputs[2]!) ? 3 : 1;
    emitter.node("LayerNormalization", inputs.map(emitter.name), outputs.slice(0, kept).map(emitter.name), {
      axis: { int: -1 },
      epsilon: { float: attributes.epsilon },
    });
  },
  gradient: ({ inputs: [x, gamma], outputs: [, mean, inverse] }, [g]) => {
    const width = x!.shape.at(-1)!;
    const normal = multiply(subtract(x!, mean!), inverse!);
    const gNormal = multiply(g!, normal); // serves both dgamma and mean(dn n) = (g n) . gamma / D
    const column = scale(reshape(gamma!, [width, 1]), 1 / width);
    const meanOfGradient = matmul(g!, column);
    const meanOfProduct = matmul(gNormal, column);
    const dx = multiply(
      subtract(subtract(multiply(g!, gamma!), meanOfGradient), multiply(normal, meanOfProduct)),
      inverse!,
    );
    const leading = x!.shape.slice(0, -1).map((_, axis) => axis);
    return [dx, reduceSum(gNormal, leading), reduceSum(g!, leading)];
  },
};

/** Normalises the last axis to mean 0 and variance 1, then scale and bias [width] (papers.md 1.2: epsilon 1e-6). */
export function layerNorm(x: Tensor, scale: Tensor, bias: Tensor, epsilon = 1e-6): Tensor {
  // one row alone still is a matrix: the gradient's products over rows need two axes
  if (x.shape.length === 1) return reshape(layerNorm(reshape(x, [1, -1]), scale, bias, epsilon), x.shape);
  return apply(layerNormOperation, [x, scale, bias], { epsilon })[0]!;
}

const standardiseOperation: Operation<{ epsilon: number }> = {
  name: "standardise",
  keptFrom: 1,
  infer: ([x]) => [x!, { dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), 1] }],
  emit: ({ inputs, outputs, attributes }, emitter) => {
    const x = inputs[0]!;
    const ones = emitter.float(new Array(x.shape.at(-1)!).fill(1), x.dtype);
    const needed = emitter.used(outputs[1]!);
    emitter.node(
      "LayerNormalization",
      [emitter.name(x), ones],
      needed
        ? [emitter.name(outputs[0]!), emitter.temporary(), emitter.name(outputs[1]!)]
        : [emitter.name(outputs[0]!)],
      { axis: { int: -1 }, epsilon: { float: attributes.epsilon } },
    );
  },
  gradient: ({ outputs: [normal, inverse] }, [g]) => {
    const centred = subtract(g!, reduceMean(g!, -1, true));
    const along = multiply(normal!, reduceMean(multiply(g!, normal!), -1, true));
    return [multiply(subtract(centred, along), inverse!)];
  },
};

/** (x - mean) / sqrt(variance + epsilon) over the last axis, the variance biased. */
export function standardise(x: Tensor, epsilon: number): Tensor {
  if (!isFloat(x.dtype) || x.shape.length < 1) throw new ShapeError(`standardise: cannot take ${describe(x)}`);
  return apply(standardiseOperation, [x], { epsilon })[0]!;
}

/** `bit`: divide by sqrt(variance + 1e-10) (papers.md 2.1); `flax`: divide by deviation + 1e-5 (papers.md 3.1). */
export type WeightStandardisation = "bit" | "flax";

/** Kernels [O, ...] with each output channel at mean 0 and deviation 1, the variance biased. Throws ShapeError. */
export function weightStandardise(kernel: Tensor, form: WeightStandardisation): Tensor {
  if (!isFloat(kernel.dtype) || kernel.shape.length < 2) {
    throw new ShapeError(`weightStandardise: cannot take ${describe(kernel)}; a kernel is [O, C, h, w]`);
  }
  const channels = kernel.shape[0]!;
  const rows = reshape(kernel, [channels, elementCount(kernel.shape) / channels]);
  if (form === "bit") return reshape(standardise(rows, 1e-10), kernel.shape);
  const centred = subtract(rows, reduceMean(rows, 1, true));
  // 1e-20 changes no deviation that 1e-5 does not drown, and gives a constant kernel a gradient
  const deviation = sqrt(add(reduceMean(multiply(centred, centred), 1, true), 1e-20));
  return reshape(divide(centred, add(deviation, 1e-5)), kernel.shape);
}

/**
 * Group norm of [N, C, ...]: each group of C / groups channels is normalised over its channels and positions, then
 * scale and bias [C] (papers.md 2.1: 32 groups, epsilon 1e-5, biased variance). Throws ShapeError.
 */
export function groupNorm(x: Tensor, scale: Tensor, bias: Tensor, groups = 32, epsilon = 1e-5): Tensor {
  const [batch, channels] = x.shape as [number, number];
  const perChannelEach = [scale, bias].every(({ shape }) => shape.join() === `${channels}`);
  if (x.shape.length < 2 || channels % groups !== 0 || !perChannelEach) {
    throw new ShapeError(
      `groupNorm: ${describe(x)} cannot be normalised in ${groups} groups with scale ${describe(scale)} and bias ${describe(bias)}`,
    );
  }
  const rows = reshape(x, [batch * groups, elementCount(x.shape) / (batch * groups)]);
  const perChannel = [1, channels, ...x.shape.slice(2).map(() => 1)];
  const normal = reshape(standardise(rows, epsilon), x.shape);
  return add(multiply(normal, reshape(scale, perChannel)), reshape(bias, perChannel));
}
