/** The few-shot game: a few images of each of a few unseen classes, then many new ones to name, over many rounds. */

import { argmax } from "../../algebra/argmax.js";
import { checkFeatures, type Features } from "../../algebra/features.js";
import { type Summary, summarise } from "../../algebra/statistics.js";
import { numpyGenerator } from "../../random/numpy-generator.js";
import { defaultL2, ridgeClassifier } from "../evaluators/closed-form-ridge.js";
import { indicesByClass, selectRows } from "./evaluate.js";

/** Representations of images of classes the model has not seen, and how to play. */
export interface GameOptions {
  features: Features;
  /** Class of each row; any whole numbers of 0 or more, gaps allowed. */
  labels: ArrayLike<number>;
  /** Images of each class shown, 5 unless given. */
  shots?: number;
  /** Classes in a round, 3 unless given. */
  classes?: number;
  /** Most images of each class to name in a round; all that are not shown unless given. */
  queries?: number;
  /** Rounds, each with its own classes, shown images and questions; 20 unless given. */
  rounds?: number;
  seed?: number;
  l2?: number;
}

/** One image to name. */
export interface GameQuery {
  /** Row of the features. */
  index: number;
  truth: number;
  guess: number;
  /** Ridge scores in the order of the round's classes; -1 and 1 are the targets. */
  scores: number[];
}

/** One round: everything needed to show it. */
export interface GameRound {
  /** The labels in play, ascending. */
  classes: number[];
  /** Rows shown, one list a class in the order of `classes`. */
  support: number[][];
  queries: GameQuery[];
  accuracy: number;
}

/** Accuracy over rounds with a 95 % interval, and every round. */
export interface GameResult extends Summary {
  /** Mean over rounds of the fraction of questions answered right; the same as `mean`. */
  accuracy: number;
  /** Mean over rounds of the mean over classes of that fraction: 1 / classes for any constant answer, however uneven the questions. */
  balancedAccuracy: number;
  chance: number;
  /** Questions asked in all rounds together. */
  questions: number;
  rounds: GameRound[];
}

function positive(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) throw new Error(`game: ${name} is ${value}; give a whole number from 1`);
  return value;
}

/**
 * Plays rounds of the game: draws the classes, shows `shots` images of each, fits the ridge to those alone, and names the others.
 *
 * The draw depends on the labels and the seed only, so two representations of the same images play identical rounds and can be
 * compared round by round. The interval is Student's over rounds: it speaks of new draws from these images.
 * Throws when fewer than `classes` classes have an image left to ask about, naming those that are too small.
 *
 * @example
 * const { accuracy, chance } = playGame({ features, labels, shots: 5, classes: 3, queries: 20, rounds: 50, seed: 0 });
 */
export function playGame(options: GameOptions): GameResult {
  const { features, labels, l2 = defaultL2 } = options;
  const shots = positive("shots", options.shots ?? 5);
  const classes = positive("classes", options.classes ?? 3);
  const rounds = positive("rounds", options.rounds ?? 20);
  const queries = options.queries === undefined ? Number.POSITIVE_INFINITY : positive("queries", options.queries);
  if (classes < 2) throw new Error("game: one class leaves nothing to guess; play with two or more");
  let highest = 0;
  for (let i = 0; i < labels.length; i++) highest = Math.max(highest, labels[i]!);
  checkFeatures("game", features, labels, highest + 1);

  const byClass = indicesByClass(labels, highest + 1);
  const playable = byClass.flatMap((indices, label) => (indices.length > shots ? [label] : []));
  if (playable.length < classes) {
    const small = byClass.flatMap((indices, label) =>
      indices.length > 0 && indices.length <= shots ? [`class ${label} has ${indices.length}`] : [],
    );
    throw new Error(
      `game: ${classes} classes with more than ${shots} images each are needed, ${playable.length} have them` +
        `${small.length > 0 ? ` (${small.join(", ")})` : ""}; use fewer shots or classes, or add images`,
    );
  }

  const random = numpyGenerator(options.seed ?? 0);
  const played: GameRound[] = [];
  let balanced = 0;
  for (let round = 0; round < rounds; round++) {
    const chosen = random
      .permutation(playable)
      .slice(0, classes)
      .sort((a, b) => a - b);
    const orders = chosen.map((label) => random.permutation(byClass[label]!));
    const support = orders.map((order) => order.slice(0, shots));
    const asked = orders.flatMap((order) => order.slice(shots, shots + queries));
    const { scores } = ridgeClassifier({
      features: selectRows(features, support.flat()),
      labels: support.flatMap((indices, i) => indices.map(() => i)),
      classes,
      l2,
    });
    const { data } = scores(selectRows(features, asked));
    const answers = asked.map((index, i): GameQuery => {
      const row = Array.from(data.subarray(i * classes, (i + 1) * classes));
      return { index, truth: labels[index]!, guess: chosen[argmax(row)]!, scores: row };
    });
    const rate = (of: GameQuery[]) => of.filter(({ truth, guess }) => truth === guess).length / of.length;
    balanced += chosen.reduce((sum, label) => sum + rate(answers.filter(({ truth }) => truth === label)) / classes, 0);
    played.push({ classes: chosen, support, queries: answers, accuracy: rate(answers) });
  }

  const summary = summarise(played.map(({ accuracy }) => accuracy));
  return {
    ...summary,
    accuracy: summary.mean,
    balancedAccuracy: balanced / rounds,
    chance: 1 / classes,
    questions: played.reduce((sum, round) => sum + round.queries.length, 0),
    rounds: played,
  };
}
