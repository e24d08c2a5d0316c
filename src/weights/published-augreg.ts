/** The recommended AugReg checkpoints as data, and a parser for the names of the 50,000 others (papers.md 1.10). */

import { WeightsError } from "../formats/error.js";
import { didYouMean } from "../text/nearest.js";
import type { WeightsMetadata } from "./descriptions/metadata.js";

/** A recommended checkpoint of "How to train your ViT" (Steiner et al., 2021). */
export interface PublishedAugReg {
  /** The model's name in the paper. */
  readonly name: string;
  /** The checkpoint pre-trained on ImageNet-21k, and the one fine-tuned from it; without `.npz`. */
  readonly upstream: string;
  readonly fineTuned: string;
  /** ImageNet top-1 of the fine-tuned checkpoint in per cent, on images of `resolution` pixels per side. */
  readonly top1: number;
  readonly resolution: number;
  /** Images per second on one V100 at that resolution, as published. */
  readonly imagesPerSecond: number;
  /** Size of the pre-trained checkpoint. */
  readonly mebibytes: number;
}

const recommended = (
  name: string,
  setting: string,
  learningRate: string,
  top1: number,
  imagesPerSecond: number,
  mebibytes: number,
): PublishedAugReg => {
  const upstream = `${name.replace("+", "_").replace("/", "_")}-i21k-300ep-lr_0.001-${setting}`;
  const fineTuned = `${upstream}--imagenet2012-steps_20k-lr_${learningRate}-res_384`;
  return { name, upstream, fineTuned, top1, resolution: 384, imagesPerSecond, mebibytes };
};

/** The table in vision_transformer's README, sorted by accuracy among models of the same size. */
export const publishedAugReg: readonly PublishedAugReg[] = [
  recommended("L/16", "aug_strong1-wd_0.1-do_0.0-sd_0.0", "0.01", 85.59, 50, 1243),
  recommended("B/16", "aug_medium1-wd_0.1-do_0.0-sd_0.0", "0.03", 85.49, 138, 391),
  recommended("S/16", "aug_light1-wd_0.03-do_0.0-sd_0.0", "0.03", 83.73, 300, 115),
  recommended("R50+L/32", "aug_medium1-wd_0.1-do_0.1-sd_0.1", "0.01", 85.99, 327, 1337),
  recommended("R26+S/32", "aug_light1-wd_0.1-do_0.0-sd_0.0", "0.01", 83.85, 560, 170),
  recommended("Ti/16", "aug_none-wd_0.03-do_0.0-sd_0.0", "0.03", 78.22, 610, 37),
  recommended("B/32", "aug_light1-wd_0.1-do_0.0-sd_0.0", "0.01", 83.59, 955, 398),
  recommended("S/32", "aug_none-wd_0.1-do_0.0-sd_0.0", "0.01", 79.58, 2154, 118),
  recommended("R+Ti/16", "aug_none-wd_0.03-do_0.0-sd_0.0", "0.03", 75.4, 2426, 40),
];

/** The training settings of a checkpoint, from its name. */
export interface AugRegSettings {
  /** As in the paper: `B/16`, `R26+S/32`. */
  readonly model: string;
  /** `i1k`, `i21k`. */
  readonly dataset: string;
  readonly epochs: number;
  readonly learningRate: number;
  readonly augmentation: string;
  readonly weightDecay: number;
  readonly dropout: number;
  readonly stochasticDepth: number;
  /** Settings of the fine-tuning; undefined for a checkpoint that is only pre-trained. */
  readonly fineTuning?: {
    readonly dataset: string;
    readonly steps: string;
    readonly learningRate: number;
    readonly resolution: number;
  };
}

const grammar =
  /^(?<model>(?:R\d*_)?(?:Ti|S|B|L)_\d+)-(?<dataset>[a-z0-9]+)-(?<epochs>\d+)ep-lr_(?<lr>[\d.]+)-aug_(?<aug>[a-z0-9]+)-wd_(?<wd>[\d.]+)-do_(?<dropout>[\d.]+)-sd_(?<sd>[\d.]+)(?:--(?<to>[a-z0-9_]+)-steps_(?<steps>[\dk_]+)-lr_(?<toLr>[\d.]+)-res_(?<res>\d+))?$/;

/** Parses the name of a checkpoint, with or without `.npz`. Throws WeightsError when it is not an AugReg name. */
export function parseAugRegName(name: string): AugRegSettings {
  const groups = grammar.exec(name.replace(/\.npz$/, ""))?.groups;
  if (!groups) {
    throw new WeightsError(
      `"${name}" is not the name of an AugReg checkpoint; expected NAME-DATASET-EPOCHSep-lr_LR-aug_AUG-wd_WD-do_DO-sd_SD[--DATASET-steps_N-lr_LR-res_RES], e.g. ${publishedAugReg[5]!.upstream}`,
    );
  }
  const { model = "", dataset = "", epochs, lr, aug = "", wd, dropout, sd, to, steps = "", toLr, res } = groups;
  return {
    model: paperName(model),
    dataset,
    epochs: Number(epochs),
    learningRate: Number(lr),
    augmentation: aug,
    weightDecay: Number(wd),
    dropout: Number(dropout),
    stochasticDepth: Number(sd),
    fineTuning:
      to === undefined ? undefined : { dataset: to, steps, learningRate: Number(toLr), resolution: Number(res) },
  };
}

/** `R26_S_32` as in the paper: `R26+S/32`. */
const paperName = (name: string) => name.replace(/_(\d+)$/, "/$1").replace("_", "+");

/** The file and metadata of a checkpoint; undefined for a name that is not AugReg's. `name` has no `.npz`. */
export function findAugReg(name: string): { readonly file: string; readonly metadata: WeightsMetadata } | undefined {
  if (!grammar.test(name)) return undefined;
  const { fineTuning } = parseAugRegName(name);
  const table = publishedAugReg.find(({ fineTuned }) => fineTuned === name);
  const resolution = fineTuning?.resolution ?? 224;
  return {
    file: name,
    metadata: {
      // the evaluation of vision_transformer: resized directly to the square, scaled to [-1, 1] (papers.md 1.1)
      preprocessing: `decode|resize(${resolution})|value_range(-1,1)`,
      licence: "Apache-2.0",
      source: `augreg:${name}`,
      accuracies: table && [{ dataset: "imagenet2012", top1: table.top1, resolution: table.resolution }],
    },
  };
}

/**
 * The file with a name: the whole name of a checkpoint, a model's name in the paper (`B/16`: the fine-tuned one), or
 * that with `-i21k` (the pre-trained one). Throws WeightsError.
 */
export function augRegFile(name: string): string {
  const plain = name.replace(/\.npz$/, "");
  const short = plain.replace(/-i21k$/, "");
  const entry = publishedAugReg.find((candidate) => candidate.name === short);
  if (entry) return short === plain ? entry.fineTuned : entry.upstream;
  if (grammar.test(plain)) return plain;
  const names = publishedAugReg.map((candidate) => candidate.name);
  throw new WeightsError(
    `unknown AugReg checkpoint "${name}"${didYouMean(plain, names) || ";"} recommended: ${names.join(", ")} (fine-tuned at 384 pixels; with -i21k the pre-trained ones), or give the whole name of one`,
  );
}
