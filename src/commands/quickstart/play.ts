/** Few-shot classification with a backbone and with raw pixels, on the same episodes. */

import type { ImageSource } from "../../data/index.js";
import { type Closable, closable } from "../../files/closable.js";
import type { Network } from "../../networks/index.js";
import { embedSource, type GameResult, playGame } from "../../transfer/index.js";
import { type GameSet, openPool } from "./sets.js";

/** The game every set is played by: five pictures of each of three classes, twenty of each to name. */
export const gameSettings = { shots: 5, classes: 3, queries: 20, rounds: 100 } as const;

export interface PlayedSet extends Closable {
  readonly set: GameSet;
  readonly classNames: readonly string[];
  readonly images: number;
  readonly learned: GameResult;
  readonly rawPixels: GameResult;
  /** A picture of the pool by the row the game speaks of. */
  picture(row: number): Promise<Awaited<ReturnType<ImageSource["get"]>>>;
}

/** Plays one set. Both play from the same pass over the pictures. */
export async function playSet(backbone: Network, set: GameSet, seed: number): Promise<PlayedSet> {
  const pool = await openPool(set);
  const { features, pixels, labels } = await embedSource(backbone, pool);
  const game = { labels, ...gameSettings, seed };
  const learned = playGame({ features, ...game });
  return closable<PlayedSet>({
    set,
    classNames: pool.classNames,
    images: pool.length,
    learned,
    rawPixels: playGame({ features: pixels, ...game }),
    picture: (row) => pool.get(row),
    close: () => pool.close(),
  });
}
