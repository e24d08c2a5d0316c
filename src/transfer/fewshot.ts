/** Few-shot accuracy of a backbone on a dataset: classifiers on frozen features, fitted to a few examples of each class. */

import {
  type BadExample,
  type ImageSource,
  idsOf,
  noteUnreadable,
  openTrainAndTest,
  readIds,
  stratifiedSample,
  subsetOfClasses,
} from "../data/index.js";
import { describePreprocessing, preprocessing } from "../images/index.js";
import {
  type ComputeOptions,
  describeNetwork,
  type Network,
  type NetworkDescription,
  open,
} from "../networks/index.js";
import { largest } from "../text/arrays.js";
import { type Hooks, withProgress } from "../text/progress.js";
import { backboneOrDefault } from "../weights/index.js";

import { evaluatorNamed, formatSetting, parseSetting } from "./evaluators/index.js";
import { drawnExamples, type EmbeddedSource, embedDrawn, embedSource } from "./fewshot/embed.js";
import {
  type FewShotReport,
  type FewShotResult,
  type FewShotSummary,
  fewShotOnFeatures,
  selectRows,
} from "./fewshot/evaluate.js";
import { fewShotPreprocessing } from "./fewshot/preprocessing.js";

export interface FewShotImagesOptions extends ComputeOptions, Hooks {
  /** Any network with features (see `open`). Default: `defaultBackbone`. */
  readonly backbone?: string | undefined;
  /** Side of the images, or [height, width]. Default: the backbone's own. */
  readonly imageSize?: number | readonly [number, number] | undefined;
  /** Classifier on the features. Default: ridge. */
  readonly method?: string | undefined;
  /** Settings of the classifier, such as k=10 or c=0.1. Default: as published. */
  readonly setting?: string | undefined;
  /**
   * `protocol` (resize(256)|central_crop(224)), `network` (the network's own) or ops. Default: protocol for published
   * weights, otherwise network.
   */
  readonly preprocessing?: string | undefined;
  /** Examples per class. Default: 1, 5 and 10. */
  readonly shots?: readonly number[] | undefined;
  /** Number of draws of the examples. Default: 5. */
  readonly seeds?: number | undefined;
  /** Names of the classes. Default: all. */
  readonly classes?: readonly string[] | undefined;
  /** Split of the examples. Default: train. */
  readonly split?: string | undefined;
  /** Split of the test images. Default: test. */
  readonly testSplit?: string | undefined;
  /** Approximate number of test images, the same fraction of each class. Default: all. */
  readonly testImages?: number | undefined;
  /**
   * File with the ids of test images that are in the backbone's training data: accuracies are also computed without
   * them.
   */
  readonly leaked?: string | undefined;
}

/** Few-shot accuracies of a backbone and of raw pixels. */
export interface FewShotMeasurement {
  readonly checkpoint: string;
  readonly backbone: string;
  readonly source: string;
  readonly splits: { readonly train: string; readonly test: string; readonly heldOut: boolean };
  readonly classNames: readonly string[];
  readonly images: { readonly examples: number; readonly named: number; readonly bad: readonly BadExample[] };
  readonly model: NetworkDescription;
  readonly method: string;
  /** The method and its setting as text. */
  readonly title: string;
  readonly preprocessing: string;
  readonly results: readonly FewShotResult[];
  readonly summary: readonly FewShotSummary[];
  /** The same classifiers on raw pixels. */
  readonly rawPixels: readonly FewShotSummary[];
  /** Accuracies without the test images of the list `leaked`. */
  readonly withoutLeaked:
    | {
        readonly list: string;
        readonly removed: number;
        readonly named: number;
        readonly summary: readonly FewShotSummary[];
        readonly rawPixels: readonly FewShotSummary[];
      }
    | undefined;
  /** Accuracy of guessing. */
  readonly chance: number;
  readonly warnings: readonly string[];
  readonly seconds: number;
}

/** Checks the dataset before any image is read; returns warnings for a reader of the results. */
function checkParts(train: ImageSource, test: ImageSource): string[] {
  const { classNames } = train;
  if (classNames.length < 2) {
    throw new Error(
      `${train.name} has only one class (${classNames.join()}); give a dataset with at least two classes`,
    );
  }
  const without = (source: ImageSource) => classNames.filter((_, label) => !source.labels.includes(label));
  const missing = without(train);
  if (missing.length > 0) {
    throw new Error(
      `the split ${train.split} of ${train.name} has no example of ${missing.join(", ")}; add some, or select the other classes`,
    );
  }
  if (test.length === 0) throw new Error(`${test.name} has no test images; give each class at least two images`);
  return without(test).map((name) => `no test image of ${name}`);
}

/**
 * The rows of images that a list does not contain. Throws when it contains all of them; warns when it contains none.
 */
