/** The weather of the common corruptions: snow, frost and fog. */
import type { Random } from "../../random/keyed.js";
import { blankUnit, clip01, clippedZoom, gaussianBlur, motionBlur, normal, type UnitImage } from "./unit.js";

/** Adds flakes that fall within 45 degrees of the vertical to a whitened image. */
export function snow(
  image: UnitImage,
  [mean, deviation, zoom, least, radius, sigma, keeps]: readonly number[] & { readonly length: 7 },
  random: Random,
): UnitImage {
  const { height, width, channels } = image;
  const noise = blankUnit(height, width, 1);
  for (let i = 0; i < noise.data.length; i++) noise.data[i] = mean! + deviation! * normal(random);
  const zoomed = clippedZoom(noise, zoom!);
  const flakes = { ...zoomed, data: zoomed.data.map((x) => (x < least! ? 0 : Math.trunc(clip01(x) * 255) / 255)) };
  const { data: layer } = motionBlur(flakes, radius!, sigma!, random.range(-135, -45));
  const data = new Float64Array(image.data.length);
  for (let pixel = 0; pixel < layer.length; pixel++) {
    const i = pixel * channels;
    const white = 1.5 * luminance(image, i) + 0.5;
    // The layer and the layer rotated by 180 degrees.
    const flake = layer[pixel]! + layer[layer.length - 1 - pixel]!;
    for (let c = 0; c < channels; c++) {
      const x = image.data[i + c]!;
      data[i + c] = keeps! * x + (1 - keeps!) * Math.max(x, white) + flake;
    }
  }
  return { ...image, data };
}

/** Luminance of ITU-R BT.601, as in OpenCV. */
const luminance = ({ data, channels }: UnitImage, i: number): number =>
  channels === 1 ? data[i]! : 0.299 * data[i]! + 0.587 * data[i + 1]! + 0.114 * data[i + 2]!;

/** Adds fog with the density of a plasma fractal, and darkens so that the maximum brightness is unchanged. */
export function fog(image: UnitImage, [amount, decay]: readonly [number, number], random: Random): UnitImage {
  const { height, width, channels } = image;
  const side = 2 ** Math.ceil(Math.log2(Math.max(2, height, width)));
  const plasma = plasmaFractal(side, decay, random);
  const brightest = image.data.reduce((most, x) => Math.max(most, x), 0);
  const data = image.data.map((x, i) => {
    const pixel = Math.floor(i / channels);
    const thickness = plasma[Math.floor(pixel / width) * side + (pixel % width)]!;
    return ((x + amount * thickness) * brightest) / (brightest + amount);
  });
  return { ...image, data };
}

/**
 * Heights from 0 to 1 over a periodic square, by the diamond-square algorithm (Fournier, Fussell and Carpenter 1982). Each midpoint is the mean
 * of its four neighbours plus noise, which becomes `decay` times smaller from scale to scale (in the authors' code its square does). `side`
 * is a power of two.
 */
export function plasmaFractal(side: number, decay: number, random: Random): Float64Array {
  const heights = new Float64Array(side * side);
  const at = (y: number, x: number): number => heights[((y + side) % side) * side + ((x + side) % side)]!;
  let roughness = 100;
  const mean = (a: number, b: number, c: number, d: number): number =>
    (a + b + c + d) / 4 + roughness * random.range(-roughness, roughness);
  for (let step = side; step >= 2; step /= 2, roughness /= decay) {
    const half = step / 2;
    for (let y = half; y < side; y += step) {
      for (let x = half; x < side; x += step) {
        heights[y * side + x] = mean(
          at(y - half, x - half),
          at(y - half, x + half),
          at(y + half, x - half),
          at(y + half, x + half),
        );
      }
    }
    // Edge midpoints: first those on the borders of rows, then those on the borders of columns.
    for (const [firstY, firstX] of [
      [0, half],
      [half, 0],
    ] as const) {
      for (let y = firstY; y < side; y += step) {
        for (let x = firstX; x < side; x += step) {
          heights[y * side + x] = mean(at(y - half, x), at(y + half, x), at(y, x - half), at(y, x + half));
        }
      }
    }
  }
  const least = heights.reduce((low, x) => Math.min(low, x), Number.POSITIVE_INFINITY);
  const most = heights.reduce((high, x) => Math.max(high, x), Number.NEGATIVE_INFINITY);
  return heights.map((x) => (x - least) / (most - least));
}

/**
 * Adds the image and frost with weights. The authors overlay one of six photographs of frosted glass, which are not part of Fovea. Here the
 * frost is drawn: ferns of ice that branch at 60 degrees over a haze. The weights are the authors', so severities have the right order, but
 * results of this family are not comparable with published ones.
 */
export function frost(
  image: UnitImage,
  [imageWeight, frostWeight]: readonly [number, number],
  random: Random,
): UnitImage {
  const { height, width, channels } = image;
  const ice = iceFerns(height, width, random);
  // Whitish with slightly more blue.
  const tint = channels === 1 ? [0.95] : [0.88, 0.95, 1];
  const data = image.data.map(
    (x, i) => imageWeight * x + frostWeight * tint[i % channels]! * ice[Math.floor(i / channels)]!,
  );
  return { ...image, data };
}

/** Thickness of ice, 0 to 1. */
function iceFerns(height: number, width: number, random: Random): Float64Array {
  const side = Math.max(height, width);
  const power = 2 ** Math.ceil(Math.log2(Math.max(2, side)));
  const haze = plasmaFractal(power, 2, random);
  const ice = blankUnit(height, width, 1);
  const draw = (x: number, y: number, angle: number, length: number, thickness: number): void => {
    if (length < 2 || thickness < 0.1) return;
    const spacing = Math.max(2, length / 9);
    let next = spacing;
    for (let at = 0; at < length; at += 0.5) {
      const [px, py] = [Math.round(x + at * Math.cos(angle)), Math.round(y + at * Math.sin(angle))];
      const left = 1 - at / length;
      if (px >= 0 && py >= 0 && px < width && py < height) {
        const i = py * width + px;
        ice.data[i] = Math.max(ice.data[i]!, thickness * (0.4 + 0.6 * left));
      }
      if (at >= next) {
        next += spacing;
        for (const side of [-1, 1])
          draw(
            x + at * Math.cos(angle),
            y + at * Math.sin(angle),
            angle + (side * Math.PI) / 3,
            0.42 * length * left,
            0.75 * thickness,
          );
      }
    }
  };
  const ferns = 14;
  for (let fern = 0; fern < ferns; fern++) {
    const [x, y] = [random.range(0, width), random.range(0, height)];
    draw(x, y, random.range(0, 2 * Math.PI), side * random.range(0.2, 0.6), random.range(0.7, 1));
  }
  const soft = gaussianBlur(ice, Math.max(0.3, side / 320));
  return soft.data.map((x, i) => clip01(0.45 * haze[Math.floor(i / width) * power + (i % width)]! + 0.9 * x));
}
