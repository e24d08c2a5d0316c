/**
 * Creates weak labels: the classes mentioned in the text around an image become its labels. An image may have several, and many are wrong
 * or missing. More noise can be added to study its effect. (JFT-300M has 1.26 labels for each image, about a fifth of them wrong;
 * papers.md 2.4.)
 */
import { createRandom } from "../../random/keyed.js";
import { classesLine, labelLine } from "../views/labels-file.js";
import type { ImageText } from "./texts.js";
import { matchClasses, type Vocabulary } from "./vocabulary.js";

/**
 * Kinds of label noise, each with probability `rate`: `uniform` replaces a label by another class, `missing` drops it, `extra` adds another
 * class. Classes are drawn uniformly from those that the image does not have.
 */
export const noiseKinds = ["uniform", "missing", "extra"] as const;
export interface LabelNoise {
  readonly kind: (typeof noiseKinds)[number];
  readonly rate: number;
  readonly seed: number;
}

/** Labels of the image `id` with noise, in ascending order; they do not depend on other images. */
export function noisyLabels(labels: readonly number[], classes: number, noise: LabelNoise, id: string): number[] {
  const random = createRandom("weak label noise", noise.seed, id);
  const result = new Set(labels);
  for (const label of labels) {
    if (random.uniform() >= noise.rate) continue;
    const others = Array.from({ length: classes }, (_, i) => i).filter((i) => !result.has(i) && !labels.includes(i));
    if (noise.kind !== "extra") result.delete(label);
    if (noise.kind !== "missing" && others.length > 0) result.add(others[random.integer(others.length)]!);
  }
  return [...result].sort((a, b) => a - b);
}

/** Labelled images, and the numbers of the others. */
export interface WeakLabels {
  readonly classNames: readonly string[];
  /** The images with at least one label, and their labels. */
  readonly images: readonly { readonly id: string; readonly labels: readonly number[] }[];
  /** Number of images without text. */
  readonly withoutText: number;
  /** Number of images whose text mentions no class. */
  readonly unmatched: number;
  /** Number of images whose only labels were dropped by noise. */
  readonly emptied: number;
  /** Number of images of each class. */
  readonly histogram: readonly number[];
}

/** Labels images by the classes that their texts mention. Throws for a noise rate outside of 0 to 1. */
export function weakLabels(texts: readonly ImageText[], vocabulary: Vocabulary, noise?: LabelNoise): WeakLabels {
  if (noise && !(noise.rate >= 0 && noise.rate <= 1))
    throw new Error(`invalid noise rate ${noise.rate}; expected a probability from 0 to 1`);
  const { classNames } = vocabulary;
  const images: { id: string; labels: number[] }[] = [];
  const histogram = new Array<number>(classNames.length).fill(0);
  let [withoutText, unmatched, emptied] = [0, 0, 0];
  for (const { id, text } of texts) {
    const matched = text === undefined ? [] : matchClasses(vocabulary, text);
    const labels = noise ? noisyLabels(matched, classNames.length, noise, id) : matched;
    if (text === undefined) withoutText++;
    else if (matched.length === 0) unmatched++;
    else if (labels.length === 0) emptied++;
    else images.push({ id, labels });
    for (const label of labels) histogram[label]!++;
  }
  return { classNames, images, withoutText, unmatched, emptied, histogram };
}

/** Formats the labels as lines of a file for `?labels=` of a spec (views/labels-file.ts). */
export function weakLabelLines({ classNames, images }: WeakLabels): string[] {
  const rows = images.map(({ id, labels }) =>
    labelLine(id, Object.fromEntries(labels.map((label) => [classNames[label]!, 1]))),
  );
  return [classesLine(classNames), ...rows];
}
