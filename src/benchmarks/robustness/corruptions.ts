/**
 * Measures accuracy under common corruptions (Hendrycks and Dietterich 2019): every family at every severity, compared
 * with the clean images.
 *
 * As in the published sets, an image is corrupted at the network's input size. Unlike in them, it is not encoded as
 * JPEG of quality 85 afterwards. Errors are plain means. The paper's mCE divides each by AlexNet's error on ImageNet,
 * which has no meaning for other images.
 */

import { rowOf } from "../../algebra/features.js";
import { wilsonInterval } from "../../algebra/statistics.js";
import type { ImageSource } from "../../data/index.js";
import {
  type CorruptionName,
  corrupt,
  describePreprocessing,
  type PreprocessingOp,
  preprocessing,
  type Severity,
  type SeverityTable,
  severityTableFor,
} from "../../images/index.js";
import type { Representations } from "../../networks/index.js";
import { answers, type ImageClassifier } from "./image-classifier.js";

/** A fraction of images that were classified correctly. */
export interface Share {
  readonly right: number;
  readonly images: number;
  readonly accuracy: number;
  /** Wilson's 95 % interval. */
  readonly confidence95: readonly [number, number];
}

export function shareOf(right: number, images: number): Share {
  return { right, images, accuracy: right / images, confidence95: wilsonInterval(right, images) };
}

export interface CorruptedShare extends Share {
  readonly corruption: CorruptionName;
  readonly severity: Severity;
}

export interface CorruptionReport {
  /** The source of the severity constants. */
  readonly table: SeverityTable;
  readonly clean: Share;
  /** Results by family, then severity. */
  readonly results: readonly CorruptedShare[];
  /** Means over the measured severities. */
  readonly families: readonly {
    readonly corruption: CorruptionName;
    readonly accuracy: number;
    readonly error: number;
  }[];
  /** Mean over the families. */
  readonly meanAccuracy: number;
  readonly meanError: number;
}

export interface CorruptionOptions {
  readonly corruptions: readonly CorruptionName[];
  readonly severities: readonly Severity[];
  /** Default: the table for the size of the network's images. */
  readonly table?: SeverityTable;
  /** An image counts as right when its class is among this many with the highest scores. Default: 1. */
  readonly top?: number;
  /** Called with the number of images that are done, over all passes. */
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Adds an op on 8-bit pixels to a preprocessing, at the point where the image has its final size and before values are
 * scaled.
 */
export function withOp(pipeline: string, op: PreprocessingOp): string {
  const ops = preprocessing(pipeline);
  const found = ops.findIndex(({ name }) => ["value_range", "standardise", "hsvnoise"].includes(name));
  const at = found < 0 ? ops.length : found;
  return describePreprocessing([...ops.slice(0, at), op, ...ops.slice(at)]);
}

/** Measures a classifier on a source, clean and corrupted. The random draws for an image depend only on its index. */
export async function measureCorruptions(
  classifier: ImageClassifier,
  source: ImageSource,
  { corruptions, severities, top = 1, onProgress, signal, ...options }: CorruptionOptions,
): Promise<CorruptionReport> {
  const table = options.table ?? severityTableFor(Math.min(classifier.imageShape[0], classifier.imageShape[1]));
  let passes = 0;
  const measure = async (pipeline: string): Promise<Share> => {
    const scores = await classifier.scores(source, {
      preprocessing: pipeline,
      onProgress: (done) => onProgress?.(passes * source.length + done),
      signal,
    });
    passes++;
    return shareOf(countRight(classifier, scores, source.classNames, top), scores.labels.length);
  };
  const clean = await measure(classifier.preprocessing);
  const results: CorruptedShare[] = [];
  for (const corruption of corruptions) {
    for (const severity of severities) {
      const share = await measure(withOp(classifier.preprocessing, corrupt(corruption, severity, table)));
      results.push({ corruption, severity, ...share });
    }
  }
  const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
  const families = corruptions.map((corruption) => {
    const accuracy = mean(results.filter((one) => one.corruption === corruption).map((one) => one.accuracy));
    return { corruption, accuracy, error: 1 - accuracy };
  });
  const meanAccuracy = mean(families.map(({ accuracy }) => accuracy));
  return { table, clean, results, families, meanAccuracy, meanError: 1 - meanAccuracy };
}

/** Images whose class is among the `top` with the highest scores; of equal scores the first classes count as higher. */
function countRight(
  classifier: ImageClassifier,
  scores: Representations,
  classNames: readonly string[],
  top: number,
): number {
  const { labels, features } = scores;
  if (top === 1) {
    const guesses = answers(classifier, scores, classNames);
    return guesses.reduce((sum, guess, row) => sum + (guess === labels[row] ? 1 : 0), 0);
  }
  const columns = classNames.map((name) => classifier.classNames.indexOf(name));
  return labels.reduce((sum, label, row) => {
    const own = columns[label] ?? -1;
    const values = rowOf(features, row);
    const value = values[own];
    if (value === undefined) return sum;
    const higher = values.reduce(
      (count, other, at) => count + (other > value || (other === value && at < own) ? 1 : 0),
      0,
    );
    return sum + (higher < top ? 1 : 0);
  }, 0);
}
