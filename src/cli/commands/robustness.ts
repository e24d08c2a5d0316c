/** `fovea robustness`: accuracy of a network when its images are corrupted; or on other sets, or on and off the grid of patches. */
import {
  type CorruptionReport,
  fittedJudge,
  type Judge,
  measureCorruptions,
} from "../../benchmarks/robustness/index.js";
import type { ImageSource } from "../../data/index.js";
import {
  type CorruptionName,
  corruptionNames,
  type Severity,
  type SeverityTable,
  severities,
  severityTables,
} from "../../images/index.js";
import { isClassifierFolder, networkKind } from "../../networks/index.js";
import { formatDuration } from "../../text/format.js";
import { didYouMean } from "../../text/nearest.js";
import { evaluatorNamed } from "../../transfer/index.js";
import { type CommandResult, defineCommand } from "../command.js";
import { robustness } from "../definitions.js";
import { UsageError, wholeNumber } from "../words.js";
import { columnsText, percent } from "./columns.js";
import { openNamer } from "./namer.js";
import { backboneDocument, openFeatures, withProgress } from "./network.js";
import { measureGrid } from "./robustness-grid.js";
import { measureSet } from "./robustness-sets.js";
import { aboutSoMany, openParts } from "./split-parts.js";

function families(text: string | undefined): readonly CorruptionName[] {
  if (text === undefined) return corruptionNames;
  return text.split(",").map((word) => {
    const name = corruptionNames.find((one) => one === word.trim());
    if (name) return name;
    throw new UsageError(
      `--corruptions: "${word}" is none${didYouMean(word, corruptionNames) || ";"} there are ${corruptionNames.join(", ")}`,
    );
  });
}

/** Reads "1-5" or "1,3,5". */
export function severityList(text: string): readonly Severity[] {
  const [, first, last] = /^\s*([1-5])\s*-\s*([1-5])\s*$/.exec(text) ?? [];
  const wanted = first
    ? severities.filter((one) => one >= Number(first) && one <= Number(last))
    : text.split(",").map((word) => severities.find((one) => `${one}` === word.trim()));
  if (wanted.length > 0 && wanted.every((one) => one !== undefined)) return wanted;
  throw new UsageError(`--severities: "${text}" is neither a range such as 1-5 nor a list such as 1,3,5`);
}

function tableNamed(text: string | undefined): SeverityTable | undefined {
  if (text === undefined || Object.hasOwn(severityTables, text)) return text as SeverityTable | undefined;
  throw new UsageError(`--table: "${text}" is none of ${Object.keys(severityTables).join(", ")}`);
}

interface OpenedJudge {
  readonly judge: Judge;
  readonly document: unknown;
  close(): Promise<void>;
}

interface JudgeArguments {
  readonly network: string;
  readonly device: string;
  readonly threads?: string | undefined;
  readonly head?: string | undefined;
  readonly "image-size"?: string | undefined;
}

/** A network with its own head, where it has one for these classes; undefined where it cannot name them all. */
async function ownJudge(
  args: JudgeArguments,
  classNames: readonly string[],
  note: (text: string) => void,
): Promise<OpenedJudge | undefined> {
  const namer = await openNamer(args, note, 32);
  const missing = classNames.filter((name) => !namer.classNames?.includes(name));
  if (!namer.classNames || missing.length > 0) {
    await namer.close();
    if (args.head !== "own") return undefined;
    throw new Error(
      `${args.network} cannot name the images by itself: ${namer.classNames ? `it does not know ${missing.slice(0, 5).join(", ")}${missing.length > 5 ? ` and ${missing.length - 5} more` : ""}` : "nothing says what its classes are called"}. Leave --head away to fit one.`,
    );
  }
  const { imageShape, preprocessing, document, classify } = namer;
  return {
    judge: { head: "own", classNames: namer.classNames, imageShape, preprocessing, scores: classify },
    document,
    close: () => namer.close(),
  };
}

/** Could it have a head of its own? ONNX files and pixels are backbones unless --head=own says otherwise. */
const mayKnowClasses = ({ network, head }: JudgeArguments): boolean =>
  head === "own" || (head === undefined && !/^pixels:/.test(network) && !/\.onnx(\?|$)/.test(network));

