/** Studies that train variants of one recipe and compare two of them: most studies of a design choice. */
import { meanOf } from "../../algebra/statistics.js";
import { dotFigure, lineFigure } from "./figures.js";
import { lastValue, type Run, type Study, type StudyContext } from "./study.js";
import { positions, type Row } from "./table.js";
import { type TrainingJobOptions, trainingJob } from "./training-job.js";
import { bySeed, type DecideOptions, decide, decideEqual, pairedEffect, type Verdict } from "./verdict.js";

/** One variant, which is trained with every seed. */
export interface Variant extends Omit<TrainingJobOptions, "seed" | "title"> {
  /** Its line or row in the figure. */
  readonly series: string;
  /** Its place on the x axis, where variants are compared over something. */
  readonly x?: number;
  /** See `Run`. */
  readonly measuredAt?: number;
}

/** What is compared: the mean of y of `more` minus that of `less`, paired by seed. */
export interface Comparison extends Pick<DecideOptions, "format" | "next"> {
  readonly more: string;
  readonly less: string;
  /** What is compared, where it is not the accuracy, such as "error". */
  readonly quantity?: string;
  /**
   * Rows that count: all, those at the largest or the smallest x, or how the difference changes from the smallest to the largest x ("growth") or
   * the other way ("decline"). Default: all.
   */
  readonly at?: "all" | "largest" | "smallest" | "growth" | "decline";
  /** Is the claim that both are equal up to the smallest effect? */
  readonly equal?: boolean;
}

/** Published values, laid beside ours as differences from one series: the datasets differ, so that only the shape can be compared. */
export interface PublishedShape {
  /** The series that the differences are taken from. */
  readonly anchor: string;
  readonly values: Readonly<Record<string, number>>;
}

/** A study of variants, as it is declared. */
export interface VariantStudy extends Omit<Study, "runs" | "rows" | "figures" | "judge"> {
  variants(context: StudyContext, seed: number): readonly Variant[];
  /** Name of the measured value. Default: `fewshot10`. */
  readonly value?: string;
  readonly compares: Comparison;
  /** Label of the x axis, where variants have an x. */
  readonly xLabel?: string;
  readonly xScale?: "linear" | "log";
  readonly published?: PublishedShape;
}

/** Builds the study. */
export function variantStudy(definition: VariantStudy): Study {
  const { variants, value = "fewshot10", compares, xLabel, xScale, published, ...declared } = definition;
  return {
    ...declared,
    runs: (context) => context.seeds.flatMap((seed) => variants(context, seed).map((one) => runOf(context, one, seed))),
    rows: (run, result) => lastValue(run, result, value),
    figures: (rows) => {
      const label = declared.measure.split(",")[0] ?? "";
      const description = `${declared.title}: ${label} of every variant.`;
      if (xLabel !== undefined) {
        const x = { label: xLabel, scale: xScale ?? "linear" };
        return [lineFigure(rows, { title: declared.title, description, x, y: { label } })];
      }
      const shape = published && {
        label: `published difference from ${published.anchor}`,
        values: shapeOf(rows, published),
      };
      return [
        dotFigure(rows, { title: declared.title, description, xLabel: label, ...(shape && { published: shape }) }),
      ];
    },
    judge: (rows) => compareSeries(rows, compares, declared.smallestEffect),
  };
}

function runOf(context: StudyContext, { series, x = 0, measuredAt, ...options }: Variant, seed: number): Run {
  const at = x === 0 ? "" : ` at ${x}`;
  const job = trainingJob(context, { ...options, seed, title: `${series}${at}, seed ${seed}` });
  return { series, x, seed, measuredAt, job };
}

function shapeOf(rows: readonly Row[], { anchor, values }: PublishedShape): Record<string, number> {
  const own = rows.filter(({ series }) => series === anchor).map(({ y }) => y);
  const mean = own.length === 0 ? 0 : meanOf(own);
  const base = values[anchor] ?? 0;
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, mean + value - base]));
}

const whats = { all: "", largest: ", at the largest x", smallest: ", at the smallest x" } as const;

/** Judges a comparison from the table. */
export function compareSeries(rows: readonly Row[], comparison: Comparison, smallest: number): Verdict {
  const { at = "all", equal = false, quantity, more, less, ...options } = comparison;
  const of = quantity === undefined ? "" : `${quantity} of `;
  const compared = `${of}${more} minus ${of}${less}`;
  const [first, last] = [positions(rows)[0], positions(rows).at(-1)];
  const values = (series: string, x?: number) =>
    bySeed(rows, (row) => row.series === series && (x === undefined || row.x === x));
  const gap = (x: number | undefined, sign: number) => [
    { weight: sign, values: values(more, x) },
    { weight: -sign, values: values(less, x) },
  ];
  const rule = equal ? decideEqual : decide;
  if (at === "growth" || at === "decline") {
    const sign = at === "growth" ? 1 : -1;
    const what = `${compared}, ${at === "growth" ? "largest minus smallest x" : "smallest minus largest x"}`;
    return rule(pairedEffect([...gap(last, sign), ...gap(first, -sign)]), { ...options, smallest, what });
  }
  const x = at === "largest" ? last : at === "smallest" ? first : undefined;
  return rule(pairedEffect(gap(x, 1)), { ...options, smallest, what: `${compared}${whats[at]}` });
}
