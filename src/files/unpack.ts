/** Files derived from others once and stored in the user's cache folder: decompressed files, repacked arrays. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createGunzip } from "node:zlib";
import { type CachedFile, cacheFolder, readRecord, writeRecord } from "./cache.js";
import { replaceFolder } from "./replace-folder.js";

/**
 * Returns the path of the decompressed contents of a gzip file in the cache; decompresses again if the file has changed.
 *
 * @param most maximum size of the contents in bytes
 * @throws for a file that is not gzip, is truncated, or has larger contents.
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
 * Returns the path of a file in the cache that is derived from another; derives it again if the other has changed.
 *
 * @param kind folder in the cache; different derivations of the same file have different ones
 * @param made verb of the derivation, for messages: "decompressed"
 * @throws with the file and the reason if the derivation fails.
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
      const saved = await writeContent(join(incoming, "content"), content());
      await writeRecord(incoming, { source: resolve(path), revision, files: { content: saved } });
    });
  } catch (error) {
    throw new Error(`"${path}" cannot be ${made}: ${(error as Error).message}`, { cause: error });
  }
  return derived;
}

/** Writes a new file in pieces; returns its size and checksum. */
async function writeContent(path: string, content: AsyncIterable<Uint8Array>): Promise<CachedFile> {
  const sha256 = createHash("sha256");
  let bytes = 0;
  await using file = await open(path, "wx");
  for await (const chunk of content) {
    await file.appendFile(chunk);
    sha256.update(chunk);
    bytes += chunk.byteLength;
  }
  await file.sync();
  return { bytes, sha256: sha256.digest("hex") };
}
