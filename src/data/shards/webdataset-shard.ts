/** Reads one WebDataset shard: finds its samples by parsing the archive, from disk or while it is downloaded. */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { cacheFolder, readRecord, writeRecord } from "../../files/cache.js";
import { download } from "../../files/download/download.js";
import { fillFolder } from "../../files/download/staging.js";
import {
  isRemote,
  probe,
  type RemoteFile,
  type RetryPolicy,
  readRange,
  readWhole,
  shownUrl,
} from "../../files/remote.js";
import { type TarEntry, walkTar, walkTarFile } from "../../formats/tar.js";
import { indexOf, type ShardIndex } from "./shard-index.js";
import { localShard, type ShardFile } from "./sharded.js";

export interface ShardOptions {
  /** Source of the labels: `cls`, `txt`, or a key of the JSON file. Default: the first of these that exists. */
  readonly label?: string;
  /** Store whole remote shards in the cache. */
  readonly download: boolean;
  readonly retries: RetryPolicy;
}

/**
 * Opens a shard by its path or address and finds its samples.
 * @throws with the shard and what to do if it is missing, truncated, or not an archive of samples.
 */
export async function openWebDatasetShard(
  place: string,
  options: ShardOptions,
): Promise<{ file: ShardFile; index: ShardIndex }> {
  try {
    if (!isRemote(place)) return await openLocal(place, place, options);
    const remote = await probe(place, options.retries);
    if (options.download || !remote.ranges)
      return await openLocal(await cachedShard(remote, options), shownUrl(place), options);
    const file = { place, bytes: remote.bytes, tag: remote.tag, reader: readerOf(options) };
    const index = await indexOf(
      file,
      () => remoteSidecar(`${place}.index.json`, options.retries),
      () => indexRemote(remote, options),
    );
    const read = (offset: number, size: number) => readRange(remote, offset, size, options.retries);
    return { file: { name: shownUrl(place), read }, index };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(
      `the shard ${shownUrl(place)} cannot be used: ${message}; fetch it again, or remove it from the list`,
      { cause: error },
    );
  }
}

const readerOf = ({ label = "" }: ShardOptions): string => `webdataset label=${label}`;

async function openLocal(path: string, name: string, options: ShardOptions) {
  const { size, mtimeMs } = await stat(path);
  const index = await indexOf(
    { place: resolve(path), bytes: size, tag: String(mtimeMs), reader: readerOf(options) },
    () => readFile(`${path}.index.json`, "utf8").catch(() => undefined),
    async () => {
      const samples = collectSamples(name, options);
      return samples.finish(walkTarFile(path, name, samples.visit));
    },
  );
  return { file: { ...localShard(path), name }, index };
}

async function remoteSidecar(url: string, retries: RetryPolicy): Promise<string | undefined> {
  try {
    const file = await probe(url, { ...retries, attempts: 1 });
    return await readWhole(file, retries, async (content) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      return Buffer.concat(pieces).toString("utf8");
    });
  } catch {
    // Few shards have an index beside them.
    return undefined;
  }
}

/** An error in the archive itself; reading it again does not help. */
class ArchiveError extends Error {}

async function indexRemote(remote: RemoteFile, options: ShardOptions): Promise<ShardIndex> {
  const url = shownUrl(remote.url);
  const walked = async (content: AsyncIterable<Uint8Array>) => {
    const samples = collectSamples(url, options);
    return { samples, ended: await walkStream(content, walkTar(url, remote.bytes, samples.visit)) };
  };
  const { samples, ended } = await readWhole(remote, options.retries, walked, (error) => error instanceof ArchiveError);
  return samples.finish(ended);
}

/** Feeds a tar parser from a stream; bytes that it does not request are read and discarded. */
async function walkStream(content: AsyncIterable<Uint8Array>, walk: ReturnType<typeof walkTar>): Promise<boolean> {
  const stepped = <T>(step: () => T): T => {
    try {
      return step();
    } catch (error) {
      throw new ArchiveError((error as Error).message, { cause: error });
    }
  };
  let step = stepped(() => walk.next());
  let held: Uint8Array = new Uint8Array(0);
  let heldAt = 0;
  const next = content[Symbol.asyncIterator]();
  while (!step.done) {
    const { offset, length } = step.value;
    const parts: Uint8Array[] = [];
    let have = 0;
    while (have < length) {
      const skip = Math.min(held.length, Math.max(0, offset - heldAt));
      held = held.subarray(skip);
      heldAt += skip;
      if (held.length > 0) {
        const part = held.subarray(0, length - have);
        parts.push(part);
        have += part.length;
        held = held.subarray(part.length);
        heldAt += part.length;
        continue;
      }
      const piece = await next.next();
      if (piece.done) break;
      held = piece.value;
    }
    const bytes = Buffer.concat(parts);
    step = stepped(() => walk.next(bytes));
  }
  // The rest is read too, so that a connection that breaks in the padding is detected and the response is complete.
  for (let piece = await next.next(); !piece.done; piece = await next.next());
  return step.value;
}

