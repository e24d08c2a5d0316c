/** Norms of gradients; the sum of squares of a tensor is computed once and shared by all consumers. */
import { add, elementCount, multiply, reduceSum, reshape, scalar, slice, sqrt, type Tensor } from "../graph/index.js";

const squares = new WeakMap<Tensor, Tensor>();

/** The sum of squares of all entries. */
export function squareSum(tensor: Tensor): Tensor {
  const known = squares.get(tensor);
  if (known) return known;
  const sum = sumByParts(multiply(tensor, tensor));
  squares.set(tensor, sum);
  return sum;
}

const longestPart = 1024;
const shortestPart = 32;

/**
 * Sum of all entries by parts: first sums of at most 1,024 entries, then the sum of those. The runtime sums a whole tensor in a few float32
 * registers, which stop growing when the addends fall below half of their last digit. For 21,843 x 1,280 squares the error was 2.5e-3. By
 * parts the error stays below 1e-6, without another pass over the tensor.
 */
function sumByParts(tensor: Tensor): Tensor {
  const count = elementCount(tensor.shape);
  if (count <= longestPart) return reduceSum(tensor);
  const part = largestDivisor(count, longestPart);
  if (part >= shortestPart) return sumByParts(reduceSum(reshape(tensor, [count / part, part]), 1));
  const whole = count - (count % longestPart);
  const flat = reshape(tensor, [count]);
  return add(sumByParts(slice(flat, [0], [whole])), reduceSum(slice(flat, [whole], [count])));
}

function largestDivisor(count: number, most: number): number {
  let divisor = most;
  while (count % divisor !== 0) divisor--;
  return divisor;
}

/** Euclidean norm of one tensor. */
export const l2Norm = (tensor: Tensor): Tensor => sqrt(squareSum(tensor));

const norms = new WeakMap<Tensor, Tensor>();

/** Euclidean norm over all given tensors. */
export function globalNorm(tensors: readonly Tensor[]): Tensor {
  const known = norms.get(tensors[0]!);
  if (known) return known;
  // In reverse order: the backward pass computes the last layer's gradients first, and the runtime schedules in this order. In the
  // forward order every activation gradient would stay alive to the end.
  const sums = [...tensors].reverse().map(squareSum);
  const norm = sqrt(sums.reduce((total, sum) => add(total, sum), scalar(0)));
  norms.set(tensors[0]!, norm);
  return norm;
}
