/** Datasets that users define by name, for recipes: `custom:NAME` in specs. */
import { AsyncLocalStorage } from "node:async_hooks";
import { closable } from "../files/closable.js";
import { type EncodedImage, ExampleError, type RawImage } from "../images/index.js";
import { type Definition, definitions } from "../text/definitions.js";
import { type ImageInput, readImage } from "./image-input.js";
import { checkIndex, type DefinedIn, type ImageSource, type SourceKind } from "./source/types.js";

/** The labelled images of one split. */
export interface CustomImages {
  /** Class names in the order of their labels. */
  readonly classNames: readonly string[];
  /** The label of every image, an index into `classNames`. */
  readonly labels: ArrayLike<number>;
  /** Reads the image at an index, or makes it. What it throws is reported with the id of the image, which training then skips. */
  image(index: number): Promise<ImageInput | RawImage> | ImageInput | RawImage;
  /** Identifies the image at an index, in messages and lists. Default: the index. */
  id?(index: number): string;
  /** Releases what `open` opened, such as the connection to a database. */
  close?(): Promise<void> | void;
}

export interface SourceDefinition extends Definition {
  /** Names of its splits. Default: one, `all`, which `data.train` and `data.evaluation` then both take whole. */
  readonly splits?: readonly string[];
  /** Opens a split. Threads of the loader each open their own; all must find the same images in the same order, also when a run is resumed. */
  open(split: string): Promise<CustomImages> | CustomImages;
}

/** A definition, and the file with which another thread defines it again. */
type Known = SourceDefinition & { readonly definedIn: DefinedIn | undefined };

const sources = definitions<Known>("source", "defineSource");
const defining = new AsyncLocalStorage<DefinedIn>();

/** Calls `load`, which imports a file; the sources that are defined meanwhile can be opened by other threads too. */
export const whileDefining = <T>(file: DefinedIn, load: () => Promise<T>): Promise<T> => defining.run(file, load);

/** Imports the file that defines a source, unless it is defined in this thread already. */
export async function importDefinition({ importer, file }: DefinedIn, spec: string): Promise<void> {
  if (sources.problem(referenceOf(spec)) === undefined) return;
  const { importDefinitions } = (await import(importer)) as { importDefinitions(file: string): Promise<void> };
  await importDefinitions(file);
}

/**
 * Defines a dataset by a function, and returns its spec, `custom:NAME`, for `data.train.source` and others; the options of every spec, such as
 * `?take=100`, can be added. Recipes store the spec; whoever resumes a run first imports the file that calls this function. A later definition of
 * the same name replaces an earlier one. Sources that a recipe file defines are also read by worker threads (`data.workers`), which load
 * that file; others are read in the calling thread.
 *
 * Throws RangeError for a name or version with other characters than letters, digits, dots, dashes and underscores.
 *
 * @example
 * const stripes = defineSource({
 *   name: "stripes",
 *   open: () => ({
 *     classNames: ["upright", "level"],
 *     labels: Int32Array.from({ length: 256 }, (_, i) => i % 2),
 *     image: (i) => ({ data: pixelsOf(i), width: 16, height: 16 }), // also a path, the bytes of a file, or a URL
 *   }),
 * });
 */
export function defineSource(definition: SourceDefinition): string {
  const { version = "1" } = definition;
  if (!/^[\w.-]+$/.test(version)) {
    throw new RangeError(`defineSource: the version is "${version}"; expected letters, digits, dots and dashes`);
  }
  const known = { ...definition, open: definition.open.bind(definition), definedIn: defining.getStore() };
  const { definition: name } = sources.add(known);
  return version === "1" ? `custom:${name}` : `custom:${name}?version=${version}`;
}

function referenceOf(spec: string): { definition: string; version: string } {
  const [name = "", options] = spec.replace(/^custom:/, "").split("?");
  return { definition: name, version: new URLSearchParams(options).get("version") ?? "1" };
}

export const customKind: SourceKind = {
  summary: "a source that a recipe defines (custom:NAME)",
  options: ["version"],
  recognises: () => false,
  read: async ({ path, options, spec }) => {
    const version = options["version"] ?? "1";
    const known = sources.get({ definition: path, version });
    const { splits = ["all"] } = known;
    return {
      splits,
      problems: [],
      licenceFiles: [],
      open: async (split) => sourceOf(spec, split, known.definedIn, await known.open(split)),
    };
  },
};

function sourceOf(spec: string, split: string, definedIn: DefinedIn | undefined, images: CustomImages): ImageSource {
  const { definition: name } = referenceOf(spec);
  const { classNames } = images;
  const labels = Int32Array.from(images.labels);
  const wrong = labels.findIndex((label, i) => classNames[label] === undefined || label !== images.labels[i]);
  if (wrong >= 0) {
    throw new RangeError(
      `custom:${name}: the label at index ${wrong} is ${images.labels[wrong]}; expected an integer from 0 to ${classNames.length - 1}, an index into its classNames`,
    );
  }
  if (labels.length === 0)
    throw new RangeError(`custom:${name} has no labels in its split ${split}; expected one for each image`);
  let closed = false;
  const source = { name: `custom:${name}`, split, classNames, labels, length: labels.length };
  const idOf = (index: number): string => `custom:${name}/${split}/${images.id?.(index) ?? index}`;
  return closable<ImageSource>({
    ...source,
    idOf,
    recipe: definedIn && { kind: "open", spec, split, definedIn },
    get: async (index) => {
      checkIndex(source, index);
      if (closed) throw new Error(`custom:${name} was closed; open it again to read from it`);
      const id = idOf(index);
      return { id, label: labels[index] ?? 0, image: await readOne(id, () => images.image(index)) };
    },
    close: async () => {
      if (closed) return;
      closed = true;
      await images.close?.();
    },
  });
}

async function readOne(id: string, read: () => ReturnType<CustomImages["image"]>): Promise<EncodedImage | RawImage> {
  try {
    const image = await read();
    return typeof image === "object" && "kind" in image ? image : (await readImage(image)).image;
  } catch (error) {
    const reason =
      error instanceof ExampleError ? error.reason : error instanceof Error ? error.message : String(error);
    throw new ExampleError(id, reason, error);
  }
}
