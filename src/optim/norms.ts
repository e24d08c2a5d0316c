// Norms of gradients; the sum of squares of a tensor is worked out once, whoever asks for it.
import { add, multiply, reduceSum, scalar, sqrt, type Tensor } from "../graph/index.js";

const squares = new WeakMap<Tensor, Tensor>();

/** The sum of the squares of all entries. */
export function squareSum(tensor: Tensor): Tensor {
  const known = squares.get(tensor);
  if (known) return known;
  const sum = reduceSum(multiply(tensor, tensor));
  squares.set(tensor, sum);
  return sum;
}

/** The root of the sum of squares of one tensor. */
export const l2Norm = (tensor: Tensor): Tensor => sqrt(squareSum(tensor));

const norms = new WeakMap<Tensor, Tensor>();

/** The root of the sum of squares over all given tensors. */
export function globalNorm(tensors: readonly Tensor[]): Tensor {
  const known = norms.get(tensors[0]!);
  if (known) return known;
  // Last made first: the backward pass makes the last layer's gradients first, and the runtime follows this order
  // when it schedules; the other way round every gradient of the activations would stay alive to the end.
  const sums = [...tensors].reverse().map(squareSum);
  const norm = sqrt(sums.reduce((total, sum) => add(total, sum), scalar(0)));
  norms.set(tensors[0]!, norm);
  return norm;
}
