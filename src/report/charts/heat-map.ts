/** Draws heat maps: a matrix as coloured cells, with labels of rows and columns and a bar of the colours. */
import { largest } from "../../text/arrays.js";
import { type ColourScale, colourBar, colourOf, mapUri } from "../colour-scale.js";
import { type ChartOptions, createFrame, fontSize, label, shortened, svgDocument, textWidth } from "../frame.js";
import { element, type Markup } from "../markup.js";

/** Data and options of a heat map. */
export interface HeatMapOptions extends Omit<ChartOptions, "height"> {
  /** A row of cells for each of `rows`, from the top; null (grey) where a value does not exist. */
  readonly values: readonly (readonly (number | null)[])[];
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** Values of the first and the last colour; values outside have the nearest colour. */
  readonly range: readonly [number, number];
  /** Name of the values, in the legend. */
  readonly legend: string;
  readonly rowLabel?: string;
  readonly columnLabel?: string;
}

/** Side of a cell at most, and the side from which values are written into cells, in CSS pixels. */
const largestCell = 44;
const cellWithValue = 30;
/** Longest label below a column, in CSS pixels. */
const widestLabel = 110;
const lineHeight = fontSize + 3;
/** Height of the bar of colours with its labels, and its largest width. */
const barSpace = 36;
const widestBar = 300;

/**
 * Draws a heat map as an SVG document. Cells are square, and labels are omitted where they would overlap. Throws an Error if the values are
 * not a matrix of the labels, if a value is not finite, or if the range is empty.
 *
 * @example
 * heatMap({ description: "Similarity", values: [[1, 0.2]], rows: ["a"], columns: ["a", "b"], range: [0, 1], legend: "CKA" });
 */
export function heatMap(options: HeatMapOptions): string {
  const { values, rows, columns, width = 720, rowLabel, columnLabel } = options;
  check(options);
  const scale: ColourScale = { kind: "sequential", range: options.range };
  const numbers = values.flat().map((value) => value ?? Number.NaN);
  const left = Math.min(largest(rows.map((row) => textWidth(row))) + 10, 0.3 * width);
  const cell = Math.min(largestCell, (width - left - 4) / columns.length);
  const [plotWidth, plotHeight] = [cell * columns.length, cell * rows.length];
  const widest = largest(columns.map((column) => textWidth(column)));
  const upright = widest > cell;
  const names = upright ? Math.min(widest, widestLabel) + 12 : lineHeight + 8;
  const head = createFrame({ ...options, height: 1000 }, [], { left, right: 0, bottom: 0 });
  const bar = options.title ? head.top : 0;
  const top = bar + barSpace + (rowLabel ? lineHeight + 6 : 0);
  const bottom = top + plotHeight;
  const height = Math.ceil(bottom + names + (columnLabel ? lineHeight + 6 : 4));
  const every = Math.ceil(lineHeight / cell);
  const cells = values.flatMap((row, r) =>
    row.map((value, c) =>
      cell < cellWithValue ? null : written(value, left + (c + 0.5) * cell, top + (r + 0.5) * cell, scale),
    ),
  );
  return svgDocument(
    width,
    height,
    options.description,
    head.head,
    colourBar(scale, options.legend, 0, bar, Math.min(width, widestBar)),
    rowLabel ? label(rowLabel, 0, top - 8, { muted: true }) : null,
    element("image", {
      x: left,
      y: top,
      width: plotWidth,
      height: plotHeight,
      href: mapUri(numbers, rows.length, columns.length, scale),
      preserveAspectRatio: "none",
      style: "image-rendering: pixelated",
    }),
    cells,
    rows.map((row, r) =>
      (rows.length - 1 - r) % every === 0
        ? label(shortened(row, left - 10), left - 6, top + (r + 0.5) * cell + 4, { anchor: "end", muted: true })
        : null,
    ),
    columns.map((column, c) => {
      const x = left + (c + 0.5) * cell;
      if (c % every > 0) return null;
      if (!upright) return label(column, x, bottom + lineHeight, { anchor: "middle", muted: true });
      const transform = `translate(${(x + 4).toFixed(1)} ${bottom + 8})`;
      return element("g", { transform }, vertical(shortened(column, widestLabel)));
    }),
    columnLabel ? label(columnLabel, left + plotWidth / 2, height - 6, { anchor: "middle", muted: true }) : null,
  );
}

const vertical = (text: string): Markup =>
  element("text", { x: 0, y: 0, transform: "rotate(-90)", "text-anchor": "end", class: "quiet" }, text);

function check({ values, rows, columns, range }: HeatMapOptions): void {
  const isMatrix = rows.length > 0 && columns.length > 0 && values.length === rows.length;
  if (!isMatrix || values.some((row) => row.length !== columns.length)) {
    throw new Error(
      `heat map: values [${values.length}, ${values[0]?.length ?? 0}] do not match ${rows.length} rows and ${columns.length} columns of labels; expected one value for each pair`,
    );
  }
  if (values.flat().some((value) => value !== null && !Number.isFinite(value)))
    throw new Error("heat map: a value is not finite; give null where there is none");
  if (!(range[0] < range[1]))
    throw new Error(`heat map: range [${range.join(", ")}]; give two numbers, the smaller first`);
}

/** The value of a cell in its middle, in black or white, whichever is easier to read on the colour. */
function written(value: number | null, x: number, y: number, scale: ColourScale): Markup | null {
  if (value === null) return null;
  const [red, green, blue] = colourOf(value, scale);
  // luma of ITU-R BT.601: enough to choose between black and white
  const fill = 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#000000" : "#ffffff";
  return element("text", { x, y: y + 4, "text-anchor": "middle", "font-size": 11, fill }, value.toFixed(2));
}
