/** The table of published layouts: which one a file is in, and which one holds a network. */

import { WeightsError } from "../../formats/error.js";
import type { ModelFamily } from "../../models/index.js";
import { augreg } from "./augreg.js";
import { bit } from "./bit.js";
import { fovea } from "./fovea.js";
import { huggingface } from "./huggingface.js";
import type { FileContents, Hints, Layout, LayoutName, Reading } from "./layout.js";
import { mixer } from "./mixer.js";
import { timmMixer } from "./timm-mixer.js";
import { timmResNet } from "./timm-resnet.js";
import { timmViT } from "./timm-vit.js";

export type { FileContents, Hints, Layout, LayoutName, Reading } from "./layout.js";

/** Every layout; of one name there is one for each family. */
export const layouts: readonly Layout[] = [fovea, augreg, bit, mixer, huggingface, timmViT, timmResNet, timmMixer];

/** How many names of a file that is in no layout are shown. */
const shownNames = 8;

/** The layout a file is in and how it reads it. Throws WeightsError when it is in none. */
export function recogniseLayout(file: FileContents, hints: Hints): { layout: Layout; reading: Reading } {
  for (const layout of layouts) {
    const reading = layout.recognise(file, hints);
    if (reading) return { layout, reading };
  }
  const names = [...file.entries.keys()];
  const shown = names.slice(0, shownNames).map((name) => JSON.stringify(name.slice(0, 100)));
  throw new WeightsError(
    `its ${names.length} tensors are in no known layout (${[...new Set(layouts.map(({ name }) => name))].join(", ")}); it begins with ${shown.join(", ") || "nothing"}`,
  );
}

/** The layout of a name that holds networks of a family. Throws WeightsError naming those that do. */
export function layoutFor(name: LayoutName, family: ModelFamily): Layout {
  const found = layouts.find((layout) => layout.name === name && layout.families.includes(family));
  if (found) return found;
  const holding = layouts.filter((layout) => layout.families.includes(family)).map((layout) => layout.name);
  throw new WeightsError(`the layout "${name}" holds no network of the family ${family}; ${holding.join(", ")} do`);
}
