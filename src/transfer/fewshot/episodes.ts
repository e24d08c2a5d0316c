/** Few-shot episodes: N-way K-shot classification of images of unseen classes, repeated over random draws. */

import { argmax } from "../../algebra/argmax.js";
import { checkFeatures, type Features } from "../../algebra/features.js";
import { type Summary, summarise } from "../../algebra/statistics.js";
import { numpyGenerator } from "../../random/numpy-generator.js";
import { defaultL2, ridgeClassifier } from "../evaluators/closed-form-ridge.js";
import { indicesByClass, selectRows } from "./evaluate.js";

/** Features of images of unseen classes, and the settings of the episodes. */
export interface EpisodeOptions {
  features: Features;
  /** Class of each row: whole numbers from 0, not necessarily contiguous. */
  labels: ArrayLike<number>;
  /** Support images per class. Default: 5. */
  shots?: number;
  /** Classes per episode. Default: 3. */
  classes?: number;
  /** Largest number of query images per class. Default: all that are not in the support set. */
  queries?: number;
  /** Number of episodes, each with its own classes, support and query images. Default: 20. */
  episodes?: number;
  seed?: number;
  l2?: number;
}

/** One query image and its prediction. */
export interface EpisodeQuery {
  /** Row of the features. */
  index: number;
  truth: number;
  guess: number;
  /** Ridge scores in the order of the episode's classes; -1 and 1 are the targets. */
  scores: number[];
}

/** One episode, with everything needed to display it. */
export interface Episode {
  /** Labels of the classes, ascending. */
  classes: number[];
  /** Rows of the support set, one list per class in the order of `classes`. */
  support: number[][];
  queries: EpisodeQuery[];
  accuracy: number;
}

/** Accuracy over episodes with a 95 % interval, and every episode. */
export interface EpisodesResult extends Summary {
  /** Mean over episodes of the accuracy on the query images; the same as `mean`. */
  accuracy: number;
  /**
   * Mean over episodes of the mean per-class accuracy: 1 / classes for a constant prediction, even with unequal
   * classes.
   */
  balancedAccuracy: number;
  chance: number;
  /** Query images of all episodes together. */
  queries: number;
  episodes: Episode[];
}

function positive(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`few-shot episodes: ${name} is ${value}; give a whole number from 1`);
  return value;
}

/**
 * Runs few-shot episodes: draws the classes and `shots` support images of each, fits the ridge to those alone, and
 * classifies the others.
 *
 * The draw depends on the labels and the seed only, so features of two networks for the same images get identical
 * episodes and can be compared episode by episode. The interval is Student's t over episodes: it is for new draws from
 * these images. Throws when fewer than `classes` classes have an image left as a query; the error lists the classes
 * that are too small.
 *
 * @example const { accuracy, chance } = runEpisodes({ features, labels, shots: 5, classes: 3, queries: 20, episodes:
 * 50, seed: 0 });
 */
export function runEpisodes(options: EpisodeOptions): EpisodesResult {
  const { features, labels, l2 = defaultL2 } = options;
  const shots = positive("shots", options.shots ?? 5);
  const classes = positive("classes", options.classes ?? 3);
  const episodes = positive("episodes", options.episodes ?? 20);
  const queries = options.queries === undefined ? Number.POSITIVE_INFINITY : positive("queries", options.queries);
  if (classes < 2) throw new Error("few-shot episodes: classes is 1; give at least 2");
  let highest = 0;
  for (let i = 0; i < labels.length; i++) highest = Math.max(highest, labels[i]!);
  checkFeatures("few-shot episodes", features, labels, highest + 1);

  const byClass = indicesByClass(labels, highest + 1);
  const eligible = byClass.flatMap((indices, label) => (indices.length > shots ? [label] : []));
  if (eligible.length < classes) {
    const small = byClass.flatMap((indices, label) =>
      indices.length > 0 && indices.length <= shots ? [`class ${label} has ${indices.length}`] : [],
    );
    throw new Error(
      `few-shot episodes: expected ${classes} classes with more than ${shots} images each; found ${eligible.length}` +
        `${small.length > 0 ? ` (${small.join(", ")})` : ""}; use fewer shots or classes, or add images`,
    );
  }

  const random = numpyGenerator(options.seed ?? 0);
  const results: Episode[] = [];
  let balanced = 0;
  for (let episode = 0; episode < episodes; episode++) {
    const drawn = random
      .permutation(eligible)
      .slice(0, classes)
      .sort((a, b) => a - b);
    const orders = drawn.map((label) => random.permutation(byClass[label]!));
    const support = orders.map((order) => order.slice(0, shots));
    const queryRows = orders.flatMap((order) => order.slice(shots, shots + queries));
    const { scores } = ridgeClassifier({
      features: selectRows(features, support.flat()),
      labels: support.flatMap((indices, i) => indices.map(() => i)),
      classes,
      l2,
    });
    const { data } = scores(selectRows(features, queryRows));
    const predictions = queryRows.map((index, i): EpisodeQuery => {
      const row = Array.from(data.subarray(i * classes, (i + 1) * classes));
      return { index, truth: labels[index]!, guess: drawn[argmax(row)]!, scores: row };
    });
    const rate = (of: EpisodeQuery[]) => of.filter(({ truth, guess }) => truth === guess).length / of.length;
    balanced += drawn.reduce(
      (sum, label) => sum + rate(predictions.filter(({ truth }) => truth === label)) / classes,
      0,
    );
    results.push({ classes: drawn, support, queries: predictions, accuracy: rate(predictions) });
  }

  const summary = summarise(results.map(({ accuracy }) => accuracy));
  return {
    ...summary,
    accuracy: summary.mean,
    balancedAccuracy: balanced / episodes,
    chance: 1 / classes,
    queries: results.reduce((sum, { queries }) => sum + queries.length, 0),
    episodes: results,
  };
}
