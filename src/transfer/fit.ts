/** Trains a classifier on a folder of labelled images, estimates its accuracy, uses it and writes it. */

import { basename, join } from "node:path";
import {
  type BadExample,
  type ImageInput,
  type ImageSource,
  noteUnreadable,
  openSource,
  parseSpec,
  select,
  splitSpecs,
  subsetOfClasses,
} from "../data/index.js";
import { type Closable, closable } from "../files/closable.js";
import {
  type ComputeOptions,
  describeNetwork,
  type Guess,
  headScores,
  type ImageFeatures,
  imageFeatures,
  type Network,
  type NetworkDescription,
  open,
  rowOfImage,
  type Setting,
  topClasses,
} from "../networks/index.js";
import { plural } from "../text/format.js";
import { type Hooks, noProgress, type Progress, withProgress } from "../text/progress.js";
import { backboneOrDefault } from "../weights/index.js";

import { classifierReport, howMeasured, requireClassifierFolder, writeClassifier } from "./classifier/index.js";
import { closedFormEvaluators, evaluatorNamed } from "./evaluators/index.js";
import { type Expectation, type FittedClassifier, fitClassifier } from "./fit/fit.js";
import type { Candidate } from "./fit/selection.js";
import { confusedPairs, confusionEntries } from "./mistakes/confusion.js";

/** Options of `fit`. */
export interface FitImagesOptions extends ComputeOptions, Hooks {
  /** Any network with features (see `open`). Default: `defaultBackbone`. */
  readonly backbone?: string | undefined;
  /** Side of the images, or [height, width]. Default: the backbone's own. */
  readonly imageSize?: number | readonly [number, number] | undefined;
  /** The folder to write, at the end of the fit. Default: nothing is written; see `Classifier.save`. */
  readonly output?: string | undefined;
  /** Replace an existing classifier. */
  readonly overwrite?: boolean | undefined;
  /** Names of the candidate classifiers. Default: those in closed form (ridge, ridge-loo, knn, prototypes). */
  readonly methods?: readonly string[] | undefined;
  /** Folds of the cross-validation, at least 2. Default: 5. */
  readonly folds?: number | undefined;
  /** Split of the images. Default: train. */
  readonly split?: string | undefined;
  /** Seed of the folds. Default: 0. */
  readonly seed?: number | undefined;
}

/** A candidate classifier with its accuracy in cross-validation, from 0 to 1. */
export interface FittedCandidate {
  readonly name: string;
  /** Its name and settings as text. */
  readonly title: string;
  readonly setting: Setting;
  readonly accuracy: number;
}

/** A fitted classifier, and how it was selected and measured. */
export interface Classifier extends Closable {
  /** The files in the folder `output`; none when it was not given. */
  readonly files: readonly string[];
  readonly source: string;
  readonly split: string;
  readonly classNames: readonly string[];
  readonly images: { readonly count: number; readonly bad: readonly BadExample[] };
  readonly backbone: NetworkDescription & { readonly spec: string; readonly width: number };
  readonly chosen: {
    readonly name: string;
    readonly title: string;
    readonly setting: Setting;
    readonly accuracy: number;
  };
  /** All candidates, best first. */
  readonly candidates: readonly FittedCandidate[];
  /** The expected accuracy on new images of the same kind, and that of guessing. */
  readonly expected: Expectation & { readonly chance: number };
  /** How that accuracy was measured, in a sentence. */
  readonly measured: string;
  /** Confusion matrix, [classes, classes]; rows: true class, columns: predicted class. */
  readonly confusion: readonly (readonly number[])[];
  readonly confusedPairs: readonly {
    readonly classes: readonly string[];
    readonly confused: number;
    readonly images: number;
  }[];
  readonly warnings: readonly string[];
  readonly seconds: number;
  /**
   * The most probable classes of an image, first the most probable. Throws what reading and decoding the image throw.
   *
   * @example const [best] = await classifier.predict("photo.jpg"); // { class: 2, name: "boots", probability: 0.93 }
   */
  predict(image: ImageInput, options?: { readonly top?: number }): Promise<readonly Guess[]>;
  /**
   * Writes the classifier to a folder, which `predict`, `evaluate` and `open` read: an ONNX file from pixels to classes, the head, a report with
   * the mistakes. Returns the files. Throws for a folder that already holds a classifier, unless `overwrite` is set.
   */
  save(folder: string, options?: { readonly overwrite?: boolean }): Promise<readonly string[]>;
}

