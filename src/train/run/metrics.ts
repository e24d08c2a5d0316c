/** The metrics of a run as JSON lines: one object a line, appended as it happens, cut back when a run is resumed. */

import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFileAtomically } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";

/** One line: finished updates, epochs passed, seconds since the run began, and any named numbers. */
export interface MetricsRecord {
  step: number;
  epoch: number;
  /** Seconds of running time, resumed parts added up. */
  time: number;
  /** Numbers that JSON does not have (NaN, infinities) are written, and come back, as null. */
  [name: string]: number | null;
}

/** Appends to one file of metrics; every line is with the system once `write` returns, so `kill -9` loses none. Close it. */
export class MetricsWriter {
  private constructor(
    readonly path: string,
    private descriptor: number | undefined,
  ) {}

  /**
   * Opens a file of metrics, made if missing.
   *
   * A new run (without `resumedStep`) starts an empty file; a resumed one keeps the lines up to that step:
   * those after it, and a last line cut short by a crash, are removed, since the steps will be run again.
   */
  static async open(path: string, resumedStep?: number): Promise<MetricsWriter> {
    makeFolder(dirname(path));
    if (existsSync(path)) {
      const kept = resumedStep === undefined ? [] : (await readMetrics(path)).filter(({ step }) => step <= resumedStep);
      await writeFileAtomically(path, [Buffer.from(kept.map((record) => `${JSON.stringify(record)}\n`).join(""))]);
    }
    return new MetricsWriter(path, openSync(path, "a"));
  }

  /** Appends one line. Throws the system's error (a full disk) naming the file. */
  write(record: MetricsRecord): void {
    if (this.descriptor === undefined) throw new Error(`${this.path}: metrics written after close`);
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    appendBytes(this.path, this.descriptor, line);
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }
}

/**
 * Reads a file of metrics. A last line that a crash cut short is left out.
 *
 * Throws naming the file and line of anything else that is not a record.
 */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  const lines = (await readFile(path, "utf8")).split("\n");
  const unfinished = lines.pop();
  const records = lines.map((line, index) => {
    const record = parseRecord(line);
    if (!record) throw new Error(`${path}:${index + 1}: not a line of metrics: ${line.slice(0, 80)}`);
    return record;
  });
  // A crash can leave a last line whole but for its end of line: then it counts.
  const last = unfinished === undefined ? undefined : parseRecord(unfinished);
  if (last) records.push(last);
  return records;
}

function parseRecord(line: string): MetricsRecord | undefined {
  try {
    const value = JSON.parse(line) as Partial<MetricsRecord> | null;
    return typeof value === "object" && typeof value?.step === "number" ? (value as MetricsRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** Writes all of the bytes to an open file. Throws the system's error with the file's name; a full disk as a sentence. */
export function appendBytes(path: string, descriptor: number, bytes: Uint8Array): void {
  let offset = 0;
  try {
    while (offset < bytes.byteLength) offset += writeSync(descriptor, bytes, offset);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const full = code === "ENOSPC" ? "the disk is full" : code === "EDQUOT" ? "the disk quota is used up" : undefined;
    const advice = full === undefined ? message : `${full}. Free space and continue with --resume`;
    throw Object.assign(new Error(`${path} could not be written: ${advice}`, { cause: error }), { code });
  }
}
