/** `fovea fewshot`: how well a trained network tells new classes apart from few examples of each, beside raw pixels. */
import { holdOut, type ImageSource, openSource, parseSpec, subsetOfClasses } from "../../data/index.js";
import { splitSpecs } from "../../data/sources/compose.js";
import { chooseSplit, readSet } from "../../data/sources/open.js";
import { formatDuration } from "../../train/index.js";
import { type FewShotReport, type FewShotSummary, fewShot } from "../../transfer/index.js";
import { type CommandResult, defineCommand } from "../command.js";
import { fewshot } from "../definitions.js";
import { wholeNumber, wholeNumbers } from "../words.js";
import { drawnExamples, embedDrawn, embedSource } from "./fewshot-embed.js";
import { badLines, networkDocument, openNetwork, withProgress } from "./network.js";

/** The share of each class that is named where a source has no test split: the examples are few, so half can be spared. */
const heldOutShare = 0.5;

interface Parts {
  /** The examples are drawn from these. */
  readonly train: ImageSource;
  /** These are named. */
  readonly test: ImageSource;
  /** Were the images to name held out of the split the examples come from? */
  readonly heldOut: boolean;
  close(): Promise<void>;
}

interface WantedSplits {
  readonly split: string | undefined;
  readonly testSplit: string | undefined;
}

/** The splits that a spec (each of its parts) would be read from; undefined where one has none of the wanted name. */
async function splitsOf(spec: string, wanted: string | undefined): Promise<string | undefined> {
  const found: string[] = [];
  for (const part of splitSpecs(spec)) {
    const parsed = parseSpec(part);
    const { splits } = await readSet(parsed);
    try {
      found.push(chooseSplit(part, splits, wanted ?? parsed.options["split"]));
    } catch {
      return undefined;
    }
  }
  return found.join(" + ");
}

/** The first of the usual splits to test on that a spec has beside the one its examples come from. */
async function usualTestSplit(spec: string, trainSplit: string | undefined): Promise<string | undefined> {
  for (const name of ["test", "validation"]) {
    const found = await splitsOf(spec, name);
    if (found !== undefined && found !== trainSplit) return name;
  }
  return undefined;
}

/**
 * Opens the images to learn from and those to name: other splits of the source where it has them, else half of each class,
 * held out by seed 0.
 */
async function openParts(
  spec: string,
  { split, testSplit }: WantedSplits,
  note: (text: string) => void,
): Promise<Parts> {
  const train = await openSource(spec, split === undefined ? {} : { split });
  try {
    const trainSplit = await splitsOf(spec, split);
    const same = testSplit !== undefined && (await splitsOf(spec, testSplit)) === trainSplit;
    const name = same ? undefined : (testSplit ?? (await usualTestSplit(spec, trainSplit)));
    if (name !== undefined) {
      const test = await openSource(spec, { split: name });
      if (testSplit === undefined && name !== "test")
        note(`${spec} has no test split; its ${test.split} split is named`);
      const close = async () => {
        await train.close();
        await test.close();
      };
      return { train, test, heldOut: false, close };
    }
    const { rest, held } = holdOut(train, heldOutShare);
    const why = same
      ? `the examples and the images to name are both of the split ${train.split}`
      : `${spec} has no other split to test on`;
    note(
      `${why}: half of each class (${held.length} of ${train.length} images, drawn by seed 0) is held out to be named`,
    );
    return { train: rest, test: held, heldOut: true, close: () => train.close() };
  } catch (error) {
    await train.close();
    throw error;
  }
}

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

const percent = (share: number) => (100 * share).toFixed(1);

function summaryText(network: readonly FewShotSummary[], pixels: readonly FewShotSummary[]): string[] {
  const rows = network.map(({ shots, mean, standardDeviation, confidence95 }, i) => [
    `${shots}`,
    percent(mean),
    percent(standardDeviation),
    confidence95 ? `${percent(confidence95[0])} to ${percent(confidence95[1])}` : "one draw only",
    percent(pixels[i]!.mean),
  ]);
  const table = [["shots", "accuracy %", "deviation", "95 % interval", "raw pixels %"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join("  "));
}

export const command = defineCommand(fewshot, async ({ args, json, note }): Promise<CommandResult> => {
  const started = performance.now();
  const shots = wholeNumbers(args.shots, "shots", 1);
  const draws = wholeNumber(args.seeds, "seeds", 1);
  const seeds = Array.from({ length: draws }, (_, seed) => seed);
  const parts = await openParts(args.source, { split: args.split, testSplit: args["test-split"] }, note);
  try {
    const train = chosen(parts.train, args.classes);
    const test = chosen(parts.test, args.classes);
    const unnamed = checkParts(train, test);
    const model = await openNetwork(args, note);
    try {
      const most = Math.max(...shots);
      const expected = drawnExamples(train, seeds, most).length;
      const [support, queries] = await withProgress(expected + test.length, json, async (onProgress) => [
        await embedDrawn(model, train, seeds, most, (done) => onProgress(Math.min(done, expected))),
        await embedSource(model, test, (done) => onProgress(expected + done)),
      ]);
      const bad = [...support.bad, ...queries.bad];
      for (const line of badLines(bad)) note(line);
      const { classNames } = train;
      const measure = (kind: "features" | "pixels"): FewShotReport =>
        fewShot({
          trainFeatures: support[kind],
          trainLabels: support.labels,
          testFeatures: queries[kind],
          testLabels: queries.labels,
          classes: classNames.length,
          classNames,
          shots,
          seeds,
        });
      const report = measure("features");
      const pixels = measure("pixels").summary;
      const warnings = [...report.warnings, ...unnamed];
      const seconds = (performance.now() - started) / 1000;
      const { results, summary, chance } = report;
      const splits = { train: train.split, test: test.split, heldOut: parts.heldOut };
      return {
        document: {
          checkpoint: model.path,
          source: args.source,
          splits,
          classNames,
          images: { examples: train.length, named: queries.labels.length, bad },
          model: networkDocument(model),
          results,
          summary,
          rawPixels: pixels,
          chance,
          warnings,
          seconds,
        },
        text: [
          `${model.path} on ${args.source}: ${classNames.length} classes, ${queries.labels.length} images to name (${parts.heldOut ? "held out" : test.split}), ${draws} ${draws === 1 ? "draw" : "draws"} of the examples`,
          ...summaryText(summary, pixels),
          `chance ${percent(chance)} %; ${formatDuration(seconds)}`,
          ...warnings.map((warning) => `warning: ${warning}`),
        ].join("\n"),
      };
    } finally {
      await model.close();
    }
  } finally {
    await parts.close();
  }
});
