/** `fovea fit`: a classifier of one's own classes from a folder of images, with the accuracy to expect of it. */

import { basename, join } from "node:path";
import { type ImageSource, openSource, parseSpec, select, splitSpecs, subsetOfClasses } from "../../data/index.js";
import { type ImageFeatures, imageFeatures } from "../../networks/index.js";
import { formatDuration, plural } from "../../text/format.js";
import { startProgress } from "../../text/progress.js";
import {
  type Candidate,
  classifierReport,
  closedFormEvaluators,
  confusedPairs,
  confusionEntries,
  evaluatorNamed,
  type FittedClassifier,
  fitClassifier,
  howMeasured,
  requireClassifierFolder,
  type Setting,
  writeClassifier,
} from "../../transfer/index.js";
import { type CommandResult, defineCommand } from "../command.js";
import { fit } from "../definitions.js";
import { interruption } from "../interrupt.js";
import { columns } from "../output.js";
import { wholeNumber } from "../words.js";
import { backboneDocument, badLines, openFeatures, usualBackbone, withProgress } from "./network.js";

/** models/NAME after the last part of the path of the (first) images. */
function usualOutput(spec: string): string {
  const { path } = parseSpec(splitSpecs(spec)[0]!);
  const name = basename(path.replace(/[\\/]+$/, "")).replace(/\.(tar|parquet|tar\.gz)$/i, "");
  return join("models", /^[\w][\w .-]*$/.test(name) ? name : "classifier");
}

