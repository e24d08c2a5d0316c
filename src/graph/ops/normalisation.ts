/**
 * Layer norm and group norm.
 *
 * Both standardise rows: n = (x - mean) r with r = 1 / sqrt(variance + epsilon) and the biased variance.
 * From dn: dx = r (dn - mean(dn) - n mean(dn n)), the means over the row. Derivation: mean and r both depend on
 * x; d mean / dx_i = 1/D contributes -r mean(dn), d r / dx_i = -r^2 n_i / D contributes -r n mean(dn n).
 *
 * For float16 images and tokens, the statistics and the sums of the backward pass are float32 (Micikevicius et al., Mixed Precision
 * Training, 2018, section 3.3). Scale and bias may then be float32 too; the only float32 values kept are one number for each row.
 */
import {
  applied,
  type DType,
  describe,
  elementCount,
  isFloat,
  type Operation,
  requireSameDType,
  ShapeError,
  type Tensor,
} from "../tensor.js";
import { add, cast, divide, multiply, sqrt, subtract } from "./elementwise.js";
import { asFloat32, inFloat32 } from "./half.js";
import { matmul } from "./matmul.js";
import { reduceMean, reduceSum } from "./reduce.js";
import { scale } from "./scale.js";
import { reshape } from "./shape.js";

/** Scale and bias must have the type of the normalised tensor, or float32. */
function requireNormTypes(name: string, [x, ...others]: readonly [Tensor, ...Tensor[]]): void {
  for (const other of others) if (other.dtype !== "float32") requireSameDType(name, [x, other]);
}

const layerNormOperation: Operation<{ epsilon: number }> = {
  name: "layerNorm",
  keptFrom: 1,
  infer: ([x, gamma, beta]) => {
    requireNormTypes("layerNorm", [x!, gamma!, beta!]);
    const width = x!.shape.at(-1);
    if (!isFloat(x!.dtype) || gamma!.shape.join() !== `${width}` || beta!.shape.join() !== `${width}`) {
      throw new ShapeError(
        `layerNorm: scale ${describe(gamma!)} and bias ${describe(beta!)} must be as wide as the last axis of ${describe(x!)}`,
      );
    }
    const perRow = { dtype: "float32" as const, shape: [...x!.shape.slice(0, -1), 1] };
    return [x!, perRow, perRow];
  },
  emit: ({ inputs, outputs, attributes }, emitter) => {
    // The mean and inverse deviation are computed only if the backward pass uses them.
    const kept = emitter.used(outputs[1]!) || emitter.used(outputs[2]!) ? 3 : 1;
    const [y, ...statistics] = outputs.slice(0, kept);
    inFloat32(y!, emitter, (result) => {
      const operands = inputs.map((tensor) => asFloat32(tensor, emitter));
      emitter.node("LayerNormalization", operands, [result, ...statistics.map(emitter.name)], {
        axis: { int: -1 },
        epsilon: { float: attributes.epsilon },
      });
    });
  },
  gradient: ({ inputs: [x, gamma, beta], outputs: [, mean, inverse] }, [gradient]) => {
    const width = x!.shape.at(-1)!;
    const [g, factor] = [cast(gradient!, "float32"), cast(gamma!, "float32")];
    const normal = multiply(subtract(cast(x!, "float32"), mean!), inverse!);
    const gNormal = multiply(g, normal); // used for both dgamma and mean(dn n) = (g n) . gamma / D
    const column = scale(reshape(factor, [width, 1]), 1 / width);
    const meanOfGradient = matmul(g, column);
    const meanOfProduct = matmul(gNormal, column);
    const dx = multiply(
      subtract(subtract(multiply(g, factor), meanOfGradient), multiply(normal, meanOfProduct)),
      inverse!,
    );
    const leading = x!.shape.slice(0, -1).map((_, axis) => axis);
    const [dGamma, dBeta] = [reduceSum(gNormal, leading), reduceSum(g, leading)];
    return [cast(dx, x!.dtype), cast(dGamma, gamma!.dtype), cast(dBeta, beta!.dtype)];
  },
};

