/**
 * RandAugment (Cubuk et al. 2019, arXiv:1909.13719) with the sixteen ops of TensorFlow's autoaugment.py, as used by big_vision and the AugReg
 * runs (papers.md 5.7). Every layer applies one op, drawn uniformly, with probability 1 and at the same level. The level is the magnitude,
 * whose nominal maximum is 10. timm's RandAugment is different.
 *
 * Levels may exceed 10: Solarize's threshold then exceeds 255 and it changes nothing. TensorFlow's behaviour for a threshold of 256 and 8-bit
 * pixels is not known.
 */

import type { Random } from "../../random/keyed.js";
import type { RawImage } from "../image.js";
import { fillValue, rotate, shearX, shearY, translateX, translateY } from "./geometry.js";
import {
  autoContrast,
  brightness,
  type ContrastTarget,
  color,
  contrast,
  equalize,
  invert,
  posterize,
  sharpness,
  solarize,
  solarizeAdd,
} from "./pointwise.js";

/** One of RandAugment's ops. */
export interface RandaugOp {
  /** Its argument at a level; ops with a direction draw its sign. */
  readonly argument: (level: number, random: Random) => number;
  /** Applies it to an 8-bit image of 1 or 3 channels; Cutout draws its centre. */
  readonly apply: (image: RawImage, argument: number, random: Random) => RawImage;
}

const none = (): number => 0;
const signed = (unit: number) => (level: number, random: Random) => {
  const value = (level / 10) * unit;
  return random.uniform() < 0.5 ? -value : value;
};
const enhancement = (level: number): number => (level / 10) * 1.8 + 0.1;
const whole = (unit: number) => (level: number) => Math.trunc((level / 10) * unit);

/** Fills a square of side `2 * half` around a random pixel with 128; parts outside the image are ignored. */
export function cutout(image: RawImage, half: number, random: Random): RawImage {
  const { height, width, channels } = image;
  const row = random.integer(height);
  const column = random.integer(width);
  const out = { ...image, data: image.data.slice() };
  const left = Math.max(0, column - half);
  const right = Math.min(width, column + half);
  for (let y = Math.max(0, row - half); y < Math.min(height, row + half); y++) {
    out.data.fill(fillValue, (y * width + left) * channels, (y * width + right) * channels);
  }
  return out;
}

/** The sixteen ops under their published names, in the order of the reference. */
export const randaugOps: Readonly<Record<string, RandaugOp>> = {
  AutoContrast: { argument: none, apply: autoContrast },
  Equalize: { argument: none, apply: equalize },
  Invert: { argument: none, apply: invert },
  Rotate: { argument: signed(30), apply: rotate },
  Posterize: { argument: whole(4), apply: posterize },
  Solarize: { argument: whole(256), apply: solarize },
  Color: { argument: enhancement, apply: color },
  Contrast: { argument: enhancement, apply: (image, factor) => contrast(image, factor) },
  Brightness: { argument: enhancement, apply: brightness },
  Sharpness: { argument: enhancement, apply: sharpness },
  ShearX: { argument: signed(0.3), apply: shearX },
  ShearY: { argument: signed(0.3), apply: shearY },
  TranslateX: { argument: signed(100), apply: translateX },
  TranslateY: { argument: signed(100), apply: translateY },
  Cutout: { argument: whole(40), apply: cutout },
  SolarizeAdd: { argument: whole(110), apply: solarizeAdd },
};

/**
 * Returns RandAugment of `layers` ops at `magnitude` (at least 0; 0 still changes images). Throws unless the image is 8-bit with 1 or 3
 * channels.
 */
export function randaug(
  layers: number,
  magnitude: number,
  target: ContrastTarget = "pixel_count",
): (image: RawImage, random: Random) => RawImage {
  const ops = Object.entries(randaugOps).map(([name, op]) =>
    name === "Contrast" ? { ...op, apply: (image: RawImage, factor: number) => contrast(image, factor, target) } : op,
  );
  return (image, random) => {
    if (image.channels !== 1 && image.channels !== 3) {
      throw new Error(`randaug takes images of 1 or 3 channels, not ${image.channels}; put to_rgb or grey before it`);
    }
    let current = image;
    for (let layer = 0; layer < layers; layer++) {
      const op = ops[random.integer(ops.length)]!;
      current = op.apply(current, op.argument(magnitude, random), random);
    }
    return current;
  };
}
