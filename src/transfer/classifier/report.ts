/** The report of a fitted classifier: what to expect of it, what it confuses, and pictures of its mistakes. */
import type { ImageSource } from "../../data/index.js";
import { decodeResize } from "../../data/index.js";
import {
  accuracyTable,
  facts,
  htmlReport,
  type Picture,
  paragraph,
  pictureGrid,
  pixelUri,
  table,
  tiles,
} from "../../report/index.js";
import { confusedPairs, type FittedClassifier, type Named } from "../fit/fit.js";
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

/** Mistakes that are shown, surest first; wrongly labelled images tend to stand there. */
const shownMistakes = 24;
/** Side of a picture of the report, in pixels. */
const side = 96;
const shownPairs = 10;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** The page, as one HTML document. Images that cannot be read any more are left out. */
export async function classifierReport(contents: ReportContents): Promise<string> {
  const { fitted, classNames, labels } = contents;
  const { expected, candidates, confusion, named, chosen } = fitted;
  const classes = classNames.length;
  const mistakes = named
    .filter(({ row, guess }) => guess !== labels[row])
    .sort((a, b) => b.probability - a.probability)
    .slice(0, shownMistakes);
  const pictures: (Picture & { caption: string })[] = [];
  for (const mistake of mistakes) {
    const picture = await pictureOf(contents, mistake);
    if (picture) pictures.push(picture);
  }
  const pairs = confusedPairs(confusion, classes).slice(0, shownPairs);
  const of = (truth: number): number =>
    confusion.subarray(truth * classes, (truth + 1) * classes).reduce((a, b) => a + b, 0);
  return htmlReport({
    title: contents.title,
    lead: `Names ${classes} classes. Of new images like these, expect ${percent(expected.accuracy)} to be named rightly.`,
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
            `Chosen by cross-validation on the same images. The expected accuracy above is another measurement: ${howMeasured(expected)}.`,
          ),
          accuracyTable(
            candidates.map(({ evaluator, setting, accuracy }) => ({
              set: evaluator.title,
              ...(Object.keys(setting).length > 0 && {
                detail: Object.entries(setting)
                  .map(([name, value]) => `${name} ${value}`)
                  .join(", "),
              }),
              accuracy,
              chance: 1 / classes,
            })),
          ),
        ],
      },
      {
        title: "Class by class",
        content: [
          table(
            [{ title: "class" }, { title: "images", numeric: true }, { title: "right", numeric: true }],
            classNames.map((name, truth) => [
              name,
              `${of(truth)}`,
              of(truth) === 0 ? "-" : percent(confusion[truth * classes + truth]! / of(truth)),
            ]),
          ),
          ...(pairs.length === 0
            ? [paragraph("No two classes were taken for one another.")]
            : [
                table(
                  [
                    { title: "taken for one another" },
                    { title: "images", numeric: true },
                    { title: "of", numeric: true },
                  ],
                  pairs.map(({ classes: [a, b], confused, images }) => [
                    `${classNames[a]} and ${classNames[b]}`,
                    `${confused}`,
                    `${images}`,
                  ]),
                ),
              ]),
        ],
      },
      {
        title: "Mistakes it was surest of",
        content:
          pictures.length === 0
            ? [paragraph("It made none.")]
            : [
                paragraph("Each as it was named, and as it is labelled. Wrong labels show up here."),
                pictureGrid(pictures),
              ],
      },
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

async function pictureOf(
  { source, indices, labels, classNames }: ReportContents,
  { row, guess, probability }: Named,
): Promise<(Picture & { caption: string }) | undefined> {
  try {
    const { id, image } = await source.get(indices[row]!);
    const { data } = await decodeResize(image, id, side, side, "cover", 3);
    const caption = `${classNames[guess]} ${(100 * probability).toFixed(0)} % (${classNames[labels[row]!]})`;
    const pixels = { data: Uint8Array.from(data), height: side, width: side, channels: 3 as const };
    return { source: pixelUri(pixels), alt: id, caption };
  } catch {
    return undefined;
  }
}
