/**
 * Finds the files of a dataset in the user's folder of datasets and reads them in place: folders, tar and zip archives.
 */
import { existsSync, statSync } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { indexTar } from "../../../data/kinds/index.js";
import { type Closable, closable, closeOnError } from "../../../files/closable.js";
import { listFiles, naturalOrder } from "../../../files/paths.js";
import { gunzipped } from "../../../files/unpack.js";
import { openBytes } from "../../../formats/bytes.js";
import { readZipEntries, readZipEntry, type ZipLimits } from "../../../formats/zip.js";
import { SourceError } from "../protocol/task.js";

/** Files below one root, in a folder or in an archive. */
export interface StoredFiles extends Closable {
  /** The folder or archive. */
  readonly path: string;
  /** Names relative to the root with "/" between the parts, in natural order, without hidden files. */
  readonly names: readonly string[];
  has(name: string): boolean;
  /** Throws when the file does not exist or cannot be read. */
  read(name: string): Promise<Uint8Array>;
}

/**
 * The largest gzip archive that is read in place, in bytes. A larger one takes minutes and twice the space; the user
 * must unpack it.
 */
const maxGzip = 8 * 2 ** 30;

/** CLEVR's archive has 100,000 images in 18 GB; dSprites inflates to 115 times its size. */
export const zipLimits: ZipLimits = {
  maxEntries: 2_000_000,
  maxDirectoryBytes: 2 ** 28,
  maxRatio: 200,
  folders: true,
};

/**
 * The existing folders in which a dataset's files may lie: subfolders with one of its names, then the folder of
 * datasets itself. Throws SourceError when that folder does not exist.
 */
export function placesOf(folder: string, names: readonly string[]): string[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new SourceError(`there is no folder "${folder}"; expected the folder that holds the datasets`);
  return [...names.map((name) => join(folder, name)), folder].filter(
    (place) => existsSync(place) && statSync(place).isDirectory(),
  );
}

/** The path of the first of these files that exists in one of the places. */
export function findFile(places: readonly string[], names: readonly string[]): string | undefined {
  const paths = places.flatMap((place) => names.map((name) => join(place, name)));
  return paths.find((path) => existsSync(path) && statSync(path).isFile());
}

/** Files that are published together. */
export interface Tree {
  /** The folder of the published archive that holds the files; "." if they are at its top level. */
  readonly root: string;
  /** A file or folder below the root by which the tree is recognised. */
  readonly marker: string;
  /** The file names of the published archives. */
  readonly archives: readonly string[];
}

/**
 * Opens the first tree found: unpacked (in a folder with the root's name, or directly in a place), otherwise its
 * archive.
 */
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

/**
 * Opens a tree and passes it to `use`; closes its files when `use` throws. Returns undefined if there is no such tree.
 */
export async function withTree<T>(
  places: readonly string[],
  tree: Tree,
  use: (files: StoredFiles) => Promise<T>,
): Promise<T | undefined> {
  const files = await findTree(places, tree);
  if (!files) return undefined;
  return await closeOnError(files, async () => {
    return await use(files);
  });
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

/** Opens a .zip, a .tar, or a .tar.gz (decompressed once, into the cache). Only files below `root` are listed. */
export async function openArchive(path: string, root: string): Promise<StoredFiles> {
  try {
    return /\.zip$/i.test(path) ? await filesOfZip(path, root) : await filesOfTar(path, root);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError(`"${path}" cannot be read: ${(error as Error).message}; fetch it again`, { cause: error });
  }
}

/** Maps names relative to the root to names in the archive. The root itself may lie in other folders. */
function belowRoot(path: string, root: string, names: Iterable<string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of names) {
    const at = root === "." ? 0 : `/${name}`.indexOf(`/${root}/`);
    if (at < 0) continue;
    const own = root === "." ? name : name.slice(at + root.length + 1);
    if (own !== "" && !own.split("/").some((part) => part.startsWith(".")) && !name.startsWith("__MACOSX/"))
      found.set(own, name);
  }
  if (found.size === 0) throw new SourceError(`"${path}" has no files in a folder "${root}"; fetch it again`);
  return new Map([...found].sort(([a], [b]) => naturalOrder(a, b)));
}

async function filesOfZip(path: string, root: string): Promise<StoredFiles> {
  const source = await openBytes(path);
  return await closeOnError(source, async () => {
    const entries = await readZipEntries(source, zipLimits);
    const names = belowRoot(path, root, entries.keys());
    return closable<StoredFiles>({
      path,
      names: [...names.keys()],
      has: (name) => names.has(name),
      read: (name) => readZipEntry(source, entries.get(known(path, names, name))!),
      close: () => source.close(),
    });
  });
}

async function filesOfTar(path: string, root: string): Promise<StoredFiles> {
  // Several publishers name uncompressed tar archives .tar.gz, so the contents decide.
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
      `"${path}" (${Math.round(size / 2 ** 30)} GiB) is compressed and too large to read in place; unpack it into its folder: tar -xzf "${basename(path)}"`,
    );
  }
  return await gunzipped(path, 4 * maxGzip);
}

/** Whether a file begins with gzip's magic number. */
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

/** The path of a file's decompressed content: the file itself, or a copy that is decompressed once into the cache. */
export async function plainFile(path: string, most: number): Promise<string> {
  return (await isGzip(path)) ? await gunzipped(path, most) : path;
}
