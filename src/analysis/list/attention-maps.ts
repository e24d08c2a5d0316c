/** Attention of every head of one block, from the class token or from one patch, over the images (papers.md 9.4, 1.1). */
import { contactSheet, type SheetPicture } from "../../report/index.js";
import type { Analysis, AnalysisChart } from "../framework/analysis.js";
import { attentionLayout, poolingAttention, shareOfHalf, withoutAttention } from "../framework/attention.js";
import { chosenPatch } from "../framework/choice.js";
import {
  firstImages,
  narrowColumns,
  notShown,
  photoUri,
  shownPixels,
  underMap,
  withMark,
} from "../framework/overlays.js";
import { imageName } from "../framework/pictures.js";
import type { Subject } from "../framework/subject.js";

/** Images of which every head is shown. */
const shownOfHeads = 2;

/** The attention of one query in every head, without the class token as a key: [heads][patches]. */
export function attentionOfQuery(
  weights: ArrayLike<number>,
  { heads, queries, keys, patches }: Readonly<Record<"heads" | "queries" | "keys" | "patches", number>>,
  query: number,
): Float64Array[] {
  return Array.from({ length: heads }, (_, h) =>
    Float64Array.from({ length: patches }, (_, k) => weights[(h * queries + query) * keys + keys - patches + k] ?? 0),
  );
}

/** Attention of one query of one kind over the shown images. */
interface Maps {
  readonly title: string;
  readonly caption: string;
  readonly images: readonly { readonly image: string; readonly heads: readonly number[][] }[];
  readonly pictures: readonly SheetPicture[];
}

export const attentionMaps: Analysis = {
  name: "attention-maps",
  title: "Attention of each head",
  summary: "What every head of one block attends to, from the class token or from one patch (papers.md 9.4)",
  unavailable: (subject) => (attentionLayout(subject) ? notShown(subject) : withoutAttention(subject)),
  async run(subject, options = {}) {
    const layout = attentionLayout(subject);
    if (!layout) throw new Error(withoutAttention(subject));
    const { names, rows, columns, hasClassToken, prefix } = layout;
    const layer = options.layer ?? names.length - 1;
    const [row, column] = chosenPatch(subject, options);
    const fromClassToken = hasClassToken && options.patch === undefined;
    const patch = row * columns + column;
    const ofBlock = await mapsOf(subject, names[layer] ?? "", {
      title: `Block ${layer}, from ${fromClassToken ? "the class token" : `patch ${row},${column}`}`,
      caption: `${fromClassToken ? "The image" : "The image with the patch framed"}, then every head.`,
      query: fromClassToken ? 0 : patch + prefix,
      mark: fromClassToken ? undefined : patch,
    });
    const pooling = poolingAttention(subject);
    const ofPooling = pooling
      ? await mapsOf(subject, pooling, {
          title: "Attention pooling, from its probe",
          caption: "The image, then every head of the attention that pools the tokens.",
          query: 0,
          mark: undefined,
        })
      : undefined;
    const shares = ofBlock.images[0]?.heads.map(
      (_, h) =>
        (100 * ofBlock.images.reduce((sum, { heads }) => sum + shareOfHalf(heads[h] ?? []), 0)) / ofBlock.images.length,
    ) ?? [0];
    const [least, most] = [shares.reduce((a, b) => Math.min(a, b)), shares.reduce((a, b) => Math.max(a, b))];
    return {
      text: `In block ${layer}, the most focused head puts half of its attention on ${least.toFixed(0)} % of the patches, the widest on ${most.toFixed(0)} % (50 % is uniform).`,
      data: {
        layer,
        query: fromClassToken ? "class token" : [row, column],
        grid: { rows, columns },
        shareOfHalf: shares.map((share) => share / 100),
        images: ofBlock.images,
        pooling: ofPooling?.images,
      },
      charts: [ofBlock, ...(ofPooling ? [ofPooling] : [])].map((maps) => chartOf(subject, maps, layout.heads)),
    };
  },
};

async function mapsOf(
  subject: Subject,
  name: string,
  asked: {
    readonly title: string;
    readonly caption: string;
    readonly query: number;
    readonly mark: number | undefined;
  },
): Promise<Maps> {
  const layout = attentionLayout(subject);
  if (!layout) throw new Error(withoutAttention(subject));
  const patches = layout.rows * layout.columns;
  const shown = firstImages(subject, shownOfHeads);
  const images: Maps["images"][number][] = [];
  const pictures: SheetPicture[] = [];
  let at = 0;
  for await (const traced of subject.trace([name], shown)) {
    const image = shown[at++] ?? 0;
    const [heads = 0, queries = 0, keys = 0] = traced[name]?.shape ?? [];
    const found = attentionOfQuery(traced[name]?.data ?? [], { heads, queries, keys, patches }, asked.query);
    const label = imageName(subject, image);
    images.push({ image: label, heads: found.map((map) => Array.from(map, (value) => Number(value.toPrecision(4)))) });
    const pixels = shownPixels(subject, image);
    const first = asked.mark === undefined ? pixels : withMark(pixels, asked.mark, layout);
    pictures.push({ source: await photoUri(first), alt: label, caption: label });
    for (const [h, map] of found.entries()) {
      const high = map.reduce((a, b) => Math.max(a, b));
      const scale = { kind: "sequential", range: [0, high] } as const;
      const source = await photoUri(underMap(pixels, map, layout, scale));
      const largest = `largest ${high.toPrecision(2)}`;
      pictures.push({ source, alt: `${label}, head ${h}: ${largest}`, caption: `head ${h}: ${high.toPrecision(2)}` });
    }
  }
  return { title: asked.title, caption: asked.caption, images, pictures };
}

function chartOf({ imageShape }: Subject, { title, caption, pictures }: Maps, heads: number): AnalysisChart {
  return {
    title,
    caption: `${caption} Colours go from 0 to the largest weight of each map, which is the number below.`,
    draw: (width) =>
      contactSheet({
        width,
        description: `Attention of every head over images. ${title}.`,
        pictures,
        group: heads + 1,
        columns: width < 600 ? narrowColumns(heads + 1) : Math.min(heads + 1, 7),
        cell: 168,
        aspect: imageShape[0] / imageShape[1],
        scale: { kind: "sequential", range: [0, 1], name: "share of the largest weight of each map" },
      }),
  };
}
