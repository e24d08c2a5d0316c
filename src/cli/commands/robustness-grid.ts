/** `fovea robustness --patch-grid`: does an object on the border between patches cost accuracy? */

import { writeFile } from "node:fs/promises";
import {
  measurePatchGrid,
  type ObjectMean,
  type PatchGridOptions,
  patchGridChart,
  patchGridImages,
} from "../../benchmarks/robustness/index.js";
import type { Network } from "../../networks/index.js";
import { formatDuration } from "../../text/format.js";
import { evaluatorNamed } from "../../transfer/index.js";
import type { CommandResult } from "../command.js";
import { UsageError, wholeNumber } from "../words.js";
import { columnsText, percent } from "./columns.js";
import { backboneDocument, openFeatures, withProgress } from "./network.js";

export interface GridArguments {
  readonly network: string;
  readonly patch?: string | undefined;
  readonly objects: string;
  readonly chart?: string | undefined;
  readonly head?: string | undefined;
  readonly device: string;
  readonly threads?: string | undefined;
  readonly "image-size"?: string | undefined;
}

/** The side of the patches of a network that cuts its image into them; undefined for any other. */
function ownPatchSize({ details }: Network): number | undefined {
  const { patchSize, stem } = (details["config"] ?? {}) as { patchSize?: unknown; stem?: { kind?: unknown } };
  return typeof patchSize === "number" && (stem === undefined || stem.kind === "patch") ? patchSize : undefined;
}

const share = ({ mean, confidence95 }: ObjectMean): string =>
  `${percent(mean)} (${confidence95.map(percent).join(" to ")})`;

export async function measureGrid(
  args: GridArguments,
  json: boolean,
  note: (text: string) => void,
): Promise<CommandResult> {
  const started = performance.now();
  if (args.head === "own") throw new UsageError("--patch-grid names classes of its own; --head is a fitted one");
  const evaluator = evaluatorNamed(args.head ?? "ridge");
  const backbone = await openFeatures(args.network, args, note);
  try {
    const patchSize = args.patch === undefined ? ownPatchSize(backbone) : wholeNumber(args.patch, "patch", 2);
    if (patchSize === undefined)
      throw new UsageError(`${args.network} does not say how large its patches are; give --patch=PIXELS`);
    const options: PatchGridOptions = {
      patchSize,
      objects: wholeNumber(args.objects, "objects", 1),
      ...(args.threads !== undefined && { threads: wholeNumber(args.threads, "threads", 1) }),
    };
    const report = await withProgress(patchGridImages(options), json, (onProgress) =>
      measurePatchGrid(backbone, evaluator, { ...options, onProgress }),
    );
    if (args.chart !== undefined) await writeFile(args.chart, patchGridChart(report));
    const { distances, wholePatch, borderCost, objects, objectSide, chance, trained } = report;
    const seconds = (performance.now() - started) / 1000;
    const table = [
      ["pixels to the nearest border", "offsets", "named right %", "as in the middle %", "cosine"],
      ...distances.map(({ distance, offsets, accuracy, agreement, cosine }) => [
        `${distance}`,
        `${offsets}`,
        share(accuracy),
        share(agreement),
        cosine.mean.toFixed(3),
      ]),
      [
        "in the middle, a patch away",
        "4",
        share(wholePatch.accuracy),
        share(wholePatch.agreement),
        wholePatch.cosine.mean.toFixed(3),
      ],
    ];
    return {
      document: { model: backboneDocument(backbone), head: evaluator.name, ...report, seconds },
      text: [
        `${args.network}: ${objects} objects of ${objectSide} pixels, patches of ${patchSize}; ${evaluator.name} fitted to ${trained} others anywhere; intervals (95 %) are over objects`,
        ...columnsText(table),
        `on the border less in the middle: ${(100 * borderCost.mean).toFixed(1)} points (${borderCost.confidence95.map((x) => (100 * x).toFixed(1)).join(" to ")}); chance ${percent(chance)} %`,
        ...(args.chart === undefined ? [] : [`${args.chart}: the chart`]),
        formatDuration(seconds),
      ].join("\n"),
    };
  } finally {
    await backbone.close();
  }
}
