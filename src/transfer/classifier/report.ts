/** Writes the report of a fitted classifier: expected accuracy, confusions, and images of its mistakes. */

import type { ImageSource } from "../../data/index.js";
import { accuracyTable, facts, htmlReport, paragraph, tiles } from "../../report/index.js";
import { percent } from "../../text/format.js";
import type { FittedClassifier } from "../fit/fit.js";
import { confusedPairs, confusionEntries } from "../mistakes/confusion.js";
import { classSection, mistakesSection } from "../mistakes/report.js";
import { howMeasured } from "./folder.js";

export interface ReportContents {
  readonly title: string;
  readonly fitted: FittedClassifier;
  readonly source: ImageSource;
  /** Index in the source of each row of the features. */
  readonly indices: ArrayLike<number>;
  /** Class of each row. */
  readonly labels: ArrayLike<number>;
  readonly classNames: readonly string[];
  readonly backbone: string;
  readonly width: number;
}

/** The report as one HTML document. Images that can no longer be read are omitted. */
export async function classifierReport(contents: ReportContents): Promise<string> {
  const { fitted, classNames, labels } = contents;
  const { expected, candidates, confusion, named, chosen } = fitted;
  const classes = classNames.length;
  const mistakes = named
    .filter(({ row, guess }) => guess !== labels[row])
    .map(({ row, guess, probability }) => ({
      index: contents.indices[row] ?? 0,
      probability,
      named: classNames[guess] ?? "",
      is: classNames[labels[row] ?? 0] ?? "",
    }));
  const entries = confusionEntries(confusion, classes);
  const of = (truth: number): number =>
    confusion.subarray(truth * classes, (truth + 1) * classes).reduce((a, b) => a + b, 0);
  return htmlReport({
    title: contents.title,
    lead: `Classifies into ${classes} classes. Expected accuracy on new images like these: ${percent(expected.accuracy)}.`,
    summary: [
      tiles([
        {
          label: "expected accuracy",
          value: percent(expected.accuracy),
          detail: `95 % interval ${percent(expected.confidence95[0])} to ${percent(expected.confidence95[1])}; chance ${percent(1 / classes)}`,
        },
        { label: "images", value: `${labels.length}`, detail: `${classes} classes` },
        { label: "classifier", value: chosen.evaluator.name, detail: chosen.evaluator.title },
      ]),
    ],
    sections: [
      {
        title: "What was tried",
        content: [
          paragraph(
            `Chosen by cross-validation on the same images. The expected accuracy above is a separate measurement: ${howMeasured(expected)}.`,
          ),
          accuracyTable(
            candidates.map(({ evaluator, setting, accuracy }) => ({
              set: evaluator.title,
              detail:
                Object.entries(setting)
                  .map(([name, value]) => `${name} ${value}`)
                  .join(", ") || undefined,
              accuracy,
              chance: 1 / classes,
            })),
          ),
        ],
      },
      classSection(
        classNames.map((name, truth) => ({ name, images: of(truth), right: confusion[truth * classes + truth] ?? 0 })),
        classNames,
        entries,
        confusedPairs(entries),
      ),
      await mistakesSection(contents.source, mistakes),
      {
        title: "What was run",
        content: [
          facts([
            ["images", contents.source.name],
            ["backbone", `${contents.backbone}, ${contents.width} features`],
            ["classifier", chosen.evaluator.title],
          ]),
        ],
      },
    ],
  });
}
