/** Sweeps: the settings that are tried on the 200 validation images before the result is learnt. */
import { createRandom } from "../../data/index.js";

/** A setting of a method, by name. */
export type Setting = Readonly<Record<string, number>>;

export const sweepNames = ["none", "light", "heavy"] as const;
export type SweepName = (typeof sweepNames)[number];

/** Trials of the heavy sweep: BiT's search has 40 and saturates near 20 (papers.md 2.5). */
export const heavyTrials = 40;

/**
 * The ranges of BiT's random search (papers.md 2.5), the public example of a heavyweight sweep. Each method searches those
 * it knows: a linear probe has no resolution, for one.
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
 * The settings a sweep tries for a method whose own list is `own` (the usual one first): only that one without a sweep; the
 * whole list in the light one; `trials` draws of the settings it has in the heavy one, the same for every task and seed, or the
 * whole list where there is nothing that the ranges know.
 *
 * The benchmark's light sweep is the list of `finetune-vtab`: two learning rates, two lengths. That it has four settings is
 * certain (the leaderboard's column hyper_sweep_size); the rates 0.1 and 0.01 and the lengths 2,500 and 10,000 are from
 * memory, not from a source that was read (papers.md 4.4 and 13).
 */
export function sweepSettings(name: SweepName, own: readonly Setting[], trials = heavyTrials): readonly Setting[] {
  const usual = own[0] ?? {};
  if (name === "none") return [usual];
  const searched = Object.keys(heavyRanges).filter((key) => key in usual);
  if (name === "light" || searched.length === 0) return own;
  return Array.from({ length: trials }, (_, trial) => {
    const drawn = searched.map((key) => [key, heavyRanges[key]!(createRandom("heavy sweep", trial, key).uniform)]);
    return { ...usual, ...Object.fromEntries(drawn) };
  });
}

/** A setting in the words of tables: `learningRate 0.01, steps 2500`. */
export function settingText(setting: Setting): string {
  const words = Object.entries(setting).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  return words.join(", ");
}
