/** Lists the published layouts; finds the layout of a file, and the layout that can store a network. */

import { WeightsError } from "../../formats/error.js";
import type { ModelConfig } from "../../models/index.js";
import { augreg } from "./augreg.js";
import { bit } from "./bit.js";
import { fovea } from "./fovea.js";
import { huggingface } from "./huggingface.js";
import { huggingfaceClip, huggingfaceSiglip } from "./huggingface-clip.js";
import { huggingfaceDinov2, huggingfaceDinov3 } from "./huggingface-dino.js";
import type { FileContents, Hints, Layout, LayoutName, Reading } from "./layout.js";
import { mixer } from "./mixer.js";
import { openclip } from "./openclip.js";
import { timmMixer } from "./timm-mixer.js";
import { timmResNet } from "./timm-resnet.js";
import { timmViT } from "./timm-vit.js";

export type { FileContents, Hints, Layout, LayoutName, Reading } from "./layout.js";

/** Every layout; those of one name are for different families, or for different networks of one. */
export const layouts: readonly Layout[] = [
  fovea,
  augreg,
  bit,
  mixer,
  huggingfaceDinov2,
  huggingfaceDinov3,
  huggingfaceSiglip,
  huggingfaceClip,
  huggingface,
  openclip,
  timmViT,
  timmResNet,
  timmMixer,
];

/** How many names of a file in an unknown layout are shown. */
const shownNames = 8;

/** Recognises the layout of a file, and returns how to read it. Throws WeightsError for an unknown layout. */
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

/** Whether a layout can store a network. */
function stores(layout: Layout, config: ModelConfig): boolean {
  try {
    layout.rowsFor(config);
    return true;
  } catch (error) {
    if (error instanceof WeightsError) return false;
    throw error;
  }
}

/**
 * The layout with this name that can store a network. Throws WeightsError that lists those for its family if none of this name is, and what the last one of the
 * name throws where none can store this network.
 */
export function layoutFor(name: LayoutName, config: ModelConfig): Layout {
  const { family } = config;
  const named = layouts.filter((layout) => layout.name === name && layout.families.includes(family));
  const found = named.find((layout) => stores(layout, config)) ?? named.at(-1);
  if (found) return found;
  const holding = layouts.filter((layout) => layout.families.includes(family)).map((layout) => layout.name);
  throw new WeightsError(
    `the layout "${name}" cannot store networks of the family ${family}; expected ${[...new Set(holding)].join(", ")}`,
  );
}
