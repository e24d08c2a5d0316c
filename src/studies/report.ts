/** Writes what a study found: an HTML report, a Markdown page, and the index of all studies. */
import { chartFigure, facts, htmlReport, paragraph, table } from "../report/index.js";
import { percent } from "../text/format.js";
import { markdownTable } from "../text/table.js";
import type { ScaleName } from "./framework/scale.js";
import type { Study, StudyFigure } from "./framework/study.js";
import { bySeries, type Row } from "./framework/table.js";
import type { Verdict } from "./framework/verdict.js";

/** What a report is made of. */
export interface Reported {
  readonly study: Study;
  readonly scale: ScaleName;
  readonly rows: readonly Row[];
  readonly verdict: Verdict;
  readonly figures: readonly StudyFigure[];
}

/** The declaration of a study as names and texts. */
export function declaration(study: Study): readonly (readonly [string, string])[] {
  return [
    ["Question", study.question],
    ["Claim", `${study.claim.text} (${study.claim.source})`],
    ["Prediction", study.prediction],
    ["Measure", study.measure],
    ["Varies", study.varies],
    ["Fixed", study.fixed],
    ["Rule", study.rule],
  ];
}

/** The verdict as one sentence: "cannot tell at this scale: ...". */
export const verdictText = ({ decision, text, next }: Verdict): string =>
  `${decision === "cannot tell" ? "cannot tell at this scale" : `${decision} the claim`}. ${text} Next: ${next}.`;

/** The command that runs a study. */
export const commandOf = (study: Study, scale: ScaleName): string => `fovea study ${study.name} --scale ${scale}`;

/** Final rows of each series, as text: the mean of the last x over seeds. */
function summaryRows(rows: readonly Row[]): [string, string, string, string][] {
  return [...bySeries(rows)].map(([series, own]) => {
    const last = own.reduce((most, { x }) => Math.max(most, x), Number.NEGATIVE_INFINITY);
    const values = own.filter(({ x }) => x === last).map(({ y }) => y);
    const mean = values.reduce((sum, y) => sum + y, 0) / values.length;
    const flops = own.reduce((most, row) => Math.max(most, row.flops), 0);
    return [series, percent(mean), String(values.length), flops.toExponential(1)];
  });
}

/** The report of a study as one HTML page. */
export function studyHtml({ study, scale, rows, verdict, figures }: Reported): string {
  return htmlReport({
    title: study.title,
    lead: verdictText(verdict),
    sections: [
      {
        title: "Figures",
        content: figures.map(({ draw }) => chartFigure(draw)),
      },
      { title: "Declaration", content: [facts(declaration(study))] },
      {
        title: "Last values",
        content: [
          table(
            [
              { title: "series" },
              { title: "mean", numeric: true },
              { title: "runs", numeric: true },
              { title: "FLOPs", numeric: true },
            ],
            summaryRows(rows),
          ),
        ],
      },
    ],
    footer: [paragraph(`${commandOf(study, scale)}; every value is in the table beside this page (.csv, .jsonl).`)],
  });
}

/** The page of a study in the documentation, beside its table and figures. */
export function studyMarkdown({ study, scale, rows, verdict, figures }: Reported, files: readonly string[]): string {
  return [
    `# ${study.number}. ${study.title}`,
    `**Verdict at scale \`${scale}\`: ${verdict.decision}.** ${verdict.text} To settle or change it: ${verdict.next}.`,
    ...figures.map(({ title }, i) => `![${title}](${files[i]})`),
    ...declaration(study).map(([name, text]) => `**${name}.** ${text}`),
    markdownTable(["series", "last value (mean)", "runs", "training FLOPs"], summaryRows(rows)),
    `Made by \`${commandOf(study, scale)}\`; \`--figure-only\` draws it again from [the table](${study.name}.csv).`,
    "",
  ].join("\n\n");
}
