/** Where the files of a set may lie in a person's folder of data sets, and reading them in place: folders, tar and zip archives. */
import { existsSync, statSync } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { indexTar } from "../../../data/kinds/index.js";
import { type Closable, closable } from "../../../files/closable.js";
import { listFiles, naturalOrder } from "../../../files/paths.js";
import { gunzipped } from "../../../files/unpack.js";
import { openBytes } from "../../../formats/bytes.js";
import { readZipEntries, readZipEntry, type ZipLimits } from "../../../formats/zip.js";
import { SourceError } from "../protocol/task.js";

/** Files below one root, wherever they are stored. */
export interface StoredFiles extends Closable {
  /** The folder or archive. */
  readonly path: string;
  /** Names relative to the root with "/" between the parts, in natural order; hidden ones are left out. */
  readonly names: readonly string[];
  has(name: string): boolean;
  /** Throws when there is none of that name or it cannot be read. */
  read(name: string): Promise<Uint8Array>;
}

/** A gzip archive above this size would take minutes and twice the space to read: it is to be unpacked by hand. */
const maxGzip = 8 * 2 ** 30;

/** CLEVR's archive has 100,000 images in 18 GB; dSprites inflates to 115 times its size. */
export const zipLimits: ZipLimits = {
  maxEntries: 2_000_000,
  maxDirectoryBytes: 2 ** 28,
  maxRatio: 200,
  folders: true,
};

/** The folders that a set's files may lie in: those of its name in the folder of data sets, and that folder itself. */
export function placesOf(folder: string, names: readonly string[]): string[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new SourceError(`there is no folder "${folder}"; the folder that holds the data sets was expected`);
  return [...names.map((name) => join(folder, name)), folder].filter(
    (place) => existsSync(place) && statSync(place).isDirectory(),
  );
}

/** The first of these files that is in one of the places. */
export function findFile(places: readonly string[], names: readonly string[]): string | undefined {
  const paths = places.flatMap((place) => names.map((name) => join(place, name)));
  return paths.find((path) => existsSync(path) && statSync(path).isFile());
}

/** Files that are published together. */
export interface Tree {
  /** The folder of the published archive that the files lie in; "." where they lie directly in it. */
  readonly root: string;
  /** A file or folder in it, by which it is known. */
  readonly marker: string;
  /** What the published archives are called. */
  readonly archives: readonly string[];
}

/** Opens a tree where it is found first: unpacked (as a folder of its root's name, or directly in a place), else its archive. */
export async function findTree(
  places: readonly string[],
  { root, marker, archives }: Tree,
): Promise<StoredFiles | undefined> {
  const folders = places.flatMap((place) => [join(place, root), place]);
  const unpacked = folders.find((path) => existsSync(join(path, marker)));
  if (unpacked !== undefined) return await filesOfFolder(unpacked);
  const archive = findFile(places, archives);
  return archive === undefined ? undefined : await openArchive(archive, root);
}

/** What is made of a tree, whose files are closed when that fails; undefined where there is none. */
export async function withTree<T>(
  places: readonly string[],
  tree: Tree,
  use: (files: StoredFiles) => Promise<T>,
): Promise<T | undefined> {
  const files = await findTree(places, tree);
  if (!files) return undefined;
  try {
    return await use(files);
  } catch (error) {
    await files.close();
    throw error;
  }
}

async function filesOfFolder(path: string): Promise<StoredFiles> {
  const { files } = await listFiles(path);
  const known = new Set(files);
  return closable<StoredFiles>({
    path,
    names: files,
    has: (name) => known.has(name),
    read: (name) => readFile(join(path, name)),
    close: async () => {},
  });
}

/** Opens a .zip, a .tar, or a .tar.gz (decompressed once, into the cache). Only what lies below `root` is seen. */
export async function openArchive(path: string, root: string): Promise<StoredFiles> {
  try {
    return /\.zip$/i.test(path) ? await filesOfZip(path, root) : await filesOfTar(path, root);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError(`"${path}" cannot be read: ${(error as Error).message}. Fetch it again`, { cause: error });
  }
}

/** Names in an archive by what they are below its root; the root itself may lie in other folders. */
function belowRoot(path: string, root: string, names: Iterable<string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of names) {
    const at = root === "." ? 0 : `/${name}`.indexOf(`/${root}/`);
    if (at < 0) continue;
    const own = root === "." ? name : name.slice(at + root.length + 1);
    if (own !== "" && !own.split("/").some((part) => part.startsWith(".")) && !name.startsWith("__MACOSX/"))
      found.set(own, name);
  }
  if (found.size === 0) throw new SourceError(`"${path}" holds nothing in a folder "${root}". Fetch it again`);
  return new Map([...found].sort(([a], [b]) => naturalOrder(a, b)));
}

async function filesOfZip(path: string, root: string): Promise<StoredFiles> {
  const source = await openBytes(path);
  try {
    const entries = await readZipEntries(source, zipLimits);
    const names = belowRoot(path, root, entries.keys());
    return closable<StoredFiles>({
      path,
      names: [...names.keys()],
      has: (name) => names.has(name),
      read: (name) => readZipEntry(source, entries.get(known(path, names, name))!),
      close: () => source.close(),
    });
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function filesOfTar(path: string, root: string): Promise<StoredFiles> {
  // Several publishers call plain tar archives .tar.gz, so what the bytes say counts.
  const tar = (await isGzip(path)) ? await unpackedTar(path) : path;
  const { entries } = indexTar(tar);
  const names = belowRoot(path, root, entries.keys());
  const handle: FileHandle = await open(tar, "r");
  return closable<StoredFiles>({
    path,
    names: [...names.keys()],
    has: (name) => names.has(name),
    read: async (name) => {
      const { offset, size } = entries.get(known(path, names, name))!;
      const bytes = new Uint8Array(size);
      const { bytesRead } = await handle.read(bytes, 0, size, offset);
      if (bytesRead < size) throw new Error(`"${path}" ends within ${name} (${bytesRead} of ${size} bytes)`);
      return bytes;
    },
    close: () => handle.close(),
  });
}

async function unpackedTar(path: string): Promise<string> {
  const { size } = statSync(path);
  if (size > maxGzip) {
    throw new SourceError(
      `"${path}" (${Math.round(size / 2 ** 30)} GiB) is compressed and too large to read in place; unpack it beside itself: tar -xzf "${basename(path)}"`,
    );
  }
  return await gunzipped(path, 4 * maxGzip);
}

/** Whether a file begins as gzip does. */
export async function isGzip(path: string): Promise<boolean> {
  await using handle = await open(path, "r");
  const start = new Uint8Array(2);
  await handle.read(start, 0, 2, 0);
  return start[0] === 0x1f && start[1] === 0x8b;
}

function known(path: string, names: ReadonlyMap<string, string>, name: string): string {
  const stored = names.get(name);
  if (stored === undefined) throw new Error(`"${path}" holds no ${name}`);
  return stored;
}

/** The content of a file that may be compressed: itself, or decompressed once into the cache. */
export async function plainFile(path: string, most: number): Promise<string> {
  return (await isGzip(path)) ? await gunzipped(path, most) : path;
}