/** Normalises the last axis to mean 0 and variance 1, then applies scale and bias [width] (papers.md 1.2: epsilon 1e-6). */
export function layerNorm<D extends DType>(x: Tensor<D>, scale: Tensor, bias: Tensor, epsilon = 1e-6): Tensor<D> {
  // A single row is treated as a matrix: the gradient's products over rows need two axes.
  if (x.shape.length === 1) return reshape(layerNorm(reshape(x, [1, -1]), scale, bias, epsilon), x.shape);
  return applied(layerNormOperation, [x, scale, bias], { epsilon });
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
  // The factor r is applied to the row means first, which needs fewer passes over whole rows.
  gradient: ({ outputs: [normal, inverse] }, [g]) => {
    const meanOfGradient = multiply(reduceMean(g!, -1, true), inverse!);
    const meanOfProduct = multiply(reduceMean(multiply(g!, normal!), -1, true), inverse!);
    const along = multiply(normal!, meanOfProduct);
    return [subtract(subtract(multiply(g!, inverse!), along), meanOfGradient)];
  },
};

/** (x - mean) / sqrt(variance + epsilon) over the last axis, with the biased variance. */
export function standardise<D extends DType>(x: Tensor<D>, epsilon: number): Tensor<D> {
  if (x.dtype !== "float32" || x.shape.length < 1) {
    throw new ShapeError(`standardise: got ${describe(x)}; expected float32 with at least one axis`);
  }
  return applied(standardiseOperation, [x], { epsilon });
}

/** `bit`: divide by sqrt(variance + 1e-10) (papers.md 2.1); `flax`: divide by deviation + 1e-5 (papers.md 3.1). */
export type WeightStandardisation = "bit" | "flax";

/** Standardises kernels [O, ...] to mean 0 and biased deviation 1 for each output channel. Throws ShapeError. */
export function weightStandardise(kernel: Tensor, form: WeightStandardisation): Tensor {
  if (kernel.dtype !== "float32" || kernel.shape.length < 2) {
    throw new ShapeError(`weightStandardise: got ${describe(kernel)}; expected a float32 kernel [O, C, h, w]`);
  }
  const channels = kernel.shape[0]!;
  const rows = reshape(kernel, [channels, elementCount(kernel.shape) / channels]);
  if (form === "bit") return reshape(standardise(rows, 1e-10), kernel.shape);
  const centred = subtract(rows, reduceMean(rows, 1, true));
  // 1e-20 is negligible beside 1e-5, and makes the gradient of a constant kernel finite.
  const deviation = sqrt(add(reduceMean(multiply(centred, centred), 1, true), 1e-20));
  return reshape(divide(centred, add(deviation, 1e-5)), kernel.shape);
}

interface GroupNorm {
  readonly groups: number;
  readonly epsilon: number;
}

/** Spatial axes of an image, those after the channels. */
const positionsOf = (x: Tensor): number[] => x.shape.map((_, axis) => axis).slice(2);

