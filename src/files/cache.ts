/** A folder of fetched files with their checksums: what is in it whole is used without the network. */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { syncFolder, writeFileAtomically } from "./atomic.js";
import { makeFolder } from "./folder.js";

/** A download that was cut short or is not what it should be; nothing of it is kept. */
export class DownloadError extends Error {
  override name = "DownloadError";
}

/** What is known of a fetched file. */
export interface CachedFile {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** What one folder of the cache holds; `record.json` in it. */
export interface CacheRecord {
  /** Where it came from. */
  readonly source: string;
  /** The commit, where the source has commits. */
  readonly revision?: string;
  readonly files: Readonly<Record<string, CachedFile>>;
}

/** The cache folder: `FOVEA_CACHE`, or the one of the system for this user's caches. */
export function cacheFolder(): string {
  const given = process.env["FOVEA_CACHE"];
  if (given) return given;
  if (process.platform === "win32")
    return join(process.env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local"), "fovea");
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", "fovea");
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "fovea");
}

const recordName = "record.json";

/** The record of a folder of the cache; undefined where there is none or it is not readable as one. */
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

/** Puts a record in place: the last thing that is written, so that a folder with one is whole. */
export async function writeRecord(folder: string, record: CacheRecord): Promise<void> {
  await writeFileAtomically(join(folder, recordName), [
    new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`),
  ]);
}

/** What is wrong with the files of a record; undefined when all match their checksums. Reads them whole. */
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

/** What must be true of a download; a part that is left out is not checked. */
export interface Expected {
  readonly bytes?: number;
  readonly sha256?: string;
  /** Hexadecimal; some stores give nothing else. */
  readonly md5?: string;
  /** The name git has for the content. */
  readonly gitSha1?: string;
}

/**
 * Writes a download to a file through a temporary one beside it, whole and checked or not at all. `progress` hears of the
 * bytes that have come. Throws DownloadError when it is cut short or does not match, the system's error for a full disk.
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
    if (wrong) throw new DownloadError(`${path}: ${wrong}; nothing is kept. Try again`);
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return { bytes, sha256: sum };
  } catch (error) {
    // an error of the disk is the system's own and says so; any other is the connection's
    if (error instanceof DownloadError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    const { message, cause } = error as Error;
    const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
    throw new DownloadError(
      `${path}: the connection broke after ${bytes} bytes (${reason}); nothing is kept. Try again`,
      {
        cause: error,
      },
    );
  } finally {
    await rm(temporary, { force: true });
  }
}
