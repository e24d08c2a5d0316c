/**
 * Gradients as a few flat arrays, in the order the backward pass makes them, so that ranks add them up with few long messages.
 */
import { concat, elementCount, input, reshape, split, type Tensor } from "../../graph/index.js";

/** Gradients on their way from one function of a program, over the ranks, to another. */
export interface Buckets {
  /** What the first function gives: a flat array of each bucket, by name. */
  readonly sent: Readonly<Record<string, Tensor>>;
  /** What the second function takes: inputs of the same names. */
  readonly inputs: readonly Tensor[];
  /** The gradients again, cut from those inputs, in the order they were given in. */
  readonly received: readonly Tensor[];
}

/**
 * Measured between two ranks on one machine, 22 million numbers: buckets of 64 KiB take five times as long, one of 84 MiB
 * a third longer; 1 to 16 MiB are alike. A bucket's gradients are free once it is full, so small ones also save memory.
 */
export const defaultBucketBytes = 4 * 2 ** 20;

/**
 * Joins gradients, given from the first layer to the last, in buckets of at most `bytes` (a larger gradient has one of its
 * own), the last layer's first: the backward pass makes them in that order.
 */
export function bucketGradients(gradients: readonly Tensor[], bytes = defaultBucketBytes): Buckets {
  const size = (at: number) => elementCount(gradients[at]!.shape);
  const groups: number[][] = [];
  let filled = Number.POSITIVE_INFINITY;
  for (let at = gradients.length - 1; at >= 0; at--) {
    const own = 4 * size(at);
    if (filled + own > bytes) {
      groups.push([]);
      filled = 0;
    }
    groups.at(-1)!.push(at);
    filled += own;
  }
  const sent: Record<string, Tensor> = {};
  const inputs: Tensor[] = [];
  const received: Tensor[] = [];
  for (const [i, group] of groups.entries()) {
    const name = `${bucketPrefix}${i}`;
    const sizes = group.map(size);
    const flat = concat(
      group.map((at, k) => reshape(gradients[at]!, [sizes[k]!])),
      0,
    );
    sent[name] = flat;
    const summed = input(name, "float32", [...flat.shape]);
    inputs.push(summed);
    for (const [k, piece] of split(summed, 0, sizes).entries())
      received[group[k]!] = reshape(piece, gradients[group[k]!]!.shape);
  }
  return { sent, inputs, received };
}

const bucketPrefix = "gradients/";

/** Is this output of a program a bucket, and not a metric? */
export const isBucket = (name: string): boolean => name.startsWith(bucketPrefix);
