/** Shows every augmentation on one image at several strengths. */
import { writeFile } from "node:fs/promises";
import { openSource } from "../data/index.js";
import {
  corruption,
  corruptionNames,
  type EncodedImage,
  listOps,
  type PixelImage,
  preprocessImage,
  type RawImage,
  randaugOps,
  severities,
} from "../images/index.js";
import { createRandom } from "../random/keyed.js";
import {
  contactSheet,
  element,
  htmlReport,
  pixelUri,
  type Section,
  type SheetPicture,
  table,
  trusted,
} from "../report/index.js";

/** Magnitudes in use: AugReg's are 0, 10, 15 and 20. */
const magnitudes = [0, 5, 10, 15, 20];
/** Ops work at the size of training, because shifts and squares are in pixels; pictures are shown at half of it. */
const workingSize = 224;
const shown = "resize_small(112)";

/** Pipelines that are shown with several seeds. */
const drawn = [
  "randaug(2,10)",
  "augreg(light1)",
  "augreg(medium1)",
  "augreg(strong2)",
  "hsvnoise",
  "grey_random",
  "inception_crop(224)|flip_lr|augreg(medium1)",
];

/** Makes the page from one image, as HTML. Throws when the image cannot be decoded. */
export async function augmentationSheet(image: EncodedImage | PixelImage, id: string): Promise<string> {
  const start = (await preprocessImage(`decode|resize_small(${workingSize})|central_crop(${workingSize})`, image, {
    id,
  })) as RawImage;
  const picture = async (pixels: PixelImage, caption: string): Promise<SheetPicture> => {
    const { data, height, width } = await preprocessImage(shown, pixels, { id });
    return { source: pixelUri({ height, width, channels: 3, data: Uint8Array.from(data) }), alt: caption, caption };
  };
  const sheet = (title: string, pictures: readonly SheetPicture[]): Section => ({
    title,
    content: [
      element(
        "figure",
        {},
        trusted(contactSheet({ pictures, columns: magnitudes.length, cell: 140, width: 740, description: title })),
      ),
    ],
  });
  const sections: Section[] = [];
  for (const [name, op] of Object.entries(randaugOps)) {
    const pictures: SheetPicture[] = [];
    for (const magnitude of magnitudes) {
      // One seed for all magnitudes: the same side and the same place, more and more of it.
      const random = createRandom("sheet", name);
      const argument = op.argument(magnitude, random);
      const { data } = op.apply(start, argument, random);
      pictures.push(await picture({ ...start, data }, `${magnitude}: ${Number(argument.toFixed(2))}`));
    }
    sections.push(sheet(name, pictures));
  }
  for (const text of drawn) {
    const pictures: SheetPicture[] = [];
    for (let seed = 0; seed < magnitudes.length; seed++) {
      pictures.push(await picture(await preprocessImage(text, start, { id, seed }), `seed ${seed}`));
    }
    sections.push(sheet(text, pictures));
  }
  for (const name of corruptionNames) {
    const pictures: SheetPicture[] = [];
    for (const severity of severities) {
      const changed = await corruption(name, severity)(start, createRandom("sheet", name));
      pictures.push(await picture(changed, `severity ${severity}`));
    }
    sections.push(sheet(`corrupt(${name})`, pictures));
  }
  sections.push({
    title: "Ops of the string form",
    content: [
      table(
        [{ title: "op" }, { title: "what it does" }],
        listOps().map(({ signature, summary }) => [element("code", {}, signature), summary]),
      ),
    ],
  });
  return htmlReport({
    title: "Augmentations",
    lead: `${id}, ${workingSize} pixels. First RandAugment's ops by themselves, each at magnitudes ${magnitudes.join(", ")} with its argument; then pipelines under several seeds, then the common corruptions.`,
    sections,
  });
}

/** Writes the page of augmentations of the first image of a dataset. Throws what opening the dataset and decoding the image throw. */
export async function writeAugmentations(
  spec: string,
  file: string,
  { split }: { readonly split?: string | undefined } = {},
): Promise<void> {
  await using source = await openSource(spec, { split });
  const { image, id } = await source.get(0);
  await writeFile(file, await augmentationSheet(image, id));
}
