// Plays the few-shot game with a trained network and with raw pixels, on the same rounds.
import type { ImageSource } from "../../data/index.js";
import { createLoader } from "../../data/index.js";
import { type OpenedModel, representImages } from "../../train/index.js";
import { type Features, type GameResult, playGame, rawPixelFeatures } from "../../transfer/index.js";
import { type GameSet, openPool } from "./sets.js";

/** The game every set is played by: five pictures of each of three classes, twenty of each to name. */
export const gameSettings = { shots: 5, classes: 3, queries: 20, rounds: 100 } as const;

export interface PlayedSet {
  readonly set: GameSet;
  readonly classNames: readonly string[];
  readonly images: number;
  readonly learned: GameResult;
  readonly rawPixels: GameResult;
  /** A picture of the pool by the row the game speaks of. */
  picture(row: number): Promise<Awaited<ReturnType<ImageSource["get"]>>>;
  close(): Promise<void>;
}

/** The pixels of every picture of a pool, as the network sees them. */
async function rawPixels(source: ImageSource, preprocessing: string): Promise<Features> {
  const loader = createLoader(source, { batchSize: source.length, preprocessing, evaluation: true });
  try {
    const batch = (await loader.next())!;
    return rawPixelFeatures({ data: batch.image, shape: batch.shape });
  } finally {
    await loader.close();
  }
}

/** Plays one set. Throws when a class of the game is among those the network was trained on. */
export async function playSet(model: OpenedModel, set: GameSet, seed: number): Promise<PlayedSet> {
  const pool = await openPool(set);
  const { features, width, labels } = await representImages(model.program, pool, {
    batchSize: model.batchSize,
    preprocessing: model.preprocessing,
  });
  const game = { labels, ...gameSettings, seed };
  const learned = playGame({ features: { data: features, rows: labels.length, columns: width }, ...game });
  return {
    set,
    classNames: pool.classNames,
    images: pool.length,
    learned,
    rawPixels: playGame({ features: await rawPixels(pool, model.preprocessing), ...game }),
    picture: (row) => pool.get(row),
    close: () => pool.close(),
  };
}
