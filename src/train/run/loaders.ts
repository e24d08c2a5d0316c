/** The loaders of a run: one for every stream of its objective. */
import { createLoader, type ImageSource, type Loader, type LoaderPosition } from "../../data/index.js";
import { hashKeys } from "../../random/keyed.js";
import type { StreamName } from "../objectives/index.js";
import type { RunParts } from "./parts.js";

export type Loaders = Readonly<Partial<Record<StreamName, Loader>>>;

/** A loader for every stream, where the checkpoint left it. */
export function openLoaders({ recipe, streams, trainingParts, restored, plan, communicator }: RunParts): Loaders {
  const ranks = communicator.size;
  const positions = (restored?.meta["loaders"] ?? {}) as unknown as Partial<Record<StreamName, LoaderPosition>>;
  const open = ([name, source]: [string, ImageSource]) => {
    const stream = name as StreamName;
    const { mergeClasses, workers, views, cacheBytes } = recipe.data;
    const parts =
      stream === "train"
        ? trainingParts
        : [{ source, preprocessing: (recipe.data[stream] ?? trainingParts[0]!).preprocessing }];
    const own = plan.objective.unlabelledBatchSize;
    const batchSize = stream === "unlabelled" && own !== undefined ? own * ranks : recipe.batchSize;
    const position = positions[stream];
    const loader = createLoader(parts, {
      batchSize,
      // Of its own: two streams of one source would show the same images in the same crops side by side.
      seed: stream === "train" ? recipe.seed : hashKeys([recipe.seed, stream]),
      share: { index: communicator.rank, of: ranks },
      mergeClasses,
      views,
      cacheBytes,
      workers,
      position,
    });
    return [stream, loader] as const;
  };
  return Object.fromEntries(Object.entries(streams).map(open));
}
