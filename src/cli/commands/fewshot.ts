/** `fovea fewshot`: how well a trained network tells new classes apart from few examples of each, beside raw pixels. */

import { type ImageSource, idsOf, readIds, subsetOfClasses } from "../../data/index.js";
import { describePreprocessing, preprocessing } from "../../images/index.js";
import type { Network } from "../../networks/index.js";
import { largest } from "../../text/arrays.js";
import { formatDuration } from "../../text/format.js";
import {
  drawnExamples,
  type EmbeddedSource,
  embedDrawn,
  embedSource,
  evaluatorNamed,
  type FewShotReport,
  type FewShotResult,
  type FewShotSummary,
  fewShotOnFeatures,
  fewShotPreprocessing,
  formatSetting,
  parseSetting,
  selectRows,
} from "../../transfer/index.js";
import { type CommandResult, defineCommand } from "../command.js";
import { fewshot } from "../definitions.js";
import { wholeNumber, wholeNumbers } from "../words.js";
import { backboneAndSource, backboneDocument, badLines, openFeatures, withProgress } from "./network.js";
import { aboutSoMany, openParts } from "./split-parts.js";

function chosen(source: ImageSource, classes: string | undefined): ImageSource {
  if (classes === undefined) return source;
  return subsetOfClasses(
    source,
    classes.split(",").map((name) => name.trim()),
  );
}

/** Refuses what no measurement can be made of, before any image is read; returns what a reader of the figures must know. */
function checkParts(train: ImageSource, test: ImageSource): string[] {
  const { classNames } = train;
  if (classNames.length < 2) {
    throw new Error(
      `${train.name} has one class only (${classNames.join()}): there is nothing to tell apart. Give a source with two classes or more.`,
    );
  }
  const without = (source: ImageSource) => classNames.filter((_, label) => !source.labels.includes(label));
  const unlearnt = without(train);
  if (unlearnt.length > 0) {
    throw new Error(
      `There is no example of ${unlearnt.join(", ")} in the split ${train.split} of ${train.name}; add some, or name the other classes with --classes.`,
    );
  }
  if (test.length === 0)
    throw new Error(`There is no image to name in ${test.name}; give each class two images or more.`);
  return without(test).map((name) => `no image of ${name} is there to be named`);
}

/** The rows of images that a list does not name. Throws when it names all of them; notes when none. */
async function withoutListed(
  queries: EmbeddedSource,
  test: ImageSource,
  file: string,
  note: (text: string) => void,
): Promise<number[]> {
  const [listed, ids] = [await readIds(file), await idsOf(test)];
  const rows = [...queries.indices.keys()].filter((row) => !listed.has(ids[queries.indices[row]!]!));
  if (rows.length === 0) throw new Error(`--leaked: "${file}" names every image to name; nothing is left to score.`);
  if (rows.length === queries.indices.length)
    note(
      `${file} names none of the images to name, whose ids are like "${ids[0]}"; give fovea dedup --against the source in the same words`,
    );
  return rows;
}

/** What brings images to the backbone: that of the published protocol, the backbone's own, or the ops that are given. */
function preprocessingOf(backbone: Network, given: string | undefined): string {
  const chosen = given ?? (backbone.published ? "protocol" : "network");
  if (chosen === "protocol") return fewShotPreprocessing(backbone);
  return chosen === "network" ? backbone.preprocessing : describePreprocessing(preprocessing(chosen));
}

