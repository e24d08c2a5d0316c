/** Reads one Parquet file of images: checks its schema, keeps its labels in memory, and reads images by row group. */
import { open } from "node:fs/promises";
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import * as z from "zod";
import { type Closable, closable, closeOnError } from "../../files/closable.js";
import { checkColumn, checkRows, compressors } from "../../formats/parquet-pages.js";

/** Columns chosen by the caller. Default: found by their common names. */
export interface ColumnChoice {
  readonly image?: string | undefined;
  readonly label?: string | undefined;
}

/** The image of one row; it may be missing. */
export interface ImageCell {
  readonly bytes?: Uint8Array;
}

/** An open shard. */
export interface Shard extends Closable {
  readonly rows: number;
  /** First row of every row group. */
  readonly groupStarts: readonly number[];
  /** Size of every row group's image column in memory, in bytes. */
  readonly groupBytes: readonly number[];
  readonly labels: readonly (number | string)[];
  /** From Hugging Face's metadata, if present. */
  readonly classNames?: readonly string[];
  readGroup(group: number): Promise<readonly ImageCell[]>;
}

const imageColumns = ["image", "img", "picture", "photo"];
const labelColumns = ["label", "labels", "class", "target", "fine_label", "cls"];

const featuresSchema = z.object({
  info: z.object({
    features: z.record(
      z.string(),
      z.looseObject({ _type: z.string().optional(), names: z.array(z.string()).optional() }),
    ),
  }),
});

/**
 * Opens a shard and reads its labels.
 *
 * @throws if it is not a Parquet file, has no image or label column (the message lists its columns), or has an unsupported compression;
 *   and the errors of `checkColumn`.
 */
export async function openShard(path: string, choice: ColumnChoice): Promise<Shard> {
  const handle = await open(path, "r");
  return await closeOnError(handle, async () => {
    const file: AsyncBuffer = {
      byteLength: (await handle.stat()).size,
      slice: async (start, end = file.byteLength) => {
        const bytes = new Uint8Array(end - start);
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
        if (bytesRead < bytes.length)
          throw new Error(`"${path}" is truncated at byte ${start + bytesRead}; fetch it again`);
        return bytes.buffer;
      },
    };
    const metadata = await readMetadata(path, file);
    checkRows(path, file, metadata);
    const features = readFeatures(metadata);
    const columns = topColumns(metadata);
    const image = pick(path, "image", choice.image, columns, [...byType(features, "Image"), ...imageColumns]);
    const label = pick(path, "label", choice.label, columns, [...byType(features, "ClassLabel"), ...labelColumns]);
    // utf8: false, because hyparquet otherwise decodes the image bytes as text and destroys them.
    const read = (column: string, rowStart: number, rowEnd: number) =>
      readable(path, file, (file) =>
        parquetReadObjects({ file, metadata, columns: [column], rowStart, rowEnd, utf8: false, compressors }),
      );
    const sizes = metadata.row_groups.map((group) => Number(group.num_rows));
    const groupStarts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
    const rows = Number(metadata.num_rows);
    for (const group of metadata.row_groups) await checkColumn(path, file, group, label);
    const labels = (await read(label, 0, rows)).map((row, i) => labelOf(path, label, i, row[label]));
    const classNames = features?.[label]?.names;
    return closable<Shard>({
      rows,
      groupStarts,
      groupBytes: metadata.row_groups.map((group) => imageBytes(group, image)),
      labels,
      classNames,
      readGroup: async (g) => {
        const start = groupStarts[g] ?? 0;
        const group = metadata.row_groups[g];
        if (group) await checkColumn(path, file, group, image);
        const found = await read(image, start, start + (sizes[g] ?? 0));
        return found.map((row) => cellOf(row[image]));
      },
      close: () => handle.close(),
    });
  });
}

/**
 * Returns the result of `read` on a file. hyparquet throws any kind of error for a damaged file. When one column fails, the reads of other
 * columns may fail later without a handler, which would end the process. After a failure, their file reads therefore never resolve.
 */
async function readable<T>(path: string, file: AsyncBuffer, read: (file: AsyncBuffer) => Promise<T>): Promise<T> {
  let failed = false;
  const slice = async (start: number, end?: number): Promise<ArrayBuffer> => {
    const bytes = await file.slice(start, end);
    return failed ? new Promise(() => {}) : bytes;
  };
  try {
    return await read({ byteLength: file.byteLength, slice });
  } catch (error) {
    failed = true;
    throw new Error(`"${path}" is damaged or truncated (${error instanceof Error ? error.message : error})`, {
      cause: error,
    });
  }
}

async function readMetadata(path: string, file: AsyncBuffer): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(file);
  } catch (error) {
    throw new Error(
      `"${path}" is not a Parquet file, or is truncated (${error instanceof Error ? error.message : error})`,
      { cause: error },
    );
  }
}

type Features = z.infer<typeof featuresSchema>["info"]["features"];

function readFeatures(metadata: FileMetaData): Features | undefined {
  const text = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  if (!text) return undefined;
  try {
    return featuresSchema.parse(JSON.parse(text)).info.features;
  } catch {
    // Other writers store other metadata; the column names suffice.
    return undefined;
  }
}

function byType(features: Features | undefined, type: string): string[] {
  return Object.entries(features ?? {}).flatMap(([name, feature]) => (feature._type === type ? [name] : []));
}

/** Names of the top-level columns in order; the schema is a flat list in which each element has its number of children. */
function topColumns(metadata: FileMetaData): string[] {
  const names: string[] = [];
  let at = 1;
  const skip = (): void => {
    const children = metadata.schema[at++]?.num_children ?? 0;
    for (let i = 0; i < children; i++) skip();
  };
  while (at < metadata.schema.length) {
    names.push(metadata.schema[at]!.name);
    skip();
  }
  return names;
}

function pick(
  path: string,
  what: string,
  chosen: string | undefined,
  columns: readonly string[],
  common: readonly string[],
): string {
  const found =
    chosen === undefined ? common.find((name) => columns.includes(name)) : columns.find((name) => name === chosen);
  if (found === undefined) {
    throw new Error(
      `"${path}" has no ${what} column${chosen === undefined ? "" : ` "${chosen}"`}; its columns are ${columns.join(", ")}; choose one in the spec: parquet:PATH?${what}=COLUMN`,
    );
  }
  return found;
}

function labelOf(path: string, column: string, row: number, value: unknown): number | string {
  if (typeof value === "bigint" || typeof value === "number" || typeof value === "boolean") return Number(value);
  if (typeof value === "string") return value;
  throw new Error(
    `row ${row} of "${path}" has no valid label in the column "${column}"; expected an integer, true or false, or a class name`,
  );
}

function cellOf(value: unknown): ImageCell {
  if (value instanceof Uint8Array) return { bytes: value };
  if (typeof value !== "object" || value === null) return {};
  const { bytes } = value as { bytes?: unknown };
  return bytes instanceof Uint8Array ? { bytes } : {};
}

function imageBytes(group: FileMetaData["row_groups"][number], image: string): number {
  let sum = 0;
  for (const { meta_data: column } of group.columns) {
    if (column?.path_in_schema[0] === image) sum += Number(column.total_uncompressed_size);
  }
  return sum;
}
