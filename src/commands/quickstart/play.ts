/** Few-shot classification with a backbone and with raw pixels, on the same episodes. */

import type { ImageSource } from "../../data/index.js";
import { type Closable, closable } from "../../files/closable.js";
import type { Network } from "../../networks/index.js";
import { type EpisodesResult, embedSource, runEpisodes } from "../../transfer/index.js";
import { type EpisodeSet, openPool } from "./sets.js";

/** The episodes on every dataset: 3-way, 5-shot, 20 query images per class. */
export const episodeSettings = { shots: 5, classes: 3, queries: 20, episodes: 100 } as const;

export interface PlayedSet extends Closable {
  readonly set: EpisodeSet;
  readonly classNames: readonly string[];
  readonly images: number;
  readonly learned: EpisodesResult;
  readonly rawPixels: EpisodesResult;
  /** An image of the dataset by its row in the episodes. */
  picture(row: number): Promise<Awaited<ReturnType<ImageSource["get"]>>>;
}

/** Runs the episodes of one dataset, for both kinds of features from one pass over the images. */
export async function playSet(backbone: Network, set: EpisodeSet, seed: number): Promise<PlayedSet> {
  const pool = await openPool(set);
  const { features, pixels, labels } = await embedSource(backbone, pool);
  const options = { labels, ...episodeSettings, seed };
  const learned = runEpisodes({ features, ...options });
  return closable<PlayedSet>({
    set,
    classNames: pool.classNames,
    images: pool.length,
    learned,
    rawPixels: runEpisodes({ features: pixels, ...options }),
    picture: (row) => pool.get(row),
    close: () => pool.close(),
  });
}
