/**
 * Writes the metrics of a run as JSON lines: one object per line, appended immediately, truncated when a run is
 * resumed.
 */

import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFileAtomically } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";

/** One line: finished steps, epochs, seconds since the run began, and any named numbers. */
export interface MetricsRecord {
  step: number;
  epoch: number;
  /** Running time in seconds, including resumed parts. */
  time: number;
  /** Numbers that JSON cannot represent (NaN, infinities) are written and read as null. */
  [name: string]: number | null;
}

/**
 * Appends to one file of metrics. The operating system has every line once `write` returns, so `kill -9` loses none.
 * Close it.
 */
export class MetricsWriter {
  private constructor(
    readonly path: string,
    private descriptor: number | undefined,
  ) {}

  /**
   * Opens a file of metrics, which is created if missing.
   *
   * A new run (without `resumedStep`) starts an empty file. A resumed run keeps the lines up to that step; later lines,
   * and a last line truncated by a crash, are removed, since the steps will be run again.
   */
  static async open(path: string, resumedStep?: number): Promise<MetricsWriter> {
    makeFolder(dirname(path));
    if (existsSync(path)) {
      const kept = resumedStep === undefined ? [] : (await readMetrics(path)).filter(({ step }) => step <= resumedStep);
      await writeFileAtomically(path, [Buffer.from(kept.map((record) => `${JSON.stringify(record)}\n`).join(""))]);
    }
    return new MetricsWriter(path, openSync(path, "a"));
  }

  /** Appends one line. Throws the system's error (such as a full disk) with the file's name. */
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
 * Reads a file of metrics. A last line truncated by a crash is ignored.
 *
 * Throws with the file and line number of anything else that is not a record.
 */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  const lines = (await readFile(path, "utf8")).split("\n");
  const unfinished = lines.pop();
  const records = lines.map((line, index) => {
    const record = parseRecord(line);
    if (!record) throw new Error(`${path}:${index + 1}: not a line of metrics: ${line.slice(0, 80)}`);
    return record;
  });
  // A crash can leave a last line that only lacks its newline; it counts.
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

/** Writes all bytes to an open file. Throws the system's error with the file's name; a full disk is explained. */
export function appendBytes(path: string, descriptor: number, bytes: Uint8Array): void {
  let offset = 0;
  try {
    while (offset < bytes.byteLength) offset += writeSync(descriptor, bytes, offset);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const full = code === "ENOSPC" ? "the disk is full" : code === "EDQUOT" ? "the disk quota is used up" : undefined;
    const advice = full === undefined ? message : `${full}; free space and continue with --resume`;
    throw Object.assign(new Error(`${path} could not be written: ${advice}`, { cause: error }), { code });
  }
}
