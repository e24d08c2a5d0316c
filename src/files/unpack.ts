/** Files made of others once and kept in the user's cache folder: compressed ones decompressed, arrays repacked. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createGunzip } from "node:zlib";
import { cacheFolder, DownloadError, readRecord, saveDownload, writeRecord } from "./cache.js";
import { replaceFolder } from "./replace-folder.js";

/**
 * The path of what a gzip file holds, decompressed in the cache; done again when the file has changed.
 *
 * @param most bytes that may come out of it
 * @throws for a file that is no gzip, is cut off, or holds more.
 */
export async function gunzipped(path: string, most: number): Promise<string> {
  async function* content(): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    const file = createReadStream(path);
    const gunzip = createGunzip();
    file.on("error", (error) => gunzip.destroy(error));
    for await (const chunk of file.pipe(gunzip)) {
      bytes += (chunk as Uint8Array).length;
      if (bytes > most) throw new Error(`it holds more than ${most} bytes`);
      yield chunk as Uint8Array;
    }
  }
  return derivedFile(path, "unpacked", "decompressed", content);
}

/**
 * The path of a file in the cache that is made of another; made again when that one has changed.
 *
 * @param kind the folder of the cache; another content of the same file has another one
 * @param made what is done to it, for messages: "decompressed"
 * @throws naming the file and the reason when it cannot be made.
 */
export async function derivedFile(
  path: string,
  kind: string,
  made: string,
  content: () => AsyncIterable<Uint8Array>,
): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  const key = createHash("sha256").update(resolve(path)).digest("hex");
  const folder = join(cacheFolder(), kind, key);
  const derived = join(folder, "content");
  const revision = `${size} ${mtimeMs}`;
  const record = await readRecord(folder);
  const found = await stat(derived).catch(() => undefined);
  if (found && record?.revision === revision && record.files["content"]?.bytes === found.size) return derived;
  try {
    await replaceFolder(folder, async (incoming) => {
      const saved = await saveDownload(join(incoming, "content"), content(), {});
      await writeRecord(incoming, { source: resolve(path), revision, files: { content: saved } });
    });
  } catch (error) {
    const reason = error instanceof DownloadError && error.cause instanceof Error ? error.cause : (error as Error);
    throw new Error(`"${path}" cannot be ${made}: ${reason.message}`, { cause: error });
  }
  return derived;
}
