/**
 * Adds label noise to study its effect: some labels of a source are replaced by other classes. (About a fifth of JFT-300M's labels are wrong;
 * papers.md 2.4.)
 */
import { closable } from "../../files/closable.js";
import { createRandom } from "../../random/keyed.js";
import { checkIndex, type ImageSource } from "../source/types.js";

/**
 * Label of example `index` with noise: with probability `rate` another class, each equally likely. A pure function of its arguments, so that
 * every thread, epoch and selection has the same wrong label.
 */
export function noisyLabel(label: number, classes: number, rate: number, seed: number, index: number): number {
  const random = createRandom("label noise", seed, index);
  if (random.uniform() >= rate || classes < 2) return label;
  const other = random.integer(classes - 1);
  return other < label ? other : other + 1;
}

/**
 * Replaces each label of a source by a uniformly drawn other class with probability `rate`; images and classes are unchanged.
 * @throws for a rate outside of 0 to 1, a seed that is not an integer, and a source with one class or with vectors of targets.
 */
export function withLabelNoise(source: ImageSource, rate: number, seed = 0): ImageSource {
  if (!(rate >= 0 && rate <= 1)) throw new Error(`invalid noise ${rate}; expected a probability from 0 to 1`);
  if (!Number.isSafeInteger(seed)) throw new Error(`invalid noiseSeed ${seed}; expected an integer`);
  if (source.vectorTargets)
    throw new Error(`${source.name} has a vector of targets for each image; noise expects single labels`);
  const classes = source.classNames.length;
  if (classes < 2) throw new Error(`${source.name} has ${classes} class; noise needs at least two`);
  const self = { name: `${source.name} (label noise ${rate})`, length: source.length };
  const { idOf, notes, shards } = source;
  let labels: Int32Array | undefined;
  return closable<ImageSource>({
    ...self,
    split: source.split,
    classNames: source.classNames,
    // Computed at first use, like the labels of generated datasets.
    get labels() {
      labels ??= source.labels.map((label, index) => noisyLabel(label, classes, rate, seed, index));
      return labels;
    },
    recipe: source.recipe && { kind: "noise", of: source.recipe, rate, seed },
    notes,
    shards,
    idOf,
    get: async (index) => {
      checkIndex(self, index);
      const example = await source.get(index);
      return { ...example, label: noisyLabel(example.label, classes, rate, seed, index) };
    },
    close: () => source.close(),
  });
}
