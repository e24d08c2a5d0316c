/** The 28 AugReg settings as parts of a recipe, and the setting recommended for each model (papers.md 5.8). */
import { type AugregName, augregSettings } from "../../images/index.js";
import type { MixupKind } from "../objectives/mixup.js";

/** The two regularisations: none, or dropout 0.1 with stochastic depth that rises linearly to 0.1 in the last block. */
export const augregRegularisations = {
  none: { dropout: 0, stochasticDepth: 0 },
  regularised: { dropout: 0.1, stochasticDepth: 0.1 },
} as const;

/** The two weight decays of AdamW, which are multiplied by the learning rate. */
export const augregWeightDecays = [0.1, 0.03] as const;

/** The learning rate of all AugReg pre-training runs. */
const learningRate = 0.001;

/** The parts of a recipe that an AugReg setting determines. */
export interface AugregRecipe {
  /** The training preprocessing, from decoding to the value range. */
  readonly preprocessing: string;
  readonly mixup: { readonly kind: MixupKind; readonly alpha: number };
  readonly model: { readonly dropout: number; readonly stochasticDepth: number };
  /** AdamW, whose weight decay is multiplied by the learning rate. */
  readonly optimizer: {
    readonly name: "adamw";
    readonly learningRate: number;
    readonly weightDecay: number;
    readonly clipNorm: number;
  };
}

/**
 * Returns one of the 28 settings: 7 augmentations, 2 regularisations, 2 weight decays.
 *
 * @throws RangeError for a setting outside of the grid.
 * @example augregRecipe({ augmentation: "medium1", regularisation: "none", weightDecay: 0.03 })
 */
export function augregRecipe(setting: {
  readonly augmentation: AugregName;
  readonly regularisation: keyof typeof augregRegularisations;
  readonly weightDecay: number;
  /** Side of the images in pixels. Default: 224. */
  readonly size?: number;
}): AugregRecipe {
  const { augmentation, regularisation, weightDecay, size = 224 } = setting;
  const known = <T extends object>(what: string, table: T, name: PropertyKey): void => {
    if (!Object.hasOwn(table, name)) {
      throw new RangeError(`AugReg has no ${what} "${String(name)}"; give one of ${Object.keys(table).join(", ")}`);
    }
  };
  known("augmentation", augregSettings, augmentation);
  known("regularisation", augregRegularisations, regularisation);
  if (!(augregWeightDecays as readonly number[]).includes(weightDecay)) {
    throw new RangeError(`AugReg has no weight decay ${weightDecay}; give one of ${augregWeightDecays.join(", ")}`);
  }
  const augment = augregSettings[augmentation].layers > 0 ? `|augreg(${augmentation})` : "";
  return {
    preprocessing: `decode|inception_crop(${size})|flip_lr${augment}|value_range(-1,1)`,
    mixup: { kind: "big_vision", alpha: augregSettings[augmentation].mixup },
    model: augregRegularisations[regularisation],
    optimizer: { name: "adamw", learningRate, weightDecay, clipNorm: 1 },
  };
}

/** The augmentation of each model in big_vision's configurations, by the dataset it is trained on. */
export const augregRecommended: Readonly<Record<"i1k" | "i21k", Readonly<Record<string, AugregName>>>> = {
  i1k: {
    "Ti/16": "light1",
    "S/32": "medium1",
    "S/16": "medium2",
    "B/32": "medium2",
    "B/16": "medium2",
    "L/16": "medium2",
  },
  i21k: { "Ti/16": "none", "S/32": "none", "S/16": "light1", "B/32": "light2", "B/16": "light2", "L/16": "medium2" },
};
