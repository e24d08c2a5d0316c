/**
 * Reads Small NORB (LeCun et al. 2004): 96 x 96 grey photographs of toys by two cameras, in the publisher's binary
 * matrix format.
 */
import { type FileHandle, open } from "node:fs/promises";
import type { ImageSource } from "../../../data/index.js";
import { closeOnError } from "../../../files/closable.js";
import { rawImage } from "../../../images/index.js";
import { type OriginFile, SourceError } from "../protocol/task.js";
import { findFile, plainFile } from "./places.js";
import type { PublishedRequest, VtabDefinition } from "./set.js";
import { orderedSource, type StoredSet } from "./stored.js";
import { plainLabel } from "./tfds.js";

const side = 96;
/** The number of cameras; the first is the left one, TFDS's "image". */
const cameras = 2;
const azimuths = 18;
const elevations = 9;

const stems: Readonly<Record<string, string>> = {
  train: "smallnorb-5x46789x9x18x6x2x96x96-training",
  test: "smallnorb-5x01235x9x18x6x2x96x96-testing",
};

const files: readonly OriginFile[] = (
  [
    ["train", "dat", 131896188, "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873"],
    ["train", "info", 71052, "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32"],
    ["test", "dat", 130799817, "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474"],
    ["test", "info", 10428, "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2"],
  ] as const
).map(([split, part, bytes, sha256]) => ({
  url: `https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/${stems[split]}-${part}.mat.gz`,
  bytes,
  sha256,
}));

/** The label of a photograph: its column in the info file, and the class of its value. Azimuths are stored doubled. */
const questions = {
  azimuth: {
    title: "sNORB-Azim",
    column: 2,
    classOf: (value: number) => value / 2,
    classNames: Array.from({ length: azimuths }, (_, i) => `${20 * i} degrees`),
  },
  elevation: {
    title: "sNORB-Elev",
    column: 1,
    classOf: (value: number) => value,
    classNames: Array.from({ length: elevations }, (_, i) => `${30 + 5 * i} degrees`),
  },
};

function smallnorb(question: keyof typeof questions): VtabDefinition {
  const { title, column, classOf, classNames } = questions[question];
  const feature = `label_${question}`;
  return {
    name: `smallnorb-${question}`,
    title,
    group: "structured",
    sizes: { train: 24300, validation: 12150, test: 12150 },
    classNames,
    folders: ["smallnorb", "norb-small"],
    cuts: { train: "train", validation: "test[:50%]", test: "test[50%:]" },
    tfds: { name: "smallnorb", version: "2.", label: plainLabel(feature) },
    parquet: { label: feature },
    published: (places, request) => published(places, request, column, classOf),
    origin: {
      files,
      instructions: "The files, compressed or not.",
      licence: "for research; no commercial use",
      order: "TFDS 2, from its records or derived for the published files from the MD5 of the photograph's number",
    },
  };
}

export const smallnorbAzimuth = smallnorb("azimuth");
export const smallnorbElevation = smallnorb("elevation");

async function published(
  places: readonly string[],
  { needed, classNames }: PublishedRequest,
  column: number,
  classOf: (value: number) => number,
): Promise<StoredSet | undefined> {
  const namesOf = (split: string, part: "dat" | "info"): string[] => {
    const name = `${stems[split]}-${part}.mat`;
    return [name, `${name}.gz`];
  };
  const first = findFile(
    places,
    needed.flatMap((split) => [...namesOf(split, "dat"), ...namesOf(split, "info")]),
  );
  if (first === undefined) return undefined;
  const fileOf = (split: string, part: "dat" | "info"): string => {
    const names = namesOf(split, part);
    const path = findFile(places, names);
    if (path === undefined) throw new SourceError(`${names[1]} must lie beside ${first}`);
    return path;
  };
  const splits = new Map<string, ImageSource>();
  await closeOnError(splits.values(), async () => {
    for (const split of needed) {
      const labels = await labelsOf(fileOf(split, "info"), column, classOf, classNames.length);
      splits.set(split, await photographs(fileOf(split, "dat"), split, labels, classNames));
    }
  });
  return { found: `the published files beside ${first}, in TFDS's order`, splits };
}

