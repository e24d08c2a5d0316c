/**
 * Weak labels: what the text around an image names becomes its labels, several an image, many of them wrong or missing; with
 * more noise added on purpose where its cost is to be studied. (JFT-300M has 1.26 labels an image, about a fifth of them wrong;
 * papers.md 2.4.)
 */
import { createRandom } from "../../random/keyed.js";
import { classesLine, labelLine } from "../views/labels-file.js";
import type { ImageText } from "./texts.js";
import { matchClasses, type Vocabulary } from "./vocabulary.js";

/**
 * How labels are made wrong, each with probability `rate`: `uniform` replaces a label by another class, `missing` drops it,
 * `extra` adds another class beside it. Classes are drawn uniformly from those the image does not have.
 */
export const noiseKinds = ["uniform", "missing", "extra"] as const;
export interface LabelNoise {
  readonly kind: (typeof noiseKinds)[number];
  readonly rate: number;
  readonly seed: number;
}

/** The labels of the image `id` under noise, ascending: the same whatever other images there are. */
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

/** Images with their labels, and what became of the others. */
export interface WeakLabels {
  readonly classNames: readonly string[];
  /** The images that have a label, with those they have. */
  readonly images: readonly { readonly id: string; readonly labels: readonly number[] }[];
  /** Images without any text. */
  readonly withoutText: number;
  /** Images whose text names no class. */
  readonly unmatched: number;
  /** Images whose only labels noise has dropped. */
  readonly emptied: number;
  /** How many images have each class. */
  readonly histogram: readonly number[];
}

/** Labels images by what their texts name. Throws for a noise rate outside of 0 to 1. */
export function weakLabels(texts: readonly ImageText[], vocabulary: Vocabulary, noise?: LabelNoise): WeakLabels {
  if (noise && !(noise.rate >= 0 && noise.rate <= 1))
    throw new Error(`the noise rate must be a probability from 0 to 1, not ${noise.rate}`);
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

/** The labels as a file that any spec takes after `?labels=` (views/labels-file.ts). */
export function weakLabelLines({ classNames, images }: WeakLabels): string[] {
  const rows = images.map(({ id, labels }) =>
    labelLine(id, Object.fromEntries(labels.map((label) => [classNames[label]!, 1]))),
  );
  return [classesLine(classNames), ...rows];
}
