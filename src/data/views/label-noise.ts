/**
 * Wrong labels on purpose, to study what noise costs: a source some of whose labels are replaced by other classes. (JFT-300M's
 * labels are wrong in about a fifth of all cases; papers.md 2.4.)
 */
import { closable } from "../../files/closable.js";
import { createRandom } from "../../random/keyed.js";
import { checkIndex, type ImageSource } from "../source/types.js";

/**
 * The label of example `index` under noise: with probability `rate` another class, each equally likely. A pure function of its
 * arguments, so that every thread, epoch and selection sees the same wrong label.
 */
export function noisyLabel(label: number, classes: number, rate: number, seed: number, index: number): number {
  const random = createRandom("label noise", seed, index);
  if (random.uniform() >= rate || classes < 2) return label;
  const other = random.integer(classes - 1);
  return other < label ? other : other + 1;
}

/**
 * The source with each label replaced by a uniformly drawn other class with probability `rate`; pictures and classes stay.
 * @throws for a rate outside of 0 to 1, a seed that is no whole number, and a source with one class or with vectors of targets.
 */
export function withLabelNoise(source: ImageSource, rate: number, seed = 0): ImageSource {
  if (!(rate >= 0 && rate <= 1)) throw new Error(`noise must be a probability from 0 to 1, not ${rate}`);
  if (!Number.isSafeInteger(seed)) throw new Error(`noiseSeed must be a whole number, not ${seed}`);
  if (source.vectorTargets)
    throw new Error(`${source.name} has a vector of targets an image; noise replaces single labels only`);
  const classes = source.classNames.length;
  if (classes < 2) throw new Error(`${source.name} has ${classes} class; noise needs another to replace it by`);
  const self = { name: `${source.name} (label noise ${rate})`, length: source.length };
  const { idOf, notes, shards } = source;
  let labels: Int32Array | undefined;
  return closable<ImageSource>({
    ...self,
    split: source.split,
    classNames: source.classNames,
    // Made at first use, as those of generated sets are.
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
