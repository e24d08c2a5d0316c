/** Norms of gradients; the sum of squares of a tensor is worked out once, whoever asks for it. */
import { add, elementCount, multiply, reduceSum, reshape, scalar, slice, sqrt, type Tensor } from "../graph/index.js";

const squares = new WeakMap<Tensor, Tensor>();

/** The sum of the squares of all entries. */
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
 * The sum of all entries, taken part by part: sums of at most 1,024 entries, then sums of those. The runtime adds up a whole tensor in a few float32
 * registers, which stop growing when what is added falls below half of their last digit: of 21,843 x 1,280 squares that
 * lost 2.5e-3. In parts the rounding stays below 1e-6, and no pass over the tensor is added.
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