/** models/NAME, where NAME is the last part of the path of the (first) images. */
export function classifierFolder(spec: string): string {
  const { path } = parseSpec(splitSpecs(spec)[0] ?? spec);
  const name = basename(path.replace(/[\\/]+$/, "")).replace(/\.(tar|parquet|tar\.gz)$/i, "");
  return join("models", /^[\w][\w .-]*$/.test(name) ? name : "classifier");
}

/** The images that could be read, and the classes that have one. */
function readable(source: ImageSource, found: ImageFeatures): { source: ImageSource; labels: Int32Array } {
  const kept = select(source, [...found.indices], source.name);
  const present = source.classNames.filter((_, label) => found.labels.includes(label));
  if (present.length === source.classNames.length) return { source: kept, labels: found.labels };
  const chosen = subsetOfClasses(kept, present);
  return { source: { ...chosen, name: source.name }, labels: chosen.labels };
}

const titleOf = ({ evaluator, setting }: Candidate): string =>
  [evaluator.title, ...Object.entries(setting).map(([name, value]) => `${name} ${value}`)].join(", ");

/** Warnings about the images for a reader of the results. */
function warningsOf(source: ImageSource, all: ImageSource, { copies }: FittedClassifier): string[] {
  const counts = source.classNames.map((_, label) => source.labels.filter((one) => one === label).length);
  const named = (test: (count: number) => boolean) => source.classNames.filter((_, label) => test(counts[label] ?? 0));
  const lost = all.classNames.filter((name) => !source.classNames.includes(name));
  const [single, few] = [named((n) => n === 1), named((n) => n > 1 && n < 5)];
  const contrary = copies.filter(([copy, first]) => source.labels[copy] !== source.labels[first]);
  const id = (row: number) => source.idOf?.(row) ?? `image ${row}`;
  const pair = ([copy, first]: readonly [number, number], between: string) => `${id(copy)} ${between} ${id(first)}`;
  return [
    ...(lost.length > 0
      ? [`no image of ${lost.join(", ")} could be read; the classifier does not have this class`]
      : []),
    ...(single.length > 0
      ? [`only one image of ${single.join(", ")}: it is used for training, but its accuracy could not be measured`]
      : []),
    ...(few.length > 0 ? [`fewer than five images of ${few.join(", ")}: expect a low accuracy on them`] : []),
    ...copies
      .slice(0, 1)
      .map(
        (first) =>
          `${plural(copies.length, "image")} ${copies.length === 1 ? "looks" : "look"} exactly like another (${pair(first, "like")}); duplicates were kept in the same fold`,
      ),
    ...contrary
      .slice(0, 1)
      .map(
        (first) => `${contrary.length} of these with another class than its duplicate, such as ${pair(first, "and")}`,
      ),
  ];
}

/** Runs fits with a progress display, in fits. */
async function withFits<T>(
  start: Hooks["progress"],
  run: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  let progress: Progress | undefined;
  try {
    return await run((done, total) => {
      progress ??= (start ?? noProgress)({ total, unit: "fit" });
      progress.update(done);
    });
  } finally {
    progress?.finish();
  }
}

/** Throws an Error for images of a single class. */
function requireTwoClasses(images: string, { classNames }: ImageSource): void {
  if (classNames.length >= 2) return;
  throw new Error(
    `${images} has only one class (${classNames.join()}); a classifier needs at least two; put the images of each class into a separate folder: CLASS/photo.jpg`,
  );
}

/** What a classifier keeps to be written and used. */
interface Parts {
  readonly fitted: FittedClassifier;
  readonly classNames: readonly string[];
  readonly facts: readonly string[];
  readonly report: string;
}

/** Writes the folder of a classifier; returns the files. */
async function write(folder: string, backbone: Network, { fitted, classNames, facts, report }: Parts) {
  const { head, expected } = fitted;
  const contents = { backbone, head, classNames, method: methodOf(fitted), expected, facts, report };
  return await writeClassifier(folder, contents);
}

/** The methods of a classifier. They open the backbone for single images at the first call. */
function methodsOf(parts: Parts, openBackbone: () => Promise<Network>): Pick<Classifier, "predict" | "save" | "close"> {
  let opened: Promise<Network> | undefined;
  const backbone = (): Promise<Network> => {
    opened ??= openBackbone();
    return opened;
  };
  const { fitted, classNames } = parts;
  return {
    predict: async (image, { top = 1 } = {}) => {
      const data = await rowOfImage(await backbone(), image);
      const scores = await headScores(fitted.head, { data, rows: 1, columns: data.length });
      return topClasses(Float32Array.from(scores.data), top, "softmax", classNames);
    },
    save: async (folder, { overwrite } = {}) => {
      requireClassifierFolder(folder, overwrite);
      return await write(folder, await backbone(), parts);
    },
    close: async () => {
      const open = await opened;
      opened = undefined;
      await open?.close();
    },
  };
}

