/** The noises among the common corruptions: Gaussian, of photons, and of values that are lost. */
import type { Random } from "../../random/keyed.js";
import { normal, poisson, type UnitImage } from "./unit.js";

export const gaussianNoise = (image: UnitImage, deviation: number, random: Random): UnitImage => ({
  ...image,
  data: image.data.map((x) => x + deviation * normal(random)),
});

export const shotNoise = (image: UnitImage, photons: number, random: Random): UnitImage => ({
  ...image,
  data: image.data.map((x) => poisson(x * photons, random) / photons),
});

/** Every value by itself, not every pixel, becomes 0 or 1 with `amount`, either half of the time. */
export const impulseNoise = (image: UnitImage, amount: number, random: Random): UnitImage => ({
  ...image,
  data: image.data.map((x) => (random.uniform() < amount ? (random.uniform() < 0.5 ? 0 : 1) : x)),
});
