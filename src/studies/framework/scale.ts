/** The scales of studies: what minutes, hours and the papers' size mean for images, models, data and length. */
import type { RecipeInput } from "../../train/index.js";

export const scaleNames = ["minutes", "hours", "paper"] as const;
export type ScaleName = (typeof scaleNames)[number];

export const families = ["ViT", "ResNet", "hybrid", "Mixer"] as const;
export type Family = (typeof families)[number];
export const sizes = ["small", "medium", "large"] as const;
export type Size = (typeof sizes)[number];

export type Model = RecipeInput["model"];

export interface Scale {
  readonly name: ScaleName;
  /** Side of the input images in pixels. */
  readonly imageSize: number;
  readonly models: Readonly<Record<Family, Readonly<Record<Size, Model>>>>;
  /** Numbers of upstream images, ascending, each class alike. */
  readonly subsets: readonly number[];
  /** Smallest area of a random crop, in per cent of the image; the largest is the whole image. */
  readonly smallestCrop: number;
  /** Training images seen by a run, repetitions counted. */
  readonly examples: number;
  readonly batchSize: number;
  /** Number of seeds when none is given. */
  readonly seeds: number;
  /** Images of the held-out split that upstream accuracy is measured on. */
  readonly heldImages: number;
}

const vit = (imageSize: number, patchSize: number, width: number, depth: number): Model => ({
  name: "vit",
  patchSize,
  width,
  depth,
  heads: Math.max(1, width / 32),
  mlpDim: 4 * width,
  imageSize,
});

const mixer = (imageSize: number, patchSize: number, width: number, depth: number): Model => ({
  name: "mixer",
  patchSize,
  width,
  depth,
  imageSize,
});

const resnet = (imageSize: number, blocks: number[], widthFactor: number): Model => ({
  name: "resnet",
  blocks,
  widthFactor,
  groups: 8,
  imageSize,
});

/** A ResNet stage, whose map is a quarter of the image in each direction, before a ViT over patches of 2 x 2 positions of the map. */
const hybrid = (imageSize: number, widthFactor: number, width: number, depth: number): Model => ({
  ...(vit(imageSize, 2, width, depth) as Model & { name: "vit" }),
  stem: { kind: "resnet", blocks: [1], widthFactor, groups: 8 },
});

/**
 * Tokens of 8 x 8 pixels at 32 pixels: at equal compute they learn more than tokens of 4 x 4 pixels, because four times as many images are seen.
 * The sizes of a family differ by factors of about 4 in parameters.
 */
const smallModels: Scale["models"] = {
  ViT: { small: vit(32, 8, 32, 6), medium: vit(32, 8, 64, 6), large: vit(32, 8, 128, 6) },
  ResNet: { small: resnet(32, [1, 1, 1], 0.25), medium: resnet(32, [1, 1, 1], 0.5), large: resnet(32, [1, 1, 1], 1) },
  hybrid: { small: hybrid(32, 0.125, 32, 5), medium: hybrid(32, 0.25, 64, 5), large: hybrid(32, 0.5, 128, 5) },
  Mixer: { small: mixer(32, 8, 32, 6), medium: mixer(32, 8, 64, 6), large: mixer(32, 8, 128, 6) },
};

const published = (variant: string, name: "vit" | "resnet" | "mixer" = "vit"): Model =>
  ({ name, variant, imageSize: 224 }) as Model;

export const scales: Readonly<Record<ScaleName, Scale>> = {
  minutes: {
    name: "minutes",
    imageSize: 32,
    models: smallModels,
    subsets: [1000, 8000, 60_000],
    smallestCrop: 25,
    examples: 96_000,
    batchSize: 64,
    seeds: 3,
    heldImages: 2000,
  },
  hours: {
    name: "hours",
    imageSize: 32,
    models: smallModels,
    subsets: [4000, 15_000, 60_000],
    smallestCrop: 25,
    examples: 192_000,
    batchSize: 64,
    seeds: 3,
    heldImages: 5000,
  },
  // ImageNet-21k and the models of the ViT, BiT and Mixer papers (papers.md 9.8 to 9.10).
  paper: {
    name: "paper",
    imageSize: 224,
    models: {
      ViT: { small: published("B/32"), medium: published("B/16"), large: published("L/16") },
      ResNet: {
        small: published("R50x1", "resnet"),
        medium: published("R101x1", "resnet"),
        large: published("R152x2", "resnet"),
      },
      hybrid: { small: published("R+Ti/16"), medium: published("R26+S/32"), large: published("R50+L/32") },
      Mixer: {
        small: published("Mixer-S/16", "mixer"),
        medium: published("Mixer-B/16", "mixer"),
        large: published("Mixer-L/16", "mixer"),
      },
    },
    subsets: [1_281_167, 4_000_000, 12_800_000],
    // papers.md 5.6: the whole range of Inception's crop
    smallestCrop: 5,
    examples: 1_152_000_000,
    batchSize: 4096,
    seeds: 5,
    heldImages: 50_000,
  },
};