/** The selected evaluator with its setting. */
function methodOf({ chosen, chosenByItself }: FittedClassifier): { name: string; title: string; setting: Setting } {
  const { name, title } = chosen.evaluator;
  return { name, title, setting: { ...chosen.setting, ...chosenByItself } };
}

/** Describes the selection, the expected accuracy, and the confused classes. */
function describeFitted(fitted: FittedClassifier, classNames: readonly string[]) {
  const { chosen, candidates, expected, confusion } = fitted;
  const classes = classNames.length;
  const pairs = confusedPairs(confusionEntries(confusion, classes));
  return {
    classNames,
    chosen: { ...methodOf(fitted), accuracy: chosen.accuracy },
    candidates: candidates.map((one) => ({
      name: one.evaluator.name,
      title: titleOf(one),
      setting: one.setting,
      accuracy: one.accuracy,
    })),
    expected: { ...expected, chance: 1 / classes },
    measured: howMeasured(expected),
    confusion: classNames.map((_, truth) => [...confusion.subarray(truth * classes, (truth + 1) * classes)]),
    confusedPairs: pairs.map(({ classes: pair, ...counts }) => ({
      classes: pair.map((label) => classNames[label] ?? `class ${label}`),
      ...counts,
    })),
  };
}

/**
 * Trains a classifier on the features of labelled images (one folder per class). The method is selected by cross-validation, and the expected
 * accuracy is measured on images that neither the selection nor the fit has seen.
 *
 * Throws what opening the images or the backbone throws; also an Error for images of a single class, for an `output` that already holds a
 * classifier, and when `signal` aborts. Nothing is written in these cases.
 *
 * @example
 * await using shoes = await fit("photos/", { backbone: "embedded:bit" });
 * shoes.expected.accuracy; // 0.93
 * await shoes.predict("photo.jpg"); // [{ class: 2, name: "boots", probability: 0.97 }]
 * await shoes.save("models/shoes");
 */
export async function fit(images: string, options: FitImagesOptions = {}): Promise<Classifier> {
  const started = performance.now();
  const { signal, note, progress, device, threads, imageSize, output, overwrite, split, folds = 5, seed = 0 } = options;
  const evaluators = options.methods?.map((name) => evaluatorNamed(name)) ?? closedFormEvaluators;
  const opened = await openSource(images, { split });
  try {
    if (output !== undefined) requireClassifierFolder(output, overwrite);
    for (const text of opened.notes ?? []) note?.(text);
    requireTwoClasses(images, opened);
    const spec = backboneOrDefault(options.backbone, note);
    const compute = { device, threads, imageSize };
    await using backbone = await open(spec, { ...compute, note });
    const found = await withProgress(progress, opened.length, (onProgress) =>
      imageFeatures(backbone, opened, { maxBadFraction: 1, onProgress, signal }),
    );
    noteUnreadable(found.bad, note);
    const { source, labels } = readable(opened, found);
    const { classNames } = source;
    const classes = classNames.length;
    const data = { features: found.features, labels };
    const fitted = await withFits(progress, (onProgress) =>
      fitClassifier(data, classes, { evaluators, folds, seed, signal, onProgress, threads }),
    );
    const warnings = warningsOf(source, opened, fitted);
    const facts = [`fitted to ${labels.length} images of ${images}`, ...warnings];
    const report = await classifierReport({
      title: `${basename(output ?? classifierFolder(images))}: ${classNames.length} classes`,
      fitted,
      source,
      indices: Int32Array.from({ length: labels.length }, (_, row) => row),
      labels,
      classNames,
      backbone: backbone.spec,
      width: backbone.width,
    });
    signal?.throwIfAborted();
    const parts: Parts = { fitted, classNames, facts, report };
    // Checked again: another process may have written there meanwhile.
    if (output !== undefined) requireClassifierFolder(output, overwrite);
    const files = output === undefined ? [] : await write(output, backbone, parts);
    return closable<Classifier>({
      files,
      source: images,
      split: source.split,
      images: { count: labels.length, bad: found.bad },
      backbone: { ...describeNetwork(backbone), spec: backbone.spec, width: backbone.width },
      ...describeFitted(fitted, classNames),
      warnings,
      seconds: (performance.now() - started) / 1000,
      ...methodsOf(parts, () => open(spec, { ...compute, batchSize: 1 })),
    });
  } catch (error) {
    if (signal?.aborted) throw new Error("stopped; nothing was written", { cause: error });
    throw error;
  } finally {
    await opened.close();
  }
}
