/** Random colour changes for self-supervised tasks: HSV noise and random greyscale (papers.md 10.2). */

import type { Random } from "../../random/keyed.js";
import { blankLike, type FloatImage, type PixelImage } from "../image.js";

function requireColour(name: string, { channels }: PixelImage): void {
  if (channels !== 3) throw new Error(`${name} takes images of 3 channels, not ${channels}; put to_rgb before it`);
}

/** Random parameters of {@link hsvNoise}: x becomes x^power * factor + shift, and the hue is shifted by `hue`. */
export interface HsvChange {
  readonly hue: number;
  /** For saturation, then value. */
  readonly power: readonly [number, number];
  readonly factor: readonly [number, number];
  readonly shift: readonly [number, number];
}

/** Draws an {@link HsvChange}: hue U(-0.1, 0.1), powers 2^U(-2, 2), factors 2^U(-0.5, 0.5), shifts U(-0.1, 0.1). */
export function drawHsvChange(random: Random): HsvChange {
  const pair = (draw: () => number): [number, number] => [draw(), draw()];
  return {
    hue: random.range(-0.1, 0.1),
    power: pair(() => 2 ** random.range(-2, 2)),
    factor: pair(() => 2 ** random.range(-0.5, 0.5)),
    shift: pair(() => random.range(-0.1, 0.1)),
  };
}

const clip = (x: number): number => (x < 0 ? 0 : x > 1 ? 1 : x);

/** Changes hue, saturation and value of the whole image; the result is in 0..255 and not rounded, as in S4L. */
export function hsvNoise(image: PixelImage, { hue, power, factor, shift }: HsvChange): FloatImage {
  requireColour("hsvnoise", image);
  const { data } = image;
  const out = new Float32Array(data.length);
  // A raw image has 256 values; a table of their logarithms turns the power of a quotient into one exponential.
  const table = (f: (x: number) => number) => Float64Array.from({ length: 256 }, (_, x) => f(x));
  const values = table((x) => clip((x / 255) ** power[1] * factor[1] + shift[1]));
  const logs = table((x) => Math.log(x));
  const raw = image.kind === "raw";
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!];
    const most = r > g ? (r > b ? r : b) : g > b ? g : b;
    const range = most - (r < g ? (r < b ? r : b) : g < b ? g : b);
    let h = 0;
    if (range > 0) {
      if (r === most) h = (g - b) / (6 * range);
      else if (g === most) h = (b - r) / (6 * range) + 2 / 6;
      else h = (r - g) / (6 * range) + 4 / 6;
    }
    h += 1 + hue;
    h -= Math.floor(h);
    // 0^power is 0, so the saturation of a grey pixel is only the shift.
    let s = 0;
    if (range > 0) s = raw ? Math.exp(power[0] * (logs[range]! - logs[most]!)) : (range / most) ** power[0];
    s = clip(s * factor[0] + shift[0]);
    const v = 255 * (raw ? values[most]! : clip((most / 255) ** power[1] * factor[1] + shift[1]));
    const sixths = 6 * h;
    out[i] = v * (1 - s + s * clip(Math.abs(sixths - 3) - 1));
    out[i + 1] = v * (1 - s + s * clip(2 - Math.abs(sixths - 2)));
    out[i + 2] = v * (1 - s + s * clip(2 - Math.abs(sixths - 4)));
  }
  return { kind: "float", data: out, height: image.height, width: image.width, channels: 3 };
}

/** Replaces red, green and blue by their mean (the greyscale of the self-supervised code; `grey` is luminance), rounded for raw images. */
export function meanGrey<T extends PixelImage>(image: T): T {
  requireColour("grey_random", image);
  const out = blankLike(image, image.height, image.width);
  const half = image.kind === "raw" ? 0.5 : 0;
  for (let i = 0; i < out.data.length; i += 3) {
    const mean = (image.data[i]! + image.data[i + 1]! + image.data[i + 2]!) / 3 + half;
    out.data.fill(mean, i, i + 3);
  }
  return out;
}
