/** Finds the checkpoints in the folder of a run, and chooses the one to use. */
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import {
  bestCheckpoint,
  CheckpointError,
  isCheckpointName,
  type LoadedCheckpoint,
  latestCheckpoint,
  listCheckpoints,
} from "./checkpoint.js";
import { resolvedRecipeFile } from "./legacy.js";

export interface StoredRun {
  readonly folder: string;
  /** The checkpoint file, if the path names one. */
  readonly file: string | undefined;
}

/** The run that a path belongs to, if any. */
export function findRun(path: string): StoredRun | undefined {
  const isRun = (folder: string) => existsSync(join(folder, resolvedRecipeFile));
  const full = resolve(path);
  if (statSync(full).isDirectory()) {
    if (isRun(full)) return { folder: path, file: undefined };
    if (basename(full) === "checkpoints" && isRun(dirname(full))) return { folder: dirname(full), file: undefined };
    return undefined;
  }
  // a checkpoint describes itself in any folder
  return isCheckpointName(basename(full)) ? { folder: dirname(dirname(full)), file: path } : undefined;
}

/** The best intact checkpoint of a run, otherwise the newest intact one. */
export async function chooseCheckpoint(
  folder: string,
  note: (text: string) => void = () => {},
): Promise<LoadedCheckpoint> {
  const checkpoints = join(folder, "checkpoints");
  const told = new Set<string>();
  const warn = (message: string) => {
    if (!told.has(message)) note(message);
    told.add(message);
  };
  const best = await bestCheckpoint(checkpoints, warn);
  if (best) {
    const { metric, value } = best.score!;
    note(`using ${best.path}, the best by ${metric} (${Number(value.toPrecision(4))})`);
    return best;
  }
  const latest = await latestCheckpoint(checkpoints, warn);
  if (latest) {
    note(
      `using ${latest.path}, the newest: no checkpoint has a score (checkpoint.keepBest in a recipe gives them one)`,
    );
    return latest;
  }
  const found = await listCheckpoints(checkpoints);
  const count = found.checkpoints.length + found.damaged.length;
  if (count === 0) {
    throw new CheckpointError(
      `${folder} holds a run, but no checkpoint yet (in ${checkpoints}); train it until the first is saved: fovea train ${join(folder, resolvedRecipeFile)}`,
    );
  }
  const reasons = [...told].map((line) => `\n  ${line.replace("skipped a damaged checkpoint: ", "")}`);
  throw new CheckpointError(`${folder} has no intact checkpoint; ${count} damaged:${reasons.join("")}`);
}
