/** The fifteen common corruptions by name, as transforms of 8-bit images; severities.ts has their constants. */

import type { Random } from "../../random/keyed.js";
import type { RawImage } from "../image.js";
import { defocusBlur, glassBlur, motionBlurred, zoomBlur } from "./blur.js";
import { brighter, elastic, lessContrast, pixelated, recompressed } from "./digital.js";
import { gaussianNoise, impulseNoise, shotNoise } from "./noise.js";
import { type Severities, type SeverityTable, severityTables } from "./severities.js";
import { toRaw, toUnit, type UnitImage } from "./unit.js";
import { fog, frost, snow } from "./weather.js";

export { type SeverityTable, severityTableFor, severityTables } from "./severities.js";

/** The families, in the order of the paper's tables: noise, blur, weather, digital. */
export const corruptionNames = [
  "gaussian_noise",
  "shot_noise",
  "impulse_noise",
  "defocus_blur",
  "glass_blur",
  "motion_blur",
  "zoom_blur",
  "snow",
  "frost",
  "fog",
  "brightness",
  "contrast",
  "elastic_transform",
  "pixelate",
  "jpeg_compression",
] as const satisfies readonly (keyof Severities)[];
export type CorruptionName = (typeof corruptionNames)[number];

export const severities = [1, 2, 3, 4, 5] as const;
export type Severity = (typeof severities)[number];

/**
 * Returns the transform of one corruption at one severity, for images of 1 or 3 channels. Noise and directions are drawn from `random`. For
 * suitable families, the same draws at two severities give the same noise with different strength.
 */
export function corruption(
  name: CorruptionName,
  severity: Severity,
  table: SeverityTable = "imagenet",
): (image: RawImage, random: Random) => RawImage | Promise<RawImage> {
  const all: Severities = severityTables[table];
  const of = <K extends CorruptionName>(key: K): Severities[K][0] => all[key][severity - 1]!;
  const unit =
    (change: (image: UnitImage, random: Random) => UnitImage) =>
    (image: RawImage, random: Random): RawImage =>
      toRaw(change(toUnit(image), random));
  switch (name) {
    case "gaussian_noise":
      return unit((image, random) => gaussianNoise(image, of(name), random));
    case "shot_noise":
      return unit((image, random) => shotNoise(image, of(name), random));
    case "impulse_noise":
      return unit((image, random) => impulseNoise(image, of(name), random));
    case "defocus_blur":
      return unit((image) => defocusBlur(image, of(name)));
    case "glass_blur":
      return unit((image, random) => glassBlur(image, of(name), random));
    case "motion_blur":
      return unit((image, random) => motionBlurred(image, of(name), random));
    case "zoom_blur":
      return unit((image) => zoomBlur(image, of(name)));
    case "snow":
      return unit((image, random) => snow(image, of(name), random));
    case "frost":
      return unit((image, random) => frost(image, of(name), random));
    case "fog":
      return unit((image, random) => fog(image, of(name), random));
    case "brightness":
      return unit((image) => brighter(image, of(name)));
    case "contrast":
      return unit((image) => lessContrast(image, of(name)));
    case "elastic_transform":
      return unit((image, random) => elastic(image, of(name), all.elasticSide, random));
    case "pixelate":
      return (image) => pixelated(image, of(name));
    case "jpeg_compression":
      return (image) => recompressed(image, of(name));
  }
}
