/** Reads the binary versions of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): one or two bytes of labels, then 32x32 red, green and blue. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { closable, closeOnError } from "../../files/closable.js";
import { entriesIfReadable, licenceFilesIn, naturalOrder, requirePath } from "../../files/paths.js";
import { gunzipped } from "../../files/unpack.js";
import { walkTarFile } from "../../formats/tar.js";
import { ExampleError, rawImage } from "../../images/index.js";
import { bySplit } from "../shards/shard-names.js";
import { splitOrder } from "../source/layout.js";
import { checkIndex, type ImageSet, type ImageSource, type SourceKind } from "../source/types.js";

/** Names of the published files. */
const fileName = /^(?:data_batch_\d+|test_batch|train|test)\.bin$/;
const side = 32;
const plane = side * side;

/** Name of the folder in the published archives. */
const innerFolder = /^cifar-10+-(?:batches-bin|binary)$/;

export const cifarKind: SourceKind = {
  summary: "CIFAR-10 or CIFAR-100, binary version: its .bin files, their folder, or the published .tar.gz",
  options: ["label", "classes"],
  recognises: (path) =>
    statSync(path).isDirectory() ? folderOf(path) !== undefined : /^cifar-10+-binary\.tar\.gz$/.test(basename(path)),
  read: async ({ path, spec, options }) => {
    requirePath(path);
    const files = /\.(tar\.gz|tgz)$/i.test(path) ? await filesOfArchive(path) : filesOnDisk(path);
    return readCifar(files, path, spec, options);
  },
};

/** A file of images, in a folder or in an archive. */
interface StoredFile {
  /** File name without folders. */
  readonly name: string;
  /** Prefix of its examples' ids. */
  readonly id: string;
  /** Path of the file or archive, and the offset of its contents there. */
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
}

interface Files {
  readonly images: readonly StoredFile[];
  readonly licenceFiles: readonly string[];
  /** Contents of a small file beside them; undefined if it does not exist. */
  text(name: string): string | undefined;
}

function filesOnDisk(path: string): Files {
  const isFile = statSync(path).isFile();
  const folder = isFile ? dirname(path) : folderOf(path);
  if (folder === undefined)
    throw new Error(`there are no CIFAR files in "${path}"; expected data_batch_1.bin or train.bin`);
  const names = isFile ? [basename(path)] : readdirSync(folder).filter((name) => fileName.test(name));
  return {
    images: names.sort(naturalOrder).map((name) => {
      const file = join(folder, name);
      return { name, id: file, path: file, offset: 0, bytes: statSync(file).size };
    }),
    licenceFiles: licenceFilesIn(folder),
    text: (name) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : undefined),
  };
}

/** Files of a published archive. They compress to two thirds, and are decompressed once into the cache. */
async function filesOfArchive(path: string): Promise<Files> {
  const tar = await gunzipped(path, 2 ** 30);
  const images: StoredFile[] = [];
  const texts = new Map<string, string>();
  walkTarFile(tar, path, ({ name, isFile, offset, size }) => {
    const own = basename(name);
    if (isFile && fileName.test(own)) images.push({ name: own, id: `${path}:${name}`, path: tar, offset, bytes: size });
    if (!isFile || !own.endsWith(".txt")) return undefined;
    return (content) => texts.set(own, Buffer.from(content).toString("utf8"));
  });
  if (images.length === 0)
    throw new Error(
      `there are no CIFAR files in "${path}"; expected data_batch_1.bin or train.bin of the binary version`,
    );
  return {
    images: images.sort((a, b) => naturalOrder(a.name, b.name)),
    licenceFiles: [],
    text: (name) => texts.get(name),
  };
}

const holds = (folder: string): boolean =>
  ["data_batch_1.bin", "test_batch.bin", "train.bin", "test.bin"].some((name) => existsSync(join(folder, name)));

function folderOf(path: string): string | undefined {
  if (holds(path)) return path;
  const inner = entriesIfReadable(path).find(({ name }) => innerFolder.test(name))?.name;
  return inner !== undefined && holds(join(path, inner)) ? join(path, inner) : undefined;
}

interface Version {
  /** Number of label bytes before the pixels, and the index of the one that is used. */
  readonly labelBytes: number;
  readonly labelAt: number;
  readonly classes: number;
  readonly namesFile: string;
}

