/** Writes what a study found: an HTML report, a Markdown page, and the index of all studies. */
import { meanOf } from "../algebra/statistics.js";
import { chartFigure, facts, htmlReport, paragraph, table } from "../report/index.js";
import { groupDigits, percent } from "../text/format.js";
import { markdownTable } from "../text/table.js";
import { type ScaleName, scales } from "./framework/scale.js";
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

/** The upstream dataset of the tables in docs/studies. */
const documentedUpstream = "tiny-imagenet/";

/** The command that runs a study as its table in docs/studies was made. */
export const commandOf = (study: Study, scale: ScaleName): string =>
  `fovea study ${study.name} --scale ${scale} --upstream ${documentedUpstream}`;

/** Final rows of each series, as text: the mean of the last x over seeds. */
function summaryRows(rows: readonly Row[]): [string, string, string, string][] {
  return [...bySeries(rows)].map(([series, own]) => {
    const last = own.reduce((most, { x }) => Math.max(most, x), Number.NEGATIVE_INFINITY);
    const values = own.filter(({ x }) => x === last).map(({ y }) => y);
    const flops = own.reduce((most, row) => Math.max(most, row.flops), 0);
    return [series, percent(meanOf(values)), String(values.length), flops > 0 ? flops.toExponential(1) : "-"];
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
    footer: [
      paragraph(
        `Every value is in the table beside this page (.csv, .jsonl). fovea study ${study.name} --scale ${scale} --figure-only draws the page again from it.`,
      ),
    ],
  });
}

/** The page of a study in the documentation, beside its table (`NAME.csv`) and its figures (`NAME.svg`, `NAME-2.svg`, ...). */
export function studyMarkdown({ study, scale, rows, verdict, figures }: Reported): string {
  return [
    `# ${study.number}. ${study.title}`,
    `**Verdict at the scale \`${scale}\`: ${verdict.decision}.** ${verdict.text} Next: ${verdict.next}.`,
    ...figures.map(({ title }, i) => `![${title}](${figureFile(study.name, i)})`),
    ...declaration(study).map(([name, text]) => `**${name}.** ${text}`),
    markdownTable(["series", "last value (mean)", "runs", "training FLOPs"], summaryRows(rows)),
    `Command: \`${commandOf(study, scale)}\`. Table: [${study.name}.csv](${study.name}.csv).`,
    "",
  ].join("\n\n");
}

/** Name of the file of a figure: `NAME.svg` for the first, then `NAME-2.svg`. */
export const figureFile = (name: string, i: number): string => `${name}${i === 0 ? "" : `-${i + 1}`}.svg`;

const examplesAt = (scale: ScaleName): string => groupDigits(scales[scale].examples);

/** The index of all studies: claims, verdicts by scale, pages and commands. Studies without a stored table are listed as not run. */
export function studiesIndex(all: readonly Study[], reports: readonly Reported[]): string {
  const rows = all.map((study) => {
    const own = reports.filter((one) => one.study.name === study.name);
    const verdicts = own.map(({ scale, verdict }) => `[${scale}](${scale}/${study.name}.md): **${verdict.decision}**`);
    const effects = own.map(({ scale, verdict }) => {
      const text = verdict.text.replaceAll("|", "/");
      return own.length > 1 ? `${scale}: ${text}` : text;
    });
    const found = own.length === 0 ? "not run here yet" : verdicts.join("; ");
    return [
      String(study.number),
      study.title,
      study.claim.text,
      found,
      effects.join(" "),
      `\`fovea study ${study.name} --upstream ${documentedUpstream}\``,
    ];
  });
  return [
    "# Studies",
    `Each study tests a claim of the field. It declares the claim, the prediction and the decision rule before it runs, trains what it needs (runs are shared among studies), and ends in a verdict: supports, contradicts, or cannot tell at this scale. A verdict holds for the scale that it was run at. \`--scale\` chooses it: \`minutes\` (the default), \`hours\` or \`paper\`. \`minutes\` and \`hours\` train small models on images of 32 pixels; a run of usual length sees ${examplesAt("minutes")} images at \`minutes\` and ${examplesAt("hours")} at \`hours\`. At both scales the ViTs small, medium and large have 6 blocks of width 32, 64 and 128 on patches of 8 pixels (0.08, 0.3 and 1.2 million parameters), not the sizes of ViT-S, ViT-B and ViT-L; \`paper\` has published sizes (ViT: B/32, B/16, L/16), for large machines and data.`,
    "This page and the pages of the studies are generated from the tables beside them by `scripts/write-studies.ts`. Studies without a verdict have not been run here. `results.jsonl` has the results of the jobs at `hours`: `npx jiti scripts/study-results.ts unpack runs/studies` adds them to a folder of studies, so that a study with other runs trains only what is missing. Features are transferred to three bundled datasets (clothing, fashion, sign-digits).",
    "## The upstream dataset",
    "The tables were made with 60,000 training images of Tiny-ImageNet (200 classes, 64 x 64 pixels; the [model card of `bit`](../../models/bit/README.md) states their origin and terms). Fovea does not download them. `--upstream` takes any labelled dataset with a split `train` ([data.md](../data.md)); without it a study pre-trains on generated fractals.",
    "The zip file of the publisher (`tiny-imagenet-200.zip`, 100,000 training images) has `train/CLASS/images/FILE.JPEG`, which can be used as it is. Delete its folders `val/` and `test/`: their images are not sorted into classes and would count as one more class named `images`. With other images than those of the tables the numbers differ.",
    "## How to read a verdict",
    [
      "- An effect is a difference in the direction of the claim: positive where it agrees with the claim. Two runs are compared as a pair if they have the same seed; the 95 % interval is Student's, over the seeds.",
      "- *The smallest effect that matters* is fixed before the runs. Such a claim is supported if the interval lies above 0 and the mean effect is at least this large; it is contradicted if the whole interval lies below this size; otherwise the study cannot tell.",
      "- *Equal means within ± d* stands where the claim is that two things are equal: it is supported if the interval lies within ± d, and contradicted if it lies outside.",
      "- *At the largest x* means at the last point of the figure's horizontal axis, such as the most images or the most compute; without such words the effect is the mean over all points.",
    ].join("\n"),
    "## The studies",
    markdownTable(["", "study", "claim", "verdict", "effect", "command"], rows),
    "",
  ].join("\n\n");
}