/** Returns the path of a remote shard in the cache; downloads it if it is missing or has changed. */
async function cachedShard(remote: RemoteFile, { retries }: ShardOptions): Promise<string> {
  const key = createHash("sha256").update(remote.url).digest("hex");
  const folder = join(cacheFolder(), "shards", key);
  const path = join(folder, "shard.tar");
  const record = await readRecord(folder);
  const size = await stat(path).then(
    ({ size: bytes }) => bytes,
    () => -1,
  );
  if (record?.revision === remote.tag && size === remote.bytes) return path;
  const isDone = async () => (await readRecord(folder))?.revision === remote.tag;
  await fillFolder(folder, isDone, async (staging) => {
    const expected = { bytes: remote.bytes };
    const saved = await download(remote.url, join(staging, "shard.tar"), { expected, retries });
    await writeRecord(staging, { source: shownUrl(remote.url), revision: remote.tag, files: { "shard.tar": saved } });
  });
  return path;
}

const imageEndings = ["jpg", "jpeg", "png", "webp"];

/** Groups the members of an archive into samples: consecutive files with the same name up to the first dot. */
function collectSamples(where: string, { label: wanted }: ShardOptions) {
  const index = {
    keys: [] as string[],
    offsets: [] as number[],
    sizes: [] as number[],
    labels: [] as (number | string)[],
  };
  const seen = new Set<string>();
  const missing = { image: 0, label: 0, twice: 0 };
  const endings = new Set<string>();
  let key: string | undefined;
  let image: TarEntry | undefined;
  let found: { cls?: number | string; json?: number | string; txt?: number | string } = {};
  const flush = (): void => {
    if (key === undefined) return;
    const label = found.cls ?? found.json ?? found.txt;
    if (!image) missing.image++;
    else if (label === undefined) missing.label++;
    else if (seen.has(key)) missing.twice++;
    else {
      seen.add(key);
      index.keys.push(key);
      index.offsets.push(image.offset);
      index.sizes.push(image.size);
      index.labels.push(label);
    }
    image = undefined;
    found = {};
  };
  const visit = (entry: TarEntry): ((content: Uint8Array) => void) | undefined => {
    const base = entry.name.slice(entry.name.lastIndexOf("/") + 1);
    const dot = base.indexOf(".");
    if (!entry.isFile || dot <= 0) return undefined;
    const ending = base.slice(dot + 1).toLowerCase();
    const own = entry.name.slice(0, entry.name.length - base.length + dot);
    if (own !== key) flush();
    key = own;
    endings.add(ending);
    if (imageEndings.includes(ending)) image ??= entry;
    if (ending === "cls" && (wanted ?? "cls") === "cls") return (content) => (found.cls = textLabel(content));
    if (ending === "txt" && (wanted ?? "txt") === "txt") return (content) => (found.txt = textLabel(content));
    if (ending === "json" && wanted !== "cls" && wanted !== "txt") {
      return (content) => {
        const value = jsonLabel(where, entry.name, content, wanted ?? "label");
        if (value !== undefined) found.json = value;
      };
    }
    return undefined;
  };
  const finish = (ended: boolean): ShardIndex => {
    flush();
    key = undefined;
    if (index.keys.length === 0) {
      const list = [...endings].slice(0, 10).join(", ");
      throw new Error(
        `there is no sample with an image (${imageEndings.join(", ")}) and a label (${wanted ?? "cls, json with a label, txt"}) in ${where}; its files end in ${list === "" ? "nothing" : list}; set where labels are: webdataset:...?label=cls, txt, or a key of the JSON files`,
      );
    }
    const notes = [
      [missing.image, "without an image"],
      [missing.label, "without a label"],
      [missing.twice, "whose name stands in the shard before"],
    ].flatMap(([count, what]) => ((count as number) > 0 ? [`${count} sample(s) ${what} are excluded`] : []));
    if (!ended) notes.push("the archive does not end as one should; it may be cut off between two files");
    return { ...index, notes };
  };
  return { visit, finish };
}

/** Parses a class: an integer, else a name. */
function textLabel(content: Uint8Array): number | string {
  const text = Buffer.from(content).toString("utf8").trim();
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

function jsonLabel(where: string, name: string, content: Uint8Array, key: string): number | string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(content).toString("utf8"));
  } catch (error) {
    throw new Error(`${name} in ${where} is not JSON (${(error as Error).message})`, { cause: error });
  }
  const label =
    typeof value === "object" && value !== null && Object.hasOwn(value, key)
      ? (value as Record<string, unknown>)[key]
      : undefined;
  return typeof label === "number" || typeof label === "string" ? label : undefined;
}