async function readCifar(
  { images, licenceFiles, text }: Files,
  path: string,
  spec: string,
  options: Readonly<Record<string, string>>,
): Promise<ImageSet> {
  const hundred = images.some(({ name }) => /^(train|test)\.bin$/.test(name));
  const { label = "fine" } = options;
  if (!["fine", "coarse"].includes(label) || (label === "coarse" && !hundred))
    throw new Error(`"${spec}": unknown label "${label}"; expected fine or, for CIFAR-100, coarse`);
  const fine = label === "fine";
  const version: Version = hundred
    ? { labelBytes: 2, labelAt: fine ? 1 : 0, classes: fine ? 100 : 20, namesFile: `${label}_label_names.txt` }
    : { labelBytes: 1, labelAt: 0, classes: 10, namesFile: "batches.meta.txt" };
  const splits = bySplit(
    images.map(({ name }) => name),
    (name) => (name.startsWith("test") ? "test" : "train"),
  );
  const numbers = Array.from({ length: version.classes }, (_, i) => String(i));
  const classNames = options["classes"]?.split(",") ?? namesIn(text(version.namesFile)) ?? numbers;
  return {
    splits: [...splits.keys()].sort(splitOrder),
    problems: [],
    licenceFiles,
    open: (split) => {
      const names = splits.get(split)!;
      const files = images.filter(({ name }) => names.includes(name));
      return openSplit(path, spec, split, files, version, classNames);
    },
  };
}

/** Parses a list with one name on each line. */
function namesIn(text: string | undefined): readonly string[] | undefined {
  return text
    ?.split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

async function openSplit(
  name: string,
  spec: string,
  split: string,
  files: readonly StoredFile[],
  { labelBytes, labelAt }: Version,
  classNames: readonly string[],
): Promise<ImageSource> {
  const size = labelBytes + 3 * plane;
  const handles: FileHandle[] = [];
  const closeAll = async (): Promise<void> => {
    for (const handle of handles.splice(0)) await handle.close();
  };
  return await closeOnError({ close: closeAll }, async () => {
    const found: number[] = [];
    const starts: number[] = [];
    for (const file of files) {
      const handle = await open(file.path, "r");
      handles.push(handle);
      const { bytes } = file;
      if (bytes === 0 || bytes % size !== 0)
        throw new Error(
          `"${file.id}" has ${bytes} bytes; expected a multiple of the record size ${size}, so the file is truncated or of another kind`,
        );
      starts.push(found.length);
      await readLabels(handle, file, { size, labelAt, classes: classNames.length }, found);
    }
    const labels = Int32Array.from(found);
    const source = { name, length: labels.length };
    const find = (index: number): readonly [file: number, row: number] => {
      const f = starts.findLastIndex((start) => start <= index);
      return [f, index - starts[f]!];
    };
    const idOf = (index: number): string => {
      const [f, row] = find(index);
      return `${files[f]!.id}#${row}`;
    };
    return closable<ImageSource>({
      ...source,
      split,
      labels,
      classNames,
      recipe: { kind: "open", spec, split },
      idOf,
      get: async (index) => {
        checkIndex(source, index);
        const [f, row] = find(index);
        const handle = handles[f];
        if (!handle) throw new Error(`${name} is closed and cannot be read any more`);
        const planes = new Uint8Array(3 * plane);
        const { bytesRead } = await handle.read(planes, 0, planes.length, files[f]!.offset + row * size + labelBytes);
        if (bytesRead < planes.length) throw new ExampleError(idOf(index), "the file is shorter than it was");
        const pixels = new Uint8Array(3 * plane);
        for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) pixels[3 * i + c] = planes[c * plane + i]!;
        return { id: idOf(index), label: labels[index]!, image: rawImage(pixels, side, side, 3) };
      },
      close: closeAll,
    });
  });
}

/** Reads the labels of a file, a thousand records at a time. */
async function readLabels(
  handle: FileHandle,
  { id, offset, bytes }: StoredFile,
  { size, labelAt, classes }: { readonly size: number; readonly labelAt: number; readonly classes: number },
  into: number[],
): Promise<void> {
  const buffer = new Uint8Array(1000 * size);
  for (let at = 0; at < bytes; at += buffer.length) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, bytes - at), offset + at);
    if (bytesRead === 0) throw new Error(`"${id}" is truncated at byte ${at}; fetch it again`);
    for (let record = 0; record < bytesRead; record += size) {
      const label = buffer[record + labelAt]!;
      if (label >= classes)
        throw new Error(
          `"${id}", record ${(at + record) / size}: label ${label} is out of range for ${classes} classes; the file is damaged or not a CIFAR file of this kind`,
        );
      into.push(label);
    }
  }
}
