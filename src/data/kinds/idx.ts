/** Reads IDX files, the format of MNIST and Fashion-MNIST: raw pixels and labels in one file each, optionally gzip-compressed. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { constants, gunzip, gunzipSync, type ZlibOptions } from "node:zlib";
import { closable } from "../../files/closable.js";
import { entriesIfReadable, licenceFilesIn, requirePath } from "../../files/paths.js";
import { rawImage } from "../../images/index.js";
import { classNamesBeside } from "../source/class-names.js";
import { splitOrder } from "../source/layout.js";
import { checkIndex, type ImageSet, type ImageSource, type SourceKind } from "../source/types.js";

/** `train-images-idx3-ubyte.gz`, `t10k-images.idx3-ubyte`, and the four-dimensional form with channels. */
const imagesName = /^(.*?)[-_.]?images[-.]idx[34]-ubyte(\.gz)?$/i;

export const idxKind: SourceKind = {
  summary: "IDX files as of MNIST (train-images-idx3-ubyte[.gz] and its labels), or a folder of them",
  options: ["classes"],
  recognises: (path) =>
    statSync(path).isDirectory()
      ? entriesIfReadable(path).some(({ name }) => imagesName.test(name))
      : imagesName.test(basename(path)),
  read: async ({ path, spec, options }) => {
    requirePath(path);
    return readIdx(path, spec, options["classes"]?.split(","));
  },
};

async function readIdx(path: string, spec: string, givenNames?: readonly string[]): Promise<ImageSet> {
  const isFolder = statSync(path).isDirectory();
  const folder = isFolder ? path : dirname(path);
  const names = isFolder ? readdirSync(path).filter((name) => imagesName.test(name)) : [basename(path)];
  const files = new Map<string, string>();
  for (const name of names.sort()) {
    const prefix = imagesName.exec(name)?.[1] ?? "";
    // MNIST calls its test set "t10k". If a file exists both plain and compressed, the plain one (first in order) is read.
    const split = prefix === "t10k" ? "test" : prefix === "" ? "all" : prefix;
    if (!files.has(split)) files.set(split, join(folder, name));
  }
  if (files.size === 0)
    throw new Error(`there are no IDX image files in "${path}"; expected names such as train-images-idx3-ubyte.gz`);
  return {
    splits: [...files.keys()].sort(splitOrder),
    problems: [],
    licenceFiles: licenceFilesIn(folder),
    open: async (split) => openSplit(files.get(split)!, path, spec, split, givenNames ?? classNamesBeside(folder)),
  };
}

async function openSplit(
  imagesPath: string,
  name: string,
  spec: string,
  split: string,
  givenNames: readonly string[] | undefined,
): ReturnType<ImageSet["open"]> {
  const labels = Int32Array.from(parseIdx(labelsPath(imagesPath), unpack(labelsPath(imagesPath)), 1).data);
  const most = labels.reduce((a, b) => Math.max(a, b), 0);
  const classNames = givenNames ?? Array.from({ length: most + 1 }, (_, i) => String(i));
  if (classNames.length <= most)
    throw new Error(
      `"${imagesPath}" has labels up to ${most} but only ${classNames.length} class names; expected ${most + 1} or more`,
    );
  const source = { name, length: labels.length };
  // Pixels are read at first use, so that reading only the labels is fast.
  let pixels: Promise<{ data: Uint8Array; sizes: readonly number[] }> | undefined;
  let closed = false;
  const load = async (): Promise<{ data: Uint8Array; sizes: readonly number[] }> => {
    const bytes = await readFile(imagesPath);
    const images = parseIdx(imagesPath, imagesPath.endsWith(".gz") ? await unpackLarge(imagesPath, bytes) : bytes);
    if (images.sizes[0] !== labels.length) {
      throw new Error(`"${imagesPath}" has ${images.sizes[0]} images, but its labels file has ${labels.length} labels`);
    }
    return images;
  };
  return closable<ImageSource>({
    ...source,
    split,
    labels,
    classNames,
    recipe: { kind: "open", spec, split },
    idOf: (index) => `${imagesPath}#${index}`,
    get: async (index) => {
      checkIndex(source, index);
      if (closed) throw new Error(`${name} is closed and cannot be read any more`);
      pixels ??= load();
      const { data, sizes } = await pixels;
      const [, height, width, channels = 1] = sizes as [number, number, number, number?];
      const size = height * width * channels;
      const image = rawImage(data.subarray(index * size, (index + 1) * size), height, width, channels);
      return { id: `${imagesPath}#${index}`, label: labels[index]!, image };
    },
    close: async () => {
      closed = true;
      pixels = undefined;
    },
  });
}

