/**
 * Turns the description of a dataset into a task: searches its files, cuts its splits, and reports which files are
 * missing.
 */
import type { ImageSource } from "../../../data/index.js";
import { closeOnError } from "../../../files/closable.js";
import { SourceError, type Task, type TaskOrigin, type TaskSizes, type TaskSplits } from "../protocol/task.js";
import { findParquet, type ParquetSet } from "./parquet.js";
import { placesOf } from "./places.js";
import { type Cut, cutSplits, type StoredSet, splitOfCut } from "./stored.js";
import { findTfds, type TfdsSet } from "./tfds.js";

/** A task and how its dataset is read. */
export interface VtabDefinition extends Omit<Task, "classes" | "open"> {
  /** Names of the dataset's folder in the user's folder of datasets; errors mention the first. */
  readonly folders: readonly string[];
  readonly classNames: readonly string[] | { readonly count: number };
  /** The parts of the stored splits (papers.md 4.1). */
  readonly cuts: Readonly<Record<keyof TaskSizes, Cut>>;
  readonly tfds: TfdsSet;
  /** Optional: some datasets have no Parquet files with what the label is derived from. */
  readonly parquet?: ParquetSet;
  /**
   * Reads the publisher's files if they are in one of the places; otherwise returns undefined. Optional: some datasets
   * are distributed as TFDS's records only.
   */
  readonly published?: (places: readonly string[], request: PublishedRequest) => Promise<StoredSet | undefined>;
}

/** The arguments of a reader of published files. */
export interface PublishedRequest {
  /** TFDS's names of the splits to read. */
  readonly needed: readonly string[];
  readonly classNames: readonly string[];
}

/** The task of a definition. It rejects a dataset whose number of images differs from the published one. */
export function vtabTask(definition: VtabDefinition): Task {
  const { name, title, group, sizes, origin } = definition;
  const classes = classNamesOf(definition).length;
  return { name, title, group, sizes, origin, classes, open: (folder) => openVtab(definition, folder) };
}

function classNamesOf({ classNames }: VtabDefinition): readonly string[] {
  return "count" in classNames ? Array.from({ length: classNames.count }, (_, i) => String(i)) : classNames;
}

/**
 * Opens the first stored form found: TFDS's records (the benchmark uses their order and pixels), the publisher's files,
 * Parquet.
 *
 * @param expected the number of images that each split must have; null: any
 * @throws SourceError when the dataset is missing or incomplete, or its files are not the published ones.
 */
export async function openVtab(
  definition: VtabDefinition,
  folder: string | undefined,
  expected: TaskSizes | null = definition.sizes,
): Promise<TaskSplits> {
  const { title, folders, cuts, tfds, parquet, published } = definition;
  if (folder === undefined) {
    throw new SourceError(`${title} needs the folder that holds the datasets.\n${howToGet(definition)}`);
  }
  const classNames = classNamesOf(definition);
  const needed = [...new Set(Object.values(cuts).map(splitOfCut))];
  let stored: StoredSet | undefined;
  try {
    const places = placesOf(folder, folders);
    stored =
      (await findTfds(placesOf(folder, [tfds.name, ...folders]), tfds, needed, classNames)) ??
      (await published?.(places, { needed, classNames })) ??
      // Parquet files do not contain the dataset's name, so they only count in a folder with its name.
      (parquet && (await findParquet(places.slice(0, -1), parquet, needed, classNames)));
  } catch (error) {
    if (error instanceof SourceError && error.message.startsWith(title)) throw error;
    throw new SourceError(`${title}: ${(error as Error).message}`, { cause: error });
  }
  if (!stored) {
    throw new SourceError(
      `${title} is not in "${folder}"; searched: ${folders.map((one) => `${folder}/${one}`).join(", ")} and ${folder}.\n${howToGet(definition)}`,
    );
  }
  const splits = cutSplits(stored, cuts);
  await closeOnError(Object.values(splits) as ImageSource[], async () => {
    if (expected) checkSizes(definition, stored, splits, expected);
  });
  return splits;
}

function checkSizes({ title }: VtabDefinition, { found }: StoredSet, splits: TaskSplits, expected: TaskSizes): void {
  for (const split of ["train", "validation", "test"] as const) {
    const { length } = splits[split];
    if (length === expected[split]) continue;
    throw new SourceError(
      `${title}: the ${split} split has ${length} images; expected ${expected[split]} (${found}); files are missing or of another version, so fetch and unpack the dataset again`,
    );
  }
}

const digits = new Intl.NumberFormat("en-US");

/** Instructions for downloading a dataset, as lines of text. */
function howToGet({
  folders,
  origin,
  tfds,
}: Pick<VtabDefinition, "folders" | "tfds"> & { origin: TaskOrigin }): string {
  const files = origin.files.map(({ url, bytes, sha256, md5 }) => {
    const known = [
      bytes === undefined ? undefined : `${digits.format(bytes)} bytes`,
      sha256 === undefined ? undefined : `sha256 ${sha256}`,
      md5 === undefined ? undefined : `md5 ${md5}`,
    ].filter((one) => one !== undefined);
    return `  ${url}${known.length === 0 ? "" : ` (${known.join(", ")})`}`;
  });
  const prepared = [tfds.name, ...(tfds.config === undefined ? [] : [tfds.config]), `${tfds.version}*`].join("/");
  return [
    `Fetch into the folder ${folders[0]} of your datasets:`,
    ...files,
    ...(origin.instructions === undefined ? [] : [origin.instructions]),
    `Records prepared by TFDS are also accepted: ${prepared}.`,
    `Licence: ${origin.licence}.`,
  ].join("\n");
}
