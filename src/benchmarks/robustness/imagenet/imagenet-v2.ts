/**
 * Reads ImageNet-v2 (Recht et al. 2019): new photographs for ImageNet's classes, in folders named after the logit, 0 to
 * 999. The folders are sorted by number: general folder readers sort alphabetically, with 10 before 2.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { listFiles } from "../../../files/paths.js";
import { SourceError } from "../../vtab/protocol/task.js";
import { fileSource } from "./files.js";
import { type ImagenetSet, imagenetClasses, missingSet } from "./set.js";

/** Images of each class in every variant. */
const perClass = 10;

/** Opens the folder of one variant. Throws SourceError for another folder. */
export async function openImagenetV2(folder: string): Promise<ImagenetSet> {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new SourceError(missingSet("imagenet-v2", folder, "there is no such folder"));
  const { files } = await listFiles(folder);
  const found = files.flatMap((file) => {
    const [own, name, ...more] = file.split(/[\\/]/);
    if (name === undefined || more.length > 0 || !/^\d+$/.test(own!)) return [];
    return [{ path: join(folder, file), label: Number(own) }];
  });
  const wrong = found.find(({ label }) => label >= imagenetClasses);
  if (found.length === 0 || wrong) {
    const what = wrong ? `${wrong.path} is in no folder from 0 to 999` : "no folder from 0 to 999 holds images";
    throw new SourceError(missingSet("imagenet-v2", folder, what));
  }
  found.sort((a, b) => a.label - b.label || (a.path < b.path ? -1 : 1));
  const labels = Int32Array.from(found, ({ label }) => label);
  const classes = new Set(labels).size;
  return {
    name: "imagenet-v2",
    title: "ImageNet-v2",
    source: fileSource({
      name: "ImageNet-v2",
      classNames: Array.from({ length: imagenetClasses }, (_, i) => `${i}`),
      paths: found.map(({ path }) => path),
      labels,
    }),
    accepted: (index) => [labels[index]!],
    preprocessing: ({ preprocessing }) => preprocessing,
    notes:
      found.length === perClass * imagenetClasses && classes === imagenetClasses
        ? []
        : [`${found.length} images of ${classes} classes; published: 10,000 of 1,000`],
  };
}
