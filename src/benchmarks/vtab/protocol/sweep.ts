/** Sweeps: the settings that are evaluated on the 200 validation images before the final training. */
import type { Setting } from "../../../networks/index.js";
import { createRandom } from "../../../random/keyed.js";

export const sweepNames = ["none", "light", "heavy"] as const;
export type SweepName = (typeof sweepNames)[number];

/** Trials of the heavy sweep: BiT's search has 40 and saturates near 20 (papers.md 2.5). */
export const heavyTrials = 40;

/**
 * The ranges of BiT's random search (papers.md 2.5), the published example of a heavyweight sweep. Fine-tuning searches
 * all six, a linear probe the two that it has. (Two details are from memory of the paper's appendix: that dropout is
 * before the head, and the form of the decay towards the initial weights.)
 */
const heavyRanges: Readonly<Record<string, (uniform: () => number) => number>> = {
  learningRate: (uniform) => logUniform(1e-4, 1e-1, uniform()),
  steps: (uniform) => 500 * 2 ** Math.floor(6 * uniform()),
  dropout: (uniform) => 0.7 * uniform(),
  weightDecayToInitial: (uniform) => logUniform(1e-6, 1e-1, uniform()),
  mixup: (uniform) => choice([0, 0.05, 0.1, 0.2, 0.4], uniform()),
  imageSize: (uniform) => choice([64, 128, 192, 256, 320, 384], uniform()),
};

const logUniform = (low: number, high: number, uniform: number): number => low * (high / low) ** uniform;
const choice = (values: readonly number[], uniform: number): number => values[Math.floor(values.length * uniform)]!;

/**
 * The part of a method that a sweep needs: its list of settings, the default first, and the names of all its settings.
 */
export interface Sweepable {
  readonly settings: readonly Setting[];
  /** Default: the names in the first of `settings`. */
  readonly settingNames?: readonly string[];
}

export interface SweepOptions {
  /** Trials of the heavy sweep; default: 40. */
  readonly trials?: number;
  /** Side of the images if the caller has fixed it; it is then not searched. */
  readonly imageSize?: number;
}

/** The dimensions of the heavy sweep that a method has. */
export function searchedNames(
  { settings, settingNames }: Sweepable,
  { imageSize }: SweepOptions = {},
): readonly string[] {
  const names = settingNames ?? Object.keys(settings[0] ?? {});
  const free = imageSize === undefined ? names : names.filter((name) => name !== "imageSize");
  return Object.keys(heavyRanges).filter((name) => free.includes(name));
}

/**
 * The settings that a sweep evaluates. Without a sweep: the method's first setting. Light sweep: the method's whole
 * list. Heavy sweep: `trials` random draws of the settings it can search, the same draws for every task and seed; or
 * the whole list if it can search none (`searchedNames` is then empty).
 *
 * The benchmark's light sweep is the list of `finetune-vtab`: two learning rates, two lengths. The number of settings,
 * four, is documented (the leaderboard's column hyper_sweep_size). The rates 0.1 and 0.01 and the lengths 2,500 and
 * 10,000 are from memory, without a source (papers.md 4.4 and 13).
 */
export function sweepSettings(name: SweepName, method: Sweepable, options: SweepOptions = {}): readonly Setting[] {
  const defaults = method.settings[0] ?? {};
  if (name === "none") return [defaults];
  const { trials = heavyTrials } = options;
  const searched = searchedNames(method, options);
  if (name === "light" || searched.length === 0) return method.settings;
  return Array.from({ length: trials }, (_, trial) => {
    const drawn = searched.map((key) => [key, heavyRanges[key]!(createRandom("heavy sweep", trial, key).uniform)]);
    return { ...defaults, ...Object.fromEntries(drawn) };
  });
}

/** A setting as it is shown in tables: `learningRate 0.01, steps 2500`. */
export function settingText(setting: Setting): string {
  const words = Object.entries(setting).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  return words.join(", ");
}
