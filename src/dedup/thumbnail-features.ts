/** Features of a picture from its thumbnail alone: what neighbours are sought by where no network's are given. */
import type { DescribedSet } from "./describe-set.js";
import { colourSide, type Descriptor } from "./descriptor.js";
import type { FeatureRows } from "./feature-rows.js";
import { thumbnailSide } from "./hash.js";

const side = thumbnailSide / 2;
/** Numbers of a row: a 16 x 16 luminance and 8 x 8 colours. */
export const thumbnailFeatureCount = side * side + 3 * colourSide * colourSide;
/** Length of the colours' part beside 1 of the luminance's: colours change more easily than what is seen. */
const colourWeight = 0.5;

/**
 * Writes the features of one picture to `out` from `at` on: the luminance of 16 x 16 pixels and the colours of 8 x 8, each less its mean and of unit
 * length, so that brightness and contrast do not matter; zeros where there is nothing to see.
 */
export function writeThumbnailFeatures({ luminance, colours }: Descriptor, out: Float32Array, at: number): void {
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const from = 2 * y * thumbnailSide + 2 * x;
      out[at + y * side + x] =
        luminance[from]! +
        luminance[from + 1]! +
        luminance[from + thumbnailSide]! +
        luminance[from + thumbnailSide + 1]!;
    }
  }
  const split = at + side * side;
  out.set(colours, split);
  standardise(out.subarray(at, split), 1);
  standardise(out.subarray(split, at + thumbnailFeatureCount), colourWeight);
}

function standardise(values: Float32Array, length: number): void {
  let mean = 0;
  for (const value of values) mean += value;
  mean /= values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  // A variance below one level squared is noise of the decoder.
  const factor = squares < values.length ? 0 : length / Math.sqrt(squares);
  for (let i = 0; i < values.length; i++) values[i] = (values[i]! - mean) * factor;
}

/** The features of every image of described sets, one set after the other, made from their records block by block. */
export function thumbnailFeatures(sets: readonly DescribedSet[]): FeatureRows {
  const rows = sets.reduce((sum, { ids }) => sum + ids.length, 0);
  return {
    rows,
    columns: thumbnailFeatureCount,
    read: async (start, count) => {
      const out = new Float32Array(count * thumbnailFeatureCount);
      let offset = 0;
      for (const set of sets) {
        const first = Math.max(start, offset);
        const last = Math.min(start + count, offset + set.ids.length);
        for (let row = first; row < last; row++) {
          if (set.readable[row - offset])
            writeThumbnailFeatures(await set.descriptor(row - offset), out, (row - start) * thumbnailFeatureCount);
        }
        offset += set.ids.length;
      }
      return out;
    },
    close: async () => {},
  };
}
