/** Draws contact sheets: grids of labelled images as one SVG, for filters, position embeddings and samples. */

import { type ColourScale, colourBar } from "../colour-scale.js";
import { type ChartOptions, createFrame, label, shortened, svgDocument } from "../frame.js";
import { type Picture, requireEmbedded } from "../images.js";
import { element, fragment } from "../markup.js";

/** An image and its caption. */
export interface SheetPicture extends Picture {
  caption?: string;
  /** As the option of the whole sheet, for this image. */
  pixelated?: boolean;
}

/** Data and options of a contact sheet. */
export interface ContactSheetOptions extends Omit<ChartOptions, "height"> {
  pictures: readonly SheetPicture[];
  /** Number of images in a row. Default: as many cells of `cell` pixels as fit. */
  columns?: number;
  /** Side of a cell in CSS pixels; it shrinks if `columns` requires it. Default: 96. */
  cell?: number;
  /** Height of a cell divided by its width. Default: 1. Images are fitted into their cells. */
  aspect?: number;
  /** Number of images that belong together: each group begins a new row. Default: all of them. */
  group?: number;
  /** Draws a bar of the colours above the images, with the meaning of the numbers. */
  scale?: ColourScale & { readonly name: string };
  /** Show each pixel as a square instead of smoothing, for filters and other tiny images. */
  pixelated?: boolean;
}

const gap = 8;
/** Space of the bar of colours above the images, and its largest width. */
const barSpace = 36;
const widestBar = 420;

/** Draws images in a grid as an SVG document. Throws if there are none, or if one is not embedded. */
export function contactSheet(options: ContactSheetOptions): string {
  const { pictures, pixelated = false, width = 720 } = options;
  if (pictures.length === 0) throw new Error("contact sheet: no picture to show");
  const { aspect = 1, group = pictures.length, scale } = options;
  const wanted = options.cell ?? 96;
  const columns = options.columns ?? Math.max(1, Math.floor((width + gap) / (wanted + gap)));
  const cell = Math.min(wanted, (width - gap * (columns - 1)) / columns);
  const tall = cell * aspect;
  const caption = pictures.some((picture) => picture.caption) ? 18 : 0;
  const rowsOfGroup = Math.ceil(group / columns);
  const rows = Math.floor(pictures.length / group) * rowsOfGroup + Math.ceil((pictures.length % group) / columns);
  const head = createFrame({ ...options, width, height: 1000 }, [], { left: 0, right: 0, bottom: 0 });
  const start = options.title ? head.top : 0;
  const top = start + (scale ? barSpace : 0);
  const height = top + rows * (tall + caption) + (rows - 1) * gap;
  return svgDocument(
    width,
    Math.ceil(height),
    options.description,
    head.head,
    scale ? colourBar(scale, scale.name, 0, start, Math.min(width, widestBar)) : null,
    pictures.map((picture, i) => {
      const row = Math.floor(i / group) * rowsOfGroup + Math.floor((i % group) / columns);
      const x = ((i % group) % columns) * (cell + gap);
      const y = top + row * (tall + caption + gap);
      return fragment(
        element(
          "image",
          {
            x,
            y,
            width: cell,
            height: tall,
            href: requireEmbedded(picture),
            style: (picture.pixelated ?? pixelated) ? "image-rendering: pixelated" : undefined,
          },
          element("title", {}, picture.alt),
        ),
        picture.caption
          ? label(shortened(picture.caption, cell), x + cell / 2, y + tall + 13, { anchor: "middle" })
          : null,
      );
    }),
  );
}