/** What the method chose by itself in each draw, a line for each number of shots. */
function chosenText(results: readonly FewShotResult[], shots: readonly number[]): string[] {
  return shots.flatMap((count) => {
    const chosen = results.flatMap((one) => (one.shots === count && one.chosen ? [one.chosen] : []));
    const words = chosen.map((setting) =>
      Object.entries(setting).map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`),
    );
    return words.length === 0 ? [] : [`chosen at ${count} ${count === 1 ? "shot" : "shots"}: ${words.join("; ")}`];
  });
}

const percent = (share: number) => (100 * share).toFixed(1);

function summaryText(network: readonly FewShotSummary[], pixels: readonly FewShotSummary[]): string[] {
  const rows = network.map(({ shots, mean, standardDeviation, confidence95 }, i) => [
    `${shots}`,
    percent(mean),
    percent(standardDeviation),
    `${percent(confidence95[0])} to ${percent(confidence95[1])}`,
    percent(pixels[i]!.mean),
  ]);
  const table = [["shots", "accuracy %", "deviation", "95 % interval", "raw pixels %"], ...rows];
  const widths = table[0]!.map((_, column) => largest(table.map((row) => row[column]!.length)));
  return table.map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join("  "));
}

export const command = defineCommand(fewshot, async ({ args, json, note }): Promise<CommandResult> => {
  const started = performance.now();
  const shots = wholeNumbers(args.shots, "shots", 1);
  const draws = wholeNumber(args.seeds, "seeds", 1);
  const seeds = Array.from({ length: draws }, (_, seed) => seed);
  const evaluator = evaluatorNamed(args.method);
  const setting = args.setting === undefined ? evaluator.settings[0]! : parseSetting(evaluator, args.setting);
  const threads = args.threads === undefined ? undefined : wholeNumber(args.threads, "threads", 1);
  const { backbone: spec, source } = backboneAndSource(args, "fewshot", note);
  const parts = await openParts(source, { split: args.split, testSplit: args["test-split"] }, note);
  try {
    const train = chosen(parts.train, args.classes);
    const test = aboutSoMany(chosen(parts.test, args.classes), args["test-images"], "test-images");
    const unnamed = checkParts(train, test);
    const backbone = await openFeatures(spec, args, note);
    try {
      const pipeline = preprocessingOf(backbone, args.preprocessing);
      const most = largest(shots);
      const expected = drawnExamples(train, seeds, most).length;
      const [support, queries] = await withProgress(expected + test.length, json, async (onProgress) => [
        await embedDrawn(backbone, train, seeds, most, {
          preprocessing: pipeline,
          onProgress: (done) => onProgress(Math.min(done, expected)),
        }),
        await embedSource(backbone, test, {
          preprocessing: pipeline,
          onProgress: (done) => onProgress(expected + done),
        }),
      ]);
      const bad = [...support.bad, ...queries.bad];
      for (const line of badLines(bad)) note(line);
      const { classNames } = train;
      const measure = (kind: "features" | "pixels", rows?: readonly number[]): Promise<FewShotReport> =>
        fewShotOnFeatures({
          trainFeatures: support[kind],
          trainLabels: support.labels,
          testFeatures: rows ? selectRows(queries[kind], rows) : queries[kind],
          testLabels: rows ? rows.map((row) => queries.labels[row]!) : queries.labels,
          classes: classNames.length,
          classNames,
          shots,
          seeds,
          evaluator,
          settings: [setting],
          threads,
        });
      const report = await measure("features");
      const pixels = (await measure("pixels")).summary;
      // The same examples, heads and images but for those of the list: what differs is what they gave.
      const clean = args.leaked === undefined ? undefined : await withoutListed(queries, test, args.leaked, note);
      const cleaned = clean && {
        list: args.leaked,
        removed: queries.labels.length - clean.length,
        named: clean.length,
        summary: (await measure("features", clean)).summary,
        rawPixels: (await measure("pixels", clean)).summary,
      };
      const warnings = [...report.warnings, ...unnamed];
      const seconds = (performance.now() - started) / 1000;
      const { results, summary, chance } = report;
      const splits = { train: train.split, test: test.split, heldOut: parts.heldOut };
      return {
        document: {
          checkpoint: backbone.path,
          source,
          splits,
          classNames,
          images: { examples: train.length, named: queries.labels.length, bad },
          model: backboneDocument(backbone),
          method: evaluator.name,
          preprocessing: pipeline,
          results,
          summary,
          rawPixels: pixels,
          ...(cleaned && { withoutLeaked: cleaned }),
          chance,
          warnings,
          seconds,
        },
        text: [
          `${backbone.spec} on ${source}: ${classNames.length} classes, ${queries.labels.length} images to name (${parts.heldOut ? "held out" : test.split}), ${draws} ${draws === 1 ? "draw" : "draws"} of the examples`,
          `${[evaluator.title, formatSetting(setting)].filter((word) => word !== "").join(", ")}; images ${pipeline}`,
          ...summaryText(summary, pixels),
          ...(args.setting === undefined ? chosenText(results, shots) : []),
          ...(cleaned
            ? [
                `without the ${cleaned.removed} that ${cleaned.list} names, ${cleaned.named} images to name`,
                ...summaryText(cleaned.summary, cleaned.rawPixels),
              ]
            : []),
          `chance ${percent(chance)} %; intervals are of other draws of examples and other test images; ${formatDuration(seconds)}`,
          ...warnings.map((warning) => `warning: ${warning}`),
        ].join("\n"),
      };
    } finally {
      await backbone.close();
    }
  } finally {
    await parts.close();
  }
});
