/** Damages files at random, the same way for the same seed: for the fuzzing of readers. */

/** Uniform numbers in [0, 1): mulberry32. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A source of uniform numbers. */
export type Draw = () => number;
/** A whole number below `count`. */
export const below = (draw: Draw, count: number) => Math.floor(draw() * count);
/** One of a list. */
export const pick = <T>(draw: Draw, list: readonly T[]): T => list[below(draw, list.length)]!;

/** Numbers at which sizes and counts go wrong. */
export const boundaries = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, 2 ** 40, Number.MAX_SAFE_INTEGER];

/** A few changes of bytes: single ones, words at a boundary, pieces cut out, doubled or moved, the end cut off. */
export function mutated(bytes: Uint8Array, draw: Draw): Uint8Array {
  // A copy: what slice() gives of a Buffer is a view, and the next case would start from damage.
  let out: Uint8Array = new Uint8Array(bytes);
  for (let i = 1 + below(draw, 4); i > 0; i--) {
    if (out.length === 0) return out;
    const at = below(draw, out.length);
    const piece = out.slice(at, at + 1 + below(draw, 64));
    switch (below(draw, 7)) {
      case 0:
        out[at] = below(draw, 256);
        break;
      case 1:
        out[at]! ^= 1 << below(draw, 8);
        break;
      case 2: {
        const word = new Uint8Array(8);
        new DataView(word.buffer).setBigUint64(0, BigInt(pick(draw, boundaries)), true);
        out.set(word.subarray(0, Math.min(pick(draw, [2, 4, 8]), out.length - at)), at);
        break;
      }
      case 3:
        out = out.slice(0, at);
        break;
      case 4:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + piece.length)]);
        break;
      case 5:
        out = Buffer.concat([out.subarray(0, at), piece, out.subarray(at)]);
        break;
      default: {
        const to = below(draw, out.length);
        out.set(piece.subarray(0, out.length - to), to);
      }
    }
  }
  return new Uint8Array(out);
}
