/** Computes features of an image from its thumbnail alone, for the nearest-neighbour search without a network. */
import { closable } from "../../files/closable.js";
import type { DescribedSet } from "../describe/describe-set.js";
import { colourSide, type Descriptor } from "../describe/descriptor.js";
import { thumbnailSide } from "../describe/hash.js";
import type { FeatureRows } from "./feature-rows.js";

const side = thumbnailSide / 2;
/** Number of columns: a 16 x 16 luminance and 8 x 8 colours. */
export const thumbnailFeatureCount = side * side + 3 * colourSide * colourSide;
/** Norm of the colour part, relative to 1 for the luminance: edits change colours more than luminance. */
const colourWeight = 0.5;

/** A square crop of an image: its side and its offset, as fractions of the image's side. */
export interface View {
  readonly share: number;
  readonly top: number;
  readonly left: number;
}

/**
 * The whole image, then crops of four fifths of its side from the centre and from each corner. A cropped image is nearer to the most
 * similar of these than to the whole image.
 */
export const views: readonly View[] = [
  { share: 1, top: 0, left: 0 },
  ...[
    [0.1, 0.1],
    [0, 0],
    [0, 0.2],
    [0.2, 0],
    [0.2, 0.2],
  ].map(([top, left]) => ({ share: 0.8, top: top!, left: left! })),
];

/**
 * Writes the features of a crop of an image to `out` at index `at`: the luminance of 16 x 16 pixels and the colours of 8 x 8 pixels. Each
 * part is centred and normalised to a constant length, so that brightness and contrast do not matter; it is zero if the image is uniform.
 */
export function writeThumbnailFeatures(
  { luminance, colours }: Descriptor,
  view: View,
  out: Float32Array,
  at: number,
): void {
  const seen = view.share === 1 ? luminance : part(luminance, thumbnailSide, 1, view);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const from = 2 * y * thumbnailSide + 2 * x;
      out[at + y * side + x] =
        seen[from]! + seen[from + 1]! + seen[from + thumbnailSide]! + seen[from + thumbnailSide + 1]!;
    }
  }
  const split = at + side * side;
  out.set(view.share === 1 ? colours : part(colours, colourSide, 3, view), split);
  standardise(out.subarray(at, split), 1);
  standardise(out.subarray(split, at + thumbnailFeatureCount), colourWeight);
}

/** Resizes a crop of a square image to the size of the whole by bilinear interpolation. */
function part(pixels: Uint8Array, size: number, channels: number, { share, top, left }: View): Float32Array {
  const out = new Float32Array(pixels.length);
  const places = (from: number) =>
    Array.from({ length: size }, (_, i) => {
      const place = Math.min(Math.max((i + 0.5) * share + from * size - 0.5, 0), size - 1);
      const before = Math.min(Math.floor(place), size - 2);
      return { before, fraction: place - before };
    });
  const rows = places(top);
  const columns = places(left);
  for (const [y, row] of rows.entries()) {
    for (const [x, column] of columns.entries()) {
      for (let c = 0; c < channels; c++) {
        const at = (row.before * size + column.before) * channels + c;
        const below = at + size * channels;
        const upper = pixels[at]! + (pixels[at + channels]! - pixels[at]!) * column.fraction;
        const lower = pixels[below]! + (pixels[below + channels]! - pixels[below]!) * column.fraction;
        out[(y * size + x) * channels + c] = upper + (lower - upper) * row.fraction;
      }
    }
  }
  return out;
}

function standardise(values: Float32Array, length: number): void {
  let mean = 0;
  for (const value of values) mean += value;
  mean /= values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  // A variance below one squared level is noise of the decoder.
  const factor = squares < values.length ? 0 : length / Math.sqrt(squares);
  for (let i = 0; i < values.length; i++) values[i] = (values[i]! - mean) * factor;
}

/** Features of a crop (default: the whole image) of every image of the datasets in order, computed block by block from the descriptors. */
export function thumbnailFeatures(sets: readonly DescribedSet[], view: View = views[0]!): FeatureRows {
  const rows = sets.reduce((sum, { ids }) => sum + ids.length, 0);
  return closable<FeatureRows>({
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
            writeThumbnailFeatures(
              await set.descriptor(row - offset),
              view,
              out,
              (row - start) * thumbnailFeatureCount,
            );
        }
        offset += set.ids.length;
      }
      return out;
    },
    close: async () => {},
  });
}
