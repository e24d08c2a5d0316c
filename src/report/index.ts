/** SVG charts and self-contained HTML reports. */

export { encodePng, type PngPixels } from "../formats/png.js";
export { type BarChartOptions, type BarSeries, barChart } from "./charts/bar-chart.js";
export { type BarTableColumn, type BarTableOptions, barTable } from "./charts/bar-table.js";
export { type ContactSheetOptions, contactSheet, type SheetPicture } from "./charts/contact-sheet.js";
export { type LossChartOptions, lossChart, type StepValue, smooth, thin } from "./charts/curves.js";
export { type DotChartOptions, type DotRow, dotChart } from "./charts/dot-chart.js";
export { type HeatMapOptions, heatMap } from "./charts/heat-map.js";
export {
  type AxisOptions,
  type LineChartOptions,
  type LineSeries,
  lineChart,
  type Point,
  type ReferenceLine,
} from "./charts/line-chart.js";
export { type ColourScale, colourBar, colourOf, mapUri } from "./colour-scale.js";
export {
  type AccuracyRow,
  accuracyTable,
  chartFigure,
  collapsible,
  facts,
  heading,
  paragraph,
  pictureGrid,
  type Tile,
  table,
  tiles,
  warning,
} from "./components.js";
export { type Episode, type EpisodeQuery, episodeGallery } from "./episode.js";
export type { ChartOptions } from "./frame.js";
export { type HtmlReportOptions, htmlReport, type Section } from "./html.js";
export { encodedUri, floatUri, type Picture, pixelUri } from "./images.js";
export { type Attributes, type Child, element, escapeText, fragment, type Markup, trusted } from "./markup.js";
export { paper, type SeriesStyle, seriesColours, seriesStyle } from "./palette.js";
export { createScale, type NumberFormat, percent, type Scale, type ScaleOptions, shortNumber } from "./scales.js";
