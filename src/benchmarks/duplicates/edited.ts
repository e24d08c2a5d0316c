/**
 * Measures how many edited copies the search finds among other images of the same dataset, edit by edit, and how many
 * false pairs it finds.
 */
import { type Example, type ImageSource, openSource, takeBalanced } from "../../data/index.js";
import { describeSet, findDuplicates, type Match } from "../../dedup/index.js";
import { closable } from "../../files/closable.js";
import { decodeImage, type RawImage } from "../../images/index.js";
import { applyEdit, edits } from "./edits.js";

export interface EditResult {
  readonly edit: string;
  readonly strength: string;
  readonly copies: number;
  readonly found: number;
  /** Pairs of different images, one of them edited, that the search reported. */
  readonly falsePairs: number;
}

export interface EditedBench {
  readonly source: string;
  /** Images among which the copies are searched; images with duplicates before any edit are excluded. */
  readonly originals: number;
  readonly alreadyTwice: number;
  readonly results: readonly EditResult[];
  /** Recall over all edits. */
  readonly recall: number;
  readonly precision: number;
  readonly seconds: number;
}

/** A source of images in memory. */
function inMemory(name: string, images: readonly RawImage[]): ImageSource {
  return closable<ImageSource>({
    name,
    split: "all",
    classNames: ["picture"],
    length: images.length,
    labels: new Int32Array(images.length),
    idOf: (index) => `${name} ${index}`,
    get: async (index): Promise<Example> => ({ id: `${name} ${index}`, label: 0, image: images[index]! }),
    close: async () => {},
  });
}

/** The matches between and within sources in memory. */
async function matchesOf(
  threshold: number | undefined,
  ...sets: readonly (readonly RawImage[])[]
): Promise<readonly Match[]> {
  const described = [];
  try {
    for (const [i, images] of sets.entries())
      described.push(await describeSet(inMemory(`set ${i}`, images), { remember: false }));
    return (await findDuplicates(described, { threshold })).matches;
  } finally {
    for (const set of described) await set.close();
  }
}

/**
 * For every edit and strength, searches edited copies of `copies` images among `originals` images of a source.
 * @param threshold minimum score; default: that of `fovea dedup`
 */
export async function benchEdited(
  spec: string,
  originals: number,
  copies: number,
  seed: number,
  threshold: number | undefined,
  onProgress: (what: string) => void,
): Promise<EditedBench> {
  const started = performance.now();
  const opened = await openSource(spec);
  const images: RawImage[] = [];
  try {
    const source = takeBalanced(opened, Math.min(originals, opened.length), seed);
    for (let i = 0; i < source.length; i++) {
      const { image, id } = await source.get(i);
      images.push((await decodeImage(image, id)) as RawImage);
    }
  } finally {
    await opened.close();
  }
  const twice = new Set((await matchesOf(threshold, images)).map(({ b }) => b));
  const pictures = images.filter((_, i) => !twice.has(i));
  const results: EditResult[] = [];
  for (const edit of edits) {
    for (const [s, strength] of edit.strengths.entries()) {
      onProgress(`${spec}: ${edit.name} ${strength.name}`);
      const edited: RawImage[] = [];
      const step = pictures.length / Math.min(copies, pictures.length);
      const of: number[] = [];
      for (let i = 0; i < pictures.length; i += step) of.push(Math.floor(i));
      for (const i of of) edited.push(await applyEdit(pictures[i]!, edit, s, seed, i));
      const matches = await matchesOf(threshold, pictures, edited);
      const original = (image: number) => (image < pictures.length ? image : of[image - pictures.length]!);
      const touching = matches.filter(({ b }) => b >= pictures.length);
      const right = touching.filter(({ a, b }) => a < pictures.length && original(a) === original(b));
      results.push({
        edit: edit.name,
        strength: strength.name,
        copies: edited.length,
        found: right.length,
        falsePairs: touching.filter(({ a, b }) => original(a) !== original(b)).length,
      });
    }
  }
  const found = results.reduce((sum, result) => sum + result.found, 0);
  const all = results.reduce((sum, result) => sum + result.copies, 0);
  const wrong = results.reduce((sum, result) => sum + result.falsePairs, 0);
  return {
    source: spec,
    originals: pictures.length,
    alreadyTwice: twice.size,
    results,
    recall: found / all,
    precision: found + wrong === 0 ? 1 : found / (found + wrong),
    seconds: (performance.now() - started) / 1000,
  };
}
