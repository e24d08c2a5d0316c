/** The few image operations of OpenCV that TFDS prepares images by, in plain TypeScript. They agree to a level or two of 255. */
import { type RawImage, rawImage, resizeBilinear } from "../../../images/index.js";

/** `cv2.resize(image, None, fx=factor, fy=factor)`: interpolation without smoothing, rounded to whole levels. */
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

/** The weights of `cv2.GaussianBlur(image, (0, 0), sigma)` for 8-bit images: an odd number of them, about six sigma. */
function gaussianWeights(sigma: number): Float64Array {
  const length = Math.round(sigma * 6 + 1) | 1;
  const middle = (length - 1) / 2;
  const weights = Float64Array.from({ length }, (_, i) => Math.exp(-((i - middle) ** 2) / (2 * sigma * sigma)));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** `cv2.GaussianBlur(image, (0, 0), sigma)` before it is rounded: values in the layout of the image. */
export function gaussianBlur({ data, height, width, channels }: RawImage, sigma: number): Float32Array {
  const weights = gaussianWeights(sigma);
  const reach = (weights.length - 1) / 2;
  const rowLength = width * channels;
  // Along a row in a copy of it that is continued beyond both ends; then whole rows are added up, which reads memory in order.
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

/** Adds lines by weights that are the same from both ends, two lines at once. */
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
