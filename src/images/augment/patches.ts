/**
 * Stacks views and patches vertically, so that a batch [N, count * H, W, C] is also [N, count, H, W, C]; permutations of patches; exact
 * quarter turns; and standardisation of every part of a stack.
 */

import type { Random } from "../../random/keyed.js";
import { blankLike, type FloatImage, type PixelImage } from "../image.js";
import { crop } from "../resize.js";

/** Stacks images of the same size and kind vertically. Throws if they differ. */
export function stackRows(images: readonly PixelImage[]): PixelImage {
  const first = images[0]!;
  const out = blankLike(first, first.height * images.length, first.width);
  for (const [i, image] of images.entries()) {
    const { kind, height, width, channels } = image;
    if (kind !== first.kind || height !== first.height || width !== first.width || channels !== first.channels) {
      throw new Error(
        `views of one image must have the same size, but number ${i} is ${height}x${width}x${channels} and the first ${first.height}x${first.width}x${first.channels}; end them with resize(size) or a crop of fixed size`,
      );
    }
    out.data.set(image.data, i * first.data.length);
  }
  return out;
}

/**
 * Crops a square of `cells * cell` pixels, then a patch x patch crop of each of its cells, stacked in row-major order: the patches of jigsaw
 * and relative patch location (papers.md 10.3). With `random`, the positions of the square and of every patch are random; without it, they
 * are centred.
 */
export function patchGrid(image: PixelImage, cells: number, cell: number, patch: number, random?: Random): PixelImage {
  const side = cells * cell;
  if (image.height < side || image.width < side) {
    throw new Error(
      `patch_grid needs an image of ${side}x${side} (${cells} cells of ${cell}), not ${image.height}x${image.width}; resize first`,
    );
  }
  const place = (room: number): number => (random ? random.integer(room + 1) : Math.floor(room / 2));
  const top = place(image.height - side);
  const left = place(image.width - side);
  return stackRows(
    Array.from({ length: cells * cells }, (_, i) =>
      crop(image, {
        top: top + Math.floor(i / cells) * cell + place(cell - patch),
        left: left + (i % cells) * cell + place(cell - patch),
        height: patch,
        width: patch,
      }),
    ),
  );
}

/**
 * Permutes the patch x patch patches of an image, numbered in row-major order as the tokens of a Vision Transformer are: patch i of the result
 * is patch `order(patches)[i]` of the image. Throws for an image that is not made of whole patches.
 */
export function permutePatches(image: PixelImage, patch: number, order: (patches: number) => Int32Array): PixelImage {
  const { height, width, channels } = image;
  if (height % patch !== 0 || width % patch !== 0) {
    throw new Error(
      `patches of ${patch}x${patch} do not divide an image of ${height}x${width}; resize or crop it to a multiple of ${patch} first`,
    );
  }
  const columns = width / patch;
  const out = blankLike(image, height, width);
  const start = (i: number) => (Math.floor(i / columns) * patch * width + (i % columns) * patch) * channels;
  for (const [to, from] of order((height / patch) * columns).entries()) {
    for (let row = 0; row < patch; row++) {
      const [target, source] = [to, from].map((i) => start(i) + row * width * channels) as [number, number];
      out.data.set(image.data.subarray(source, source + patch * channels), target);
    }
  }
  return out;
}

/**
 * (x - mean) / max(deviation, 1 / sqrt(n)) over the n values of the whole image, or of every `patch` rows of it, like
 * tf.image.per_image_standardization. Throws if the height is not divisible by `patch`.
 */
export function standardise(image: PixelImage, patch: number = image.height): FloatImage {
  const { height, width, channels, data } = image;
  if (height % patch !== 0) {
    throw new Error(`standardise: the height ${height} is not divisible by the patch height ${patch}`);
  }
  const out = new Float32Array(data.length);
  const size = patch * width * channels;
  for (let start = 0; start < data.length; start += size) {
    let sum = 0;
    for (let i = start; i < start + size; i++) sum += data[i]!;
    const mean = sum / size;
    let squares = 0;
    for (let i = start; i < start + size; i++) squares += (data[i]! - mean) ** 2;
    const scale = 1 / Math.max(Math.sqrt(squares / size), 1 / Math.sqrt(size));
    for (let i = start; i < start + size; i++) out[i] = (data[i]! - mean) * scale;
  }
  return { kind: "float", data: out, height, width, channels };
}

/**
 * Rotates an image by k quarter turns counter-clockwise, in the numbering of the rotation task (papers.md 10.1, in rows and
 * columns): 1 is transpose(reverse columns), 2 reverses rows and columns, 3 is reverse columns(transpose).
 */
export function rotate90(image: PixelImage, k: number): PixelImage {
  const { height: h, width: w, channels, data } = image;
  if (k === 0) return image;
  const out = k === 2 ? blankLike(image, h, w) : blankLike(image, w, h);
  let to = 0;
  for (let row = 0; row < out.height; row++) {
    for (let column = 0; column < out.width; column++) {
      const from =
        k === 1
          ? column * w + (w - 1 - row)
          : k === 2
            ? (h - 1 - row) * w + (w - 1 - column)
            : (h - 1 - column) * w + row;
      for (let c = 0; c < channels; c++) out.data[to++] = data[from * channels + c]!;
    }
  }
  return out;
}
