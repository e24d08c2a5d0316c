/** `fovea predict`: the most probable classes of images, by a network that was trained to tell classes apart. */

import { existsSync } from "node:fs";
import { type ImageSource, imageFiles, type NamedImage, openSource, sourceKinds } from "../../data/index.js";
import { type Guess, topClasses } from "../../networks/index.js";
import { append, largest } from "../../text/arrays.js";
import { defineCommand } from "../command.js";
import { predict } from "../definitions.js";
import { UsageError, wholeNumber } from "../words.js";
import { openNamer } from "./namer.js";
import { badLines, withIds, withProgress } from "./network.js";
import { readImageOrPaths } from "./stdin.js";

export interface Prediction {
  image: string;
  guesses: readonly Guess[];
}

/** The words as places of images; `-` becomes what standard input holds. */
async function placesFrom(words: readonly string[]): Promise<(string | NamedImage)[]> {
  const places: (string | NamedImage)[] = [];
  for (const word of words) {
    if (word !== "-") places.push(word);
    else if (words.filter((other) => other === "-").length > 1) throw new UsageError('"-" may stand once only');
    else append(places, await readImageOrPaths(process.stdin));
  }
  return places;
}

/** Is a word a set of images (an archive, IDX files, embedded:NAME, photos/?take=9) rather than files and folders of them? */
function isSet(word: string): boolean {
  if (!existsSync(word)) return /^[a-z]+:./.test(word) || existsSync(word.slice(0, Math.max(0, word.lastIndexOf("?"))));
  return Object.entries(sourceKinds).some(([name, kind]) => name !== "folder" && kind.recognises(word));
}

/** The images that the words name. Throws UsageError where a set is named beside others. */
async function openImages(words: readonly string[]): Promise<ImageSource> {
  const [set] = words.filter(isSet);
  if (set === undefined) return await imageFiles(await placesFrom(words));
  if (words.length > 1) throw new UsageError(`${set} is a set of images; give it alone`);
  return await openSource(set, { unlabelled: true });
}

const nameOf = ({ name, class: index }: Guess) => name ?? `class ${index}`;

/** Predictions as text: one line an image; with several guesses, these below it. */
export function listing(predictions: readonly Prediction[]): string {
  const width = largest(predictions.flatMap(({ guesses }) => guesses.map((guess) => nameOf(guess).length)));
  const line = (guess: Guess) =>
    `${nameOf(guess).padEnd(width)}  ${(100 * guess.probability).toFixed(1).padStart(5)} %`;
  return predictions
    .map(({ image, guesses }) => {
      if (guesses.length === 1) return `${line(guesses[0]!)}  ${image}`;
      return [image, ...guesses.map((guess) => `  ${line(guess)}`)].join("\n");
    })
    .join("\n");
}

// Only files that are read in this thread: bytes from standard input cannot be opened by another.
const pass = { workers: 0, maxBadFraction: 1 } as const;

export const command = defineCommand(predict, async ({ args, rest, json, note }) => {
  const top = wholeNumber(args.top, "top", 1);
  const { source, ids } = withIds(await openImages([args.images, ...rest]));
  for (const text of source.notes ?? []) note(text);
  const namer = await openNamer(args, note, Math.min(source.length, 32));
  try {
    const { features, width, indices, bad } = await withProgress(
      source.length,
      json || source.length < 32,
      (onProgress) => namer.classify(source, { ...pass, onProgress }),
    );
    const predictions: Prediction[] = [];
    for (const [row, index] of indices.entries()) {
      const logits = features.subarray(row * width, (row + 1) * width);
      predictions.push({ image: ids.get(index)!, guesses: topClasses(logits, top, namer.loss, namer.classNames) });
    }
    for (const line of badLines(bad)) note(line);
    return {
      document: { predictions, bad, model: namer.document },
      text: listing(predictions),
      failed: bad.length > 0,
    };
  } finally {
    await namer.close();
    await source.close();
  }
});
