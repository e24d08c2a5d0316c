/** `fovea dedup-accuracy`: the near-duplicates that the search finds, of edited copies and of human-labelled pairs. */
import { z } from "zod";
import { formatDuration, percent } from "../text/format.js";
import { command, UsageError } from "./command.js";
import { count, file, folder, list, option, seed, share, text } from "./options.js";
import * as json from "./results.js";

const ratio = z.object({ found: json.number, all: json.number });
const point = { threshold: json.number, precision: json.number, recall: json.number };

const edited = z.object({
  source: json.text,
  originals: json.number,
  alreadyTwice: json.number.describe("images that were skipped because the dataset repeats them"),
  results: json.list(
    z.object({
      edit: json.text,
      strength: json.text,
      copies: json.number.describe("edited images"),
      found: json.number,
      falsePairs: json.number.describe("matches of different images"),
    }),
  ),
  recall: json.number,
  precision: json.number,
  seconds: json.number,
});
const judged = z.object({
  queries: json.number,
  candidates: json.number,
  rankOne: z
    .object({
      nearDuplicates: ratio,
      verySimilar: ratio,
      baseline: z
        .object({ nearDuplicates: json.number, verySimilar: json.number })
        .describe("the same by 8 x 8 pixels"),
    })
    .describe("labelled pairs whose training image is ranked first"),
  atThreshold: z.object({ ...point, falsePairs: json.number }),
  curve: json.list(z.object(point)),
  seconds: json.number,
});
const ladder = z.object({
  folder: json.text,
  groups: json.list(
    z.object({
      files: json.list(json.text),
      matches: json.list(
        z.object({ a: json.text, b: json.text, kind: json.text, score: json.number, turn: json.text }),
      ),
    }),
  ),
  alone: json.list(json.text).describe("images that match no other of their series"),
  broken: json.list(json.text),
  distractors: json.number.describe("images of --source among which the series was searched"),
  falsePairs: json.number,
});
const document = z.object({
  judged: judged.optional().describe("labelled pairs"),
  ladders: json.list(ladder).optional().describe("series of edits"),
  edited: json.list(edited).optional().describe("synthetic edits"),
});

function editedText({ source, originals, alreadyTwice, results, recall, precision, seconds }: z.output<typeof edited>) {
  return [
    `edited copies among ${originals} images of ${source} (${alreadyTwice} skipped: already duplicates), ${formatDuration(seconds)}`,
    ...results.map(
      ({ edit, strength, copies, found, falsePairs }) =>
        `  ${`${edit} ${strength}`.padEnd(28)} ${String(found).padStart(4)} of ${copies}${falsePairs > 0 ? `, ${falsePairs} false pairs` : ""}`,
    ),
    `  all ${percent(recall)}, precision ${percent(precision)}`,
  ].join("\n");
}

function judgedText({ queries, candidates, rankOne, atThreshold, seconds }: z.output<typeof judged>): string {
  const { nearDuplicates, verySimilar, baseline } = rankOne;
  return [
    `labelled pairs: ${queries} images among ${candidates}, ${formatDuration(seconds)}`,
    `  ranked first: ${nearDuplicates.found} of ${nearDuplicates.all} near-duplicates (${baseline.nearDuplicates} by 8 x 8 pixels), ${verySimilar.found} of ${verySimilar.all} very similar (${baseline.verySimilar})`,
    `  at the threshold ${atThreshold.threshold}: recall ${percent(atThreshold.recall)}, precision ${percent(atThreshold.precision)} (${atThreshold.falsePairs} false pairs)`,
  ].join("\n");
}

function ladderText({ folder, groups, alone, broken, distractors, falsePairs }: z.output<typeof ladder>): string {
  return [
    `${folder}, among ${distractors} other images: ${falsePairs} false pairs`,
    ...groups.map(({ files }) => `  duplicates: ${files.join(", ")}`),
    ...(alone.length > 0 ? [`  not matched: ${alone.join(", ")}`] : []),
    ...(broken.length > 0 ? [`  unreadable: ${broken.join(", ")}`] : []),
  ].join("\n");
}

export default command({
  name: "dedup-accuracy",
  summary: "Measure which near-duplicates `fovea dedup` finds: synthetic edits, human-labelled pairs",
  options: {
    only: option(
      list(z.enum(["edited", "judged", "ladder"])).optional(),
      "What to measure. edited: synthetic edits of the images of --source; judged: the labelled pairs of --judged; ladder: the series of edits of --ladder (default: edited, and those whose folder is given)",
    ),
    judged: option(
      folder.optional(),
      "Folder with pairs.json and subset.tar: pairs of CIFAR-10 images that people labelled as near-duplicates or not (ciFAIR)",
    ),
    chart: option(file.optional(), "Write the precision-recall curve on the labelled pairs, as SVG", {
      group: "output",
    }),
    ladder: option(
      list(text).optional().meta({ hint: "FOLDER,..." }),
      "Folders, each with a series of edits: images and copies of them that were edited with increasing strength. They are searched among the images of --source",
    ),
    source: option(
      list(text).default(["embedded:clothing"]).meta({ hint: "IMAGES,..." }),
      "Datasets whose images are edited, and among which --ladder is searched",
    ),
    originals: option(z.int().min(2).default(500), "Images among which the copies are searched"),
    copies: option(count.default(100), "Number of images that are edited, for each edit and strength"),
    threshold: option(share.optional(), "Minimum score of a near-duplicate (default: that of fovea dedup)"),
    seed,
  },
  examples: [
    { run: "fovea dedup-accuracy --originals 200 --copies 50", does: "which edits are found, on fewer images" },
    {
      run: "fovea dedup-accuracy --only judged --judged near-duplicates/cifar10 --chart pr.svg",
      does: "precision and recall on human-labelled pairs",
    },
  ],
  result: document,
  async run({ only, judged, ladder, source, ...options }, { note }) {
    const { dedupAccuracy } = await import("../benchmarks/duplicates/index.js");
    if (only?.includes("judged") && judged === undefined) throw new UsageError("--only judged needs --judged FOLDER");
    if (only?.includes("ladder") && ladder === undefined) throw new UsageError("--only ladder needs --ladder FOLDER");
    const chosen = (what: "edited" | "judged" | "ladder") => only?.includes(what) ?? true;
    return await dedupAccuracy(source, {
      ...options,
      edited: chosen("edited"),
      judged: chosen("judged") ? judged : undefined,
      ladders: chosen("ladder") ? ladder : undefined,
      onProgress: note,
    });
  },
  text: ({ judged, ladders = [], edited = [] }, { chart }) =>
    [
      ...(judged ? [judgedText(judged)] : []),
      ...(judged && chart !== undefined ? [`${chart}: precision over recall`] : []),
      ...ladders.map(ladderText),
      ...edited.map(editedText),
    ].join("\n\n"),
});
