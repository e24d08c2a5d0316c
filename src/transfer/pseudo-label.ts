/** Labels images with a trained network and writes the labels to a file for training. */

import { dirname } from "node:path";
import { rowOf } from "../algebra/features.js";
import {
  type BadExample,
  classesLine,
  csvLabelLine,
  labelLine,
  noteUnreadable,
  openSource,
  rememberIds,
} from "../data/index.js";
import { writeFileAtomically } from "../files/atomic.js";
import { makeFolder, refuseExisting } from "../files/folder.js";
import {
  type ComputeOptions,
  describeNetwork,
  imageLogits,
  type NetworkDescription,
  open,
  type TestViews,
  topClasses,
} from "../networks/index.js";
import { type Hooks, withProgress } from "../text/progress.js";

export interface PseudoLabelOptions extends ComputeOptions, Hooks {
  /** The file to write, .jsonl or .csv. Default: labels.jsonl. */
  readonly output?: string | undefined;
  readonly overwrite?: boolean | undefined;
  /** Split of the images. Default: train. */
  readonly split?: string | undefined;
  /** Write the probability of every class instead of the most probable class. Default: false. */
  readonly soft?: boolean | undefined;
  /** Skip images whose most probable class has a lower probability. Default: 0. */
  readonly confidence?: number | undefined;
  /** Test-time augmentation: crops and rotations whose logits are averaged. Default: 5 crops, 4 rotations. */
  readonly views?: TestViews | undefined;
}

export interface PseudoLabels {
  readonly file: string;
  readonly source: string;
  readonly split: string;
  readonly images: number;
  /** Number of images with a label. */
  readonly labelled: number;
  /** The fraction of them whose label equals that of the dataset, if the dataset has the classes of the network. */
  readonly agreement: number | undefined;
  /** Number of views of each image. */
  readonly views: number;
  readonly classes: readonly { readonly name: string; readonly images: number }[];
  readonly bad: readonly BadExample[];
  readonly model: NetworkDescription;
}

/** Images per batch; each has up to 20 views. */
const batchSize = 8;

const sameNames = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((name, i) => name === b[i]);

/**
 * Labels the images of a dataset with the most probable class of a network and writes them to a file for
 * `?labels=FILE`.
 *
 * Throws what opening the network or the images throws; also an Error when no image has a class of the required
 * probability, and for a .csv file when the dataset has other classes than the network.
 */
export async function pseudoLabel(
  network: string,
  images: string,
  options: PseudoLabelOptions = {},
): Promise<PseudoLabels> {
  const {
    output = "labels.jsonl",
    split,
    soft = false,
    confidence = 0,
    device,
    threads,
    note,
    progress,
    signal,
  } = options;
  const { views = { crops: 5, rotations: 4 } } = options;
  const csv = output.endsWith(".csv");
  if (!csv && !output.endsWith(".jsonl"))
    throw new Error(`${output} ends in neither .jsonl nor .csv; expected one of them`);
  refuseExisting(output, options.overwrite);
  await using opened = await openSource(images, { unlabelled: true, split });
  await using model = await open(network, { output: "logits", device, threads, batchSize, views, note });
  const classes = model.width;
  const names = model.classNames ?? Array.from({ length: classes }, (_, i) => `${i}`);
  const same = sameNames(names, opened.classNames);
  if (csv && !same) {
    throw new Error(
      `the classes of ${model.path} are not those of ${images}, and a .csv file cannot hold their names; write a .jsonl file`,
    );
  }
  const { source, ids } = rememberIds(opened);
  const { features, indices, labels, bad } = await withProgress(progress, source.length, (onProgress) =>
    imageLogits(model, source, { workers: 0, maxBadFraction: 1, onProgress, signal }),
  );
  noteUnreadable(bad, note);
  const write = csv ? csvLabelLine : labelLine;
  const lines = csv ? ["id,label"] : [classesLine(names)];
  const histogram = new Array<number>(classes).fill(0);
  let agreeing = 0;
  for (const [row, index] of indices.entries()) {
    const guesses = topClasses(rowOf(features, row), classes, model.loss, names);
    const [best] = guesses;
    if (!best || best.probability < confidence) continue;
    histogram[best.class] = (histogram[best.class] ?? 0) + 1;
    if (best.class === labels[row]) agreeing++;
    const probabilities = new Array<number>(classes);
    for (const { class: k, probability } of guesses) probabilities[k] = Number(probability.toPrecision(6));
    lines.push(write(ids.get(index) ?? `#${index}`, soft ? probabilities : (names[best.class] ?? `${best.class}`)));
  }
  const labelled = histogram.reduce((sum, count) => sum + count, 0);
  if (labelled === 0) {
    throw new Error(`no image of ${images} has a class of probability ${confidence}; choose a lower confidence`);
  }
  makeFolder(dirname(output));
  await writeFileAtomically(output, [Buffer.from(`${lines.join("\n")}\n`)]);
  return {
    file: output,
    source: images,
    split: source.split,
    images: indices.length,
    labelled,
    agreement: same ? agreeing / labelled : undefined,
    views: views.crops * views.rotations,
    classes: names.map((name, i) => ({ name, images: histogram[i] ?? 0 })),
    bad,
    model: describeNetwork(model),
  };
}
