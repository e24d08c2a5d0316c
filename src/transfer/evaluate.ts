/** Measures the accuracy of a classifier on labelled images. */

import { dirname } from "node:path";
import { type BadExample, noteUnreadable, openTestImages } from "../data/index.js";
import { writeFileAtomically } from "../files/atomic.js";
import { makeFolder, refuseExisting } from "../files/folder.js";
import { type ComputeOptions, describeNetwork, imageLogits, type NetworkDescription, open } from "../networks/index.js";
import { type Hooks, withProgress } from "../text/progress.js";
import { type MatchBy, matchClasses } from "./evaluation/match-classes.js";
import { type ClassAccuracy, measureAccuracy, type Share } from "./evaluation/measure.js";
import { evaluationReport, imagesOfClasses } from "./evaluation/report.js";
import { confusedPairs } from "./mistakes/confusion.js";

export interface EvaluateOptions extends ComputeOptions, Hooks {
  /** Split of the images. Default: test, otherwise validation, otherwise the only one. */
  readonly split?: string | undefined;
  /** How the classes of the images are matched with those of the network. Default: by name. */
  readonly match?: MatchBy | undefined;
  /** Predict only classes of the dataset, not all classes of the network. Default: false. */
  readonly amongSet?: boolean | undefined;
  /** Also write an HTML page with the most confident mistakes. */
  readonly report?: string | undefined;
  /** Replace an existing report. */
  readonly overwrite?: boolean | undefined;
}

/** The accuracy of a classifier on labelled images. */
export interface ImageEvaluation {
  readonly network: string;
  readonly source: string;
  readonly split: string;
  readonly match: MatchBy;
  readonly amongSet: boolean;
  /** Images that were classified. */
  readonly images: number;
  /** Numbers of classes. */
  readonly classes: { readonly set: number; readonly network: number };
  readonly top1: Share;
  /** Accuracy of the five most probable classes; undefined for five classes or fewer. */
  readonly top5: Share | undefined;
  /** Mean of the per-class accuracies. */
  readonly meanOfClasses: number;
  readonly perClass: readonly ClassAccuracy[];
  readonly confusion: readonly { readonly is: string; readonly named: string; readonly images: number }[];
  /** Images that were classified as a class that the dataset does not have. */
  readonly namedOutsideTheSet: number;
  readonly confusedPairs: readonly {
    readonly classes: readonly [string, string];
    readonly confused: number;
    readonly images: number;
  }[];
  readonly mistakes: readonly {
    readonly image: string;
    readonly is: string;
    readonly named: string;
    readonly probability: number;
  }[];
  readonly bad: readonly BadExample[];
  readonly model: NetworkDescription;
  /** The files that were written. */
  readonly files: readonly string[];
  readonly seconds: number;
}

/** Reports classes that were matched by similar names only. */
function noteAlike(
  alike: readonly (readonly [string, string])[],
  classes: number,
  note: ((text: string) => void) | undefined,
): void {
  const [first] = alike;
  if (!first) return;
  note?.(
    `${alike.length} of ${classes} classes are matched by similar names, such as "${first[0]}" with "${first[1]}"`,
  );
}

/**
 * Evaluates a classifier on labelled images: top-1 and top-5 accuracy with 95 % Wilson intervals, recall and precision
 * of every class, confused classes. Classes are matched with those of the network by name or by their order.
 *
 * Throws what opening the network or the images throws, and an Error for a dataset without images or with classes that
 * match none of the network's; the error lists them.
 *
 * @example const { top1 } = await evaluate("models/photos", "new-photos/"); top1.accuracy; // 0.91
 */
export async function evaluate(
  network: string,
  images: string,
  options: EvaluateOptions = {},
): Promise<ImageEvaluation> {
  const started = performance.now();
  const { split, match = "name", amongSet = false, report, note, progress, signal, device, threads } = options;
  if (report !== undefined) refuseExisting(report, options.overwrite);
  await using source = await openTestImages(images, split, note);
  for (const text of source.notes ?? []) note?.(text);
  if (source.length === 0) throw new Error(`${images} has no images; expected a labelled dataset`);
  const batchSize = Math.min(source.length, 32);
  await using classifier = await open(network, { output: "logits", device, threads, note, batchSize });
  const { classNames } = source;
  const known = { name: network, classNames: classifier.classNames, classes: classifier.width };
  const { columns, alike } = matchClasses({ name: images, classNames }, known, match);
  noteAlike(alike, columns.length, note);
  const {
    features: logits,
    labels,
    indices,
    bad,
  } = await withProgress(progress, source.length, (onProgress) =>
    imageLogits(classifier, source, { maxBadFraction: 1, onProgress, signal }),
  );
  noteUnreadable(bad, note);
  const { loss } = classifier;
  const accuracy = measureAccuracy({ logits, labels, classNames, columns, loss, amongSet });
  const classOf = (label: number): string => classNames[label] ?? `class ${label}`;
  const nameOf = (column: number): string => classifier.classNames?.[column] ?? `class ${column}`;
  if (report !== undefined) {
    const facts = [
      ["network", network],
      ["images", `${images} (${source.split})`],
      ["preprocessing", classifier.preprocessing],
    ] as const;
    const title = `${network} on ${images}`;
    const page = await evaluationReport({ title, accuracy, source, indices, columns, nameOf, facts }, labels);
    makeFolder(dirname(report));
    await writeFileAtomically(report, [new TextEncoder().encode(page)]);
  }
  const pairs = confusedPairs(accuracy.confusion, imagesOfClasses(labels, classNames.length));
  return {
    network,
    source: images,
    split: source.split,
    match,
    amongSet,
    images: accuracy.top1.images,
    classes: { set: classNames.length, network: classifier.width },
    top1: accuracy.top1,
    top5: accuracy.top5,
    meanOfClasses: accuracy.meanOfClasses,
    perClass: accuracy.classes,
    confusion: accuracy.confusion.map(([truth, guess, count]) => ({
      is: classOf(truth),
      named: classOf(guess),
      images: count,
    })),
    namedOutsideTheSet: accuracy.elsewhere.reduce((a, b) => a + b, 0),
    confusedPairs: pairs.map(({ classes: [a, b], ...counts }) => ({
      classes: [classOf(a), classOf(b)],
      ...counts,
    })),
    mistakes: accuracy.named.flatMap(({ row, guess, probability }) => {
      const label = labels[row] ?? 0;
      if (guess === columns[label]) return [];
      const index = indices[row] ?? 0;
      return [{ image: source.idOf?.(index) ?? `#${index}`, is: classOf(label), named: nameOf(guess), probability }];
    }),
    bad,
    model: describeNetwork(classifier),
    files: report === undefined ? [] : [report],
    seconds: (performance.now() - started) / 1000,
  };
}
