/** Study 26, the second part of the list's 25: do parameters or FLOPs predict accuracy? Read from the grid alone. */
import { lineFigure } from "../framework/figures.js";
import { gridRuns } from "../framework/grid.js";
import type { JobResult } from "../framework/job.js";
import { lastValue, type Measured, type Run, type Study } from "../framework/study.js";
import type { Row } from "../framework/table.js";
import { fewShotMeasure } from "../framework/texts.js";
import { decide, effectOf } from "../framework/verdict.js";

const costs = ["FLOPs", "parameters"] as const;

/** The series of a family over one cost. */
const seriesOf = (family: string, cost: string): string => `${family}, ${cost}`;

/** Ranks from 1; equal values have the mean of their ranks. */
export function ranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const smaller = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return smaller + (equal + 1) / 2;
  });
}

/** Spearman's rank correlation of two lists of equal length. */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number {
  const [p, q] = [ranks(a), ranks(b)];
  const mean = (p.length + 1) / 2;
  const covariance = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + (value - mean) * ((y[i] ?? 0) - mean), 0);
  return covariance(p, q) / Math.sqrt(covariance(p, p) * covariance(q, q));
}

/** Correlation of a cost with accuracy over all networks of one seed. */
function correlationOf(rows: readonly Row[], cost: string, seed: number): number {
  const own = rows.filter((row) => row.seed === seed && row.series.endsWith(`, ${cost}`));
  return rankCorrelation(
    own.map(({ x }) => x),
    own.map(({ y }) => y),
  );
}

export const costPredictors: Study = {
  number: 26,
  name: "cost-predictors",
  title: "Parameters and FLOPs as predictors of accuracy",
  question: "Across families, which cost orders networks by accuracy better: FLOPs or parameters?",
  claim: {
    text: "Compute, not the number of parameters, is what accuracy follows when families are compared.",
    source: "papers.md 9.9 (Dosovitskiy et al., 2021, accuracy over pre-training compute)",
  },
  prediction: "rank correlation of accuracy with FLOPs - rank correlation with parameters is at least 0.1",
  smallestEffect: 0.1,
  measure: fewShotMeasure,
  varies: "family and size: the grid of 12 networks on all images of the scale",
  fixed: "upstream images, training images seen, recipe",
  rule: "the 95 % Student interval over seeds of the difference of Spearman's rank correlations over 12 networks",
  runs: (context) =>
    gridRuns(context, { subsets: context.scale.subsets.slice(-1) }, ({ family }) => ({ series: family })),
  rows: (run: Run, result: JobResult): Measured[] =>
    lastValue(run, result).flatMap((at) => [
      { ...at, series: seriesOf(run.series, "FLOPs"), x: at.flops },
      { ...at, series: seriesOf(run.series, "parameters"), x: Number(result.details["parameters"]) },
    ]),
  figures: (rows) =>
    costs.map((cost) => {
      const own = rows
        .filter(({ series }) => series.endsWith(`, ${cost}`))
        .map((row) => ({ ...row, series: row.series.slice(0, -`, ${cost}`.length) }));
      return lineFigure(own, {
        title: `Few-shot accuracy over ${cost}`,
        description: `A line for each family: few-shot accuracy over ${cost}.`,
        x: { label: cost === "FLOPs" ? "training FLOPs" : cost, scale: "log" },
        y: { label: "10-shot accuracy" },
      });
    }),
  judge: (rows) => {
    const seeds = [...new Set(rows.map(({ seed }) => seed))];
    const differences = seeds.map(
      (seed) => correlationOf(rows, "FLOPs", seed) - correlationOf(rows, "parameters", seed),
    );
    return decide(effectOf(differences), {
      smallest: 0.1,
      what: "rank correlation with FLOPs minus rank correlation with parameters",
      format: (value) => `${value >= 0 ? "+" : ""}${value.toFixed(2)}`,
    });
  },
};
