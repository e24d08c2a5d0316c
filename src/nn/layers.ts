/** Small layers: dense, layer norm, dropout, stochastic depth, the MLP block. */
import {
  add,
  bernoulli,
  cast,
  type DType,
  elementCount,
  type GeluForm,
  gelu,
  layerNorm as layerNormOperation,
  linear,
  matmul,
  multiply,
  reciprocal,
  reduceMean,
  reshape,
  scalar,
  scale,
  sigmoid,
  sqrt,
  type Tensor,
} from "../graph/index.js";
import { filledWith, type Initializer, lecunNormal, normal, ones, xavierUniform, zeros } from "./initializers.js";
import type { Scope } from "./scope.js";

export interface DenseOptions {
  readonly kernelInitializer?: Initializer;
  readonly biasInitializer?: Initializer;
  /** Whether there is a bias. Default: true. */
  readonly bias?: boolean;
}

/** x W + b over the last axis, in the type of x: [..., in] to [..., width]; by default `kernel` [in, width] is LeCun normal, `bias` zero. */
export function dense<D extends DType>(
  scope: Scope,
  x: Tensor<D>,
  width: number,
  options: DenseOptions = {},
): Tensor<D> {
  const fanIn = x.shape.at(-1)!;
  const kernel = scope.parameter("kernel", [fanIn, width], options.kernelInitializer ?? lecunNormal(fanIn));
  if (options.bias === false) return matmul(x, cast(kernel, x.dtype));
  const bias = scope.parameter("bias", [width], options.biasInitializer ?? zeros);
  return linear(x, cast(kernel, x.dtype), cast(bias, x.dtype));
}

/** Layer norm over the last axis with `scale` (initially ones) and `bias` (initially zeros). */
export function layerNorm<D extends DType>(scope: Scope, x: Tensor<D>, epsilon: number): Tensor<D> {
  const width = x.shape.at(-1)!;
  return layerNormOperation(
    x,
    scope.parameter("scale", [width], ones),
    scope.parameter("bias", [width], zeros),
    epsilon,
  );
}

/**
 * Root mean square norm over the last axis (Zhang & Sennrich, 2019, arXiv:1910.07467): x / sqrt(mean(x^2) + epsilon) times `scale` (initially
 * ones), computed in float32.
 */
export function rmsNorm<D extends DType>(scope: Scope, x: Tensor<D>, epsilon: number): Tensor<D> {
  const wide = cast(x, "float32");
  const inverse = reciprocal(sqrt(add(reduceMean(multiply(wide, wide), -1, true), scalar(epsilon))));
  const weights = scope.parameter("scale", [x.shape.at(-1)!], ones);
  return cast(multiply(multiply(wide, inverse), weights), x.dtype);
}

/** Multiplies every channel by a learned number, `scale` [width], initially `value` (Touvron et al., 2021, arXiv:2103.17239). */
export function layerScale<D extends DType>(scope: Scope, x: Tensor<D>, value: number): Tensor<D> {
  return multiply(x, cast(scope.parameter("scale", [x.shape.at(-1)!], filledWith(value)), x.dtype));
}

/** Factor of the kept entries; 1 at rate 1, where all are dropped, as in Flax and timm. Throws RangeError for a rate outside 0 to 1. */
function keptFactor(what: string, rate: number): number {
  if (!(rate >= 0 && rate <= 1)) throw new RangeError(`${what} has a probability of ${rate}; expected 0 to 1`);
  return rate === 1 ? 1 : 1 / (1 - rate);
}

/** In training, zeroes entries with probability `rate` and divides the rest by 1 - rate. Throws RangeError for a rate outside 0 to 1. */
export function dropout<D extends DType>(scope: Scope, x: Tensor<D>, rate: number): Tensor<D> {
  const factor = keptFactor("dropout", rate);
  if (rate === 0 || !scope.training) return x;
  const { seed, stream } = scope.random();
  return scale(multiply(x, cast(bernoulli(seed, stream, x.shape, 1 - rate), x.dtype)), factor);
}

/**
 * In training, drops the whole branch of an example with probability `rate`. With `rescale`, kept branches are divided by 1 - rate (timm);
 * otherwise they are unchanged (big_vision; papers.md 10.10). At rate 1 every branch is dropped. Throws RangeError for a rate outside 0 to 1.
 */
export function stochasticDepth<D extends DType>(
  scope: Scope,
  branch: Tensor<D>,
  rate: number,
  rescale: boolean,
): Tensor<D> {
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

export interface MlpOptions {
  /** Width of the hidden layer. */
  readonly hidden: number;
  readonly dropout: number;
  /** Whether the dense layers have biases. Default: true. */
  readonly bias?: boolean;
  /** Norm of the hidden layer before the last dense layer; none by default. */
  readonly norm?: (hidden: Tensor) => Tensor;
}

/** Kernels are Xavier uniform, biases normal with deviation 1e-6 (papers.md 1.3). */
const mlpLayer = (width: number, { hidden, bias }: MlpOptions): DenseOptions => ({
  kernelInitializer: xavierUniform(width, hidden),
  biasInitializer: normal(1e-6),
  bias,
});

/** The hidden layer of tokens [..., d] as rows, through norm and dropout and back to [..., d] by the layer `last`. */
function throughHidden<D extends DType>(
  scope: Scope,
  x: Tensor<D>,
  options: MlpOptions,
  last: string,
  hiddenOf: (rows: Tensor<D>, layer: DenseOptions) => Tensor<D>,
): Tensor<D> {
  const width = x.shape.at(-1)!;
  const layer = mlpLayer(width, options);
  const hidden = hiddenOf(reshape(x, [elementCount(x.shape) / width, width]), layer);
  const normed = options.norm ? cast(options.norm(hidden), x.dtype) : hidden;
  return reshape(dense(scope.at(last), dropout(scope, normed, options.dropout), width, layer), x.shape);
}

/** Dense, GELU, dropout, dense: [..., d] through [..., hidden] (papers.md 1.1). Parameters: `Dense_0`, `Dense_1`. */
export function mlpBlock<D extends DType>(
  scope: Scope,
  x: Tensor<D>,
  options: MlpOptions & { readonly gelu: GeluForm },
): Tensor<D> {
  return throughHidden(scope, x, options, "Dense_1", (rows, layer) =>
    gelu(dense(scope.at("Dense_0"), rows, options.hidden, layer), options.gelu),
  );
}

/**
 * Gated MLP (Shazeer, 2020, arXiv:2002.05202): down(silu(gate(x)) up(x)), with silu(a) = a sigmoid(a); [..., d] through [..., hidden].
 * Parameters: `gate`, `up` and `down`.
 */
export function swiGlu<D extends DType>(scope: Scope, x: Tensor<D>, options: MlpOptions): Tensor<D> {
  return throughHidden(scope, x, options, "down", (rows, layer) => {
    const gate = dense(scope.at("gate"), rows, options.hidden, layer);
    return multiply(multiply(gate, sigmoid(gate)), dense(scope.at("up"), rows, options.hidden, layer));
  });
}
