/** Reads the two published files of dSprites, HDF5 and npz, through one interface. */
import { type Closable, closable, closeOnError } from "../../../files/closable.js";
import { openBytes } from "../../../formats/bytes.js";
import { type Hdf5File, openHdf5 } from "../../../formats/hdf5.js";
import { type NpyHeader, npyHeaderLength, parseNpyHeader } from "../../../formats/npy.js";
import { readZipEntries, readZipEntry, readZipStart, type ZipEntry, zipEntryChunks } from "../../../formats/zip.js";
import { SourceError } from "../protocol/task.js";
import { zipLimits } from "./places.js";

/** The images and latents of a file. */
export interface DspritesFile extends Closable {
  readonly count: number;
  /** The latents as integers, six per image: colour, shape, scale, orientation, x, y. */
  readonly classes: ArrayLike<number | bigint>;
  /** Yields the pixels of all images, one byte each, in chunks of any length. */
  pixels(): AsyncIterable<Uint8Array>;
}

export const latents = 6;
const side = 64;
export const pixelsEach = side * side;

/** Opens either of the two files. Throws SourceError for a file with other contents. */
export async function openDsprites(path: string): Promise<DspritesFile> {
  try {
    return path.endsWith(".npz") ? await openNpz(path) : await openHdf5File(path);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError(`"${path}" cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function checkShapes(path: string, images: readonly number[], classes: readonly number[]): number {
  const [count = 0, ...rest] = images;
  if (rest.join() !== [side, side].join() || classes.join() !== [count, latents].join()) {
    throw new SourceError(
      `"${path}" has images of shape ${images.join(" x ")} and latents of shape ${classes.join(" x ")}; expected N x 64 x 64 and N x 6; fetch it again`,
    );
  }
  return count;
}

/** Images that are read from HDF5 per batch (64 MB). */
const batch = 16384;

async function openHdf5File(path: string): Promise<DspritesFile> {
  const file: Hdf5File = await openHdf5(path);
  return await closeOnError(file, async () => {
    const images = file.array("imgs");
    const classes = file.array("latents/classes");
    const count = checkShapes(path, images.shape, classes.shape);
    return closable<DspritesFile>({
      count,
      classes: classes.read(0, count),
      async *pixels() {
        for (let at = 0; at < count; at += batch)
          yield Uint8Array.from(images.read(at, Math.min(count, at + batch)) as Uint8Array);
      },
      close: async () => file.close(),
    });
  });
}

async function openNpz(path: string): Promise<DspritesFile> {
  const source = await openBytes(path);
  return await closeOnError(source, async () => {
    const entries = await readZipEntries(source, zipLimits);
    const member = async (name: string): Promise<NpyHeader & { entry: ZipEntry }> => {
      const entry = entries.get(`${name}.npy`);
      if (!entry) throw new SourceError(`"${path}" has no array ${name}; it has ${[...entries.keys()].join(", ")}`);
      const start = await readZipStart(source, entry, 256);
      const whole = npyHeaderLength(start);
      return {
        ...parseNpyHeader(whole > start.length ? await readZipStart(source, entry, whole) : start, entry.bytes),
        entry,
      };
    };
    const images = await member("imgs");
    const classes = await member("latents_classes");
    const count = checkShapes(path, images.shape, classes.shape);
    if (
      images.dtype !== "uint8" ||
      classes.dtype !== "int64" ||
      images.fortranOrder ||
      classes.fortranOrder ||
      classes.bigEndian
    )
      throw new SourceError(`"${path}" has arrays of other number types than the published file; fetch it again`);
    return closable<DspritesFile>({
      count,
      classes: new BigInt64Array((await readZipEntry(source, classes.entry, classes.headerBytes)).buffer),
      async *pixels() {
        let skipped = images.headerBytes;
        for await (const chunk of zipEntryChunks(source, images.entry)) {
          const rest = chunk.subarray(Math.min(skipped, chunk.length));
          skipped -= chunk.length - rest.length;
          if (rest.length > 0) yield rest;
        }
      },
      close: () => source.close(),
    });
  });
}
