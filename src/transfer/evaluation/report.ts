/** Writes the report of an evaluation: accuracies, per-class table, confusions, images of mistakes. */

import type { ImageSource } from "../../data/index.js";
import { facts, htmlReport, tiles } from "../../report/index.js";
import { percent } from "../../text/format.js";
import { confusedPairs } from "../mistakes/confusion.js";
import { classSection, mistakesSection } from "../mistakes/report.js";
import type { Accuracy, Share } from "./measure.js";

export interface EvaluationReport {
  readonly title: string;
  readonly accuracy: Accuracy;
  readonly source: ImageSource;
  /** Index in the source of each row. */
  readonly indices: ArrayLike<number>;
  /** The column of each class of the dataset. */
  readonly columns: Int32Array;
  /** The name of the class of a column. */
  readonly nameOf: (column: number) => string;
  readonly facts: readonly (readonly [string, string])[];
}

const tile = (label: string, { accuracy, confidence95, images }: Share) => ({
  label,
  value: percent(accuracy),
  detail: `95 % interval ${confidence95.map((share) => percent(share)).join(" to ")}; ${images} images`,
});

/** Number of images of each class of a dataset. */
export function imagesOfClasses(labels: ArrayLike<number>, classes: number): Int32Array {
  const counts = new Int32Array(classes);
  for (const label of Array.from(labels)) counts[label] = (counts[label] ?? 0) + 1;
  return counts;
}

/** The report as one HTML document. */
export async function evaluationReport(contents: EvaluationReport, labels: ArrayLike<number>): Promise<string> {
  const { accuracy, source, indices, columns, nameOf } = contents;
  const { classNames } = source;
  const { top1, top5, meanOfClasses, classes, confusion, named } = accuracy;
  const pairs = confusedPairs(confusion, imagesOfClasses(labels, classNames.length));
  const mistakes = named.flatMap(({ row, guess, probability }) => {
    const label = labels[row] ?? 0;
    if (guess === columns[label]) return [];
    return [{ index: indices[row] ?? 0, probability, named: nameOf(guess), is: classNames[label] ?? "" }];
  });
  return htmlReport({
    title: contents.title,
    lead: `Of ${top1.images} images, ${percent(top1.accuracy)} are classified correctly.`,
    summary: [
      tiles([
        tile("top-1 accuracy", top1),
        ...(top5 ? [tile("top-5 accuracy", top5)] : []),
        {
          label: "mean of classes",
          value: percent(meanOfClasses),
          detail: `${classes.length} classes, equally weighted`,
        },
      ]),
    ],
    sections: [
      classSection(classes, classNames, confusion, pairs),
      await mistakesSection(source, mistakes),
      { title: "What was run", content: [facts(contents.facts)] },
    ],
  });
}
