/**
 * Builds sets of permutations that are far from one another, for the jigsaw objective. The more two permutations
 * differ, the less a network can rely on a few patches only.
 */

/**
 * Chooses `count` different permutations of 0 .. length - 1 by the greedy procedure of Noroozi and Favaro,
 * arXiv:1603.09246. Each is the one with the largest mean Hamming distance to the permutations chosen before it. Ties
 * are broken by the largest minimum distance, then by lexicographic order. The procedure starts with the identity
 * instead of a random permutation, so the result depends only on `count` and `length`. Lengths up to 9. Throws
 * RangeError.
 */
export function distantPermutations(count: number, length: number): readonly (readonly number[])[] {
  if (length > 9)
    throw new RangeError(`permutations of ${length} patches are too many to enumerate; expected at most 9 patches`);
  const { all, total } = permutationsOf(length);
  if (!Number.isInteger(count) || count < 2 || count > total) {
    throw new RangeError(`${count} permutations of ${length} patches are not available; give 2 to ${total}`);
  }
  const sum = new Int32Array(total);
  const least = new Int32Array(total).fill(length);
  const chosen = [0];
  while (chosen.length < count) {
    const last = chosen.at(-1)! * length;
    let best = 0;
    for (let i = 0; i < total; i++) {
      let distance = 0;
      for (let k = 0; k < length; k++) if (all[i * length + k] !== all[last + k]) distance++;
      sum[i]! += distance;
      // 0 for chosen permutations: no other permutation has distance 0 to one
      if (distance < least[i]!) least[i] = distance;
      if (least[i] === 0) continue;
      if (least[best] === 0 || sum[i]! > sum[best]! || (sum[i] === sum[best] && least[i]! > least[best]!)) best = i;
    }
    chosen.push(best);
  }
  return chosen.map((i) => [...all.subarray(i * length, (i + 1) * length)]);
}

/** All permutations of 0 .. length - 1 in lexicographic order, concatenated. */
function permutationsOf(length: number): { readonly all: Uint8Array; readonly total: number } {
  let total = 1;
  for (let k = 2; k <= length; k++) total *= k;
  const all = new Uint8Array(total * length);
  const order = Uint8Array.from({ length }, (_, k) => k);
  for (let i = 0; i < total; i++) {
    all.set(order, i * length);
    // next permutation: increase the last position that can be increased, by the least amount, and sort the positions
    // after it
    let at = length - 2;
    while (at >= 0 && order[at]! > order[at + 1]!) at--;
    if (at < 0) break;
    let by = length - 1;
    while (order[by]! < order[at]!) by--;
    [order[at], order[by]] = [order[by]!, order[at]!];
    order.subarray(at + 1).reverse();
  }
  return { all, total };
}
