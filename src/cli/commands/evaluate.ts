/** `fovea evaluate`: the accuracy of a classifier on labelled images. */

import { dirname } from "node:path";
import { writeFileAtomically } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";
import { formatDuration } from "../../text/format.js";
import {
  type Accuracy,
  confusedPairs,
  evaluationReport,
  imagesOfClasses,
  type MatchBy,
  matchClasses,
  measureAccuracy,
  type Share,
} from "../../transfer/index.js";
import { type CommandResult, defineCommand } from "../command.js";
import { evaluate } from "../definitions.js";
import { UsageError } from "../words.js";
import { columnsText, percent } from "./columns.js";
import { openNamer } from "./namer.js";
import { badLines, refuseExisting, withProgress } from "./network.js";
import { openTest } from "./split-parts.js";

/** Classes and pairs that the text shows; the document has all. */
const shownClasses = 30;
const shownPairs = 5;

const shareText = ({ accuracy, confidence95, right, images }: Share): string =>
  `${percent(accuracy)} %, 95 % interval ${confidence95.map(percent).join(" to ")} % (${right} of ${images} images)`;

function classLines({ classes }: Accuracy): string[] {
  const worst = [...classes].sort((a, b) => a.accuracy - b.accuracy);
  const shown = classes.length > shownClasses ? worst.slice(0, shownClasses) : classes;
  const rows = shown.map(({ name, images, accuracy, precision }) => [
    name,
    `${images}`,
    percent(accuracy),
    precision === undefined ? "-" : percent(precision),
  ]);
  const rest = classes.length - shown.length;
  return [
    ...columnsText([["class", "images", "recall %", "precision %"], ...rows]),
    ...(rest > 0 ? [`  and ${rest} classes with higher recall (--json lists all)`] : []),
  ];
}

function matchBy(text: string): MatchBy {
  if (text === "name" || text === "order") return text;
  throw new UsageError(`--match: expected name or order, not "${text}"`);
}

export const command = defineCommand(evaluate, async ({ args, json, note }): Promise<CommandResult> => {
  const started = performance.now();
  const by = matchBy(args.match);
  const { report } = args;
  if (report !== undefined) refuseExisting(report, args.overwrite);
  const opened = await openTest(args.images, args.split, note);
  try {
    for (const text of opened.notes ?? []) note(text);
    if (opened.length === 0) throw new Error(`${args.images} has no images to measure on`);
    const namer = await openNamer(args, note, Math.min(opened.length, 32));
    try {
      const { classes } = namer;
      const network = { name: args.network, classNames: namer.classNames, classes };
      const { columns, alike } = matchClasses({ name: args.images, classNames: opened.classNames }, network, by);
      const [first] = alike;
      if (first) {
        note(
          `${alike.length} of ${columns.length} classes are matched by similar names, such as "${first[0]}" with "${first[1]}"`,
        );
      }
      const source = opened;
      const { features, width, labels, indices, bad } = await withProgress(source.length, json, (onProgress) =>
        namer.classify(source, { maxBadFraction: 1, onProgress }),
      );
      for (const line of badLines(bad)) note(line);
      const { classNames } = source;
      const accuracy = measureAccuracy({
        logits: features,
        width,
        labels,
        classNames,
        columns,
        loss: namer.loss,
        ...(args["among-set"] !== undefined && { amongSet: args["among-set"] }),
      });
      const { top1, top5, meanOfClasses, confusion, elsewhere, named } = accuracy;
      const nameOf = (column: number): string => namer.classNames?.[column] ?? `class ${column}`;
      const pairs = confusedPairs(confusion, imagesOfClasses(labels, classNames.length));
      const outside = elsewhere.reduce((a, b) => a + b, 0);
      const seconds = (performance.now() - started) / 1000;
      const files: string[] = [];
      if (report !== undefined) {
        const page = await evaluationReport(
          {
            title: `${args.network} on ${args.images}`,
            accuracy,
            source,
            indices,
            columns,
            nameOf,
            facts: [
              ["network", args.network],
              ["images", `${args.images} (${source.split})`],
              ["preprocessing", namer.preprocessing],
            ],
          },
          labels,
        );
        makeFolder(dirname(report));
        await writeFileAtomically(report, [new TextEncoder().encode(page)]);
        files.push(report);
      }
      const mistakes = named.flatMap(({ row, guess, probability }) => {
        const label = labels[row] ?? 0;
        if (guess === columns[label]) return [];
        const index = indices[row] ?? 0;
        return [
          { image: source.idOf?.(index) ?? `#${index}`, is: classNames[label], named: nameOf(guess), probability },
        ];
      });
      return {
        document: {
          network: args.network,
          source: args.images,
          split: source.split,
          match: by,
          amongSet: args["among-set"] === true,
          images: top1.images,
          classes: { set: classNames.length, network: classes },
          top1,
          top5,
          meanOfClasses,
          perClass: accuracy.classes,
          confusion: confusion.map(([truth, guess, images]) => ({
            is: classNames[truth],
            named: classNames[guess],
            images,
          })),
          namedOutsideTheSet: outside,
          confusedPairs: pairs.map(({ classes: pair, ...one }) => ({
            classes: pair.map((label) => classNames[label]),
            ...one,
          })),
          mistakes,
          bad,
          model: namer.document,
          files,
          seconds,
        },
        text: [
          `${args.network} on ${args.images} (${source.split}): ${top1.images} images of ${accuracy.classes.length} classes, predicted among ${args["among-set"] === true ? columns.length : classes}`,
          `top-1 accuracy ${shareText(top1)}`,
          ...(top5 ? [`top-5 accuracy ${shareText(top5)}`] : []),
          `mean per-class accuracy ${percent(meanOfClasses)} %`,
          "",
          ...classLines(accuracy),
          "",
          ...(pairs.length === 0 ? ["no two classes of the dataset were confused"] : ["most often confused:"]),
          ...pairs
            .slice(0, shownPairs)
            .map(
              ({ classes: [a, b], ...pair }) =>
                `  ${classNames[a]} and ${classNames[b]}: ${pair.confused} of ${pair.images} images`,
            ),
          ...(outside > 0
            ? [
                `${outside} images were classified as classes that the dataset does not have (--among-set predicts its classes only)`,
              ]
            : []),
          ...files.map((file) => `${file}: the most confident mistakes`),
          formatDuration(seconds),
        ].join("\n"),
      };
    } finally {
      await namer.close();
    }
  } finally {
    await opened.close();
  }
});
