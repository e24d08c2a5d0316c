/**
 * Saves and loads the checkpoints of a run: one safetensors file each, written atomically and verified when read. The
 * last few and the best are kept.
 */
import { createHash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { removeLeftovers, syncFolder } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";
import { SafetensorsFile, type SafetensorsHeader, writeSafetensors } from "../../formats/safetensors.js";
import { type StoredTensor, tensorBytes } from "../../formats/stored.js";
import { printable } from "../../text/printable.js";

/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Everything a run needs to continue exactly where it stopped. */
export interface Checkpoint {
  /** Finished steps. */
  step: number;
  /** Parameters and optimiser state, by name. */
  tensors: ReadonlyMap<string, StoredTensor>;
  /** The rest of the state: loader position, random state, best metric so far, hash of the recipe. */
  meta: { readonly [key: string]: Json };
}

/** The score of a checkpoint, by which the best is kept. */
export interface Score {
  metric: string;
  mode: "max" | "min";
  value: number;
}

export interface SaveOptions {
  /** Newest checkpoints to keep. Default: all. */
  keepLast?: number;
  /** This checkpoint's score. The best of all scored checkpoints is kept regardless of its age. */
  score?: Score;
}

/** The description of a stored checkpoint, from its header. */
export interface CheckpointInfo {
  path: string;
  step: number;
  score: Score | undefined;
}

/** A loaded checkpoint and its file. */
export interface LoadedCheckpoint extends Checkpoint {
  path: string;
  score: Score | undefined;
}

/** A checkpoint that cannot be used; the message says which and why. */
export class CheckpointError extends Error {
  override name = "CheckpointError";
}

/** Whether this is the name of an objective's own parameter, which is not part of the network. */
export const isObjectiveParameter = (name: string): boolean => name.startsWith("objective/");

const fileName = (step: number) => `step-${String(step).padStart(9, "0")}.safetensors`;
const filePattern = /^step-(\d{9,})\.safetensors$/;

/** Whether a file name is that of a run's checkpoint. */
export const isCheckpointName = (name: string): boolean => filePattern.test(name);
/** The metadata keys of the file, with a prefix so that other readers recognise their origin. */
const stateKey = "fovea.checkpoint";
const checksumKey = "fovea.sha256";

interface State {
  step: number;
  score: Score | null;
  meta: { readonly [key: string]: Json };
}

/**
 * Digests the identity of every tensor and its bytes, by name, so that different sets of tensors have different
 * digests.
 */
function checksum(state: string, tensors: ReadonlyMap<string, StoredTensor>): string {
  const hash = createHash("sha256").update(state);
  for (const name of [...tensors.keys()].sort()) {
    const tensor = tensors.get(name)!;
    hash.update(`\n${JSON.stringify([name, tensor.dtype, tensor.shape])}\n`).update(tensorBytes(tensor));
  }
  return hash.digest("hex");
}

/**
 * Saves a checkpoint as `DIR/step-NNNNNNNNN.safetensors` and then removes those no longer kept. Returns the file.
 *
 * The file is written atomically, and older checkpoints are removed only when it is safely on disk. The tensors must
 * not change until the promise settles. Numbers in `meta` that JSON cannot represent (NaN, infinities) become null.
 * When the disk is full, the error states the missing space, and all earlier checkpoints are unchanged.
 *
 * @example await saveCheckpoint("runs/one/checkpoints", { step: 100, tensors, meta: { loader } }, { keepLast: 2 });
 */
export async function saveCheckpoint(dir: string, checkpoint: Checkpoint, options: SaveOptions = {}): Promise<string> {
  const { step, tensors, meta } = checkpoint;
  if (!Number.isSafeInteger(step) || step < 0)
    throw new CheckpointError(`step ${step}; expected a whole number from 0`);
  if (options.keepLast !== undefined && !(options.keepLast >= 1)) {
    throw new CheckpointError(`keepLast is ${options.keepLast}; expected at least 1`);
  }
  makeFolder(dir);
  await removeLeftovers(dir);
  const path = join(dir, fileName(step));
  const state = JSON.stringify({ step, score: options.score ?? null, meta } satisfies State);
  const metadata = new Map([
    [stateKey, state],
    [checksumKey, checksum(state, tensors)],
  ]);
  await writeSafetensors(path, tensors, metadata);
  if (options.keepLast !== undefined) await prune(dir, step, options.keepLast);
  return path;
}

/**
 * Removes old checkpoints, except the last few up to the step just saved and the best. Later steps are not removed:
 * they stem from a run that went further and was resumed from an earlier step, perhaps because its newest checkpoint is
 * damaged.
 */
async function prune(dir: string, step: number, keepLast: number): Promise<void> {
  const { checkpoints } = await listCheckpoints(dir);
  const best = bestOf(checkpoints)[0];
  const removed = checkpoints
    .filter((checkpoint) => checkpoint.step <= step)
    .slice(0, -keepLast)
    .filter((checkpoint) => checkpoint !== best);
  for (const { path } of removed) await rm(path, { force: true });
  if (removed.length > 0) await syncFolder(dir);
}

/**
 * The scored checkpoints, best first; of equal scores the earlier. They are compared by the metric of the newest scored
 * one.
 */
function bestOf(checkpoints: readonly CheckpointInfo[]): CheckpointInfo[] {
  const scored = checkpoints.flatMap((one) => (one.score && Number.isFinite(one.score.value) ? [one as Scored] : []));
  const newest = scored.at(-1);
  if (!newest) return [];
  const { metric, mode } = newest.score;
  const sign = mode === "max" ? -1 : 1;
  return scored
    .filter(({ score }) => score.metric === metric && score.mode === mode)
    .sort((a, b) => sign * (a.score.value - b.score.value) || a.step - b.step);
}

type Scored = CheckpointInfo & { score: Score };

/**
 * The checkpoints of a folder by ascending step, and those whose header cannot be read, with the reason. Only headers
 * are read. A missing folder has no checkpoints.
 */
export async function listCheckpoints(
  dir: string,
): Promise<{ checkpoints: CheckpointInfo[]; damaged: { path: string; reason: string }[] }> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const checkpoints: CheckpointInfo[] = [];
  const damaged: { path: string; reason: string }[] = [];
  for (const name of names.filter((one) => filePattern.test(one)).sort()) {
    const path = join(dir, name);
    try {
      const file = await SafetensorsFile.open(path);
      await file.close();
      const { step, score } = readState(path, file).state;
      checkpoints.push({ path, step, score: score ?? undefined });
    } catch (error) {
      damaged.push({ path, reason: (error as Error).message });
    }
  }
  checkpoints.sort((a, b) => a.step - b.step);
  return { checkpoints, damaged };
}

