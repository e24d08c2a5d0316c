/** Reads and writes .npz files: zip archives with one NumPy array for each tensor. */
import { writeFileAtomically } from "../files/atomic.js";
import { type ByteSource, bytesInMemory, openBytes } from "./bytes.js";
import { inFile, WeightsError } from "./error.js";
import {
  encodeNpyHeader,
  fromFortranOrder,
  type NpyHeader,
  npyHeaderLength,
  npyPrefixBytes,
  parseNpyHeader,
  swapBytes,
} from "./npy.js";
import { bytesOf, numbersIn, type StoredTensor, type TensorEntry, type TensorFile, tensorBytes } from "./stored.js";
import { readZipEntries, readZipEntry, readZipStart, type ZipEntry } from "./zip.js";
import { zipChunks } from "./zip-writer.js";

interface Member extends NpyHeader {
  readonly entry: ZipEntry;
}

/** Sufficient for most headers; a longer one needs a second read. */
const typicalHeaderBytes = 256;
const suffix = ".npy";

async function readMember(source: ByteSource, entry: ZipEntry): Promise<Member> {
  try {
    if (entry.bytes < npyPrefixBytes) throw new WeightsError(`its ${entry.bytes} bytes are too few for an array`);
    let start = await readZipStart(source, entry, typicalHeaderBytes);
    const length = npyHeaderLength(start);
    if (length > start.byteLength) start = await readZipStart(source, entry, length);
    return { ...parseNpyHeader(start, entry.bytes), entry };
  } catch (error) {
    throw inFile(`array "${entry.name}"`, error);
  }
}

/** An open .npz file, whose directory and headers are checked and whose arrays are read one by one. The caller must close it. */
export class NpzFile implements TensorFile {
  readonly format = "npz";
  readonly metadata: ReadonlyMap<string, string> = new Map();

  private constructor(
    readonly path: string,
    private readonly source: ByteSource,
    private readonly members: ReadonlyMap<string, Member>,
  ) {}

  get entries(): ReadonlyMap<string, TensorEntry> {
    return this.members;
  }

  /** Opens a file and checks it. Throws WeightsError with the file and the problem, or the system's error. */
  static async open(path: string): Promise<NpzFile> {
    return await NpzFile.from(await openBytes(path), path);
  }

  /** Checks bytes in memory or an open file, which is closed on failure. Throws WeightsError. */
  static async from(source: ByteSource, path: string): Promise<NpzFile> {
    try {
      const members = new Map<string, Member>();
      for (const entry of (await readZipEntries(source)).values()) {
        if (!entry.name.endsWith(suffix))
          throw new WeightsError(`it holds "${entry.name}", which is not an array (.npy)`);
        members.set(entry.name.slice(0, -suffix.length), await readMember(source, entry));
      }
      return new NpzFile(path, source, members);
    } catch (error) {
      await source.close();
      throw inFile(path, error);
    }
  }

  /** Reads one array, row-major whatever its order in the file. Throws WeightsError if it does not exist or is damaged. */
  async read(name: string): Promise<StoredTensor> {
    const member = this.members.get(name);
    if (!member) throw new WeightsError(`${this.path}: no array "${name}"`);
    const { dtype, shape, fortranOrder, bigEndian, headerBytes, entry } = member;
    try {
      const bytes = await readZipEntry(this.source, entry, headerBytes);
      if (bigEndian) swapBytes(bytes, bytesOf(dtype));
      const data = numbersIn(dtype, bytes.buffer);
      return { dtype, shape, data: fortranOrder ? fromFortranOrder(data, shape) : data };
    } catch (error) {
      throw inFile(this.path, error);
    }
  }

  async close(): Promise<void> {
    await this.source.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function readAll(given: NpzFile): Promise<Map<string, StoredTensor>> {
  await using file = given;
  const tensors = new Map<string, StoredTensor>();
  for (const name of file.entries.keys()) tensors.set(name, await file.read(name));
  return tensors;
}

/** Reads all arrays of a file. Throws the same errors as `NpzFile.open`. */
export async function readNpz(path: string): Promise<Map<string, StoredTensor>> {
  return await readAll(await NpzFile.open(path));
}

/** Reads all arrays of a file in memory. Throws WeightsError. */
export async function decodeNpz(bytes: Uint8Array): Promise<Map<string, StoredTensor>> {
  return await readAll(await NpzFile.from(bytesInMemory(bytes), "npz"));
}

/**
 * Encodes a .npz file as consecutive parts. Arrays are stored and not deflated: float32 weights would shrink by a tenth at most, and stored
 * arrays can be memory-mapped. bfloat16 is written as two bytes of void, as in JAX. Throws WeightsError if a tensor's data does not match its
 * shape.
 */
export function encodeNpz(tensors: ReadonlyMap<string, StoredTensor>, options: { zip64?: boolean } = {}): Uint8Array[] {
  const files = [...tensors].map(([name, tensor]) => {
    const count = tensor.shape.reduce((product, side) => product * side, 1);
    if (tensor.data.byteLength !== count * bytesOf(tensor.dtype)) {
      throw new WeightsError(
        `array "${name}": ${tensor.dtype} of shape [${tensor.shape.join(", ")}] takes ${count * bytesOf(tensor.dtype)} bytes, its data has ${tensor.data.byteLength}`,
      );
    }
    return { name: `${name}${suffix}`, chunks: [encodeNpyHeader(tensor.dtype, tensor.shape), tensorBytes(tensor)] };
  });
  return zipChunks(files, options.zip64 ?? false);
}

/** Writes arrays to a .npz file atomically (see `writeFileAtomically`). */
export async function writeNpz(path: string, tensors: ReadonlyMap<string, StoredTensor>): Promise<void> {
  await writeFileAtomically(path, encodeNpz(tensors));
}
