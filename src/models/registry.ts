/** Registers all published models with their input formats, and parses model names. */
import { didYouMean } from "../text/nearest.js";
import { mixerConfig, publishedMixers } from "./mixer.js";
import { mobilenetConfig, publishedMobileNets } from "./mobilenet/index.js";
import type { PublishedConfig } from "./model.js";
import { publishedResNets, resnetConfig } from "./resnet-variants.js";
import { publishedSuccessors, successorConfig } from "./successors.js";
import { publishedEarlyConvolutions, publishedHybrids, publishedViTs, vitConfig } from "./variants.js";

/** The series of published models: their titles and papers. */
export const modelSeries = {
  vit: {
    title: "Vision Transformer",
    source: "Dosovitskiy et al., 2021; Steiner et al., 2021; Zhai et al., 2022",
  },
  hybrid: {
    title: "Hybrid of ResNet and Vision Transformer",
    source: "Dosovitskiy et al., 2021; Steiner et al., 2021",
  },
  earlyConvolutions: {
    title: "Vision Transformer with early convolutions (C) and its twin with patches (P)",
    source: "Xiao et al., 2021",
  },
  mixer: { title: "MLP-Mixer", source: "Tolstikhin et al., 2021" },
  bit: { title: "BiT ResNet-v2", source: "Kolesnikov et al., 2020" },
  resnet: { title: "ResNet-v1 with group norm", source: "big_vision, after He et al., 2016" },
  mobilenet: { title: "MobileNetV2 and V3", source: "Sandler et al., 2018; Howard et al., 2019" },
  successors: { title: "Successors of the Vision Transformer", source: "papers.md 14" },
} as const satisfies Record<string, { readonly title: string; readonly source: string }>;

export type ModelSeries = keyof typeof modelSeries;

export interface PublishedModel {
  /** Name that `parseModelName` accepts: "S/16", "R50+B/16", "C-4GF", "Mixer-B/16", "R50x1", "ResNet-50", "MobileNetV2-1.0", "DINOv2-S/14". */
  readonly name: string;
  readonly family: PublishedConfig["family"];
  readonly series: ModelSeries;
  /** Configuration with a head of 1000 classes; successors of the Vision Transformer have none. */
  readonly config: PublishedConfig;
  /** Side of the pre-training images, in pixels. */
  readonly imageSize: number;
  /** Scaling of the images, as a stage of a preprocessing string. */
  readonly preprocessing: string;
  /** The papers. */
  readonly source: string;
}

/** Settings common to all families, which can be changed for a name. */
export type ModelChanges = Partial<
  Pick<PublishedConfig, "classes" | "dropout" | "stochasticDepth" | "rematerialise" | "headBiasInit">
>;

function configOf(name: string): PublishedConfig {
  if (name.startsWith("Mixer-")) return { family: "mixer", ...mixerConfig(name) };
  if (/^(ResNet-|R\d+x)/.test(name)) return { family: "resnet", ...resnetConfig(name) };
  if (/^(MobileNet)?V[23]-/.test(name)) return { family: "mobilenet", ...mobilenetConfig(name) };
  const successor = successorConfig(name);
  if (successor) return { family: "vit", ...successor };
  // Also accept the papers' spelling: ViT-B/16, R50+ViT-B/16.
  return { family: "vit", ...vitConfig(name.replace(/^ViT-|(?<=\+)ViT-/, "")) };
}

const series = (key: ModelSeries, names: readonly string[]): PublishedModel[] =>
  names.map((name) => {
    const config = configOf(name);
    // All take images in [-1, 1] at 224 pixels (papers.md 1.1, 2.1, 3.1, 3.2, 15). The early convolutions were trained on images normalised by
    // ImageNet's mean and deviation, but with another norm, so there are no published weights to be compatible with.
    return {
      name,
      family: config.family,
      series: key,
      config,
      imageSize: 224,
      preprocessing: "value_range(-1,1)",
      source: modelSeries[key].source,
    };
  });

/** All published models, series by series. */
export const publishedModels: readonly PublishedModel[] = [
  ...series("vit", publishedViTs),
  ...series("hybrid", publishedHybrids),
  ...series("earlyConvolutions", publishedEarlyConvolutions),
  ...series("mixer", publishedMixers),
  ...series(
    "bit",
    publishedResNets.filter((name) => !name.startsWith("ResNet-")),
  ),
  ...series(
    "resnet",
    publishedResNets.filter((name) => name.startsWith("ResNet-")),
  ),
  ...series("mobilenet", publishedMobileNets),
  ...publishedSuccessors.map(
    (one): PublishedModel => ({
      ...one,
      config: { family: "vit", ...one.config },
      family: "vit",
      series: "successors",
    }),
  ),
];

/**
 * Configuration of a model name of any family, with the given changes: the names of `publishedModels`, and similar names with any patch size
 * ("S/8", "Mixer-B/8"), width or depth ("R26x2", "ResNet-101"). The pooling of Vision Transformers is that of `vitConfig`: the mean, and for
 * hybrids and early convolutions the class token. Throws RangeError with the nearest name.
 *
 *     parseModelName("R50x1", { classes: 10 });
 */
export function parseModelName(name: string, changes: ModelChanges = {}): PublishedConfig {
  let config: PublishedConfig;
  try {
    config = configOf(name);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const meant = didYouMean(
      name,
      publishedModels.map((one) => one.name),
    );
    const forms =
      '; names are like "S/16", "R50+B/16", "C-4GF", "Mixer-B/16", "R50x1", "ResNet-50", "MobileNetV2-1.0", "DINOv2-S/14", "SigLIP2-B/16"';
    throw new RangeError(`unknown model "${name}"${meant === "" ? forms : meant}`);
  }
  return { ...config, ...changes };
}

/**
 * Side of the images in pixels and scaling of their pixels that a model was pre-trained with; those of the Vision Transformer for names that are
 * not published ("S/8").
 */
export function modelInput(name: string): Pick<PublishedModel, "imageSize" | "preprocessing"> {
  return publishedModels.find((one) => one.name === name) ?? { imageSize: 224, preprocessing: "value_range(-1,1)" };
}
