/** Reads a tar file of an image folder in place, without extracting it. */
import { statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { closable } from "../../files/closable.js";
import { requirePath } from "../../files/paths.js";
import { type TarEntry, walkTarFile } from "../../formats/tar.js";
import { ExampleError } from "../../images/index.js";
import { classOrigin, layOut } from "../source/layout.js";
import { checkIndex, type ImageSet, type ImageSource, type SourceKind, type SpecTarget } from "../source/types.js";

export const tarKind: SourceKind = {
  summary: "a .tar file of such a folder, read in place",
  options: [],
  recognises: (path) => statSync(path).isFile() && /\.tar$/i.test(path),
  read: readTar,
};

async function readTar(target: SpecTarget): Promise<ImageSet> {
  const { path, spec, unlabelled } = target;
  requirePath(path);
  const { entries, problems } = indexTar(path);
  const origin = classOrigin(target);
  if (origin !== "replaced" && looksLikeShard([...entries.keys()]))
    throw new Error(
      `"${path}" is a shard of WebDataset (it has .cls or .json files beside images); read it as webdataset:${path}`,
    );
  const stripped = stripCommonFolder([...entries.keys()]);
  const layout = layOut(
    path,
    [...stripped.keys()].filter((name) => !name.split("/").some((part) => part.startsWith("."))),
    origin,
  );
  const licenceFiles = [...stripped.keys()].filter((name) => /^(licen[cs]e|copying|notice|readme)[^/]*$/i.test(name));
  return {
    splits: [...layout.splits.keys()],
    problems: [...problems, ...layout.problems],
    licenceFiles,
    open: async (split) => {
      const { files, labels } = layout.splits.get(split)!;
      const source = { name: path, length: files.length };
      let handle: FileHandle | undefined = await open(path, "r");
      return closable<ImageSource>({
        ...source,
        split,
        labels,
        classNames: layout.classNames,
        recipe: { kind: "open", spec, split, unlabelled: unlabelled || undefined },
        idOf: (index) => `${path}:${files[index]}`,
        get: async (index) => {
          checkIndex(source, index);
          const name = files[index]!;
          const id = `${path}:${name}`;
          if (!handle) throw new Error(`${path} is closed; ${name} cannot be read any more`);
          const { offset, size } = entries.get(stripped.get(name)!)!;
          const bytes = new Uint8Array(size);
          const { bytesRead } = await handle.read(bytes, 0, size, offset);
          if (bytesRead < size)
            throw new ExampleError(id, `the archive ends before the file does (${bytesRead} of ${size} bytes)`);
          return { id, label: labels[index]!, image: { kind: "encoded", bytes } };
        },
        close: async () => {
          const closing = handle;
          handle = undefined;
          await closing?.close();
        },
      });
    },
  };
}

/** Whether an archive is a WebDataset shard: each image is beside a file of the same name with its class. */
function looksLikeShard(names: readonly string[]): boolean {
  const known = new Set(names);
  const labelled = names.filter((name) => /\.(cls|json)$/i.test(name));
  const hasImage = (name: string): boolean =>
    ["jpg", "jpeg", "png", "webp"].some((ending) => known.has(name.replace(/[^.]*$/, ending)));
  return labelled.length > 0 && labelled.every(hasImage);
}

/**
 * Maps the path of each file within the dataset to its name in the archive: if all files are in one top folder with at least two levels below
 * it, this folder is the dataset's name and not a class.
 */
export function stripCommonFolder(names: readonly string[]): Map<string, string> {
  const first = names[0]?.split("/")[0];
  const common = names.length > 0 && names.every((name) => name.split("/")[0] === first && name.split("/").length >= 2);
  const deep = names.some((name) => name.split("/").length >= 3);
  return new Map(
    names.map((name) => [
      common && deep && !/^(train|val|test)/i.test(first!) ? name.slice(first!.length + 1) : name,
      name,
    ]),
  );
}

/**
 * Finds the position of each file in a tar archive.
 * @throws the errors of `walkTar`.
 */
export function indexTar(path: string): { entries: Map<string, TarEntry>; problems: string[] } {
  const entries = new Map<string, TarEntry>();
  const problems: string[] = [];
  walkTarFile(path, path, (entry) => {
    if (entry.isFile) {
      if (entries.has(entry.name)) problems.push(`${entry.name} is in the archive more than once; the last one counts`);
      entries.set(entry.name, entry);
    } else if (!entry.isFolder) problems.push(`${entry.name} is a link or a special file and was skipped`);
    return undefined;
  });
  return { entries, problems };
}
