/** Appends to the open files of a run, and says which one could not be written. */
import { writeSync } from "node:fs";

/** Writes all of the bytes. Throws the system's error with the file's name; a full disk in words. */
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
