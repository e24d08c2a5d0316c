// Plays the few-shot game with a trained network and with raw pixels, on the same rounds.
import type { ImageSource } from "../../data/index.js";
import { type OpenedModel, representImages } from "../../train/index.js";
import {
  type Features,
  type GameResult,
  joinFeatures,
  playGame,
  rawPixelFeatures,
  selectRows,
} from "../../transfer/index.js";
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

/** Plays one set. Both play from the same pass over the pictures. */
export async function playSet(model: OpenedModel, set: GameSet, seed: number): Promise<PlayedSet> {
  const pool = await openPool(set);
  const pixels: Features[] = [];
  const { features, width, labels } = await representImages(model.program, pool, {
    batchSize: model.batchSize,
    preprocessing: model.preprocessing,
    onBatch: ({ image, shape, mask }) => {
      const rows = rawPixelFeatures({ data: image, shape });
      const kept = Array.from(mask.keys()).filter((row) => mask[row] === 1);
      pixels.push(selectRows(rows, kept));
    },
  });
  const game = { labels, ...gameSettings, seed };
  const learned = playGame({ features: { data: features, rows: labels.length, columns: width }, ...game });
  return {
    set,
    classNames: pool.classNames,
    images: pool.length,
    learned,
    rawPixels: playGame({ features: joinFeatures(pixels), ...game }),
    picture: (row) => pool.get(row),
    close: () => pool.close(),
  };
}
