/** Prepares thumbnails for alignment: two resolutions, the detail, and the region inside a frame. */
import { thumbnailSide } from "../describe/hash.js";

const side = thumbnailSide;
const half = side / 2;

/** A 32 x 32 luminance thumbnail prepared for comparison. */
export interface Thumbnail {
  readonly full: Float32Array;
  /** Averaged to 16 x 16. */
  readonly half: Float32Array;
  /** `full` minus the mean of the 5 x 5 pixels around each. */
  readonly detail: Float32Array;
  /** Rows and columns inside a frame of uniform level, if there is one. Frames look the same around all images, so they are not compared. */
  readonly content: { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number };
}

/** Prepares a 32 x 32 luminance thumbnail. */
export function prepareThumbnail(luminance: ArrayLike<number>): Thumbnail {
  const full = Float32Array.from(luminance);
  const small = new Float32Array(half * half);
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      const at = 2 * y * side + 2 * x;
      small[y * half + x] = (full[at]! + full[at + 1]! + full[at + side]! + full[at + side + 1]!) / 4;
    }
  }
  return { full, half: small, detail: detailOf(full), content: contentOf(full) };
}

/** Tolerance of a frame's pixels in levels: JPEG compression changes a uniform level by this much. */
const frameLevels = 6;
/** Maximum width of a frame, as a fraction of the side, at either end. */
const widestFrame = 0.375;

/** Finds the region inside the rows and columns at the border that have a uniform level. */
function contentOf(full: Float32Array): Thumbnail["content"] {
  const isFrame = (line: number, along: number, across: number): boolean => {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < side; i++) {
      const value = full[line * across + i * along]!;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return high - low <= frameLevels;
  };
  const most = Math.floor(side * widestFrame);
  const from = (along: number, across: number): [number, number] => {
    let [first, last] = [0, side - 1];
    while (first < most && isFrame(first, along, across)) first++;
    while (side - 1 - last < most && isFrame(last, along, across)) last--;
    return [first, last];
  };
  const [top, bottom] = from(1, side);
  const [left, right] = from(side, 1);
  return { top, bottom, left, right };
}

function detailOf(full: Float32Array): Float32Array {
  const sums = new Float64Array((side + 1) * (side + 1));
  for (let y = 0; y < side; y++) {
    let row = 0;
    for (let x = 0; x < side; x++) {
      row += full[y * side + x]!;
      sums[(y + 1) * (side + 1) + x + 1] = sums[y * (side + 1) + x + 1]! + row;
    }
  }
  const detail = new Float32Array(side * side);
  for (let y = 0; y < side; y++) {
    const top = Math.max(0, y - 2);
    const bottom = Math.min(side, y + 3);
    for (let x = 0; x < side; x++) {
      const left = Math.max(0, x - 2);
      const right = Math.min(side, x + 3);
      const at = (row: number, column: number) => sums[row * (side + 1) + column]!;
      const sum = at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left);
      detail[y * side + x] = full[y * side + x]! - sum / ((bottom - top) * (right - left));
    }
  }
  return detail;
}
