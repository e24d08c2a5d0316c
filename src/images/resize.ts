/** Resizes, crops and flips pixels in plain TypeScript, with the semantics of TensorFlow's image ops. */
import { blankLike, type PixelImage } from "./image.js";

/** A rectangle of pixels inside an image. */
export interface Rectangle {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Resizes (a rectangle of) an image to height x width by bilinear interpolation without antialiasing, with repeated edges. With half-pixel
 * centres it equals TensorFlow 2's `tf.image.resize(image, size, method="bilinear", antialias=False)`. Without them it equals TensorFlow 1's
 * `tf.image.resize`, where output pixel i is at i * input / output. Raw images are truncated to integers, like TensorFlow's cast to uint8
 * (papers.md 5.6).
 */
export function resizeBilinear<T extends PixelImage>(
  image: T,
  height: number,
  width: number,
  from: Rectangle = whole(image),
  halfPixelCenters = true,
): T {
  checkInside(image, from);
  if (height === from.height && width === from.width) return crop(image, from);
  const out = blankLike(image, height, width);
  const rows = bilinearTable(from.height, height, 1, halfPixelCenters);
  const columns = bilinearTable(from.width, width, image.channels, halfPixelCenters);
  const length = width * image.channels;
  // Rows are first interpolated along x and kept while they are needed: when an image grows, neighbours share them.
  let upper = { row: -1, values: new Float64Array(length) };
  let lower = { row: -1, values: new Float64Array(length) };
  const fill = (line: { row: number; values: Float64Array }, row: number): void => {
    line.row = row;
    const start = ((from.top + row) * image.width + from.left) * image.channels;
    interpolateRow(image.data, start, columns, line.values);
  };
  for (let y = 0; y < height; y++) {
    const low = rows.low[y]!;
    const high = rows.high[y]!;
    if (lower.row === low) [upper, lower] = [lower, upper];
    if (upper.row !== low) fill(upper, low);
    if (lower.row !== high && low !== high) fill(lower, high);
    blendRows(upper.values, low === high ? upper.values : lower.values, rows.fraction[y]!, out.data, y * length);
  }
  return out;
}

/** Interpolates one row along x between the values at `low` and `high` by `fraction`. */
function interpolateRow(
  source: Uint8Array | Float32Array,
  start: number,
  { low, high, fraction }: BilinearTable,
  row: Float64Array,
): void {
  for (let i = 0; i < row.length; i++) {
    const a = source[start + low[i]!]!;
    row[i] = a + (source[start + high[i]!]! - a) * fraction[i]!;
  }
}

function blendRows(
  upper: Float64Array,
  lower: Float64Array,
  fraction: number,
  target: Uint8Array | Float32Array,
  start: number,
): void {
  for (let i = 0; i < upper.length; i++) {
    const a = upper[i]!;
    target[start + i] = a + (lower[i]! - a) * fraction;
  }
}

/**
 * Resizes an image to height x width by averaging the area that each new pixel covers: `tf.image.resize(..., method="area")`.
 * Raw images are truncated to integers, after 1e-6 is added so that a uniform area keeps its exact value.
 */
export function resizeArea<T extends PixelImage>(image: T, height: number, width: number): T {
  if (height === image.height && width === image.width) return image;
  const channels = image.channels;
  const rows = areaTable(image.height, height);
  const columns = areaTable(image.width, width);
  const wide = new Float64Array(image.height * width * channels);
  const rowLength = width * channels;
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < width; x++) {
      const first = columns.first[x]!;
      const weights = columns.weights[x]!;
      for (let k = 0; k < weights.length; k++) {
        const weight = weights[k]!;
        const from = (y * image.width + first + k) * channels;
        for (let c = 0; c < channels; c++) wide[y * rowLength + x * channels + c]! += weight * image.data[from + c]!;
      }
    }
  }
  const out = blankLike(image, height, width);
  const guard = image.kind === "raw" ? 1e-6 : 0;
  const row = new Float64Array(rowLength);
  for (let y = 0; y < height; y++) {
    row.fill(guard);
    const first = rows.first[y]!;
    const weights = rows.weights[y]!;
    for (let k = 0; k < weights.length; k++) {
      const from = (first + k) * rowLength;
      for (let i = 0; i < rowLength; i++) row[i]! += weights[k]! * wide[from + i]!;
    }
    out.data.set(row, y * rowLength);
  }
  return out;
}