function readState(path: string, header: SafetensorsHeader): { state: State; text: string; digest: string } {
  const text = header.metadata.get(stateKey);
  const digest = header.metadata.get(checksumKey);
  if (text === undefined || digest === undefined) {
    throw new CheckpointError(`${path}: this safetensors file is not a checkpoint of a run`);
  }
  try {
    const state = JSON.parse(text) as State;
    if (!Number.isSafeInteger(state.step)) throw new Error(`step ${state.step}`);
    return { state, text, digest };
  } catch (error) {
    throw new CheckpointError(`${path}: its state cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Loads one checkpoint and verifies its checksum. Throws CheckpointError or SafetensorsError with the reason. */
export async function loadCheckpoint(path: string): Promise<LoadedCheckpoint> {
  await using file = await SafetensorsFile.open(path);
  const { state, text, digest } = readState(path, file);
  const tensors = new Map<string, StoredTensor>();
  for (const name of file.entries.keys()) tensors.set(name, await file.read(name));
  if (checksum(text, tensors) !== digest) {
    throw new CheckpointError(`${path}: its contents do not match their checksum; the file is damaged`);
  }
  return { path, step: state.step, tensors, meta: state.meta, score: state.score ?? undefined };
}

/** Called with a warning about every skipped checkpoint. */
export type Warn = (message: string) => void;

const warnOnStderr: Warn = (message) => console.error(printable(message));

async function firstSound(candidates: readonly CheckpointInfo[], warn: Warn): Promise<LoadedCheckpoint | undefined> {
  for (const { path } of candidates) {
    try {
      return await loadCheckpoint(path);
    } catch (error) {
      warn(`skipped a damaged checkpoint: ${(error as Error).message}`);
    }
  }
  return undefined;
}

/**
 * Loads the newest intact checkpoint. A damaged one is reported to `warn`, and the next older one is used. Undefined if
 * the folder has no intact one.
 */
export async function latestCheckpoint(dir: string, warn: Warn = warnOnStderr): Promise<LoadedCheckpoint | undefined> {
  const { checkpoints, damaged } = await listCheckpoints(dir);
  for (const { reason } of damaged) warn(`skipped a damaged checkpoint: ${reason}`);
  return firstSound(checkpoints.reverse(), warn);
}

/**
 * Loads the intact checkpoint with the best score, in the same way as `latestCheckpoint`. Undefined if none is scored.
 */
export async function bestCheckpoint(dir: string, warn: Warn = warnOnStderr): Promise<LoadedCheckpoint | undefined> {
  const { checkpoints, damaged } = await listCheckpoints(dir);
  for (const { reason } of damaged) warn(`skipped a damaged checkpoint: ${reason}`);
  return firstSound(bestOf(checkpoints), warn);
}
