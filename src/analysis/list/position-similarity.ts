/** Similarity of position embeddings, and what the conventions for resizing make of them (Dosovitskiy et al., 2021; papers.md 9.2, 1.8). */
import { sincos2d } from "../../nn/index.js";
import { barChart, type ColourScale, colourOf, contactSheet, mapUri, pixelUri } from "../../report/index.js";
import { type PatchGrid, type PositionResize, positionResizes, resizePositions } from "../../weights/index.js";
import type { Analysis, AnalysisChart } from "../framework/analysis.js";
import { cosines } from "../framework/cosines.js";
import { evenly } from "../framework/evenly.js";
import { type Positions, positionsOf, withoutPositions } from "../framework/positions.js";

/** Mean cosines of pairs of different positions. */
export interface PositionStructure {
  /** Of neighbours above, below and beside each other. */
  readonly neighbours: number;
  /** Of positions in the same row or column, neighbours included. */
  readonly sameLine: number;
  /** Of positions that share neither row nor column. */
  readonly elsewhere: number;
}

/**
 * What cosines say of a grid; NaN for a kind of pairs that the grid does not have.
 *
 * @param similarity [chosen, rows * columns], rows of the positions `chosen`
 * @param chosen numbers of positions; default: all
 */
export function positionStructure(
  similarity: ArrayLike<number>,
  { rows, columns }: PatchGrid,
  chosen: readonly number[] = Array.from({ length: rows * columns }, (_, i) => i),
): PositionStructure {
  const patches = rows * columns;
  const [near, line, far] = [mean(), mean(), mean()];
  for (const [i, a] of chosen.entries()) {
    for (let b = 0; b < patches; b++) {
      if (b === a) continue;
      const down = Math.floor(a / columns) - Math.floor(b / columns);
      const across = (a % columns) - (b % columns);
      const value = similarity[i * patches + b] ?? 0;
      if (Math.abs(down) + Math.abs(across) === 1) near.add(value);
      (down === 0 || across === 0 ? line : far).add(value);
    }
  }
  return { neighbours: near.value(), sameLine: line.value(), elsewhere: far.value() };
}

function mean() {
  let [sum, count] = [0, 0];
  const add = (value: number): void => {
    sum += value;
    count++;
  };
  return { add, value: () => sum / count };
}

/** A table that was resized by a convention. */
export interface ResizedPositions {
  readonly method: PositionResize;
  /** [rows * columns, width] of the new grid. */
  readonly table: Float32Array;
  /** Norm of the difference from the reference, divided by the norm of the reference. */
  readonly difference: number;
}

const methods = Object.keys(positionResizes) as PositionResize[];

/**
 * Resizes a table to another grid by each convention (papers.md 1.8). The reference of the differences is `exact`, the table of the new grid;
 * default: the table that the convention `original` gives.
 */
export function resizedByEach(
  { table, grid }: Pick<Positions, "table" | "grid">,
  to: PatchGrid,
  exact?: Float32Array,
): ResizedPositions[] {
  const resize = (method: PositionResize) => resizePositions(table, grid.rows * grid.columns, grid, to, method);
  const reference = exact ?? resize("original");
  const norm = Math.sqrt(reference.reduce((sum, value) => sum + value * value, 0));
  return methods.map((method) => {
    const resized = resize(method);
    const squared = resized.reduce((sum, value, i) => sum + (value - (reference[i] ?? 0)) ** 2, 0);
    return { method, table: resized, difference: Math.sqrt(squared) / norm };
  });
}

/** Fine-tuning of the ViT paper raises the image side from 224 to 384 pixels, and the grid with it (papers.md 9.10). */
const growth = 384 / 224;
/** In a grid of grids of more positions in a row, the maps are too small to see; evenly spaced positions are shown instead. */
const mostShown = 14;

export const positionSimilarity: Analysis = {
  name: "position-similarity",
  title: "Similarity of position embeddings",
  summary:
    "Cosine of the position embedding of every patch with those of all patches, and what each resizing convention makes of them (papers.md 9.2, 1.8)",
  unavailable: (subject) => (positionsOf(subject) ? undefined : withoutPositions(subject)),
  async run(subject, { layer = 0 } = {}) {
    const positions = positionsOf(subject, layer);
    if (!positions) throw new Error(withoutPositions(subject));
    const { grid, table, kind, width } = positions;
    const patches = grid.rows * grid.columns;
    const among = (count: number) => evenly([...Array(count).keys()], mostShown);
    const [down, across] = [among(grid.rows), among(grid.columns)];
    const shown = down.flatMap((row) => across.map((column) => row * grid.columns + column));
    const similarity = cosines(table, patches, shown);
    const structure = positionStructure(similarity, grid, shown);
    const to = { rows: Math.round(grid.rows * growth), columns: Math.round(grid.columns * growth) };
    const exact = kind === "sincos2d" ? sincos2d(to.rows, to.columns, width) : undefined;
    const resized = resizedByEach(positions, to, exact);
    const worst = resized.reduce((most, one) => (one.difference > most.difference ? one : most));
    const number = (value: number) => (Number.isNaN(value) ? "–" : value.toFixed(2));
    return {
      text: `Neighbouring positions have a mean cosine of ${number(structure.neighbours)}, positions in the same row or column ${number(structure.sameLine)}, all others ${number(structure.elsewhere)}. Resized to ${to.rows} x ${to.columns} patches, the convention ${worst.method} (${positionResizes[worst.method]}) differs most from ${exact ? "the embedding that is computed for that grid" : "the original code"}: by ${(100 * worst.difference).toFixed(1)} % of its norm.`,
      data: {
        kind,
        layer: positions.layer,
        grid,
        structure,
        shown: { rows: down, columns: across },
        cosines: shown.map((_, i) => Array.from(similarity.subarray(i * patches, (i + 1) * patches), rounded)),
        resized: {
          grid: to,
          reference: exact ? "computed" : "original",
          differences: Object.fromEntries(resized.map(({ method, difference }) => [method, difference])),
        },
      },
      charts: [
        gridOfGrids(similarity, grid, down.length, across.length),
        resizedMaps(positions, to, resized, exact),
        differenceChart(to, resized, exact !== undefined),
      ],
    };
  },
};