/** Crops a rectangle of an image; throws unless it is inside. The whole image is returned without a copy. */
export function crop<T extends PixelImage>(image: T, rectangle: Rectangle): T {
  checkInside(image, rectangle);
  if (rectangle.height === image.height && rectangle.width === image.width) return image;
  const out = blankLike(image, rectangle.height, rectangle.width);
  const length = rectangle.width * image.channels;
  for (let y = 0; y < rectangle.height; y++) {
    const from = ((rectangle.top + y) * image.width + rectangle.left) * image.channels;
    out.data.set(image.data.subarray(from, from + length), y * length);
  }
  return out;
}

/** Mirrors an image left to right. */
export function flipLeftRight<T extends PixelImage>(image: T): T {
  const out = blankLike(image, image.height, image.width);
  const { channels, width, data: source } = image;
  const target = out.data;
  for (let y = 0; y < image.height; y++) {
    let from = y * width * channels;
    let to = from + (width - 1) * channels;
    for (let x = 0; x < width; x++, from += channels, to -= channels) {
      for (let c = 0; c < channels; c++) target[to + c] = source[from + c]!;
    }
  }
  return out;
}

/** The rectangle that covers the whole image. */
export function whole(image: PixelImage): Rectangle {
  return { top: 0, left: 0, height: image.height, width: image.width };
}

function checkInside(image: PixelImage, r: Rectangle): void {
  if (
    r.top < 0 ||
    r.left < 0 ||
    r.height < 1 ||
    r.width < 1 ||
    r.top + r.height > image.height ||
    r.left + r.width > image.width
  ) {
    throw new Error(
      `the crop ${r.height}x${r.width} at row ${r.top}, column ${r.left} is not inside the ${image.height}x${image.width} image`,
    );
  }
}

interface BilinearTable {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly fraction: Float64Array;
}

/** For every value of an output row, its two neighbouring input values and the fraction from the first. */
function bilinearTable(input: number, output: number, channels: number, halfPixelCenters: boolean): BilinearTable {
  const scale = input / output;
  const centre = halfPixelCenters ? 0.5 : 0;
  const low = new Int32Array(output * channels);
  const high = new Int32Array(output * channels);
  const fraction = new Float64Array(output * channels);
  for (let i = 0; i < output * channels; i++) {
    const channel = i % channels;
    const position = ((i - channel) / channels + centre) * scale - centre;
    const floor = Math.floor(position);
    low[i] = Math.max(floor, 0) * channels + channel;
    high[i] = Math.min(Math.ceil(position), input - 1) * channels + channel;
    fraction[i] = position - floor;
  }
  return { low, high, fraction };
}

interface AreaTable {
  readonly first: Int32Array;
  readonly weights: readonly Float64Array[];
}

/** For every output position, the first input position that it covers and the weight of each covered one (they sum to 1). */
function areaTable(input: number, output: number): AreaTable {
  const scale = input / output;
  const first = new Int32Array(output);
  const weights = Array.from({ length: output }, (_, i) => {
    const start = i * scale;
    const end = Math.min((i + 1) * scale, input);
    first[i] = Math.floor(start);
    const last = Math.min(Math.ceil(end), input);
    return Float64Array.from({ length: Math.max(1, last - first[i]) }, (_, k) => {
      const position = first[i]! + k;
      return (Math.min(position + 1, end) - Math.max(position, start)) / (end - start);
    });
  });
  return { first, weights };
}
