/** The noises of the common corruptions: Gaussian, shot and impulse noise. */
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

/** Replaces every value (not every pixel) independently with probability `amount` by 0 or 1, with equal probability. */
export const impulseNoise = (image: UnitImage, amount: number, random: Random): UnitImage => ({
  ...image,
  data: image.data.map((x) => (random.uniform() < amount ? (random.uniform() < 0.5 ? 0 : 1) : x)),
});
