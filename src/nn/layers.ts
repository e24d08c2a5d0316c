/** Small layers: dense, layer norm, dropout, stochastic depth, the MLP block. */
import {
  bernoulli,
  cast,
  elementCount,
  type GeluForm,
  gelu,
  layerNorm as layerNormOperation,
  linear,
  multiply,
  reshape,
  scale,
  type Tensor,
} from "../graph/index.js";
import { type Initializer, lecunNormal, normal, ones, xavierUniform, zeros } from "./initializers.js";
import type { Scope } from "./scope.js";

export interface DenseOptions {
  readonly kernelInitializer?: Initializer;
  readonly biasInitializer?: Initializer;
}

/** x W + b over the last axis, in the type of x: [..., in] to [..., width]; by default `kernel` [in, width] is LeCun normal, `bias` zero. */
export function dense(scope: Scope, x: Tensor, width: number, options: DenseOptions = {}): Tensor {
  const fanIn = x.shape.at(-1)!;
  const kernel = scope.parameter("kernel", [fanIn, width], options.kernelInitializer ?? lecunNormal(fanIn));
  const bias = scope.parameter("bias", [width], options.biasInitializer ?? zeros);
  return linear(x, cast(kernel, x.dtype), cast(bias, x.dtype));
}

/** Layer norm over the last axis with `scale` (initially ones) and `bias` (initially zeros). */
export function layerNorm(scope: Scope, x: Tensor, epsilon: number): Tensor {
  const width = x.shape.at(-1)!;
  return layerNormOperation(
    x,
    scope.parameter("scale", [width], ones),
    scope.parameter("bias", [width], zeros),
    epsilon,
  );
}

/** Factor of the kept entries; 1 at rate 1, where all are dropped, as in Flax and timm. Throws RangeError for a rate outside 0 to 1. */
function keptFactor(what: string, rate: number): number {
  if (!(rate >= 0 && rate <= 1)) throw new RangeError(`${what} has a probability of ${rate}; expected 0 to 1`);
  return rate === 1 ? 1 : 1 / (1 - rate);
}

/** In training, zeroes entries with probability `rate` and divides the rest by 1 - rate. Throws RangeError for a rate outside 0 to 1. */
export function dropout(scope: Scope, x: Tensor, rate: number): Tensor {
  const factor = keptFactor("dropout", rate);
  if (rate === 0 || !scope.training) return x;
  const { seed, stream } = scope.random();
  return scale(multiply(x, cast(bernoulli(seed, stream, x.shape, 1 - rate), x.dtype)), factor);
}

/**
 * In training, drops the whole branch of an example with probability `rate`. With `rescale`, kept branches are divided by 1 - rate (timm);
 * otherwise they are unchanged (big_vision; papers.md 10.10). At rate 1 every branch is dropped. Throws RangeError for a rate outside 0 to 1.
 */
export function stochasticDepth(scope: Scope, branch: Tensor, rate: number, rescale: boolean): Tensor {
  const factor = keptFactor("stochastic depth", rate);
  if (rate === 0 || !scope.training) return branch;
  const { seed, stream } = scope.random();
  const shape = branch.shape.map((side, axis) => (axis === 0 ? side : 1));
  const kept = multiply(branch, cast(bernoulli(seed, stream, shape, 1 - rate), branch.dtype));
  return rescale ? scale(kept, factor) : kept;
}

/** Drop probability of block `index` of `count`; it rises linearly from 0 at the first block to `last` at the last. */
export const stochasticDepthRate = (last: number, index: number, count: number): number =>
  (last * index) / Math.max(count - 1, 1);

/** Dense, GELU, dropout, dense: [..., d] through [..., hidden] (papers.md 1.1; biases are normal with deviation 1e-6). */
export function mlpBlock(
  scope: Scope,
  x: Tensor,
  options: { readonly hidden: number; readonly gelu: GeluForm; readonly dropout: number },
): Tensor {
  const width = x.shape.at(-1)!;
  const initializers = { kernelInitializer: xavierUniform(width, options.hidden), biasInitializer: normal(1e-6) };
  const rows = reshape(x, [elementCount(x.shape) / width, width]);
  let hidden = gelu(dense(scope.at("Dense_0"), rows, options.hidden, initializers), options.gelu);
  hidden = dropout(scope, hidden, options.dropout);
  return reshape(dense(scope.at("Dense_1"), hidden, width, initializers), x.shape);
}