async function openJudge(
  args: JudgeArguments,
  train: ImageSource,
  json: boolean,
  note: (text: string) => void,
): Promise<OpenedJudge> {
  if (args["image-size"] !== undefined && args.head === "own")
    throw new UsageError("--image-size is for frozen features; a network with its own head has its size");
  if (mayKnowClasses(args) && args["image-size"] === undefined) {
    // a backbone without a head says so when it is opened to name classes
    const own = await ownJudge(args, train.classNames, note).catch((error: unknown) => {
      if (args.head === "own" || ["fitted", "onnx"].includes(networkKind(args.network))) throw error;
      return undefined;
    });
    if (own) return own;
  }
  if (isClassifierFolder(args.network))
    throw new Error(`${args.network} is a fitted classifier of other classes than ${train.name}; give its backbone`);
  const backbone = await openFeatures(args.network, args, note);
  try {
    const threads = args.threads === undefined ? {} : { threads: wholeNumber(args.threads, "threads", 1) };
    const judge = await withProgress(train.length, json, (onProgress) =>
      fittedJudge(backbone, train, evaluatorNamed(args.head ?? "ridge"), { onProgress, ...threads }),
    );
    return { judge, document: backboneDocument(backbone), close: () => backbone.close() };
  } catch (error) {
    await backbone.close();
    throw error;
  }
}

function corruptionText(report: CorruptionReport, chosen: readonly Severity[]): string[] {
  const rows = report.families.map(({ corruption, accuracy }) => [
    corruption,
    ...chosen.map((severity) =>
      percent(report.results.find((one) => one.corruption === corruption && one.severity === severity)!.accuracy),
    ),
    percent(accuracy),
  ]);
  const table = [["accuracy %, severity", ...chosen.map(String), "mean"], ...rows];
  const { clean, meanAccuracy, meanError } = report;
  return [
    `clean ${percent(clean.accuracy)} % (${clean.confidence95.map(percent).join(" to ")})`,
    ...columnsText(table),
    `mean over ${report.families.length} ${report.families.length === 1 ? "family" : "families"}: accuracy ${percent(meanAccuracy)} %, error ${percent(meanError)} %, ${clean.right === 0 ? "" : `${(meanAccuracy / clean.accuracy).toFixed(2)} of clean`}`,
    ...(report.families.some(({ corruption }) => corruption === "frost")
      ? ["frost is drawn here, not photographed as in the published sets"]
      : []),
  ];
}

export const command = defineCommand(robustness, async ({ args, json, note }): Promise<CommandResult> => {
  const started = performance.now();
  const asked = [args.source, args.set, args["patch-grid"]].filter((one) => one !== undefined && one !== false);
  if (asked.length !== 1)
    throw new UsageError(
      "give one thing to measure on: fovea robustness NETWORK SOURCE (such as photos/), or --set NAME --folder F, or --patch-grid",
    );
  if (args.set !== undefined) return await measureSet({ ...args, set: args.set }, json, note);
  if (args.source === undefined) return await measureGrid(args, json, note);
  const corruptions = families(args.corruptions);
  const chosen = severityList(args.severities);
  const table = tableNamed(args.table);
  const parts = await openParts(args.source, { split: args.split, testSplit: args["test-split"] }, note);
  try {
    const train = aboutSoMany(parts.train, args["train-images"], "train-images");
    const test = aboutSoMany(parts.test, args["test-images"], "test-images");
    const { judge, document, close } = await openJudge(args, train, json, note);
    try {
      const passes = 1 + corruptions.length * chosen.length;
      const report = await withProgress(passes * test.length, json, (onProgress) =>
        measureCorruptions(judge, test, { corruptions, severities: chosen, ...(table && { table }), onProgress }),
      );
      const seconds = (performance.now() - started) / 1000;
      const heads =
        judge.head === "own" ? "its own head" : `${judge.head} fitted to ${train.length} clean images (${train.split})`;
      return {
        document: {
          source: args.source,
          splits: { train: train.split, test: test.split, heldOut: parts.heldOut },
          head: judge.head,
          model: document,
          ...report,
          seconds,
        },
        text: [
          `${args.network} on ${args.source}: ${heads}, ${report.clean.images} images (${parts.heldOut ? "held out" : test.split}), constants of ${report.table}`,
          ...corruptionText(report, chosen),
          formatDuration(seconds),
        ].join("\n"),
      };
    } finally {
      await close();
    }
  } finally {
    await parts.close();
  }
});
