/** Every published model by its name, with what it takes in, and how any name becomes a configuration. */
import { didYouMean } from "../text/nearest.js";
import { mixerConfig, publishedMixers } from "./mixer-variants.js";
import type { ModelConfig, ModelFamily } from "./model.js";
import { publishedResNets, resnetConfig } from "./resnet-variants.js";
import { publishedEarlyConvolutions, publishedHybrids, publishedViTs, vitConfig } from "./variants.js";

/** The series models were published in: what they are called and the papers they are from. */
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
} as const satisfies Record<string, { readonly title: string; readonly source: string }>;

export type ModelSeries = keyof typeof modelSeries;

export interface PublishedModel {
  /** What `parseModelName` reads: "S/16", "R50+B/16", "C-4GF", "Mixer-B/16", "R50x1", "ResNet-50". */
  readonly name: string;
  readonly family: ModelFamily;
  readonly series: ModelSeries;
  /** With a head of 1000 classes. */
  readonly config: ModelConfig;
  /** Side of the images it was pre-trained on, in pixels. */
  readonly imageSize: number;
  /** How images are scaled for it, a stage of a preprocessing string. */
  readonly preprocessing: string;
  /** The papers. */
  readonly source: string;
}

/** What every family's configuration has and a name may be changed by. */
export type ModelChanges = Partial<
  Pick<ModelConfig, "classes" | "dropout" | "stochasticDepth" | "rematerialise" | "headBiasInit">
>;

function configOf(name: string): ModelConfig {
  if (name.startsWith("Mixer-")) return { family: "mixer", ...mixerConfig(name) };
  if (/^(ResNet-|R\d+x)/.test(name)) return { family: "resnet", ...resnetConfig(name) };
  // as papers write them: ViT-B/16, R50+ViT-B/16
  return { family: "vit", ...vitConfig(name.replace(/^ViT-|(?<=\+)ViT-/, "")) };
}

const series = (key: ModelSeries, names: readonly string[]): PublishedModel[] =>
  names.map((name) => {
    const config = configOf(name);
    // every one of them takes [-1, 1] at 224 pixels (papers.md 1.1, 2.1, 3.1, 3.2); the early convolutions were trained on
    // ImageNet's mean and deviation, but with another norm, so that there are no weights to keep to
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

/** Every published model, series by series. */
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
];

/**
 * The configuration of any family that a name stands for, with the given changes: the names of `publishedModels`, and those
 * like them of any patch size ("S/8", "Mixer-B/8"), width or depth ("R26x2", "ResNet-101"). Vision Transformers pool as
 * `vitConfig` has it: by the mean, hybrids and early convolutions by the class token. Throws RangeError with the nearest name.
 *
 *     parseModelName("R50x1", { classes: 10 });
 */
export function parseModelName(name: string, changes: ModelChanges = {}): ModelConfig {
  let config: ModelConfig;
  try {
    config = configOf(name);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const meant = didYouMean(
      name,
      publishedModels.map((model) => model.name),
    );
    const forms = '; names are like "S/16", "R50+B/16", "C-4GF", "Mixer-B/16", "R50x1", "ResNet-50"';
    throw new RangeError(`unknown model "${name}"${meant === "" ? forms : meant}`);
  }
  return { ...config, ...changes };
}
