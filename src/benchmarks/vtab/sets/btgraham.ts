/**
 * Prepares retina photographs as the winner of Kaggle's 2015 competition did (TFDS's config btgraham-300). The eyeball
 * is scaled to a radius of 300 pixels and its local average is subtracted. Pixels outside of 90 % of the radius become
 * grey, and the image is cropped to that circle.
 */
import { type RawImage, rawImage } from "../../../images/index.js";
import { gaussianBlur, scaled } from "./opencv.js";

const benchmarkRadius = 300;
const keptShare = 0.9;
const grey = 128;
/** A pixel below this fraction (one tenth) of the middle row's mean brightness is background. */
const background = 10;
/** The image is weighted by 4 and the blurred image (sigma: a thirtieth of the radius) by -4; grey is added. */
const contrast = 4;

/**
 * Returns the prepared image before TFDS encodes it as JPEG of quality 72. The eyeball is scaled to `radius` pixels.
 */
export function btgraham(image: RawImage, radius = benchmarkRadius): RawImage {
  const even = withoutLocalAverage(scaled(image, radius / eyeballRadius(image)), radius / 30);
  return maskedAndCut(even, Math.floor(radius * keptShare));
}

/**
 * Estimates the radius in pixels: half the number of bright pixels in the middle row, or half of the image's height if
 * there are none.
 */
export function eyeballRadius({ data, height, width, channels }: RawImage): number {
  const start = Math.floor(height / 2) * width * channels;
  const sums = Float64Array.from({ length: width }, (_, x) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += data[start + x * channels + c]!;
    return sum;
  });
  const mean = sums.reduce((a, b) => a + b, 0) / width;
  const found = sums.filter((sum) => sum > mean / background).length / 2;
  return found < 1 ? height / 2 : found;
}

function withoutLocalAverage(image: RawImage, sigma: number): RawImage {
  const blurred = gaussianBlur(image, sigma);
  const data = Uint8Array.from(image.data, (value, i) =>
    Math.min(255, Math.max(0, contrast * value - contrast * Math.round(blurred[i]!) + grey)),
  );
  return rawImage(data, image.height, image.width, image.channels);
}

function maskedAndCut({ data, height, width, channels }: RawImage, keptRadius: number): RawImage {
  const [middleX, middleY] = [Math.floor(width / 2), Math.floor(height / 2)];
  const [left, top] = [Math.max(middleX - keptRadius, 0), Math.max(middleY - keptRadius, 0)];
  const [right, bottom] = [Math.min(middleX + keptRadius, width), Math.min(middleY + keptRadius, height)];
  const out = new Uint8Array((bottom - top) * (right - left) * channels).fill(grey);
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      if ((x - middleX) ** 2 + (y - middleY) ** 2 > keptRadius ** 2) continue;
      const to = ((y - top) * (right - left) + x - left) * channels;
      for (let c = 0; c < channels; c++) out[to + c] = data[(y * width + x) * channels + c]!;
    }
  }
  return rawImage(out, bottom - top, right - left, channels);
}
