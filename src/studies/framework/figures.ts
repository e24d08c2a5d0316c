/** Figures that several studies share: means over seeds with every seed as a point. */
import { meanOf } from "../../algebra/statistics.js";
import { dotChart, type LineSeries, lineChart, type NumberFormat, type Point } from "../../report/index.js";
import type { StudyFigure } from "./study.js";
import { bySeries, positions, type Row } from "./table.js";
import { effectOf } from "./verdict.js";

/** Options of a figure. */
export interface FigureOptions {
  readonly title: string;
  /** Says what is drawn, for readers who do not see it. */
  readonly description: string;
  readonly x: { readonly label: string; readonly scale?: "linear" | "log" };
  readonly y: { readonly label: string; readonly scale?: "linear" | "log"; readonly format?: NumberFormat };
  /** A line across the plot, such as chance. */
  readonly reference?: { readonly value: number; readonly label: string };
  /** Further lines, such as a fitted law. */
  readonly more?: readonly LineSeries[];
}

/** One line for each series: the mean over seeds at each x, with every seed as a dot. */
export function lineFigure(
  rows: readonly Row[],
  { title, description, x, y, reference, more = [] }: FigureOptions,
): StudyFigure {
  const series = [...bySeries(rows)].map(([name, own]): LineSeries => {
    const points = positions(own).map(
      (at): Point => ({ x: at, y: meanOf(own.filter((row) => row.x === at).map((row) => row.y)) }),
    );
    return { name, points, samples: own.map((row) => ({ x: row.x, y: row.y })) };
  });
  const draw = (width: number) =>
    lineChart({
      title,
      width,
      description,
      series: [...series, ...more],
      x: { label: x.label, scale: x.scale ?? "linear" },
      y: { label: y.label, scale: y.scale ?? "linear", format: y.format ?? "percent" },
      references: reference ? [reference] : [],
    });
  return { title, draw };
}

/** Options of `dotFigure`. */
export interface DotFigureOptions {
  readonly title: string;
  readonly description: string;
  readonly xLabel: string;
  readonly format?: NumberFormat;
  readonly include?: readonly number[];
  /** Published values by series, normalised to the axis of the figure, and what they are. */
  readonly published?: { readonly label: string; readonly values: Readonly<Record<string, number>> };
}

/** One row for each series: mean, 95 % interval and every seed. */
export function dotFigure(rows: readonly Row[], options: DotFigureOptions): StudyFigure {
  const { title, description, xLabel, format = "percent", include, published } = options;
  const draw = (width: number) =>
    dotChart({
      title,
      width,
      description,
      xLabel,
      format,
      ...(include && { include }),
      ...(published && { referenceLabel: published.label }),
      rows: [...bySeries(rows)].map(([name, own]) => {
        const values = own.map(({ y }) => y);
        return { name, values, interval: effectOf(values).interval, reference: published?.values[name] };
      }),
    });
  return { title, draw };
}
