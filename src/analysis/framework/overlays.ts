/** Images of a subject at the size of a report: by themselves, with a patch framed, and under a map. */
import { encodeJpeg, type RawImage, rawImage, resizeArea, resizeBilinear, toRgb } from "../../images/index.js";
import { type ColourScale, colourOf, encodedUri } from "../../report/index.js";
import { imageBytes } from "./pictures.js";
import type { Subject } from "./subject.js";

/** Images that analyses of single images show; more of them make a page long and heavy. */
const shownImages = 4;
/** Longer side of a picture in pixels: twice the cell of a contact sheet on a narrow page, for sharp screens. */
const longerSide = 168;
/** Quality of pictures. At 80 the blocks of JPEG are not seen at this size. */
const quality = 80;

/** Numbers of the images to show: the first ones. */
export const firstImages = ({ images }: Subject, most = shownImages): number[] =>
  Array.from({ length: Math.min(most, images.count) }, (_, i) => i);

/** Columns of a narrow contact sheet whose images come in groups: three, or two where three would leave one image by itself. */
export const narrowColumns = (group: number): number => (group % 3 === 1 && group % 2 === 0 ? 2 : 3);

/** Why images cannot be shown as pictures; undefined where they can. */
export function notShown({ imageShape: [, , channels] }: Subject): string | undefined {
  return channels === 1 || channels === 3
    ? undefined
    : `images of ${channels} channels cannot be shown as pictures; expected 1 or 3`;
}

/** An image of a subject as 8-bit RGB pixels, its longer side `longerSide` pixels. Throws an Error for channels that cannot be shown. */
export function shownPixels(subject: Subject, image: number): RawImage {
  const [height, width, channels] = subject.imageShape;
  const whole = toRgb(rawImage(new Uint8Array(imageBytes(subject, image)), height, width, channels));
  const factor = longerSide / Math.max(height, width);
  const side = (pixels: number) => Math.max(1, Math.round(pixels * factor));
  return (factor < 1 ? resizeArea : resizeBilinear)(whole, side(height), side(width));
}

/** A grid over an image. */
interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/** Weight of the colours of a map of amounts over the grey image, and the largest of a map of signed numbers. */
const amountWeight = 0.62;
const signedWeight = 0.85;

/**
 * A map of numbers [rows * columns] over a grey image, a rectangle for each cell. Signed numbers near 0 leave the image visible, so that only
 * what counts is coloured.
 */
export function underMap(
  image: RawImage,
  values: ArrayLike<number>,
  { rows, columns }: Grid,
  scale: ColourScale,
): RawImage {
  const { height, width } = image;
  const data = new Uint8Array(image.data.length);
  const [low, high] = scale.range;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = values[Math.floor((y * rows) / height) * columns + Math.floor((x * columns) / width)] ?? 0;
      const from = (y * width + x) * 3;
      const [r = 0, g = 0, b = 0] = image.data.subarray(from, from + 3);
      // luma of JPEG
      const grey = 0.299 * r + 0.587 * g + 0.114 * b;
      const distance = Math.min(1, Math.abs((2 * (value - low)) / (high - low) - 1));
      const weight = scale.kind === "sequential" ? amountWeight : signedWeight * distance;
      for (const [c, colour] of colourOf(value, scale).entries()) {
        data[from + c] = Math.round(weight * colour + (1 - weight) * grey);
      }
    }
  }
  return rawImage(data, height, width, 3);
}

/** An image with a frame around a cell of a grid, given by its number: white on black, so that it is seen on any image. */
export function withMark(image: RawImage, cell: number, { rows, columns }: Grid): RawImage {
  const { height, width } = image;
  const data = Uint8Array.from(image.data);
  const [row, column] = [Math.floor(cell / columns), cell % columns];
  const [top, bottom] = [Math.floor((row * height) / rows), Math.ceil(((row + 1) * height) / rows) - 1];
  const [left, right] = [Math.floor((column * width) / columns), Math.ceil(((column + 1) * width) / columns) - 1];
  const frame = (distance: number, value: number): void => {
    for (let y = Math.max(0, top - distance); y <= Math.min(height - 1, bottom + distance); y++) {
      for (let x = Math.max(0, left - distance); x <= Math.min(width - 1, right + distance); x++) {
        const isEdge =
          y === top - distance || y === bottom + distance || x === left - distance || x === right + distance;
        if (isEdge) data.fill(value, (y * width + x) * 3, (y * width + x) * 3 + 3);
      }
    }
  };
  for (const [distance, value] of [0, 255, 255, 0].entries()) frame(distance, value);
  return rawImage(data, height, width, 3);
}

/** A data URI (JPEG) of pixels. */
export async function photoUri(image: RawImage): Promise<string> {
  return encodedUri(await encodeJpeg(image, quality));
}