async function withoutListed(
  tested: EmbeddedSource,
  test: ImageSource,
  file: string,
  note: Hooks["note"],
): Promise<number[]> {
  const [listed, ids] = [await readIds(file), await idsOf(test)];
  const rows = [...tested.indices.keys()].filter((row) => !listed.has(ids[tested.indices[row] ?? -1] ?? ""));
  if (rows.length === 0)
    throw new Error(`${file} lists every test image; expected a list that leaves some to measure on`);
  if (rows.length === tested.indices.length) {
    note?.(
      `${file} lists none of the test images, whose ids are like "${ids[0]}"; give the dataset to fovea dedup --against by the same path as here`,
    );
  }
  return rows;
}

/** The preprocessing for the backbone: that of the published protocol, the backbone's own, or the given ops. */
function preprocessingOf(backbone: Network, given: string | undefined): string {
  const chosen = given ?? (backbone.published ? "protocol" : "network");
  if (chosen === "protocol") return fewShotPreprocessing(backbone);
  return chosen === "network" ? backbone.preprocessing : describePreprocessing(preprocessing(chosen));
}

/**
 * Measures a backbone on a labelled dataset. For each number of shots and each draw of the examples, a classifier is
 * fitted to the features of the examples and evaluated on the test images; the same is done with raw pixels. If the
 * dataset has no test split, half of each class is held out.
 *
 * Throws what opening the images or the backbone throws, and an Error for a dataset with fewer than two classes or a
 * class without examples.
 *
 * @example const { summary } = await fewshot("photos/", { backbone: "embedded:bit", shots: [5] }); summary[0]; // {
 * shots: 5, mean: 0.62, confidence95: [0.52, 0.72], ... }
 */
export async function fewshot(images: string, options: FewShotImagesOptions = {}): Promise<FewShotMeasurement> {
  const started = performance.now();
  const { shots = [1, 5, 10], classes, testImages, leaked, note, progress, signal, device, threads } = options;
  const seeds = Array.from({ length: options.seeds ?? 5 }, (_, seed) => seed);
  const evaluator = evaluatorNamed(options.method ?? "ridge");
  const setting =
    options.setting === undefined ? (evaluator.settings[0] ?? {}) : parseSetting(evaluator, options.setting);
  await using parts = await openTrainAndTest(images, { split: options.split, testSplit: options.testSplit }, note);
  const chosen = (source: ImageSource) => (classes === undefined ? source : subsetOfClasses(source, classes));
  const train = chosen(parts.train);
  const test = testImages === undefined ? chosen(parts.test) : stratifiedSample(chosen(parts.test), testImages);
  const untested = checkParts(train, test);
  const { imageSize } = options;
  await using backbone = await open(backboneOrDefault(options.backbone, note), { device, threads, imageSize, note });
  const pipeline = preprocessingOf(backbone, options.preprocessing);
  const most = largest(shots);
  const expected = drawnExamples(train, seeds, most).length;
  const [support, tested] = await withProgress(progress, expected + test.length, async (onProgress) => [
    await embedDrawn(backbone, train, seeds, most, {
      preprocessing: pipeline,
      onProgress: (done) => onProgress(Math.min(done, expected)),
    }),
    await embedSource(backbone, test, {
      preprocessing: pipeline,
      onProgress: (done) => onProgress(expected + done),
    }),
  ]);
  const bad = [...support.bad, ...tested.bad];
  noteUnreadable(bad, note);
  const { classNames } = train;
  const measure = (kind: "features" | "pixels", rows?: readonly number[]): Promise<FewShotReport> =>
    fewShotOnFeatures({
      trainFeatures: support[kind],
      trainLabels: support.labels,
      testFeatures: rows ? selectRows(tested[kind], rows) : tested[kind],
      testLabels: rows ? rows.map((row) => tested.labels[row] ?? 0) : tested.labels,
      classes: classNames.length,
      classNames,
      shots,
      seeds,
      evaluator,
      settings: [setting],
      threads,
      signal,
    });
  const report = await measure("features");
  const rawPixels = (await measure("pixels")).summary;
  // The same examples, classifiers and images except the listed ones, so that the difference shows their effect.
  const clean = leaked === undefined ? undefined : await withoutListed(tested, test, leaked, note);
  const withoutLeaked = clean && {
    list: leaked ?? "",
    removed: tested.labels.length - clean.length,
    named: clean.length,
    summary: (await measure("features", clean)).summary,
    rawPixels: (await measure("pixels", clean)).summary,
  };
  return {
    checkpoint: backbone.path,
    backbone: backbone.spec,
    source: images,
    splits: { train: train.split, test: test.split, heldOut: parts.heldOut },
    classNames,
    images: { examples: train.length, named: tested.labels.length, bad },
    model: describeNetwork(backbone),
    method: evaluator.name,
    title: [evaluator.title, formatSetting(setting)].filter((word) => word !== "").join(", "),
    preprocessing: pipeline,
    results: report.results,
    summary: report.summary,
    rawPixels,
    withoutLeaked,
    chance: report.chance,
    warnings: [...report.warnings, ...untested],
    seconds: (performance.now() - started) / 1000,
  };
}
