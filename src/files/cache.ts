/** A folder of downloaded files with their checksums; complete files are used without the network. */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { writeFileAtomically } from "./atomic.js";

/** A download that is incomplete or does not match its checksum; the file does not exist. */
export class DownloadError extends Error {
  override name = "DownloadError";
  constructor(
    message: string,
    /** Number of bytes that came and are kept for the next attempt. */
    readonly bytes = 0,
    /** The status with which the server refused the request. */
    readonly statusCode?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Size and checksum of a downloaded file. */
export interface CachedFile {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** Contents of a folder in the cache; stored in it as `record.json`. */
export interface CacheRecord {
  /** Address of the download. */
  readonly source: string;
  /** The commit, if the source has commits. */
  readonly revision?: string;
  readonly files: Readonly<Record<string, CachedFile>>;
}

/** The cache folder: `FOVEA_CACHE`, or the user's cache folder of the operating system. */
export function cacheFolder(): string {
  const given = process.env["FOVEA_CACHE"];
  if (given) return given;
  if (process.platform === "win32")
    return join(process.env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local"), "fovea");
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", "fovea");
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "fovea");
}

const recordName = "record.json";

/** Reads the record of a folder in the cache; undefined if there is none or it is invalid. */
export async function readRecord(folder: string): Promise<CacheRecord | undefined> {
  try {
    const value = JSON.parse(await readFile(join(folder, recordName), "utf8")) as CacheRecord;
    const files = Object.values(value.files);
    const whole = files.every(({ bytes, sha256 }) => Number.isInteger(bytes) && typeof sha256 === "string");
    return whole && typeof value.source === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Writes a record. It is written last, so that a folder with a record is complete. */
export async function writeRecord(folder: string, record: CacheRecord): Promise<void> {
  await writeFileAtomically(join(folder, recordName), [
    new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`),
  ]);
}

/** Describes damage of the files of a record; undefined if all match their checksums. Reads all files. */
export async function findDamage(folder: string, record: CacheRecord): Promise<string | undefined> {
  for (const [name, { bytes, sha256 }] of Object.entries(record.files)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (!found) return `${path} is missing`;
    if (found.size !== bytes) return `${path} has ${found.size} bytes instead of ${bytes}`;
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
    if (hash.digest("hex") !== sha256) return `${path} does not match its checksum`;
  }
  return undefined;
}

/** Expected properties of a download; undefined properties are not checked. */
export interface Expected {
  readonly bytes?: number;
  readonly sha256?: string;
  /** Hexadecimal; some stores provide only this checksum. */
  readonly md5?: string;
  /** Git's object name of the contents. */
  readonly gitSha1?: string;
}
