/**
 * Attention in convolutional networks: squeeze-and-excitation (Hu et al., 2018) and the non-local block (Wang et al., 2018). Facts:
 * papers.md 10.10.
 */
import {
  add,
  type DType,
  describe,
  elementCount,
  matmul,
  maxPool2d,
  multiply,
  reduceMean,
  relu,
  reshape,
  ShapeError,
  sigmoid,
  softmax,
  type Tensor,
} from "../graph/index.js";
import { convolution, groupNormLayer } from "./convolution.js";
import { zeros } from "./initializers.js";
import { dense } from "./layers.js";
import type { Scope } from "./scope.js";

export interface SqueezeExcitationOptions {
  /** Width of the hidden layer. */
  readonly hidden: number;
  /** Maps numbers to gates. Default: sigmoid. */
  readonly gate?: <D extends DType>(x: Tensor<D>) => Tensor<D>;
}

/**
 * Multiplies the channels of [N, C, H, W] by a gate computed from their means: `squeeze` C to C / reduction (at least 1; or another width, by options), ReLU,
 * `excite` back to C, sigmoid. Both are dense layers with bias. Records the gate [N, C] as `gate`. Throws ShapeError.
 */
export function squeezeExcitation<D extends DType>(
  scope: Scope,
  x: Tensor<D>,
  reduction: number | SqueezeExcitationOptions = 16,
): Tensor<D> {
  const [n, channels] = imageSides("squeezeExcitation", x);
  const { hidden: width, gate: gated = sigmoid }: SqueezeExcitationOptions =
    typeof reduction === "number" ? { hidden: Math.max(1, Math.floor(channels / reduction)) } : reduction;
  const hidden = dense(scope.at("squeeze"), reduceMean(x, [2, 3]), width);
  const gate = scope.name("gate", gated(dense(scope.at("excite"), relu(hidden), channels)));
  return multiply(x, reshape(gate, [n, channels, 1, 1]));
}

export interface NonLocalOptions {
  /** Channels of queries, keys and values. Default: half of the image's, as in the paper. */
  readonly width?: number;
  /** Factor of the scores. Default: 1, as in the paper. */
  readonly scoreScale?: number;
  /** Compute keys and values from a 2 x 2 max-pooled image (the paper's subsampling). */
  readonly subsample?: boolean;
  readonly groups: number;
  readonly epsilon: number;
}

/**
 * x + norm(out(softmax(theta(x)^T phi(x)) g(x))) of [N, C, H, W]; every position attends to all others (embedded Gaussian). `theta`, `phi`,
 * `g` and `out` are 1x1 convolutions with bias. The paper's batch norm with zero scale is replaced by a group norm with zero scale, as in the
 * rest of the network, so the block still starts as the identity. Records the weights [N, positions, positions] as `attentionWeights`.
 * Throws ShapeError.
 */
export function nonLocalBlock(scope: Scope, x: Tensor, options: NonLocalOptions): Tensor {
  const [n, channels, height, side] = imageSides("nonLocalBlock", x);
  const { width = Math.max(1, Math.floor(channels / 2)), scoreScale = 1, subsample = false, groups, epsilon } = options;
  const project = (name: string, from: Tensor): Tensor => {
    const y = convolution(scope.at(name), from, { channels: width, kernel: 1, bias: true });
    return reshape(y, [n, width, elementCount(y.shape.slice(2))]);
  };
  const memory = subsample && height > 1 && side > 1 ? maxPool2d(x, 2) : x;
  const scores = matmul(project("theta", x), project("phi", memory), { transposeA: true, alpha: scoreScale });
  const weights = scope.name("attentionWeights", softmax(scores));
  const mixed = reshape(matmul(project("g", memory), weights, { transposeB: true }), [n, width, height, side]);
  const back = convolution(scope.at("out"), mixed, { channels, kernel: 1, bias: true });
  return add(x, groupNormLayer(scope.at("norm"), back, { groups, epsilon, scaleInitializer: zeros }));
}

function imageSides(name: string, x: Tensor): [number, number, number, number] {
  if (x.shape.length !== 4) throw new ShapeError(`${name}: images ${describe(x)} must be [N, C, H, W]`);
  return x.shape as unknown as [number, number, number, number];
}
