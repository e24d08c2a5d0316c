/**
 * Reads ReaL (Beyer et al. 2020): ImageNet's validation images with reassessed labels. real.json is a list of 50,000
 * lists of classes, starting with that of ILSVRC2012_val_00000001.JPEG; images with an empty list do not count.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { listFiles } from "../../../files/paths.js";
import { SourceError } from "../../vtab/protocol/task.js";
import { fileSource } from "./files.js";
import { type ImagenetSet, imagenetClasses, missingSet } from "./set.js";

const published = 50_000;

/** Opens the labels and the images below a folder. Throws SourceError when either is missing or invalid. */
export async function openReal(folder: string): Promise<ImagenetSet> {
  const file = join(folder, "real.json");
  if (!existsSync(file)) throw new SourceError(missingSet("real", folder, "there is no real.json"));
  const lists = readLists(file);
  const { files } = await listFiles(folder);
  const images = files.flatMap((name) => {
    const number = /(?:^|[\\/])ILSVRC2012_val_(\d{8})\.jpe?g$/i.exec(name)?.[1];
    return number === undefined ? [] : [{ path: join(folder, name), number: Number(number) }];
  });
  if (images.length === 0) throw new SourceError(missingSet("real", folder, "there is no ILSVRC2012_val_*.JPEG"));
  images.sort((a, b) => a.number - b.number);
  const duplicate = images.find(({ number }, i) => images[i + 1]?.number === number);
  if (duplicate)
    throw new SourceError(`${duplicate.path} exists more than once below ${folder}; remove the other copies`);
  const beyond = images.find(({ number }) => number < 1 || number > lists.length);
  if (beyond) throw new SourceError(`${file} has ${lists.length} lists, and none for ${beyond.path}; fetch it again`);
  return {
    name: "real",
    title: "ReaL",
    source: fileSource({
      name: "ReaL",
      classNames: ["validation"],
      paths: images.map(({ path }) => path),
      labels: new Int32Array(images.length),
    }),
    accepted: (index) => lists[images[index]!.number - 1]!,
    preprocessing: ({ preprocessing }) => preprocessing,
    notes: images.length === published ? [] : [`${images.length} images; published: ${published}`],
  };
}

function readLists(file: string): readonly (readonly number[])[] {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new SourceError(`${file} is not JSON: ${(error as Error).message}`);
  }
  const isClass = (x: unknown): boolean => Number.isInteger(x) && (x as number) >= 0 && (x as number) < imagenetClasses;
  if (!Array.isArray(value)) throw new SourceError(`${file} is not a list of lists of classes`);
  const wrong = value.findIndex((list) => !(Array.isArray(list) && list.every(isClass)));
  if (wrong >= 0) throw new SourceError(`${file}: entry ${wrong} is not a list of classes from 0 to 999`);
  return value as number[][];
}
