/** Stores each result in its own small file, so that an interrupted benchmark continues with the next one. */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileAtomically } from "../../../files/atomic.js";
import { makeFolder } from "../../../files/folder.js";
import type { Setting } from "../../../networks/index.js";

/** The result of one run of a method on one task. */
export interface RunResult {
  /** Fraction of the test images that were classified correctly. */
  readonly accuracy: number;
  /** Test images, and how many of them could not be read. */
  readonly images: number;
  readonly unreadable: number;
  readonly setting: Setting;
  readonly seconds: number;
}

/** A short name that changes when anything in `content` changes. */
export const contentName = (content: unknown): string =>
  createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 16);

/** Determines the path of a result below the folder. */
export interface ResultKey {
  readonly task: string;
  /** "select" results are on the validation images, "final" ones on the test split. */
  readonly kind: "select" | "final";
  readonly seed: number;
  readonly setting: Setting;
}

const pathOf = (folder: string, { task, kind, seed, setting }: ResultKey): string =>
  join(folder, task, `${kind}-seed${seed}-${contentName(setting)}.json`);

/** Reads a stored result; undefined if there is none or the file is damaged. */
export async function readResult(folder: string, key: ResultKey): Promise<RunResult | undefined> {
  try {
    const value = JSON.parse(await readFile(pathOf(folder, key), "utf8")) as RunResult;
    return Number.isFinite(value.accuracy) && Number.isInteger(value.images) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Writes a result atomically: a killed process leaves complete results only. */
export async function writeResult(folder: string, key: ResultKey, result: RunResult): Promise<void> {
  const path = pathOf(folder, key);
  makeFolder(dirname(path));
  await writeFileAtomically(path, [new TextEncoder().encode(`${JSON.stringify(result)}\n`)]);
}
