/**
 * Indexes shards: the position and label of every example of a file. An index is built once by reading the file, and stored in the user's
 * cache folder, or beside the file as `NAME.index.json`.
 *
 * Both have the sha256 (hexadecimal) of the rest on the first line, then JSON. An index is valid for a file of the same size and the same
 * modification time or ETag (a sidecar: of the same size), and for the same options of its source.
 */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { writeFileAtomically } from "../../files/atomic.js";
import { cacheFolder } from "../../files/cache.js";
import { makeFolder } from "../../files/folder.js";

const whole = z.number().int().min(0);

const indexSchema = z.object({
  /** Names of the examples within the shard; without names they are numbered from 0. */
  keys: z.array(z.string()).optional(),
  /** Start and size in bytes of each example. */
  offsets: z.array(whole),
  sizes: z.array(whole),
  labels: z.array(z.union([z.number(), z.string()])),
  /** Messages about skipped examples. */
  notes: z.array(z.string()),
});

/** The examples of one shard. */
export type ShardIndex = Readonly<z.output<typeof indexSchema>>;

/** Identifies the file of an index. */
export interface IndexedFile {
  /** Absolute path or address. */
  readonly place: string;
  readonly bytes: number;
  /** Modification time or ETag. */
  readonly tag: string;
  /** The kind of dataset and the options that affect the index. */
  readonly reader: string;
}

const storedSchema = z.object({
  version: z.literal(1),
  bytes: whole,
  tag: z.string(),
  reader: z.string(),
  index: indexSchema,
});

/** Encodes an index for the cache or as a sidecar. */
export function encodeIndex({ bytes, tag, reader }: Omit<IndexedFile, "place">, index: ShardIndex): string {
  const body = JSON.stringify({ version: 1, bytes, tag, reader, index });
  return `${createHash("sha256").update(body).digest("hex")}\n${body}\n`;
}

/** Decodes an index if it is complete and belongs to this file; otherwise returns undefined. */
export function decodeIndex(text: string, file: IndexedFile, from: "cache" | "sidecar"): ShardIndex | undefined {
  const at = text.indexOf("\n");
  const body = text.slice(at + 1).trimEnd();
  if (at < 0 || createHash("sha256").update(body).digest("hex") !== text.slice(0, at)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const parsed = storedSchema.safeParse(value);
  if (!parsed.success) return undefined;
  const { bytes, tag, reader, index } = parsed.data;
  // A copied file keeps its sidecar but not its modification time.
  if (bytes !== file.bytes || reader !== file.reader || (from === "cache" && tag !== file.tag)) return undefined;
  const { keys, offsets, sizes, labels } = index;
  const lengths = [offsets.length, sizes.length, labels.length, keys?.length ?? offsets.length];
  if (new Set(lengths).size > 1 || offsets.some((offset, i) => offset + sizes[i]! > bytes)) return undefined;
  return index;
}

/** Returns the index of a file from the cache or the sidecar; otherwise builds it and stores it in the cache if possible. */
export async function indexOf(
  file: IndexedFile,
  sidecar: () => Promise<string | undefined>,
  make: () => Promise<ShardIndex>,
): Promise<ShardIndex> {
  const name = createHash("sha256")
    .update(JSON.stringify([file.place, file.reader]))
    .digest("hex");
  const folder = join(cacheFolder(), "indexes");
  const path = join(folder, `${name}.json`);
  const cached = await readFile(path, "utf8").catch(() => undefined);
  const known = cached === undefined ? undefined : decodeIndex(cached, file, "cache");
  if (known) return known;
  const beside = await sidecar();
  const given = beside === undefined ? undefined : decodeIndex(beside, file, "sidecar");
  const index = given ?? (await make());
  try {
    makeFolder(folder);
    await writeFileAtomically(path, [new TextEncoder().encode(encodeIndex(file, index))]);
  } catch {
    // Without a writable cache, the index is built again at every start.
  }
  return index;
}
