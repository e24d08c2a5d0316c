/**
 * Implements the OpenCV image operations with which TFDS prepares images. Results agree with OpenCV's to one or two of
 * 255 levels.
 */
import { type RawImage, rawImage, resizeBilinear } from "../../../images/index.js";

/**
 * `cv2.resize(image, None, fx=factor, fy=factor)`: bilinear interpolation without antialiasing, rounded to integers.
 */
export function scaled(image: RawImage, factor: number): RawImage {
  const height = Math.max(1, Math.round(image.height * factor));
  const width = Math.max(1, Math.round(image.width * factor));
  const exact = resizeBilinear({ ...image, kind: "float", data: Float32Array.from(image.data) }, height, width);
  return rawImage(Uint8Array.from(exact.data, Math.round), height, width, image.channels);
}

/** The index of a pixel beyond the border: mirrored without repeating the edge (BORDER_REFLECT_101). */
function mirrored(index: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const inside = ((index % period) + period) % period;
  return inside < length ? inside : period - inside;
}

/**
 * The weights of `cv2.GaussianBlur(image, (0, 0), sigma)` for 8-bit images: an odd number of weights, about six sigma.
 */
function gaussianWeights(sigma: number): Float64Array {
  const length = Math.round(sigma * 6 + 1) | 1;
  const middle = (length - 1) / 2;
  const weights = Float64Array.from({ length }, (_, i) => Math.exp(-((i - middle) ** 2) / (2 * sigma * sigma)));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** `cv2.GaussianBlur(image, (0, 0), sigma)` before rounding; the values have the layout of the image. */
export function gaussianBlur({ data, height, width, channels }: RawImage, sigma: number): Float32Array {
  const weights = gaussianWeights(sigma);
  const reach = (weights.length - 1) / 2;
  const rowLength = width * channels;
  // The horizontal pass works on a padded copy of each row. The vertical pass adds whole rows, which reads memory in
  // order.
  const alongRows = new Float32Array(data.length);
  const line = new Float32Array(rowLength + 2 * reach * channels);
  for (let y = 0; y < height; y++) {
    for (let x = -reach; x < width + reach; x++) {
      const from = y * rowLength + mirrored(x, width) * channels;
      for (let c = 0; c < channels; c++) line[(x + reach) * channels + c] = data[from + c]!;
    }
    addWeighted(alongRows.subarray(y * rowLength, (y + 1) * rowLength), weights, (k) =>
      line.subarray(k * channels, k * channels + rowLength),
    );
  }
  const out = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    addWeighted(out.subarray(y * rowLength, (y + 1) * rowLength), weights, (k) => {
      const row = mirrored(y + k - reach, height);
      return alongRows.subarray(row * rowLength, (row + 1) * rowLength);
    });
  }
  return out;
}

/** Adds lines with symmetric weights, two lines per pass. */
function addWeighted(out: Float32Array, weights: Float64Array, lineAt: (k: number) => Float32Array): void {
  const middle = (weights.length - 1) / 2;
  const center = lineAt(middle);
  const own = weights[middle]!;
  for (let i = 0; i < out.length; i++) out[i] = own * center[i]!;
  for (let k = 0; k < middle; k++) {
    const [before, after] = [lineAt(k), lineAt(weights.length - 1 - k)];
    const weight = weights[k]!;
    for (let i = 0; i < out.length; i++) out[i]! += weight * (before[i]! + after[i]!);
  }
}
