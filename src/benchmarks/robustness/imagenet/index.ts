/** Further test sets for the classes of ImageNet, each read from the files that its publishers distribute. */
import { openImagenetV2 } from "./imagenet-v2.js";
import { type ObjectNetOptions, openObjectNet } from "./objectnet.js";
import { openReal } from "./real.js";
import type { ImagenetSet, ImagenetSetName } from "./set.js";

export { objectNetPreprocessing, withoutBorder } from "./objectnet.js";
export { type PublishedAccuracy, publishedAccuracies } from "./published.js";
export {
  type ImagenetSet,
  type ImagenetSetName,
  type ImagenetSetReport,
  imagenetClasses,
  measureImagenetSet,
  missingSet,
  type SetOrigin,
  setOrigins,
} from "./set.js";

export { openImagenetV2, openObjectNet, openReal };

/** Opens a test set by name. */
export async function openImagenetSet(
  name: ImagenetSetName,
  folder: string,
  options: ObjectNetOptions = {},
): Promise<ImagenetSet> {
  if (name === "objectnet") return await openObjectNet(folder, options);
  return await (name === "real" ? openReal : openImagenetV2)(folder);
}