/** The images that could be read, and of the classes only those that have one. */
function readable(source: ImageSource, found: ImageFeatures): { source: ImageSource; labels: Int32Array } {
  const kept = select(source, [...found.indices], source.name);
  const present = source.classNames.filter((_, label) => found.labels.includes(label));
  if (present.length === source.classNames.length) return { source: kept, labels: found.labels };
  const chosen = subsetOfClasses(kept, present);
  return { source: { ...chosen, name: source.name }, labels: chosen.labels };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const titleOf = ({ evaluator, setting }: Candidate): string =>
  [evaluator.title, ...Object.entries(setting).map(([name, value]) => `${name} ${value}`)].join(", ");

/** What a reader of the figures must know of the images. */
function warningsOf(source: ImageSource, all: ImageSource, fitted: FittedClassifier): string[] {
  const counts = source.classNames.map((_, label) => source.labels.filter((one) => one === label).length);
  const named = (test: (count: number) => boolean) => source.classNames.filter((_, label) => test(counts[label]!));
  const lost = all.classNames.filter((name) => !source.classNames.includes(name));
  const [single, few] = [named((n) => n === 1), named((n) => n > 1 && n < 5)];
  const { copies } = fitted;
  const contrary = copies.filter(([copy, first]) => source.labels[copy] !== source.labels[first]);
  const id = (row: number) => source.idOf?.(row) ?? `image ${row}`;
  return [
    ...(lost.length > 0 ? [`no image of ${lost.join(", ")} could be read; it is not among the classes`] : []),
    ...(single.length > 0
      ? [`one image only of ${single.join(", ")}: it is learnt from, but how well it is named could not be measured`]
      : []),
    ...(few.length > 0 ? [`fewer than five images of ${few.join(", ")}: expect little of them`] : []),
    ...(copies.length > 0
      ? [
          `${plural(copies.length, "image")} ${copies.length === 1 ? "looks" : "look"} exactly like another (${id(copies[0]![0])} like ${id(copies[0]![1])}); copies were kept together when measuring`,
        ]
      : []),
    ...(contrary.length > 0
      ? [
          `${contrary.length} of these under another class than its copy, such as ${id(contrary[0]![0])} and ${id(contrary[0]![1])}`,
        ]
      : []),
  ];
}

export const command = defineCommand(fit, async ({ args, json, note }): Promise<CommandResult> => {
  const started = performance.now();
  const seed = wholeNumber(args.seed, "seed");
  const folds = wholeNumber(args.folds, "folds", 2);
  const methods = args.methods?.split(",").map((name) => evaluatorNamed(name.trim())) ?? closedFormEvaluators;
  const opened = await openSource(args.images, args.split === undefined ? {} : { split: args.split });
  const { signal, release } = interruption(note, "stopping; nothing is written");
  try {
    const output = args.output ?? usualOutput(args.images);
    requireClassifierFolder(output, args.overwrite);
    for (const text of opened.notes ?? []) note(text);
    if (opened.classNames.length < 2) {
      throw new Error(
        `${args.images} has one class only (${opened.classNames.join()}): there is nothing to tell apart. Put the images of each class into a folder of their own: CLASS/photo.jpg.`,
      );
    }
    const backbone = await openFeatures(args.backbone ?? usualBackbone(note), args, note);
    try {
      const found = await withProgress(opened.length, json, (onProgress) =>
        imageFeatures(backbone, opened, { maxBadFraction: 1, onProgress, signal }),
      );
      for (const line of badLines(found.bad)) note(line);
      const { source, labels } = readable(opened, found);
      const { classNames } = source;
      const data = { features: found.features, labels };
      const fitted = await withFits(json, (onProgress) =>
        fitClassifier(data, classNames.length, {
          evaluators: methods,
          folds,
          seed,
          signal,
          onProgress,
          ...(args.threads !== undefined && { threads: wholeNumber(args.threads, "threads", 1) }),
        }),
      );
      const { chosen, expected, candidates, chosenByItself } = fitted;
      const warnings = warningsOf(source, opened, fitted);
      const report = await classifierReport({
        title: `${basename(output)}: ${classNames.length} classes`,
        fitted,
        source,
        indices: Int32Array.from({ length: labels.length }, (_, row) => row),
        labels,
        classNames,
        backbone: backbone.spec,
        width: backbone.width,
      });
      signal.throwIfAborted();
      // Once more: another process may have written there meanwhile.
      requireClassifierFolder(output, args.overwrite);
      const setting: Setting = { ...chosen.setting, ...chosenByItself };
      const files = await writeClassifier(output, {
        backbone,
        head: fitted.head,
        classNames,
        method: { name: chosen.evaluator.name, title: chosen.evaluator.title, setting },
        expected,
        facts: [`fitted to ${labels.length} images of ${args.images}`, ...warnings],
        report,
      });
      const seconds = (performance.now() - started) / 1000;
      const pairs = confusedPairs(confusionEntries(fitted.confusion, classNames.length));
      const [worst] = pairs;
      const predict = `npx fovea predict ${output} photo.jpg`;
      const tried = candidates.map(({ evaluator, accuracy, ...one }) => ({ name: evaluator.name, ...one, accuracy }));
      return {
        document: {
          output,
          files,
          source: args.images,
          split: source.split,
          classNames,
          images: { count: labels.length, bad: found.bad },
          backbone: backboneDocument(backbone),
          chosen: { name: chosen.evaluator.name, setting, accuracy: chosen.accuracy },
          candidates: tried,
          expected: { ...expected, chance: 1 / classNames.length },
          confusion: classNames.map((_, truth) => [
            ...fitted.confusion.subarray(truth * classNames.length, (truth + 1) * classNames.length),
          ]),
          confusedPairs: pairs.map(({ classes, ...pair }) => ({
            classes: classes.map((label) => classNames[label]),
            ...pair,
          })),
          warnings,
          predict,
          seconds,
        },
        text: [
          `${args.images}: ${plural(classNames.length, "class", "classes")}, ${plural(labels.length, "image")}; backbone ${backbone.spec} (${backbone.width} features)`,
          "",
          ...candidateLines(candidates),
          "",
          `expected accuracy on new images like these: ${percent(expected.accuracy)}, 95 % interval ${percent(expected.confidence95[0])} to ${percent(expected.confidence95[1])} (chance ${percent(1 / classNames.length)})`,
          `  ${howMeasured(expected)}`,
          worst
            ? `most often confused: ${worst.classes.map((label) => classNames[label]).join(" and ")}, ${worst.confused} of ${worst.images} images`
            : "no two classes were confused",
          ...warnings.map((text) => `warning: ${text}`),
          "",
          `${output}: ${chosen.evaluator.title} on all images, as ONNX for Node and the browser; mistakes in ${join(output, "report.html")}; ${formatDuration(seconds)}`,
          predict,
        ].join("\n"),
      };
    } finally {
      await backbone.close();
    }
  } catch (error) {
    if (signal.aborted) throw new Error("stopped; nothing was written", { cause: error });
    throw error;
  } finally {
    release();
    await opened.close();
  }
});

function candidateLines(candidates: readonly Candidate[]): string[] {
  const rows = candidates.map((one, i) => [titleOf(one), percent(one.accuracy), i === 0 ? "chosen" : ""]);
  const head = ["tried by cross-validation", "accuracy", ""];
  const line = columns(head, rows, 2);
  return [line(head), ...rows.map(line)];
}

/** The progress of fits: how many of how many, time left. */
async function withFits<T>(
  silent: boolean,
  run: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  let progress: ReturnType<typeof startProgress> | undefined;
  try {
    return await run((done, total) => {
      progress ??= startProgress({ total, unit: "fit", silent });
      progress.update(done);
    });
  } finally {
    progress?.finish();
  }
}
