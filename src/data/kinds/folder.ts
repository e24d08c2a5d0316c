/** Reads a folder of image files: `class/file` or `split/class/file`. */
import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { closable } from "../../files/closable.js";
import { licenceFilesIn, listFiles, requirePath } from "../../files/paths.js";
import { ExampleError } from "../../images/index.js";
import { classOrigin, layOut } from "../source/layout.js";
import { checkIndex, type ImageSet, type ImageSource, type SourceKind, type SpecTarget } from "../source/types.js";

export const folderKind: SourceKind = {
  summary: "a folder of image files: class/file or split/class/file",
  options: [],
  recognises: (path) => statSync(path).isDirectory(),
  read: readFolder,
};

async function readFolder(target: SpecTarget): Promise<ImageSet> {
  const { path: root, spec, unlabelled } = target;
  requirePath(root);
  if (!statSync(root).isDirectory()) throw new Error(`"${root}" is a file; expected a folder of images`);
  const { files, problems, unreadable } = await listFiles(root);
  const layout = layOut(root, files, classOrigin(target));
  return {
    splits: [...layout.splits.keys()],
    problems: [...problems, ...layout.problems],
    licenceFiles: licenceFilesIn(root),
    open: async (split) => {
      const { files: names, labels } = layout.splits.get(split)!;
      const source = { name: root, length: names.length };
      let closed = false;
      return closable<ImageSource>({
        ...source,
        split,
        labels,
        classNames: layout.classNames,
        notes: unreadable.length > 0 ? unreadable : undefined,
        recipe: { kind: "open", spec, split, unlabelled: unlabelled || undefined },
        idOf: (index) => join(root, names[index]!),
        get: async (index) => {
          checkIndex(source, index);
          const id = join(root, names[index]!);
          if (closed) throw new Error(`${root} is closed; ${id} cannot be read any more`);
          try {
            return { id, label: labels[index]!, image: { kind: "encoded", bytes: await readFile(id) } };
          } catch (error) {
            throw new ExampleError(id, `cannot be read (${error instanceof Error ? error.message : error})`, error);
          }
        },
        close: async () => {
          closed = true;
        },
      });
    },
  };
}
