/** Opens files of tensors by their contents rather than their names, and several safetensors files as one. */
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { closable } from "../files/closable.js";
import { inFile, WeightsError } from "../formats/error.js";
import { NpzFile } from "../formats/npz.js";
import { SafetensorsFile } from "../formats/safetensors.js";
import type { StoredTensor, TensorEntry, TensorFile } from "../formats/stored.js";
import { readJson } from "./descriptions/metadata.js";

const magicBytes = 8;

/**
 * Opens a .safetensors or .npz file, recognised by its first bytes. Throws WeightsError for any other file, and the
 * system's error for a missing one.
 */
export async function openTensorFile(path: string): Promise<TensorFile> {
  const handle = await open(path, "r");
  const start = new Uint8Array(magicBytes);
  try {
    await handle.read(start, 0, magicBytes, 0);
  } finally {
    await handle.close();
  }
  const magic = Array.from(start, (byte) => String.fromCharCode(byte)).join("");
  if (magic.startsWith("PK")) return await NpzFile.open(path);
  const other = magic.startsWith("\x93NUMPY")
    ? "a single NumPy array; a network is several, in an .npz file"
    : magic.startsWith("\x89HDF")
      ? "an HDF5 file"
      : start[0] === 0x80 && start[1]! >= 2 && start[1]! <= 5
        ? "a Python pickle, which can run any program when it is read"
        : undefined;
  if (other) throw new WeightsError(`${path}: this is ${other}; expected a .safetensors or .npz file`);
  return await SafetensorsFile.open(path);
}

/** Joins a folder and a plain file name. Throws WeightsError for a name that leads out of the folder. */
export function insideFolder(folder: string, name: string): string {
  if (
    name === "" ||
    name !== basename(name) ||
    name === "." ||
    name === ".." ||
    name.includes("\\") ||
    name.includes("\0")
  ) {
    throw new WeightsError(`the file name ${JSON.stringify(name.slice(0, 200))} leads out of ${folder}`);
  }
  return join(folder, name);
}

/** The largest accepted number of files of one model. */
const maxShards = 1000;

/** The names of a model's files in a `*.safetensors.index.json`. Throws WeightsError. */
export async function shardNames(folder: string, indexName: string): Promise<string[]> {
  const index = await readJson(insideFolder(folder, indexName));
  const map = index?.["weight_map"];
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    throw new WeightsError(`${join(folder, indexName)}: expected a weight_map`);
  }
  const files = new Set<unknown>(Object.values(map));
  if (files.size === 0 || files.size > maxShards) {
    throw new WeightsError(`${join(folder, indexName)}: it lists ${files.size} files; expected 1 to ${maxShards}`);
  }
  return [...files].map((name) => {
    if (typeof name !== "string") throw new WeightsError(`${join(folder, indexName)}: a file name is not a string`);
    insideFolder(folder, name);
    return name;
  });
}

/** Opens the files of an index as one. Throws WeightsError, also when two of them contain the same name. */
export async function openShards(folder: string, indexName: string): Promise<TensorFile> {
  const files: TensorFile[] = [];
  const entries = new Map<string, TensorEntry>();
  const homes = new Map<string, TensorFile>();
  const metadata = new Map<string, string>();
  const close = async () => {
    for (const file of files) await file.close();
  };
  const path = join(folder, indexName);
  try {
    for (const name of await shardNames(folder, indexName)) {
      const file = await SafetensorsFile.open(insideFolder(folder, name));
      files.push(file);
      for (const [key, value] of file.metadata) metadata.set(key, value);
      for (const [key, entry] of file.entries) {
        const home = homes.get(key);
        if (home) throw new WeightsError(`both ${basename(home.path)} and ${name} hold "${key}"`);
        homes.set(key, file);
        entries.set(key, entry);
      }
    }
  } catch (error) {
    await close();
    throw inFile(path, error);
  }
  return closable<TensorFile>({
    path,
    format: "safetensors",
    entries,
    metadata,
    close,
    async read(name): Promise<StoredTensor> {
      const home = homes.get(name);
      if (!home) throw new WeightsError(`${path}: the file has no tensor "${name}"`);
      return await home.read(name);
    },
  });
}