function labelsPath(imagesPath: string): string {
  const folder = dirname(imagesPath);
  const plain = basename(imagesPath)
    .replace(/images/i, "labels")
    .replace(/idx[34]/i, "idx1")
    .replace(/\.gz$/i, "");
  const found = [plain, `${plain}.gz`].map((name) => join(folder, name)).find((path) => existsSync(path));
  if (!found) throw new Error(`the labels of "${imagesPath}" are missing; expected ${plain} or ${plain}.gz beside it`);
  return found;
}

/** Limits of decompressed size: this many bytes, or `growth` times the file size, whichever is larger. MNIST's images grow 5 times. */
const freeBytes = 64 * 2 ** 20;
const growth = 64;
/** Size of the longest header, that of four dimensions. */
const headerBytes = 20;

const notGzip = (path: string, cause: unknown): Error =>
  new Error(`"${path}" is not a complete gzip file; fetch it again`, { cause });

/** Decompressed size of a gzip file according to its IDX header. Throws an Error if the header claims too many bytes. */
function contentBytes(path: string, bytes: Uint8Array, dimensions: number | undefined): number {
  let start: Uint8Array;
  try {
    // Decompressing the first kilobyte gives at most a megabyte.
    start = gunzipSync(bytes.subarray(0, 1024), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    throw notGzip(path, error);
  }
  // A shorter file fails later, when all of it is read.
  if (start.length < headerBytes) return freeBytes;
  const { sizes, offset } = readHeader(path, start.subarray(0, headerBytes), dimensions);
  const content = offset + sizes.reduce((a, b) => a * b, 1);
  if (content > Math.max(freeBytes, growth * bytes.length)) {
    throw new Error(
      `"${path}" claims ${content} bytes (${sizes.join(" x ")}) in a gzip file of ${bytes.length}, more than expected of images; decompress it first if this is right`,
    );
  }
  return content;
}

function unpack(path: string): Uint8Array {
  const bytes = readFileSync(path);
  if (!path.endsWith(".gz")) return bytes;
  const most = contentBytes(path, bytes, 1);
  try {
    return gunzipSync(bytes, { maxOutputLength: most + 1 });
  } catch (error) {
    throw notGzip(path, error);
  }
}

async function unpackLarge(path: string, bytes: Uint8Array): Promise<Uint8Array> {
  const most = contentBytes(path, bytes, undefined);
  try {
    return await promisify<Uint8Array, ZlibOptions, Uint8Array>(gunzip)(bytes, { maxOutputLength: most + 1 });
  } catch (error) {
    throw notGzip(path, error);
  }
}

/**
 * Parses an IDX file of unsigned bytes: two zero bytes, the type 0x08, the number of dimensions, each size as a big-endian 32-bit number,
 * then the values.
 *
 * @throws for another header, or if the number of values does not match the sizes.
 */
export function parseIdx(
  path: string,
  bytes: Uint8Array,
  dimensions?: number,
): { data: Uint8Array; sizes: readonly number[] } {
  const { sizes, offset } = readHeader(path, bytes, dimensions);
  const data = bytes.subarray(offset);
  const expected = sizes.reduce((a, b) => a * b, 1);
  if (data.length !== expected)
    throw new Error(
      `"${path}" has ${data.length} values; expected ${expected} (${sizes.join(" x ")}), so it is truncated or damaged`,
    );
  return { data, sizes };
}

/** Sizes in a header, and the offset of the values. Throws an Error for another header or a truncated one. */
function readHeader(
  path: string,
  bytes: Uint8Array,
  dimensions: number | undefined,
): { sizes: readonly number[]; offset: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes[3] ?? 0;
  const right =
    bytes.length >= 4 &&
    view.getUint16(0) === 0 &&
    bytes[2] === 0x08 &&
    (dimensions === undefined ? count === 3 || count === 4 : count === dimensions);
  if (!right)
    throw new Error(
      `"${path}" is not an IDX file; expected unsigned bytes with ${dimensions ?? "3 or 4"} dimension(s)`,
    );
  const offset = 4 + 4 * count;
  if (bytes.length < offset)
    throw new Error(`"${path}" is truncated: its header has ${bytes.length} of ${offset} bytes`);
  return { sizes: Array.from({ length: count }, (_, i) => view.getUint32(4 + 4 * i)), offset };
}