/** A matrix in a file whose numbers have not been read. */
interface StoredMatrix {
  readonly handle: FileHandle;
  readonly dimensions: readonly number[];
  readonly bytesEach: number;
  /** The byte offset of the first number. */
  readonly dataAt: number;
}

/**
 * Bytes per number by the magic number (the publisher's page): 0x1E3D4C55 for bytes, 0x1E3D4C54 for 32-bit integers.
 */
const magics: ReadonlyMap<number, number> = new Map([
  [0x1e3d4c55, 1],
  [0x1e3d4c54, 4],
]);
const maxDimensions = 8;
/** The largest accepted matrix, in bytes; the largest of the dataset has 448 MB when inflated. */
const maxMatrix = 2 ** 30;

/**
 * Reads the header of a matrix: the magic number, the number of dimensions and each dimension (at least three), all
 * little-endian. The numbers follow.
 */
async function openMatrix(path: string): Promise<StoredMatrix> {
  const handle = await open(await plainFile(path, maxMatrix), "r");
  return await closeOnError(handle, async () => {
    const { size } = await handle.stat();
    const header = new DataView(new ArrayBuffer(8 + 4 * maxDimensions));
    const { bytesRead } = await handle.read(header, 0, header.byteLength, 0);
    const bytesEach = magics.get(header.getUint32(0, true));
    const rank = header.getUint32(4, true);
    if (bytesRead < 20 || bytesEach === undefined || rank < 1 || rank > maxDimensions) {
      throw new SourceError(
        `"${path}" is not a NORB matrix: expected the magic number 0x1E3D4C55 (bytes) or 0x1E3D4C54 (32-bit integers); fetch it again`,
      );
    }
    const dimensions = Array.from({ length: rank }, (_, i) => header.getUint32(8 + 4 * i, true));
    const dataAt = 8 + 4 * Math.max(3, rank);
    const expected = dataAt + bytesEach * dimensions.reduce((product, length) => product * length, 1);
    if (size !== expected) {
      throw new SourceError(
        `"${path}" is cut off or damaged: ${dimensions.join(" x ")} numbers take ${expected} bytes, it has ${size}; fetch it again`,
      );
    }
    return { handle, dimensions, bytesEach, dataAt };
  });
}

async function labelsOf(
  path: string,
  column: number,
  classOf: (value: number) => number,
  classes: number,
): Promise<number[]> {
  const { handle, dimensions, bytesEach, dataAt } = await openMatrix(path);
  try {
    const [count = 0, columns] = dimensions;
    if (dimensions.length !== 2 || columns !== 4 || bytesEach !== 4)
      throw new SourceError(`"${path}" has a matrix of shape ${dimensions.join(" x ")}; expected N x 4 integers`);
    const bytes = new DataView(new ArrayBuffer(count * 16));
    await handle.read(bytes, 0, bytes.byteLength, dataAt);
    return Array.from({ length: count }, (_, i) => {
      const label = classOf(bytes.getInt32(16 * i + 4 * column, true));
      if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
        throw new SourceError(
          `"${path}", row ${i}: unknown label ${label}; expected one of ${classes} classes; fetch it again`,
        );
      }
      return label;
    });
  } finally {
    await handle.close();
  }
}

async function photographs(
  path: string,
  split: string,
  labels: readonly number[],
  classNames: readonly string[],
): Promise<ImageSource> {
  const { handle, dimensions, bytesEach, dataAt } = await openMatrix(path);
  const [count, ...shape] = dimensions;
  if (bytesEach !== 1 || shape.join() !== [cameras, side, side].join() || count !== labels.length) {
    await handle.close();
    throw new SourceError(
      `"${path}" has a matrix of shape ${dimensions.join(" x ")} and ${labels.length} labels; expected N x 2 x 96 x 96 bytes and N labels`,
    );
  }
  return orderedSource(path, split, classNames, {
    labels,
    keyOf: (index) => index,
    idOf: (index) => `${path}#${index}`,
    read: async (index) => {
      const data = new Uint8Array(side * side);
      const { bytesRead } = await handle.read(data, 0, data.length, dataAt + index * cameras * side * side);
      if (bytesRead < data.length) throw new Error("the file was truncated while it was open; fetch it again");
      return rawImage(data, side, side, 1);
    },
    close: () => handle.close(),
  });
}