// Let n be the normalised image, r the inverse deviation of a group, D its size, gamma the scale and g the gradient of y. Then
// dx = r (gamma g - mean(gamma g) - n mean(gamma g n)), with the means over a group. The sums over the positions of a channel,
// s1 = sum g and s2 = sum g n, suffice: mean(gamma g) = sum of gamma s1 / D over the group's channels,
// mean(gamma g n) = sum of gamma s2 / D, dbeta = sum of s1 over the batch, dgamma = sum of s2. These are five passes over the image.
const groupNormOperation: Operation<GroupNorm> = {
  name: "groupNorm",
  keptFrom: 1,
  infer: ([x, gamma, beta], { groups }) => {
    requireNormTypes("groupNorm", [x!, gamma!, beta!]);
    return [x!, x!, { dtype: "float32", shape: [x!.shape[0]!, groups, 1] }];
  },
  emit: ({ inputs: [x, gamma, beta], outputs: [y, normal, inverse], attributes: { groups, epsilon } }, emitter) => {
    const channels = x!.shape[1]!;
    const size = elementCount(x!.shape.slice(1)) / groups;
    const node = (type: string, operands: readonly string[], output = emitter.temporary()): string => {
      emitter.node(type, operands, [output]);
      return output;
    };
    // 0 keeps the batch size, whatever it is.
    const rows = node("Reshape", [asFloat32(x!, emitter), emitter.int64([0, groups, size])]);
    const standard = emitter.temporary();
    const kept = emitter.used(inverse!) ? [standard, emitter.temporary(), emitter.name(inverse!)] : [standard];
    emitter.node("LayerNormalization", [rows, emitter.float(new Array(size).fill(1))], kept, {
      axis: { int: -1 },
      epsilon: { float: epsilon },
    });
    const image = inFloat32(normal!, emitter, (result) => {
      node("Reshape", [standard, emitter.int64([0, ...x!.shape.slice(1)])], result);
    });
    const perChannel = emitter.int64([1, channels, ...positionsOf(x!).map(() => 1)]);
    inFloat32(y!, emitter, (result) => {
      const scaled = node("Mul", [image, node("Reshape", [asFloat32(gamma!, emitter), perChannel])]);
      node("Add", [scaled, node("Reshape", [asFloat32(beta!, emitter), perChannel])], result);
    });
  },
  gradient: ({ inputs, outputs: [, half, inverse], attributes: { groups } }, [gradient]) => {
    const x = inputs[0];
    const [g, normal, gamma] = [gradient!, half!, inputs[1]!].map((tensor) => cast(tensor, "float32"));
    const [batch, channels] = x!.shape as [number, number];
    const each = channels / groups;
    const size = elementCount(x!.shape) / (batch * groups);
    const positions = positionsOf(x!);
    const sums = [g!, multiply(g!, normal!)].map((image) => reduceSum(image, positions)); // [batch, channels]
    const grouped = (image: Tensor): Tensor => reshape(image, [batch, groups, size]);
    const meanOver = (total: Tensor): Tensor => {
      const weighted = reshape(multiply(total, gamma!), [batch, groups, each]);
      return multiply(scale(reduceSum(weighted, -1, true), 1 / size), inverse!);
    };
    const [meanOfGradient, meanOfProduct] = sums.map(meanOver) as [Tensor, Tensor];
    const factor = multiply(inverse!, reshape(gamma!, [1, groups, each]));
    const scaled = multiply(g!, reshape(factor, [batch, channels, ...positions.map(() => 1)]));
    const along = multiply(grouped(normal!), meanOfProduct);
    const dx = reshape(subtract(subtract(grouped(scaled), along), meanOfGradient), x!.shape);
    const [dGamma, dBeta] = [reduceSum(sums[1]!, 0), reduceSum(sums[0]!, 0)];
    return [cast(dx, x!.dtype), cast(dGamma, inputs[1]!.dtype), cast(dBeta, inputs[2]!.dtype)];
  },
};

/**
 * Group norm of [N, C, ...]: normalises each group of C / groups channels over its channels and positions, then applies scale and bias [C]
 * (papers.md 2.1: 32 groups, epsilon 1e-5, biased variance). Throws ShapeError.
 */
export function groupNorm<D extends DType>(
  x: Tensor<D>,
  scale: Tensor,
  bias: Tensor,
  groups = 32,
  epsilon = 1e-5,
): Tensor<D> {
  const channels = x.shape[1];
  const perChannelEach = [scale, bias].every(({ shape }) => shape.join() === `${channels}`);
  if (x.shape.length < 2 || !isFloat(x.dtype) || channels! % groups !== 0 || !perChannelEach) {
    throw new ShapeError(
      `groupNorm: ${describe(x)} cannot be normalised in ${groups} groups with scale ${describe(scale)} and bias ${describe(bias)}; expected divisible channels`,
    );
  }
  return applied(groupNormOperation, [x, scale, bias], { groups, epsilon });
}
