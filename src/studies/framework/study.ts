/** What a study is: a claim, declared before anything runs, the jobs that test it, and the rule that decides. */
import type { Job, JobResult } from "./job.js";
import type { Scale } from "./scale.js";
import type { Row } from "./table.js";
import type { Verdict } from "./verdict.js";

/** The datasets of studies. */
export interface StudyData {
  /** Spec of the labelled dataset that networks are pre-trained on. */
  readonly upstream: string;
  /** Identifies the upstream dataset by its contents, whatever its path. */
  readonly identity: string;
  /** Number of training images and of classes of the upstream dataset. */
  readonly images: number;
  readonly classes: number;
  /** The split that upstream accuracy is measured on; undefined where the dataset has only training images. */
  readonly heldSplit: string | undefined;
  /** Specs of the labelled datasets that features are transferred to. */
  readonly downstream: readonly string[];
}

/** What a study is planned from. */
export interface StudyContext {
  readonly scale: Scale;
  readonly seeds: readonly number[];
  readonly data: StudyData;
}

/** One run of a study: a job, and where its result stands in the figure. */
export interface Run {
  readonly job: Job;
  /** The line or bar of the figure that it belongs to. */
  readonly series: string;
  /** Its position on the x axis; the name of a bar is its series. Default: the images seen. */
  readonly x?: number | undefined;
  readonly seed: number;
  /** Training images seen where the job is measured, if it runs longer than others of the study. Default: at its end. */
  readonly measuredAt?: number | undefined;
}

/** A drawing of a study. */
export interface StudyFigure {
  readonly title: string;
  /** Draws it as an SVG document of a width in CSS pixels. */
  draw(width: number): string;
}

/** A study, as it is declared. */
export interface Study {
  /** Its number in the list of studies. */
  readonly number: number;
  /** Its name on the command line. */
  readonly name: string;
  readonly title: string;
  readonly question: string;
  readonly claim: { readonly text: string; readonly source: string };
  /** The prediction, as an inequality between measured quantities. */
  readonly prediction: string;
  /** The smallest effect that matters, in units of the measure. */
  readonly smallestEffect: number;
  /** What is measured, with its unit. */
  readonly measure: string;
  readonly varies: string;
  readonly fixed: string;
  readonly rule: string;
  /** Number of seeds when none is given. Default: that of the scale. */
  readonly seeds?: number;
  /** Plans the runs. Jobs with equal settings are one job, also among studies. */
  runs(context: StudyContext): readonly Run[];
  /** Reads the rows of one run from the result of its job. Default: the last measurement of few-shot accuracy. */
  rows?(run: Run, result: JobResult): readonly Measured[];
  /** Draws the figures from the table alone. */
  figures(rows: readonly Row[]): readonly StudyFigure[] | Promise<readonly StudyFigure[]>;
  /** Judges the claim from the table alone. */
  judge(rows: readonly Row[]): Verdict | Promise<Verdict>;
}

/** The value of a run at its end, or at `measuredAt`. Throws for a job that has measured nothing then. */
export function lastValue({ series, x, measuredAt }: Run, result: JobResult, name = "fewshot10"): Measured[] {
  const { measurements } = result;
  const last = measuredAt === undefined ? measurements.at(-1) : measurements.find(({ images }) => images >= measuredAt);
  if (!last)
    throw new Error(
      `the job of ${series} has measured nothing${measuredAt === undefined ? "" : ` at ${measuredAt} images`}`,
    );
  const { values, ...at } = last;
  return [{ ...at, series, x: x ?? at.images, y: values[name] ?? Number.NaN }];
}

/** One measured point of a run. */
export interface Measured {
  /** Default: the series and the x of the run. */
  readonly series?: string;
  readonly x?: number;
  readonly y: number;
  readonly images: number;
  readonly flops: number;
  readonly seconds: number;
}
