/** `fovea robustness --set`: a network of ImageNet's classes on ObjectNet, ImageNet-v2 or with ReaL labels. */
import {
  type ImagenetSetName,
  measureImagenetSet,
  openImagenetSet,
  publishedAccuracies,
  setOrigins,
} from "../../benchmarks/robustness/index.js";
import { formatDuration } from "../../text/format.js";
import type { CommandResult } from "../command.js";
import { UsageError } from "../words.js";
import { columnsText, percent } from "./columns.js";
import { openNamer } from "./namer.js";
import { withProgress } from "./network.js";

export interface SetArguments {
  readonly network: string;
  readonly set: string;
  readonly folder?: string | undefined;
  readonly boxes?: string | undefined;
  readonly device: string;
  readonly threads?: string | undefined;
}

export async function measureSet(
  args: SetArguments,
  json: boolean,
  note: (text: string) => void,
): Promise<CommandResult> {
  const started = performance.now();
  const { network, set: name, folder, boxes } = args;
  if (!Object.hasOwn(setOrigins, name))
    throw new UsageError(`--set: "${name}" is none of ${Object.keys(setOrigins).join(", ")}`);
  if (folder === undefined) throw new UsageError(`--set ${name} needs --folder=FOLDER, where it lies`);
  if (boxes !== undefined && name !== "objectnet") throw new UsageError("--boxes is for --set objectnet");
  const set = await openImagenetSet(name as ImagenetSetName, folder, boxes === undefined ? {} : { boxes });
  const namer = await openNamer(args, note, 32);
  try {
    const { imageShape, preprocessing, classify } = namer;
    const judge = { head: "own", classNames: namer.classNames ?? [], imageShape, preprocessing, scores: classify };
    const report = await withProgress(set.source.length, json, (onProgress) =>
      measureImagenetSet(judge, set, onProgress),
    );
    const published = publishedAccuracies.filter((one) => one.set === report.set);
    const seconds = (performance.now() - started) / 1000;
    const { top1, top5, ignored, bad, notes } = report;
    const cell = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(1));
    const table = [
      ["", "upstream", "top-1 %", "top-5 %"],
      [network, "", percent(top1.accuracy), percent(top5.accuracy)],
      ...published.map(({ model, upstream, ...one }) => [model, upstream, cell(one.top1), cell(one.top5)]),
    ];
    return {
      document: { checkpoint: network, folder, ...report, published, model: namer.document, seconds },
      text: [
        `${set.title}: ${top1.images} images counted, ${ignored} without a right class, ${bad} unreadable; top-1 ${top1.confidence95.map(percent).join(" to ")} % (95 %)`,
        ...columnsText(table),
        ...notes.map((text) => `note: ${text}`),
        formatDuration(seconds),
      ].join("\n"),
    };
  } finally {
    await namer.close();
    await set.source.close();
  }
}
