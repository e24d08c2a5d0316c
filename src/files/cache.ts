/** A folder of downloaded files with their checksums; complete files are used without the network. */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { syncFolder, writeFileAtomically } from "./atomic.js";
import { makeFolder } from "./folder.js";

/** A download that is incomplete or does not match its checksum; nothing of it is stored. */
export class DownloadError extends Error {
  override name = "DownloadError";
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

/**
 * Downloads to a file through a temporary one beside it; the file is complete and checked, or not written. `progress` is called with the
 * number of bytes received. Throws DownloadError if the download is incomplete or does not match, and the system's error for a full disk.
 */
export async function saveDownload(
  path: string,
  content: AsyncIterable<Uint8Array>,
  expected: Expected,
  progress: (bytes: number) => void = () => {},
): Promise<CachedFile> {
  makeFolder(dirname(path));
  const temporary = join(dirname(path), `.writing-${process.pid}-${Date.now().toString(36)}`);
  const sha256 = createHash("sha256");
  const md5 = expected.md5 === undefined ? undefined : createHash("md5");
  const git = expected.gitSha1 === undefined || expected.bytes === undefined ? undefined : createHash("sha1");
  git?.update(`blob ${expected.bytes}\0`);
  let bytes = 0;
  try {
    const handle = await open(temporary, "w");
    try {
      for await (const chunk of content) {
        await handle.writeFile(chunk);
        for (const hash of [sha256, md5, git]) hash?.update(chunk);
        bytes += chunk.byteLength;
        if (expected.bytes !== undefined && bytes > expected.bytes) break;
        progress(bytes);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    const sum = sha256.digest("hex");
    const wrong =
      expected.bytes !== undefined && bytes !== expected.bytes
        ? `${bytes > expected.bytes ? "more than" : `${bytes} of`} ${expected.bytes} bytes came`
        : (expected.sha256 !== undefined && expected.sha256 !== sum) ||
            (md5 && expected.md5 !== md5.digest("hex")) ||
            (git && expected.gitSha1 !== git.digest("hex"))
          ? "what came does not match the checksum of its source"
          : undefined;
    if (wrong) throw new DownloadError(`${path}: ${wrong}; nothing is kept; try again`);
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return { bytes, sha256: sum };
  } catch (error) {
    // Errors of the disk are system errors and are rethrown; others are errors of the connection.
    if (error instanceof DownloadError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    const { message, cause } = error as Error;
    const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
    throw new DownloadError(
      `${path}: the connection broke after ${bytes} bytes (${reason}); nothing is kept; try again`,
      {
        cause: error,
      },
    );
  } finally {
    await rm(temporary, { force: true });
  }
}
