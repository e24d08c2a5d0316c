/** The seven augmentation settings of "How to train your ViT?" (AugReg, Steiner et al. 2021; papers.md 5.8) by name. */

/** An AugReg setting: RandAugment's layers and magnitude, and the alpha of mixup's Beta(alpha, alpha). */
export interface AugregSetting {
  readonly layers: number;
  readonly magnitude: number;
  readonly mixup: number;
}

/** The settings by name; magnitude 0 of light1 still augments (papers.md 5.7). */
export const augregSettings = {
  none: { layers: 0, magnitude: 0, mixup: 0 },
  light1: { layers: 2, magnitude: 0, mixup: 0 },
  light2: { layers: 2, magnitude: 10, mixup: 0.2 },
  medium1: { layers: 2, magnitude: 15, mixup: 0.2 },
  medium2: { layers: 2, magnitude: 15, mixup: 0.5 },
  strong1: { layers: 2, magnitude: 20, mixup: 0.5 },
  strong2: { layers: 2, magnitude: 20, mixup: 0.8 },
} as const satisfies Readonly<Record<string, AugregSetting>>;

/** One of the seven names. */
export type AugregName = keyof typeof augregSettings;