const rounded = (value: number): number => Number(value.toFixed(4));

/** A symmetric scale over cosines; those of vectors with themselves, which are 1, are not what is looked at. */
function scaleOf(similarity: Float64Array): ColourScale {
  const most = similarity.reduce((found, value) => (value < 0.999 ? Math.max(found, Math.abs(value)) : found), 0.1);
  return { kind: "diverging", range: [-most, most] };
}

/** All maps in one image: a map of the grid for each shown position, at its place, with a transparent line between maps. */
function gridOfGrids(
  similarity: Float64Array,
  { rows, columns }: PatchGrid,
  down: number,
  across: number,
): AnalysisChart {
  const scale = scaleOf(similarity);
  const [height, width] = [down * (rows + 1) - 1, across * (columns + 1) - 1];
  const data = new Uint8Array(height * width * 4);
  for (let i = 0; i < down * across; i++) {
    for (let k = 0; k < rows * columns; k++) {
      const y = Math.floor(i / across) * (rows + 1) + Math.floor(k / columns);
      const x = (i % across) * (columns + 1) + (k % columns);
      data.set([...colourOf(similarity[i * rows * columns + k] ?? 0, scale), 255], (y * width + x) * 4);
    }
  }
  const source = pixelUri({ data, width, height, channels: 4 });
  const description = "Grid of maps: cosine of the position embedding of each patch with those of all patches.";
  return {
    title: "Cosine of every position with all positions",
    caption: `The map in row i and column j shows the cosine of the embedding of patch (i, j) with that of each patch${down < rows || across < columns ? `; of the ${rows} x ${columns} positions, ${down} x ${across} are shown` : ""}. Orange around the patch itself means that near positions are similar; crosses mean that rows and columns are.`,
    draw: (chartWidth) =>
      contactSheet({
        width: chartWidth,
        description,
        pictures: [{ source, alt: description }],
        columns: 1,
        cell: Math.min(chartWidth, 620),
        aspect: height / width,
        scale: { ...scale, name: "cosine" },
        pixelated: true,
      }),
  };
}

/** Maps of a corner and of the middle, before and after resizing. */
function resizedMaps(
  { grid, table }: Positions,
  to: PatchGrid,
  resized: readonly ResizedPositions[],
  exact: Float32Array | undefined,
): AnalysisChart {
  const tables = [
    { name: `${grid.rows} x ${grid.columns}`, grid, table },
    ...(exact ? [{ name: "computed", grid: to, table: exact }] : []),
    ...resized.map((one) => ({ name: one.method, grid: to, table: one.table })),
  ];
  const maps = [0, 0.5].flatMap((place) =>
    tables.map(({ name, grid, table }) => {
      const at = Math.floor(place * grid.rows) * grid.columns + Math.floor(place * grid.columns);
      const values = cosines(table, grid.rows * grid.columns, [at]);
      return { name: `${name}, ${place === 0 ? "corner" : "middle"}`, caption: name, grid, values };
    }),
  );
  const scale = scaleOf(Float64Array.from(maps.flatMap(({ values }) => Array.from(values))));
  const pictures = maps.map(({ name, caption, grid, values }) => ({
    source: mapUri(values, grid.rows, grid.columns, scale),
    alt: name,
    caption,
  }));
  return {
    title: `Resized to ${to.rows} x ${to.columns} patches by each convention`,
    caption: `Cosine of one position with all others: above that of the top left corner, below that of the middle; ${grid.rows} x ${grid.columns} is the network's own grid. ${methods.map((method) => `${method}: ${positionResizes[method]}`).join("; ")}.`,
    draw: (width) =>
      contactSheet({
        width,
        description: "Maps of cosines of position embeddings after resizing by each convention.",
        pictures,
        group: tables.length,
        columns: width < 600 ? 3 : tables.length,
        cell: 140,
        aspect: to.rows / to.columns,
        scale: { ...scale, name: "cosine" },
        pixelated: true,
      }),
  };
}

function differenceChart(to: PatchGrid, resized: readonly ResizedPositions[], isComputed: boolean): AnalysisChart {
  const compared = resized.filter(({ method }) => isComputed || method !== "original");
  const reference = isComputed ? "the embedding computed for that grid" : "the convention of the original code";
  return {
    title: "How far the conventions differ",
    caption: `Norm of the difference of the resized table (${to.rows} x ${to.columns}) from ${reference}, divided by the norm of the latter. Weights that are resized by another convention than the one they were fine-tuned with start from this error.`,
    draw: (width) =>
      barChart({
        width,
        description: `Difference of resized position embeddings from ${reference}.`,
        groups: compared.map(({ method }) => method),
        series: [{ name: "difference", values: compared.map(({ difference }) => difference) }],
        format: "percent",
        yLabel: "relative difference",
      }),
  };
}
