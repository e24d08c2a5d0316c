/** Provides real images for the inference benchmark, and a head that classifies them. */
import { openSource } from "../data/index.js";
import { preprocessImage } from "../images/index.js";
import type { Weights } from "../weights/index.js";

/** Images as networks take them, [count, C, H, W], and their labels. */
export interface RealImages {
  readonly pixels: Float32Array;
  readonly labels: readonly number[];
  readonly classNames: readonly string[];
}

/** Images of a split, evenly spaced over its length. Throws what opening, decoding and preprocessing throw. */
export async function realImages(
  spec: string,
  split: string,
  count: number,
  preprocessing: string,
  { height, width, channels }: Weights["image"],
): Promise<RealImages> {
  await using source = await openSource(spec, { split });
  const area = height * width;
  const taken = Math.min(count, source.length);
  const pixels = new Float32Array(taken * area * channels);
  const labels: number[] = [];
  for (let n = 0; n < taken; n++) {
    const { image, label, id } = await source.get(Math.floor((n * source.length) / taken));
    const { data, ...size } = await preprocessImage(preprocessing, image, { id });
    if (size.height !== height || size.width !== width || size.channels !== channels) {
      throw new Error(
        `${id}: "${preprocessing}" gives ${size.height}x${size.width}x${size.channels}; expected ${height}x${width}x${channels}, the network's input`,
      );
    }
    for (let i = 0; i < data.length; i++) {
      pixels[(n * channels + (i % channels)) * area + Math.floor(i / channels)] = data[i]!;
    }
    labels.push(label);
  }
  return { pixels, labels, classNames: source.classNames };
}

/**
 * A linear head [width, classes] that predicts the class with the nearest mean, with each feature divided by its
 * standard deviation. With it, a network of random weights classifies real images better than chance, so that the
 * agreement between two forms of it is meaningful. With m the means and s the deviations, -|(x - m) / s|^2 / 2 is x .
 * (m / s^2) - |m / s|^2 / 2 plus a term that is the same for all classes. Features are centred by the mean of all
 * images.
 */
export function nearestMeanHead(features: Float32Array, labels: readonly number[], classes: number) {
  const width = features.length / labels.length;
  const kernel = new Float32Array(width * classes);
  const bias = new Float32Array(classes);
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]!++;
  for (let j = 0; j < width; j++) {
    const column = labels.map((_, n) => features[n * width + j]!);
    const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
    const variance = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.length + 1e-12;
    for (let k = 0; k < classes; k++) {
      if (counts[k] === 0) continue;
      const ofClass = column.reduce((sum, value, n) => sum + (labels[n] === k ? value : 0), 0) / counts[k]!;
      const offset = ofClass - mean;
      kernel[j * classes + k] = offset / variance;
      bias[k]! -= ((offset * offset) / 2 + offset * mean) / variance;
    }
  }
  // a class without an image is never predicted
  const least = bias.reduce((most, value) => Math.min(most, value), 0) - 100;
  for (let k = 0; k < classes; k++) if (counts[k] === 0) bias[k] = least;
  return { kernel, bias };
}

/** The index of the largest value in each row. */
export function largestOfRows(values: Float32Array, rows: number): number[] {
  const width = values.length / rows;
  return Array.from({ length: rows }, (_, n) => {
    const row = values.subarray(n * width, (n + 1) * width);
    return row.indexOf(row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY));
  });
}
