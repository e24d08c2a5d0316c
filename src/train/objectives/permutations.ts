/**
 * Sets of permutations that are far from one another, for the jigsaw: the harder two are to mistake, the less the task
 * rewards looking at a few pieces only.
 */

/**
 * `count` different permutations of 0 .. length - 1, each chosen so that its Hamming distance to those before it is largest
 * on average, of equals the one whose smallest distance is largest, of equals the first in lexicographic order (the greedy
 * procedure of Noroozi and Favaro, arXiv:1603.09246, with its ties settled and started from the identity and not from a
 * random permutation: a set of its own for every count, the same everywhere). For lengths to 9. Throws RangeError.
 */
export function distantPermutations(count: number, length: number): readonly (readonly number[])[] {
  if (length > 9) throw new RangeError(`permutations of ${length} are too many to go through`);
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
      // 0 for those that were chosen: no other is at distance 0 of one
      if (distance < least[i]!) least[i] = distance;
      if (least[i] === 0) continue;
      if (least[best] === 0 || sum[i]! > sum[best]! || (sum[i] === sum[best] && least[i]! > least[best]!)) best = i;
    }
    chosen.push(best);
  }
  return chosen.map((i) => [...all.subarray(i * length, (i + 1) * length)]);
}

/** Every permutation of 0 .. length - 1 in lexicographic order, one after the other. */
function permutationsOf(length: number): { readonly all: Uint8Array; readonly total: number } {
  let total = 1;
  for (let k = 2; k <= length; k++) total *= k;
  const all = new Uint8Array(total * length);
  const order = Uint8Array.from({ length }, (_, k) => k);
  for (let i = 0; i < total; i++) {
    all.set(order, i * length);
    // the next one: raise the last place that can be raised, by the least, and put what follows in order
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
